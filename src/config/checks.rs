//! What types can't say of a configuration: amounts, addresses, and what belongs together.

use super::{Config, ConfigError, INBOUND_BYTES_MAX, MailTransport, X_TIMEOUT_SECONDS_MAX};
use crate::text::names;

/// Largest amount that can be set, in US dollars.
const AMOUNT_MAX: f64 = 1_000_000.0;
/// X's documentation of recent search, self-serve access.
const X_QUERY_CHARS_MAX: usize = 512;
/// Smallest request body that can be set, in bytes: a question of a few pages, as forms write it.
const BODY_BYTES_MIN: usize = 16 * 1024;

/// What types can't say. Names the key, its origin and the remedy.
pub fn check(config: &Config, origin_of: &dyn Fn(&str) -> String) -> Result<(), ConfigError> {
    let bad = |key: &str, what: &str| {
        Err(ConfigError(format!(
            "The setting `{key}`, from {}, {what}",
            origin_of(key)
        )))
    };
    if origin(&config.site.url).is_none() {
        return bad(
            "site.url",
            "must be the address people reach the site by, like https://help.example.com, \
             without a path.",
        );
    }
    if !config.site.secret.is_empty() && config.site.secret.expose().len() < 32 {
        return bad(
            "site.secret",
            "must have at least 32 characters, or be left out.",
        );
    }
    if config
        .server
        .listen
        .parse::<std::net::SocketAddr>()
        .is_err()
    {
        return bad(
            "server.listen",
            "must be an address and a port, like 127.0.0.1:8080.",
        );
    }
    let limits = &config.limits;
    let paces = [
        ("limits.log_ins_per_minute", limits.log_ins_per_minute),
        (
            "limits.registrations_per_hour",
            limits.registrations_per_hour,
        ),
        ("limits.posts_per_minute", limits.posts_per_minute),
        ("limits.acts_per_minute", limits.acts_per_minute),
        ("limits.searches_per_minute", limits.searches_per_minute),
        ("limits.contacts_per_hour", limits.contacts_per_hour),
        ("limits.claims_per_minute", limits.claims_per_minute),
    ];
    if let Some((key, _)) = paces.iter().find(|(_, pace)| *pace == 0) {
        return bad(key, "must be at least 1: 0 would keep everybody out.");
    }
    if config.database.readers == 0 {
        return bad(
            "database.readers",
            "must be at least 1: pages are read through these connections.",
        );
    }
    if config.mail.transport == MailTransport::Smtp && config.mail.smtp_port == 0 {
        return bad(
            "mail.smtp_port",
            "must be at least 1: no mail server listens on port 0.",
        );
    }
    if limits.body_bytes_max < BODY_BYTES_MIN {
        let what = format!(
            "must be at least {BODY_BYTES_MIN}: a form with a few pages of text would be refused."
        );
        return bad("limits.body_bytes_max", &what);
    }
    if limits.upload_bytes_max == 0 {
        return bad(
            "limits.upload_bytes_max",
            "must be at least 1: 0 would refuse every file.",
        );
    }
    // Of a scheme in front of a path SQLite would make a file's name.
    if !config.is_postgres() && has_scheme(config.database.url.expose()) {
        return bad(
            "database.url",
            "must be the path of a SQLite file, without a scheme, or \
             postgres://user:password@host/name.",
        );
    }
    if config.mail.transport != MailTransport::Off && names::email(&config.mail.from).is_none() {
        return bad(
            "mail.from",
            "must be an email address that can be answered, like support@example.com.",
        );
    }
    check_mail(config, &bad)?;
    check_model(config, &bad)?;
    if !(1..=INBOUND_BYTES_MAX).contains(&config.mail.inbound_bytes_max) {
        return bad(
            "mail.inbound_bytes_max",
            &format!("must be from 1 to {INBOUND_BYTES_MAX}: larger mails are not read whole."),
        );
    }
    let (caps, prices) = (&config.x.caps, &config.x.prices);
    let amounts = [
        ("x.caps.mentions", caps.mentions),
        ("x.caps.search", caps.search),
        ("x.caps.lookup", caps.lookup),
        ("x.caps.users", caps.users),
        ("x.caps.replies", caps.replies),
        ("x.caps.month", caps.month),
        ("x.prices.owned_read", prices.owned_read),
        ("x.prices.post_read", prices.post_read),
        ("x.prices.user_read", prices.user_read),
        ("x.prices.summoned_reply", prices.summoned_reply),
        ("x.prices.summoned_reply_url", prices.summoned_reply_url),
        ("x.reply_link_cost_max", config.x.reply_link_cost_max),
    ];
    for (key, amount) in amounts {
        if !(0.0..=AMOUNT_MAX).contains(&amount) {
            return bad(key, "must be an amount in US dollars from 0 to 1000000.");
        }
    }
    if config.x.enabled {
        if config.x.username.is_empty() || config.x.username.starts_with('@') {
            return bad("x.username", "must be the brand account's name without @.");
        }
        if !config.x.user_id.bytes().all(|b| b.is_ascii_digit()) || config.x.user_id.is_empty() {
            return bad("x.user_id", "must be the brand account's numeric id.");
        }
        if url::Url::parse(&config.x.base_url).is_err() {
            return bad("x.base_url", "must be an address, like https://api.x.com.");
        }
        let at_least_one = [
            ("x.poll_seconds", config.x.poll_seconds),
            ("x.search_poll_seconds", config.x.search_poll_seconds),
            ("x.pages_max", config.x.pages_max as u64),
        ];
        for (key, value) in at_least_one {
            if value == 0 {
                return bad(key, "must be at least 1.");
            }
        }
        if !(1..=X_TIMEOUT_SECONDS_MAX).contains(&config.x.timeout_seconds) {
            return bad("x.timeout_seconds", "must be from 1 to 45.");
        }
        if config.x.search_query.chars().count() > X_QUERY_CHARS_MAX {
            return bad(
                "x.search_query",
                "must have at most 512 characters (X's limit).",
            );
        }
    }
    Ok(())
}

