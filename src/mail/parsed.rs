//! One mail as `offramp mail parse` prints it: what was read, how it was judged, what was cut. Documented in
//! docs/email.md, for other programs to rely on.

use serde::Serialize;

use super::MailAddress;
use super::calendar::Invitation;
use super::classify::{self, Kind, Own};
use super::forward::{Forwarded, forwarded};
use super::inbound::parse;
use super::trim::trim;
use crate::clock::Moment;

/// What a mail says.
#[derive(Debug, Serialize)]
pub struct ParsedMail {
    /// The sender, when From names one that can be written to.
    pub from: Option<MailAddress>,
    pub to: Vec<MailAddress>,
    pub subject: String,
    /// Ids are without their angle brackets.
    pub message_id: Option<String>,
    pub in_reply_to: Vec<String>,
    pub references: Vec<String>,
    /// RFC 3339, UTC; as the sender says.
    pub date: Option<String>,
    /// All its words: the plain text, else the HTML as text.
    pub text: String,
    pub html: Option<String>,
    /// What was written now.
    pub reply_text: String,
    /// The rest: quotes, signatures, footers.
    pub quoted_text: String,
    /// The mail that this one sends on.
    pub forwarded: Option<Forwarded>,
    /// A machine's answer: a vacation note, a receipt.
    pub is_auto: bool,
    pub is_bounce: bool,
    pub is_complaint: bool,
    pub is_list: bool,
    /// For a bounce.
    pub bounce: Option<ParsedBounce>,
    /// What a calendar in it asks for.
    pub invitation: Option<Invitation>,
    pub attachments: Vec<ParsedFile>,
}

/// Whom a mail did not reach.
#[derive(Debug, Serialize)]
pub struct ParsedBounce {
    /// RFC 3463, of the first recipient; empty when none is given.
    pub status: String,
    /// Whether one of the addresses is gone for good.
    pub hard: bool,
    pub recipients: Vec<String>,
}

/// A file of the mail, without its bytes.
#[derive(Debug, Serialize)]
pub struct ParsedFile {
    pub filename: String,
    pub content_type: String,
    /// Bytes.
    pub size: usize,
    /// Shown within the text.
    pub inline: bool,
}

/// Reads a mail. Takes any bytes.
pub fn parsed(raw: &[u8]) -> ParsedMail {
    let mail = parse(raw);
    let verdict = classify::classify(&mail, &Own::default());
    let words = trim(&mail.text);
    let bounce = verdict.bounces.first().map(|first| ParsedBounce {
        status: first.status.clone(),
        hard: verdict.bounces.iter().any(|bounce| bounce.hard),
        recipients: verdict
            .bounces
            .iter()
            .filter_map(|bounce| bounce.recipient.clone())
            .collect(),
    });
    ParsedMail {
        forwarded: forwarded(&mail.subject, &mail.text),
        is_auto: verdict.kind == Kind::AutoReply,
        is_bounce: verdict.kind == Kind::Bounce,
        is_complaint: verdict.kind == Kind::Complaint,
        is_list: classify::is_list(&mail),
        bounce,
        reply_text: words.reply_text,
        quoted_text: words.quoted_text,
        date: mail.date_us.map(|date| Moment(date).rfc3339()),
        attachments: mail
            .attachments
            .into_iter()
            .map(|file| ParsedFile {
                size: file.bytes.len(),
                filename: file.filename,
                content_type: file.content_type,
                inline: file.inline,
            })
            .collect(),
        invitation: mail.invitation,
        from: mail.from,
        to: mail.to,
        subject: mail.subject,
        message_id: mail.message_id,
        in_reply_to: mail.in_reply_to,
        references: mail.references,
        text: mail.text,
        html: mail.html,
    }
}
