//! `offramp doctor mail`: looks at every way in and out of mail, and says what to do about what is
//! wrong.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::doctor::{Health, Line, line};
use crate::boot;
use crate::config::{Config, MailTransport, Mailbox, SmtpSecurity};
use crate::db::Db;
use crate::db::migrate::{self, Schema};
use crate::error::Result;
use crate::inbox;
use crate::mail::{dkim, imap, mailboxes, outbox, suppression, transport, verp};
use crate::text::counted;

/// Looks at the way out, signing, each way in, and what waits for a person. Makes no change; logs in
/// to the mail server and to each mailbox.
pub fn doctor_mail(config: &Config) -> Vec<Line> {
    let mut lines = vec![way_out(config), signing(config), return_address(config)];
    let left = left_in_mailboxes(config);
    let mut is_any_read = false;
    for (name, settings) in &config.mailboxes {
        let mailbox = mailbox(name, settings, left.get(name));
        is_any_read |= mailbox.health != Health::Bad;
        lines.push(mailbox);
    }
    lines.push(listener(config));
    lines.push(providers(config));
    lines.push(ways_in(config, is_any_read));
    lines.push(believed(config));
    lines.push(waiting(config));
    lines
}

/// Whether the mail server takes mail of ours.
pub fn way_out(config: &Config) -> Line {
    let say = |health, words: String| line(health, "out", words);
    match config.mail.transport {
        MailTransport::Off => say(
            Health::Doubtful,
            "switched off: nobody can register or get an answer. Set `mail.transport`.".into(),
        ),
        MailTransport::Folder => say(
            Health::Doubtful,
            format!("written to {}, not sent", config.mail.folder.display()),
        ),
        MailTransport::Smtp => {
            let checked = boot::smtp_settings(config);
            let server = format!("{}:{}", checked.host, checked.port);
            match transport::Smtp::new(&checked).and_then(|smtp| smtp.check()) {
                Ok(()) => say(Health::Good, format!("{server} takes our mail")),
                Err(e) => {
                    let words = e.to_string();
                    let hint = smtp_hint(&words, config.mail.smtp_security);
                    say(Health::Bad, format!("{server}: {words}. {hint}"))
                }
            }
        }
    }
}

/// What to do about a mail server that does not take us, by its words and those of the libraries that
/// talk to it.
fn smtp_hint(words: &str, security: SmtpSecurity) -> &'static str {
    let says = |some: &[&str]| some.iter().any(|part| words.contains(part));
    if says(&["STARTTLS is not supported"]) {
        "The server offers no STARTTLS at this port: set `mail.smtp_security = \"tls\"` and the port \
         for that, mostly 465, or \"none\" for a server on this machine."
    } else if says(&["No compatible authentication mechanism"]) {
        "The server offers no log-in at this port that we know (PLAIN, LOGIN), or only with TLS: check \
         `mail.smtp_port` and `smtp_security`; for a server that takes mail of this machine without a \
         log-in leave `smtp_user` and `smtp_password` out."
    } else if says(&["CaUsedAsEndEntity", "UnknownIssuer"]) {
        "No public authority stands behind the server's certificate (it may have signed it itself): \
         give the server one of a public authority, or, on this machine alone, set \
         `mail.smtp_security = \"none\"`."
    } else if says(&["NotValidForName"]) {
        "The server's certificate is for another name: set `mail.smtp_host` to that name."
    } else if says(&["InvalidContentType"]) {
        "The port does not speak TLS from the first byte: set `mail.smtp_security = \"starttls\"`, \
         mostly with `smtp_port = 587`."
    } else if says(&["timed out", "Resource temporarily unavailable"])
        && security != SmtpSecurity::Tls
    {
        "The server says nothing. A port that wants TLS from the first byte (465) is silent like that: \
         set `mail.smtp_security = \"tls\"` for it; else check `mail.smtp_host`, `smtp_port` and the \
         firewall."
    } else {
        "Check `mail.smtp_host`, `smtp_port`, `smtp_security` and the password."
    }
}

