//! The outbox of mails: written with the decision that says something, sent by a job.
//!
//! Each mail has its Message-ID from the start. When the process is killed between the server's
//! yes and our note of it, the mail is sent again under the same id, by which mail stores
//! recognise the second copy: SMTP offers no better (RFC 5321, section 4.5.3.2 calls duplicates
//! the lesser evil).

use serde::{Deserialize, Serialize};

use super::outgoing::{Automatic, Enclosure, List, OutgoingMail, message_id};
use super::render::{Letter, render};
use super::suppression::{self, Report};
use super::transport::SendError;
use super::{MailAddress, store, verp};
use crate::app::App;
use crate::clock::{DAY, HOUR, MINUTE, Moment};
use crate::config::MailTransport;
use crate::db::Conn;
use crate::db::audit::{self, Act, Actor};
use crate::error::{Error, Result};
use crate::ids::{CaseId, MailId, UserId};
use crate::jobs::{self, Job, Next};
use crate::text::names;

/// A mail to be sent once.
#[derive(Clone, Debug, Default)]
pub struct NewMail {
    /// What it is for, like `verify_email` or `ticket_reply`.
    pub purpose: &'static str,
    pub to_email: String,
    pub to_name: String,
    /// The name beside our address; empty: the configured one.
    pub from_name: String,
    pub letter: Letter,
    /// Names the decision: a second mail with the same key is not written.
    pub dedupe_key: String,
    pub user: Option<UserId>,
    pub case: Option<CaseId>,
    /// Where answers go: an address with a token.
    pub reply_to: Option<String>,
    /// Message-ID of the mail that is answered.
    pub in_reply_to: Option<String>,
    /// Message-IDs of the conversation, oldest first.
    pub references: Vec<String>,
    pub automatic: Automatic,
    /// Somebody's account needs it (a link they asked for, a warning): it waits for no other mail, and is held only
    /// when its address is gone.
    pub is_account: bool,
    /// The list of mails that it belongs to.
    pub list: Option<List>,
    pub unsubscribe_url: Option<String>,
    pub files: Vec<StoredFile>,
    /// What it tells, for [`StillTrue`]; `None` for what stays true.
    pub news: Option<String>,
    /// Whoever reads it can act for somebody: shown to nobody, and forgotten when it was sent.
    pub is_secret: bool,
}

/// Whether the news of a mail still is so and its receiver still wants it, asked when the mail is about to
/// leave: it may have waited for hours. Answered by the slice that wrote it.
pub type StillTrue = fn(&mut Conn, &str) -> Result<bool>;

/// A file of `Files` that goes with a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    pub filename: String,
    pub content_type: String,
    pub storage_key: String,
}

/// What the row keeps beside its columns.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Extras {
    pub automatic: Automatic,
    #[serde(default)]
    pub is_account: bool,
    #[serde(default)]
    pub list: Option<List>,
    pub unsubscribe_url: Option<String>,
    pub files: Vec<StoredFile>,
    #[serde(default)]
    pub is_secret: bool,
    #[serde(default)]
    pub news: Option<String>,
}

impl Extras {
    pub(super) fn read(headers: &str) -> Extras {
        serde_json::from_str(headers).unwrap_or_default()
    }

    /// Whether a machine wrote it and nobody's account waits for it.
    pub(super) fn is_notice(&self) -> bool {
        self.automatic != Automatic::No && !self.is_account
    }
}

/// Whether the words of secret mails are kept from the outbox's pages: not where mail is only
/// written to a folder of this machine, to try things out and to read it there.
pub fn hides_secrets(app: &App) -> bool {
    app.config.mail.transport != MailTransport::Folder
}

/// Puts a mail into the outbox, in the transaction of the decision that says it.
/// With a `dedupe_key` that was used before nothing is written, and the first mail's id returned.
pub fn put(tx: &mut Conn, app: &App, mail: &NewMail) -> Result<MailId> {
    let now = app.now();
    let bodies = render(&mail.letter).map_err(Error::other)?;
    let row = store::NewRow {
        mail,
        from_email: &app.config.mail.from,
        from_name: from_name(app, mail),
        text: bodies.text,
        html: bodies.html,
        message_id: own_message_id(app, &app.random.token()),
    };
    match store::insert(tx, now, &row)? {
        Some(id) => {
            jobs::enqueue(tx, now, &SendMail { mail: id })?;
            Ok(id)
        }
        None => store::id_by_dedupe_key(tx, &mail.dedupe_key),
    }
}

/// A Message-ID of ours.
pub fn own_message_id(app: &App, token: &str) -> String {
    let domain = app.config.mail.from.rsplit_once('@');
    message_id(domain.map_or("localhost", |(_, domain)| domain), token)
}

fn from_name(app: &App, mail: &NewMail) -> String {
    [
        &mail.from_name,
        &app.config.mail.from_name,
        &app.config.site.name,
    ]
    .into_iter()
    .find(|name| !name.is_empty())
    .cloned()
    .unwrap_or_default()
}

