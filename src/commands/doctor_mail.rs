//! `offramp doctor mail`: looks at every way in and out of mail, and says what to do about what is
//! wrong.

use super::doctor::{Health, Line, line};
use crate::boot;
use crate::config::{Config, MailTransport, Mailbox};
use crate::db::Db;
use crate::db::migrate::{self, Schema};
use crate::error::Result;
use crate::inbox;
use crate::mail::{dkim, imap, outbox, suppression, transport, verp};
use crate::text::counted;

/// Looks at the way out, signing, each way in, and what waits for a person. Makes no change; logs in
/// to the mail server and to each mailbox.
pub fn doctor_mail(config: &Config) -> Vec<Line> {
    let mut lines = vec![way_out(config), signing(config), return_address(config)];
    lines.extend(config.mailboxes.iter().map(|(name, it)| mailbox(name, it)));
    lines.push(listener(config));
    lines.push(providers(config));
    lines.push(ways_in(config));
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
            let checked = boot::smtp_settings(&config.mail);
            let server = format!("{}:{}", checked.host, checked.port);
            match transport::Smtp::new(&checked).and_then(|smtp| smtp.check()) {
                Ok(()) => say(Health::Good, format!("{server} takes our mail")),
                Err(e) => say(
                    Health::Bad,
                    format!(
                        "{server}: {e}. Check `mail.smtp_host`, `smtp_port`, `smtp_security` and \
                         the password."
                    ),
                ),
            }
        }
    }
}

fn signing(config: &Config) -> Line {
    match dkim::dns_record(config) {
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

fn mailbox(name: &str, mailbox: &Mailbox) -> Line {
    let at = format!("{name} ({} at {})", mailbox.user, mailbox.host);
    match imap::check(mailbox) {
        Ok(how) => line(Health::Good, "mailbox", format!("{at}: {how}")),
        Err(e) => line(Health::Bad, "mailbox", format!("{at}: {e}")),
    }
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

/// Whether an answer can reach us at all.
fn ways_in(config: &Config) -> Line {
    let hooks = &config.webhooks;
    let has_hook = !hooks.postmark_password.is_empty()
        || !hooks.mailgun_signing_key.is_empty()
        || !hooks.sendgrid_public_key.is_empty()
        || !hooks.ses_topic_arn.is_empty();
    if has_hook || !config.mailboxes.is_empty() || !config.mail.listen.is_empty() {
        return line(
            Health::Good,
            "in",
            format!("answers to {} can reach us", config.mail.from),
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
    if boot::missing_database(config).is_some() {
        return Ok(None);
    }
    let db = Db::open(&config.database)?;
    if migrate::schema(&db)? != Schema::UpToDate {
        return Ok(None);
    }
    db.read(|conn| {
        Ok(Some((
            inbox::store::unread_count(conn)?,
            outbox::counts(conn)?.failed,
            suppression::count(conn)?,
        )))
    })
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
    }
}