fn signing(config: &Config) -> Line {
    match dkim::dns_record(config) {
        Ok(Some(_)) if others_can_read(&config.mail.dkim_key_file) => line(
            Health::Doubtful,
            "DKIM",
            format!(
                "signed, but every user of this machine can read the key: `chmod 600 {}`",
                config.mail.dkim_key_file.display()
            ),
        ),
        Ok(Some((name, value))) => line(
            Health::Good,
            "DKIM",
            format!("signed. The TXT record {name} must say: {value}"),
        ),
        Ok(None) => line(
            Health::Doubtful,
            "DKIM",
            "not signed here: unless your mail server signs, much of it is taken for spam. \
             docs/email.md says how.",
        ),
        Err(e) => line(Health::Bad, "DKIM", e.to_string()),
    }
}

/// Whether its rights let anybody on this machine read a file.
fn others_can_read(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|about| about.permissions().mode() & 0o004 != 0)
}

fn return_address(config: &Config) -> Line {
    let mail = &config.mail;
    let address = verp::mailbox(mail);
    if !verp::has_room(mail) {
        return line(
            Health::Doubtful,
            "returns",
            format!(
                "{address} has a name too long for a token: of mail that does not arrive it is then seldom known \
                 which it was. Give `mail.bounce_address` an address whose part before the @ has at most 21 \
                 characters"
            ),
        );
    }
    line(
        Health::Good,
        "returns",
        format!(
            "mail that does not arrive comes back to {address}, with a token behind a plus: that \
             must reach us too"
        ),
    )
}

/// `left`: what the running server left in it, in words.
fn mailbox(name: &str, mailbox: &Mailbox, left: Option<&String>) -> Line {
    let at = format!("{name} ({} at {})", mailbox.user, mailbox.host);
    match (imap::check(mailbox), left) {
        (Ok(how), None) => line(Health::Good, "mailbox", format!("{at}: {how}")),
        (Ok(how), Some(left)) => line(Health::Doubtful, "mailbox", format!("{at}: {how}. {left}")),
        (Err(e), _) => line(Health::Bad, "mailbox", format!("{at}: {e}")),
    }
}

/// What the server could not take out of mailboxes that it reads, by their names; nothing when the
/// database can't be asked, which other lines tell.
fn left_in_mailboxes(config: &Config) -> BTreeMap<String, String> {
    let asked = ready_db(config).and_then(|db| match db {
        Some(db) => db.read(|conn| mailboxes::health(conn, &config.mailboxes)),
        None => Ok(Vec::new()),
    });
    let is_read = |health: &mailboxes::Health| health.state != mailboxes::State::Failing;
    let all = asked.unwrap_or_default().into_iter().filter(is_read);
    all.filter_map(|health| Some((health.name, health.error?)))
        .collect()
}

fn listener(config: &Config) -> Line {
    let say = |health, words: String| line(health, "listener", words);
    let address = config.mail.listen.as_str();
    if address.is_empty() {
        return say(Health::Good, "none asked for".into());
    }
    match std::net::TcpListener::bind(address) {
        Ok(_) => say(
            Health::Doubtful,
            format!("{address} is free: the server does not run, or not with this configuration"),
        ),
        Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => {
            say(Health::Good, format!("{address} is listened on"))
        }
        Err(e) => say(
            Health::Bad,
            format!("{address} can't be listened on ({e}). Check `mail.listen`."),
        ),
    }
}

fn providers(config: &Config) -> Line {
    let hooks = &config.webhooks;
    let set = [
        ("postmark", !hooks.postmark_password.is_empty()),
        ("mailgun/mime", !hooks.mailgun_signing_key.is_empty()),
        ("sendgrid", !hooks.sendgrid_public_key.is_empty()),
        ("ses", !hooks.ses_topic_arn.is_empty()),
    ];
    let addresses: Vec<String> = set
        .iter()
        .filter(|(_, is_set)| *is_set)
        .map(|(name, _)| format!("{}/hooks/mail/{name}", config.site.url))
        .collect();
    let say = |health, words: String| line(health, "providers", words);
    match addresses.as_slice() {
        [] => say(Health::Good, "none listened to".into()),
        all if !config.is_https() => say(
            Health::Bad,
            format!(
                "{} would carry mail in the clear: set `site.url` to https",
                all.join(", ")
            ),
        ),
        all => say(Health::Good, format!("listened to at {}", all.join(", "))),
    }
}