/// How long a mail is tried that the server does not take yet (µs), since it was written; RFC 5321,
/// section 4.5.4.1, asks for four to five days.
pub const GIVE_UP_AFTER: i64 = 5 * DAY;
/// Attempts it gets however old it is: mail may have been switched off for days.
pub const ATTEMPTS_MIN: i64 = 12;
/// The kind of the job that tells staff of a mail that did not leave; it belongs to the tickets, and takes an
/// [`Unsent`].
pub const TELL_UNSENT: &str = "tell_mail_held";
/// In which time notices to one address are counted (µs).
const NOTICES_WITHIN: i64 = HOUR;
/// Mails of one transaction when all are tried again.
const RETRY_BATCH: i64 = 200;

/// Hands one mail of the outbox to the mail server.
#[derive(Serialize, Deserialize)]
pub struct SendMail {
    pub mail: MailId,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail";
    /// More than fit into `GIVE_UP_AFTER` with half an hour between two: the age decides.
    const ATTEMPTS_MAX: i64 = 300;
    /// The server may take ten minutes for its last answer alone (`transport`).
    const LEASE: i64 = 20 * MINUTE;

    fn run(&self, app: &App) -> Result<Next> {
        let Some(transport) = &app.mail else {
            // Mail is switched off: kept until it is switched on.
            return Ok(Next::Again(app.now().plus(HOUR)));
        };
        let row = match app.db.write(|tx| begin(tx, app, self.mail))? {
            Turn::Now(row) => row,
            Turn::Later(at) => return Ok(Next::Again(at)),
            Turn::Over => return Ok(Next::Done),
        };
        let (attempts, written_at) = (row.attempts, Moment(row.created_at));
        let is_secret = Extras::read(&row.headers).is_secret;
        let (to_email, case) = (row.to_email.clone(), row.case_id);
        let sent = match outgoing(app, self.mail, *row)? {
            Ok(mail) => mail
                .ready(app.signer.as_ref(), app.now())
                .map_err(SendError::from)
                .and_then(|ready| transport.send(&ready)),
            Err(words) => Err(SendError::Permanent { words }),
        };
        let now = app.now();
        match sent {
            Ok(()) => {
                app.db.write(|tx| {
                    if is_secret && hides_secrets(app) {
                        store::forget_words(tx, self.mail)?;
                    }
                    store::mark_sent(tx, self.mail, now)
                })?;
                Ok(Next::Done)
            }
            Err(e)
                if e.is_transient()
                    && (attempts < ATTEMPTS_MIN || now.since(written_at) < GIVE_UP_AFTER) =>
            {
                app.db
                    .write(|tx| store::mark_waiting(tx, self.mail, attempts, &e.to_string()))?;
                Err(Error::other(format!(
                    "the mail server did not take the mail: {e}"
                )))
            }
            Err(e) => {
                app.db.write(|tx| {
                    store::mark_failed(tx, self.mail, attempts, &e.to_string())?;
                    if matches!(e, SendError::AddressGone { .. }) {
                        suppression::report(tx, now, &to_email, Report::Hard)?;
                    }
                    let Some(case) = case else {
                        return Ok(());
                    };
                    let unsent = Unsent {
                        case: CaseId(case),
                        mail: self.mail,
                        why: e.to_string(),
                        is_given_up: true,
                    };
                    unsent.tell(tx, now)
                })?;
                tracing::warn!(mail = %self.mail, error = %e, "a mail was given up");
                Ok(Next::Done)
            }
        }
    }
}

/// What the job that tells staff of a mail that did not leave is given.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unsent {
    pub case: CaseId,
    pub mail: MailId,
    /// Why, in words.
    pub why: String,
    /// It is tried no more; else it is held.
    #[serde(default)]
    pub is_given_up: bool,
}

impl Unsent {
    fn tell(&self, tx: &mut Conn, now: Moment) -> Result<()> {
        let payload = serde_json::to_string(self).map_err(Error::other)?;
        jobs::enqueue_kind(tx, now, TELL_UNSENT, &payload, None)
    }
}

/// Whether a mail may leave.
enum Turn {
    Now(Box<store::Row>),
    /// Its address has had enough notices for now.
    Later(Moment),
    /// It was sent, withdrawn or is held.
    Over,
}

