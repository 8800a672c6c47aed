//! Mail: raw bytes to `InboundMail`, quote trimming, classification, outgoing messages and their transports.
//!
//! Knows no slice: what a mail means for a ticket or a thread is decided by `inbox`.
//! Message ids are kept without their angle brackets everywhere; only the wire has them.

use serde::{Deserialize, Serialize};

pub mod arrival;
pub mod arriving;
pub mod authentication;
pub mod calendar;
pub mod charset;
pub mod classify;
pub mod dkim;
pub mod forward;
pub mod hooks;
pub mod html_text;
pub mod imap;
pub mod inbound;
pub mod listen;
pub mod mailboxes;
pub mod marker;
pub mod outbox;
pub mod outgoing;
pub mod parsed;
pub mod render;
pub mod store;
pub mod suppression;
pub mod tokens;
pub mod transport;
pub mod trim;
pub mod verp;
pub mod ways_in;

/// Somebody who writes or is written to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailAddress {
    /// The name beside the address, as it was given.
    pub name: Option<String>,
    /// The address, `local@domain`.
    pub email: String,
}

impl MailAddress {
    /// An address without a name.
    pub fn of(email: impl Into<String>) -> Self {
        MailAddress {
            name: None,
            email: email.into(),
        }
    }

    /// An address with a name.
    pub fn named(name: impl Into<String>, email: impl Into<String>) -> Self {
        MailAddress {
            name: Some(name.into()),
            email: email.into(),
        }
    }
}

/// The address without what stands behind a `+` in its local part, in lower case; `None` for what is no
/// address. Tags lead to the same mailbox (RFC 5233).
pub fn without_tag(address: &str) -> Option<String> {
    let (local, domain) = address.trim().rsplit_once('@')?;
    let local = local.split('+').next().unwrap_or(local);
    (!local.is_empty() && !domain.is_empty())
        .then(|| format!("{local}@{domain}").to_ascii_lowercase())
}

/// One line without control characters, outer blanks and runs of blanks, at most `chars_max` characters.
pub(crate) fn one_line(text: &str, chars_max: usize) -> String {
    let mut line = String::new();
    let mut pending_space = false;
    for (count, c) in text.chars().filter(|&c| !is_direction_mark(c)).enumerate() {
        if count >= chars_max {
            break;
        }
        if c.is_whitespace() || c.is_control() {
            pending_space = !line.is_empty();
            continue;
        }
        if std::mem::take(&mut pending_space) {
            line.push(' ');
        }
        line.push(c);
    }
    line
}

/// Marks that turn the direction of writing, by which a file name or subject shows other than it is.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A message id without brackets, or None when it is none: printable ASCII, no brackets or blanks, bounded.
pub(crate) fn clean_message_id(id: &str) -> Option<String> {
    /// RFC 5322 bounds a line at 998 bytes; ids in use are far shorter.
    const ID_BYTES_MAX: usize = 500;
    let id = id
        .trim()
        .trim_start_matches('<')
        .trim_end_matches('>')
        .trim();
    let is_plain = id
        .bytes()
        .all(|b| b.is_ascii_graphic() && !b"<>,;\"\\".contains(&b));
    (!id.is_empty() && id.len() <= ID_BYTES_MAX && is_plain).then(|| id.to_owned())
}