/// Whether an answer can reach us at all; `is_any_read`: by a mailbox.
fn ways_in(config: &Config, is_any_read: bool) -> Line {
    let hooks = &config.webhooks;
    let has_hook = !hooks.postmark_password.is_empty()
        || !hooks.mailgun_signing_key.is_empty()
        || !hooks.sendgrid_public_key.is_empty()
        || !hooks.ses_topic_arn.is_empty();
    if has_hook || is_any_read || !config.mail.listen.is_empty() {
        return line(
            Health::Good,
            "in",
            format!("answers to {} can reach us", config.mail.from),
        );
    }
    if !config.mailboxes.is_empty() {
        return line(
            Health::Doubtful,
            "in",
            format!(
                "answers to {} do not reach us while no mailbox can be read (see above)",
                config.mail.from
            ),
        );
    }
    line(
        Health::Doubtful,
        "in",
        format!(
            "no mailbox, listener or provider is set: answers to {} reach us only if your mail \
             server pipes them to `offramp mail receive`",
            config.mail.from
        ),
    )
}

fn believed(config: &Config) -> Line {
    match config.mail.authserv_id.as_str() {
        "" => line(
            Health::Doubtful,
            "senders",
            "nobody's address is believed: set `mail.authserv_id` to the name your mail server \
             writes first in Authentication-Results",
        ),
        name => line(
            Health::Good,
            "senders",
            format!("believed by what {name} found out"),
        ),
    }
}

fn waiting(config: &Config) -> Line {
    let say = |health, words: String| line(health, "waiting", words);
    match counts(config) {
        Ok(None) => say(
            Health::Doubtful,
            "can't be counted before the database is there and migrated".into(),
        ),
        Ok(Some((0, 0, 0))) => say(Health::Good, "no mail waits for a person".into()),
        Ok(Some((unread, failed, held))) => say(
            Health::Doubtful,
            format!(
                "{} to look at (/desk/mail); {} given up; addresses not written to: {held} (/admin/mail)",
                counted(unread, "mail"),
                counted(failed, "mail"),
            ),
        ),
        Err(e) => say(Health::Bad, e.to_string()),
    }
}

/// Mails to look at, mails given up, addresses held.
fn counts(config: &Config) -> Result<Option<(i64, i64, i64)>> {
    let Some(db) = ready_db(config)? else {
        return Ok(None);
    };
    db.read(|conn| {
        Ok(Some((
            inbox::store::unread_count(conn)?,
            outbox::counts(conn)?.failed,
            suppression::count(conn)?,
        )))
    })
}

