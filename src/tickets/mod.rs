//! Tickets: the private conversation of a case, by mail and by form.
//!
//! Invariants:
//! - A case has at most one ticket, and a ticket one customer: whoever the case's address names.
//!   A message of anybody else opens a case of its own.
//! - A message and its mail are written in one transaction, and nothing is sent from here: the
//!   outbox is.
//! - Nothing of a ticket reaches a public page. Internal notes belong to the case and are never
//!   read here.

pub mod attachments;
pub mod contact;
pub mod customer_wrote;
pub mod follow;
pub mod forget_uploads;
pub mod notices;
pub mod open;
pub mod pages;
pub mod pictures;
pub mod policy;
pub mod recount;
pub mod reply;
pub mod resolve;
pub mod store;
pub mod tell_unsent;

use crate::clock::{DAY, Moment};
use crate::db::Conn;
use crate::error::Result;
use crate::ids::{AttachmentId, CaseId, MailId, TicketId, TicketMessageId, UserId};
use crate::keys::digest;
use crate::mail::suppression;

pub use open::{OpenedBy, open_for_case};
use pictures::Shown;

/// The kind of the job that judges a case opened here: severity, product, links. Its payload is
/// `{"case": id}`, with the `"message"` that the customer wrote later when only that is judged; the
/// slice that judges runs it.
pub const JUDGE_CASE: &str = "judge_case";

/// How long an answer to one of our mails finds its ticket by the token in its address (µs).
pub const REPLY_TOKEN_LIFE: i64 = 180 * DAY;
/// How long the address of a customer's page is good (µs).
pub const CASE_LINK_LIFE: i64 = 90 * DAY;
/// Longest message (characters).
pub const BODY_CHARS_MAX: usize = 30_000;
/// Longest subject (characters).
pub const SUBJECT_CHARS_MAX: usize = 200;
/// Most files that are kept of one mail.
pub const MAIL_FILES_MAX: usize = 50;

/// The private conversation of a case.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub id: TicketId,
    pub case: CaseId,
    pub subject: String,
    pub created_at: Moment,
}

/// Who a message is from, and whether it counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The customer's words.
    In,
    /// Ours, to the customer.
    Out,
    /// A machine of the customer's: a vacation note. For staff; moves nothing.
    Auto,
    /// A report that a mail of ours did not arrive. For staff; moves nothing.
    Bounce,
}

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::In => "in",
            Direction::Out => "out",
            Direction::Auto => "auto",
            Direction::Bounce => "bounce",
        }
    }

    /// Whether the customer's own page shows it.
    pub fn is_for_customer(self) -> bool {
        matches!(self, Direction::In | Direction::Out)
    }
}

impl std::str::FromStr for Direction {
    type Err = crate::error::Error;

    fn from_str(word: &str) -> Result<Direction, Self::Err> {
        [
            Direction::In,
            Direction::Out,
            Direction::Auto,
            Direction::Bounce,
        ]
        .into_iter()
        .find(|d| d.as_str() == word)
        .ok_or_else(|| crate::error::Error::Data(format!("`{word}` is no direction of a message")))
    }
}

/// A message as pages show it.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: TicketMessageId,
    pub ticket: TicketId,
    pub direction: Direction,
    /// Who of ours wrote it.
    pub author: Option<UserId>,
    pub from_name: String,
    /// For staff only.
    pub from_email: Option<String>,
    /// Markdown when it is ours, plain text when it came in.
    pub body: String,
    /// What the customer's mail program quoted, and signatures: shown on request.
    pub quoted: String,
    /// Ours, rendered and safe.
    pub body_html: Option<String>,
    /// Without angle brackets.
    pub message_id: Option<String>,
    pub mail: Option<MailId>,
    /// Where the mail of an outgoing message stands: queued, sending, sent or failed.
    pub mail_state: Option<String>,
    pub at: Moment,
    pub files: Vec<FileLine>,
}

/// A file of a message.
#[derive(Clone, Debug)]
pub struct FileLine {
    pub id: AttachmentId,
    pub message: TicketMessageId,
    pub filename: String,
    pub content_type: String,
    pub byte_count: i64,
    pub shown: Shown,
}

impl FileLine {
    /// `12 KB`, for a page.
    pub fn size(&self) -> String {
        match self.byte_count {
            n if n < 1024 => format!("{n} bytes"),
            n if n < 1024 * 1024 => format!("{} KB", n / 1024),
            n => format!("{:.1} MB", n as f64 / 1_048_576.0),
        }
    }
}

/// A message's text as it is stored: without NUL and other control characters, bounded.
pub(crate) fn clean_text(text: &str) -> String {
    let clean: String = text
        .replace("\r\n", "\n")
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .take(BODY_CHARS_MAX)
        .collect();
    clean.trim().to_owned()
}

/// What is said beside a message of so many characters, more than fit.
pub(crate) fn too_long(chars: usize) -> String {
    format!(
        "The message has {chars} characters; {BODY_CHARS_MAX} fit. Send a log as a file with it."
    )
}

/// The key of a form as stored: bound to its sender, so that nobody meets another's, and to what it
/// says, so that the form sent again with other words is another message.
pub(crate) fn request_key(sender: &str, typed: &str, content: &str) -> Option<String> {
    /// Ours have 32.
    const KEY_BYTES_MAX: usize = 64;
    let usable = !typed.is_empty()
        && typed.len() <= KEY_BYTES_MAX
        && typed.bytes().all(|b| b.is_ascii_alphanumeric());
    usable.then(|| format!("{sender}:{typed}:{}", digest(content.as_bytes())))
}

/// What a message says, for `request_key`: its words and its files.
pub(crate) fn content_of(body: &str, files: &[store::KeptFile]) -> String {
    let mut content = body.to_owned();
    for file in files {
        content.push_str(&format!("\0{}\0{}", file.filename, file.storage_key));
    }
    content
}

/// Why mails to the customer of a case are held, if they are.
pub fn held(conn: &mut Conn, now: Moment, case: CaseId) -> Result<Option<suppression::Why>> {
    let email = crate::cases::store::case(conn, case)?.and_then(|case| case.email);
    match email {
        Some(email) => suppression::would_hold(conn, now, &email),
        None => Ok(None),
    }
}