/// Takes the mail's turn: it is about to be handed over, unless something stands against it.
fn begin(tx: &mut Conn, app: &App, id: MailId) -> Result<Turn> {
    let now = app.now();
    let Some(row) = store::waiting(tx, id)? else {
        return Ok(Turn::Over);
    };
    let extras = Extras::read(&row.headers);
    if let Some(news) = &extras.news
        && !(app.still_true)(tx, news)?
    {
        store::withdraw(tx, id, "what it tells is no longer so, or no longer wanted")?;
        return Ok(Turn::Over);
    }
    if let Some(why) = suppression::hold_on(tx, now, &row.to_email, extras.is_account)? {
        if extras.list.is_some() {
            // What it says may be taken down before the address can be written to again.
            store::withdraw(tx, id, why.words())?;
            return Ok(Turn::Over);
        }
        store::hold(tx, id, why.words())?;
        if let Some(case) = row.case_id {
            let unsent = Unsent {
                case: CaseId(case),
                mail: id,
                why: why.words().to_owned(),
                is_given_up: false,
            };
            unsent.tell(tx, now)?;
        }
        return Ok(Turn::Over);
    }
    if extras.is_notice() {
        let sent = store::notices_to(tx, id, &row.to_email, now.plus(-NOTICES_WITHIN))?;
        let max = usize::try_from(app.config.mail.notices_per_hour_max).unwrap_or(usize::MAX);
        // Room is when the oldest of those that fill the hour leaves it.
        if let Some(oldest) = sent.len().checked_sub(max).and_then(|at| sent.get(at)) {
            return Ok(Turn::Later(oldest.plus(NOTICES_WITHIN + 1)));
        }
    }
    let begun = store::begin_sending(tx, id, now)?;
    Ok(begun.map_or(Turn::Over, |row| Turn::Now(Box::new(row))))
}

/// The row as a mail; an inner error when a file of it is gone.
fn outgoing(app: &App, id: MailId, row: store::Row) -> Result<Result<OutgoingMail, String>> {
    let extras = Extras::read(&row.headers);
    let mut enclosures = Vec::new();
    for file in extras.files {
        match app.files.get(&file.storage_key)? {
            Some(bytes) => enclosures.push(Enclosure {
                filename: file.filename,
                content_type: file.content_type,
                bytes,
            }),
            None => {
                return Ok(Err(format!(
                    "the file {} is gone from storage",
                    file.filename
                )));
            }
        }
    }
    let named = |name: String, email: String| {
        if name.is_empty() {
            MailAddress::of(email)
        } else {
            MailAddress::named(name, email)
        }
    };
    // What was written before a usable address was configured leaves from that one; its answers are
    // found by their references.
    let from_email = names::email(&row.from_email).unwrap_or(app.config.mail.from.clone());
    let reply_to = row.reply_to.as_deref().and_then(names::email);
    Ok(Ok(OutgoingMail {
        from: named(row.from_name, from_email),
        to: named(row.to_name, row.to_email),
        returns_to: names::email(&verp::address(&app.config.mail, &app.keys, id)),
        reply_to: reply_to.map(MailAddress::of),
        subject: row.subject,
        text: row.text,
        html: Some(row.html),
        message_id: row.message_id,
        in_reply_to: row.in_reply_to,
        references: row.refs.split_whitespace().map(str::to_owned).collect(),
        automatic: extras.automatic,
        list: extras.list,
        unsubscribe_url: extras.unsubscribe_url,
        enclosures,
        date_us: row.created_at,
    }))
}

/// Mails that were given up, for the operator; and how many wait.
pub use store::{Counts, Given, counts, given_up, page, withdraw_for_case};

/// Tries a mail again that was given up or came back; false when there is no such mail.
pub fn retry(tx: &mut Conn, now: Moment, by: &Actor, id: MailId) -> Result<bool> {
    let again = store::mark_again(tx, id)?;
    if again {
        jobs::enqueue(tx, now, &SendMail { mail: id })?;
        audit::record(
            tx,
            now,
            Act {
                by,
                act: "mail_retried",
                subject: ("mail", id.0),
                reason: "",
                data: serde_json::json!({}),
            },
        )?;
    }
    Ok(again)
}

/// Tries every mail again that was given up; how many there were.
pub fn retry_all(app: &App, by: &Actor) -> Result<usize> {
    let mut tried = 0;
    loop {
        let now = app.now();
        let ids = app.db.write(|tx| {
            let ids = store::given_up_ids(tx, RETRY_BATCH)?;
            for id in &ids {
                retry(tx, now, by, *id)?;
            }
            Ok(ids)
        })?;
        if ids.is_empty() {
            return Ok(tried);
        }
        tried += ids.len();
    }
}

/// Whether a mail's words are for its receiver alone.
pub fn is_hidden(app: &App, id: MailId) -> Result<bool> {
    let row = app.db.read(|conn| store::row(conn, id))?;
    Ok(hides_secrets(app) && row.is_some_and(|row| Extras::read(&row.headers).is_secret))
}

/// A mail as it leaves, in RFC 5322; `None` when there is none of this id, a file of it is gone, or
/// its words are for its receiver alone.
pub fn eml(app: &App, id: MailId) -> Result<Option<Vec<u8>>> {
    let Some(row) = app.db.read(|conn| store::row(conn, id))? else {
        return Ok(None);
    };
    if Extras::read(&row.headers).is_secret && hides_secrets(app) {
        return Ok(None);
    }
    let Ok(mail) = outgoing(app, id, row)? else {
        return Ok(None);
    };
    let ready = mail
        .ready(app.signer.as_ref(), app.now())
        .map_err(Error::other)?;
    Ok(Some(ready.bytes))
}