/// The database, when it is there and can be asked.
fn ready_db(config: &Config) -> Result<Option<Db>> {
    if boot::missing_database(config).is_some() {
        return Ok(None);
    }
    let db = Db::open(&config.database)?;
    Ok((migrate::schema(&db)? == Schema::UpToDate).then_some(db))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn every_way_is_told_by_itself_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.database.url = Secret::new(dir.path().join("db").display().to_string());
        let told = |config: &Config| -> Vec<String> {
            doctor_mail(config).iter().map(Line::to_string).collect()
        };
        let lines = told(&config);
        assert!(
            lines.iter().any(|l| l.contains("mail.transport")),
            "{lines:?}"
        );
        assert!(
            lines.iter().any(|l| l.contains("offramp mail receive")),
            "{lines:?}"
        );
        assert!(lines.iter().any(|l| l.contains("authserv_id")), "{lines:?}");
        assert!(!dir.path().join("db").exists(), "a look makes nothing");
        // A port nobody listens on, and a provider without TLS.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        config.mail.listen = format!("127.0.0.1:{port}");
        config.webhooks.mailgun_signing_key = Secret::new("key");
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mailbox = Mailbox {
            host: "127.0.0.1".into(),
            port: closed.local_addr().unwrap().port(),
            user: "support".into(),
            password: Secret::new("a secret word"),
            ..Mailbox::default()
        };
        drop(closed);
        config.mailboxes.insert("support".into(), mailbox);
        let lines = told(&config);
        assert!(
            lines.iter().any(|l| l.starts_with("BAD")
                && l.contains("support at 127.0.0.1")
                && l.contains("`host`")),
            "{lines:?}"
        );
        assert!(
            lines
                .iter()
                .any(|l| l.starts_with("ok") && l.contains("is listened on")),
            "{lines:?}"
        );
        assert!(
            lines
                .iter()
                .any(|l| l.starts_with("BAD") && l.contains("https")),
            "{lines:?}"
        );
        assert!(
            lines.iter().all(|l| !l.contains("a secret word")),
            "{lines:?}"
        );
        // The only way in is broken: then nothing reaches us.
        config.mail.listen.clear();
        config.webhooks.mailgun_signing_key = Secret::default();
        let lines = told(&config);
        assert!(lines.iter().any(|l| l.starts_with("look  in")), "{lines:?}");
    }

    #[test]
    fn what_a_mailbox_shows_that_is_none_is_named() {
        use std::io::Write;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut settings = Mailbox {
            host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
            security: SmtpSecurity::None,
            ..Mailbox::default()
        };
        let server = std::thread::spawn(move || {
            for answer in [
                "220 mx.example.com ESMTP\r\n",
                "* OK IMAP\r\nA0001 BAD no such command\r\n",
            ] {
                let (mut wire, _) = listener.accept().unwrap();
                wire.write_all(answer.as_bytes()).unwrap();
                // Until the other side hangs up.
                let _ = std::io::copy(&mut wire, &mut std::io::sink());
            }
        });
        let smtp = imap::check(&settings).unwrap_err();
        assert!(smtp.contains("does not speak IMAP"), "{smtp}");
        assert!(smtp.contains("mx.example.com ESMTP"), "{smtp}");
        settings.security = SmtpSecurity::Starttls;
        let clear = imap::check(&settings).unwrap_err();
        assert!(clear.contains("offers no STARTTLS"), "{clear}");
        server.join().unwrap();
        settings.security = SmtpSecurity::Tls;
        settings.ca_file = Some("/no/such/ca.pem".into());
        // Something must answer before TLS begins.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        settings.port = listener.local_addr().unwrap().port();
        let missing = imap::check(&settings).unwrap_err();
        assert!(
            missing.contains("/no/such/ca.pem") && missing.contains("`ca_file`"),
            "{missing}"
        );
    }

    #[test]
    fn a_mail_servers_refusal_comes_with_the_key_to_change() {
        for (words, key) in [
            ("STARTTLS is not supported on this server", "\"tls\""),
            (
                "No compatible authentication mechanism was found",
                "`smtp_user`",
            ),
            (
                "invalid peer certificate: Other(CaUsedAsEndEntity)",
                "signed it itself",
            ),
            (
                "received corrupt message of type InvalidContentType",
                "\"starttls\"",
            ),
            ("Resource temporarily unavailable (os error 11)", "465"),
            ("permanent error (535)", "the password"),
        ] {
            let hint = smtp_hint(words, SmtpSecurity::Starttls);
            assert!(hint.contains(key), "{words}: {hint}");
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.mail.from = "help@example.com".into();
        config.mail.dkim_selector = "offramp".into();
        config.mail.dkim_key_file = dir.path().join("dkim");
        std::fs::write(&config.mail.dkim_key_file, [7; 32]).unwrap();
        for (mode, health) in [(0o600, Health::Good), (0o644, Health::Doubtful)] {
            let rights = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&config.mail.dkim_key_file, rights).unwrap();
            let line = signing(&config);
            assert_eq!(line.health, health, "{line}");
        }
    }
}