/// Where the sentence model comes from.
fn check_model(
    config: &Config,
    bad: &dyn Fn(&str, &str) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    let model = &config.sentence_model;
    for (key, address) in [
        ("sentence_model.weights_url", &model.weights_url),
        ("sentence_model.vocabulary_url", &model.vocabulary_url),
    ] {
        if url::Url::parse(address).is_err() {
            return bad(key, "must be the address of a file.");
        }
    }
    for (key, digest) in [
        ("sentence_model.weights_sha256", &model.weights_sha256),
        ("sentence_model.vocabulary_sha256", &model.vocabulary_sha256),
    ] {
        if digest.len() != 64 || !digest.bytes().all(|b| b.is_ascii_hexdigit()) {
            return bad(key, "must be a SHA-256, as 64 hexadecimals.");
        }
    }
    Ok(())
}

/// What belongs together of mail's ways in and out.
fn check_mail(
    config: &Config,
    bad: &dyn Fn(&str, &str) -> Result<(), ConfigError>,
) -> Result<(), ConfigError> {
    let mail = &config.mail;
    if !mail.bounce_address.is_empty() && names::email(&mail.bounce_address).is_none() {
        return bad(
            "mail.bounce_address",
            "must be an email address, like bounces@example.com, or be left out.",
        );
    }
    if !mail.dkim_key_file.as_os_str().is_empty() && mail.dkim_selector.is_empty() {
        return bad(
            "mail.dkim_selector",
            "must be the name under which the key's public half stands in DNS, like offramp.",
        );
    }
    if mail.dkim_key_file.as_os_str().is_empty() && !mail.dkim_selector.is_empty() {
        return bad(
            "mail.dkim_key_file",
            "must be the file of the private key, when mail.dkim_selector is set.",
        );
    }
    if !mail.listen.is_empty() && mail.listen.parse::<std::net::SocketAddr>().is_err() {
        return bad(
            "mail.listen",
            "must be an address and a port, like 127.0.0.1:2424, or be left out.",
        );
    }
    if mail.notices_per_hour_max == 0 {
        return bad(
            "mail.notices_per_hour_max",
            "must be at least 1: 0 would keep every notice back.",
        );
    }
    for (name, mailbox) in &config.mailboxes {
        let bad = |key: &str, what: &str| bad(&format!("mailboxes.{name}.{key}"), what);
        if mailbox.host.is_empty() || mailbox.port == 0 {
            return bad(
                "host",
                "must be the IMAP server's name, like imap.example.com, with its port.",
            );
        }
        if mailbox.user.is_empty() {
            return bad("user", "must be the name to log in with.");
        }
        if mailbox.password.is_empty() && mailbox.oauth_token_url.is_empty() {
            return bad(
                "password",
                "must be set, or the keys that begin with oauth_.",
            );
        }
        if mailbox.poll_seconds == 0 {
            return bad("poll_seconds", "must be at least 1.");
        }
        if !mailbox.oauth_token_url.is_empty()
            && (mailbox.oauth_client_id.is_empty() || mailbox.oauth_refresh_token.is_empty())
        {
            return bad(
                "oauth_refresh_token",
                "must be set with oauth_client_id, when oauth_token_url is.",
            );
        }
    }
    Ok(())
}

/// Whether `url` begins with a scheme (RFC 3986, section 3.1).
fn has_scheme(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

/// The site's address as browsers write it in `Origin`: scheme and host in lower case, the port
/// only when it is not the usual one. `None` when it is no such address, or carries more.
pub fn origin(address: &str) -> Option<String> {
    let url = url::Url::parse(address.trim()).ok()?;
    let is_bare = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    is_bare.then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use crate::config::read::tests::from_env;

    #[test]
    fn what_could_never_work_is_refused() {
        for (name, value, key) in [
            (
                "OFFRAMP_MAIL__INBOUND_BYTES_MAX",
                "0",
                "mail.inbound_bytes_max",
            ),
            (
                "OFFRAMP_MAIL__INBOUND_BYTES_MAX",
                "99000000",
                "mail.inbound_bytes_max",
            ),
            ("OFFRAMP_MAIL__TRANSPORT", "smtp", "mail.from"),
            (
                "DATABASE_URL",
                "mysql://root:hunter2@db/offramp",
                "database.url",
            ),
            ("DATABASE_URL", "sqlite:offramp.db", "database.url"),
        ] {
            let e = from_env(&[(name, value)]).unwrap_err().to_string();
            assert!(e.contains(key) && !e.contains("hunter2"), "{e}");
        }
        let smtp = ("OFFRAMP_MAIL__TRANSPORT", "smtp");
        let e = from_env(&[smtp, ("OFFRAMP_MAIL__FROM", "help@desk")]);
        assert!(e.unwrap_err().to_string().contains("support@example.com"));
        assert!(from_env(&[smtp, ("OFFRAMP_MAIL__FROM", "help@desk.example")]).is_ok());
        assert!(from_env(&[("DATABASE_URL", "/srv/a:b/offramp.db")]).is_ok());
    }

    #[test]
    fn the_sites_address_is_written_as_browsers_write_it() {
        let url = |text: &str| from_env(&[("OFFRAMP_SITE__URL", text)]).map(|c| c.site.url);
        assert_eq!(
            url("HTTPS://Help.Example/").unwrap(),
            "https://help.example"
        );
        assert_eq!(
            url("https://help.example:443").unwrap(),
            "https://help.example"
        );
        assert_eq!(url("http://[::1]:8080").unwrap(), "http://[::1]:8080");
        for bad in [
            "help.example",
            "https://help.example/forum",
            "https://help.example?a",
            "https://u:p@help.example",
            "ftp://help.example",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_limit_keeps_everybody_out() {
        for key in [
            "LIMITS__BODY_BYTES_MAX",
            "LIMITS__UPLOAD_BYTES_MAX",
            "LIMITS__LOG_INS_PER_MINUTE",
            "LIMITS__REGISTRATIONS_PER_HOUR",
            "LIMITS__CLAIMS_PER_MINUTE",
            "DATABASE__READERS",
        ] {
            let name = format!("OFFRAMP_{key}");
            let refused = from_env(&[(&name, "0")]).unwrap_err().to_string();
            let key = key.to_lowercase().replace("__", ".");
            assert!(refused.contains(&format!("`{key}`")), "{refused}");
            assert!(refused.contains(&name), "{refused}");
            assert!(refused.contains("at least"), "{refused}");
        }
        let small = from_env(&[("OFFRAMP_LIMITS__BODY_BYTES_MAX", "10000")]).unwrap_err();
        assert!(small.to_string().contains("few pages"), "{small}");
        let readers = from_env(&[("OFFRAMP_DATABASE__READERS", "0")]).unwrap_err();
        assert!(readers.to_string().contains("connections"), "{readers}");
    }

    #[test]
    fn the_port_of_a_mail_server_matters_only_where_one_is_used() {
        let port = ("OFFRAMP_MAIL__SMTP_PORT", "0");
        let from = ("OFFRAMP_MAIL__FROM", "help@desk.example");
        assert!(from_env(&[port]).is_ok());
        let smtp = ("OFFRAMP_MAIL__TRANSPORT", "smtp");
        let refused = from_env(&[smtp, from, port]).unwrap_err().to_string();
        assert!(refused.contains("`mail.smtp_port`"), "{refused}");
        assert!(refused.contains("mail server"), "{refused}");
    }

    #[test]
    fn no_pace_of_polling_is_nothing() {
        let x = [
            ("OFFRAMP_X__ENABLED", "true"),
            ("OFFRAMP_X__USERNAME", "a"),
            ("OFFRAMP_X__USER_ID", "1"),
        ];
        assert!(from_env(&x).is_ok());
        for (key, value) in [
            ("OFFRAMP_X__POLL_SECONDS", "0"),
            ("OFFRAMP_X__SEARCH_POLL_SECONDS", "0"),
            ("OFFRAMP_X__PAGES_MAX", "0"),
            ("OFFRAMP_X__TIMEOUT_SECONDS", "0"),
            ("OFFRAMP_X__TIMEOUT_SECONDS", "46"),
        ] {
            let mut pairs = x.to_vec();
            pairs.push((key, value));
            assert!(from_env(&pairs).is_err(), "{key}");
        }
    }
}
