//! Raw bytes of a mail to what Offramp needs of it. Never fails: a broken mail gives what can be read of it.
//!
//! The raw mail is stored before this runs; what is cut here can be read again there.

mod files;
mod limits;

use std::panic::{AssertUnwindSafe, catch_unwind};

use mail_parser::{
    Address, HeaderName, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType,
};

pub(crate) use self::files::clean_filename;

use self::files::attachment;
use self::limits::{is_head_end, within_limits};
use super::calendar::{Invitation, invitation};
use super::{MailAddress, charset, clean_message_id, html_text, one_line};
use crate::text::names;

/// Largest mail that is read whole, in bytes; of a larger one only the beginning is read.
pub const RAW_BYTES_MAX: usize = crate::config::INBOUND_BYTES_MAX;
/// What is read of a mail that is larger, in bytes.
const RAW_BYTES_KEPT: usize = 1024 * 1024;
/// Most parts (bodies, files, containers) that are looked at.
pub const PARTS_MAX: usize = 500;
/// Most headers that say what a part is. Each container (a multipart, a forwarded mail) has one, so
/// this bounds how deep they lie in each other before the parser, which keeps them as a tree, runs.
pub const CONTENT_TYPES_MAX: usize = 1_000;
/// Longest text that is kept, in bytes.
pub const TEXT_BYTES_MAX: usize = 512 * 1024;
/// Longest subject, in characters.
pub const SUBJECT_CHARS_MAX: usize = 300;
/// Most recipients that are kept.
pub const RECIPIENTS_MAX: usize = 100;
/// Most ids that are kept of In-Reply-To and of References each.
pub const IDS_MAX: usize = 100;
/// Most headers that are kept, and the most of one value, in characters.
const HEADERS_MAX: usize = 200;
const HEADER_CHARS_MAX: usize = 2_000;
/// Longest name of a person, in characters.
const NAME_CHARS_MAX: usize = 200;
/// Longest machine-readable report that is kept, in bytes.
const REPORT_BYTES_MAX: usize = 64 * 1024;

/// A file that came with a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// A name without path, control characters or leading dots; made up when there was none.
    pub filename: String,
    /// The media type: what the bytes are where that can be told, else what was said.
    pub content_type: String,
    /// The content, decoded.
    pub bytes: Vec<u8>,
    /// Whether it is a part of the text (an image shown in the HTML) rather than a file beside it.
    pub inline: bool,
}

/// What a machine says in a report (RFC 3464, RFC 5965), as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The text of `message/delivery-status`.
    pub delivery_status: Option<String>,
    /// The text of `message/feedback-report`.
    pub feedback: Option<String>,
    /// The headers of the mail that is reported on.
    pub returned_headers: Option<String>,
}

/// One mail, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InboundMail {
    /// The first sender named, when it is an address. None: unknown sender, who gets no account and no answer.
    pub from: Option<MailAddress>,
    /// How many senders From names; more than one deserves no trust.
    pub from_count: usize,
    /// Where the sender wants answers.
    pub reply_to: Option<MailAddress>,
    /// The envelope's sender as the receiving server noted it: an empty string is the null sender.
    pub return_path: Option<String>,
    /// Whom To names.
    pub to: Vec<MailAddress>,
    /// Every address the mail was for, those the server noted first (Delivered-To, X-Original-To), then To and Cc.
    pub recipients: Vec<String>,
    /// The subject on one line; empty when there is none.
    pub subject: String,
    /// The id, without brackets.
    pub message_id: Option<String>,
    /// The ids that are answered; usually one.
    pub in_reply_to: Vec<String>,
    /// The ids of the conversation, oldest first.
    pub references: Vec<String>,
    /// When the sender says it was written, in microseconds since 1970 UTC. Not to be trusted.
    pub date_us: Option<i64>,
    /// The words: the plain text, else the HTML as text.
    pub text: String,
    /// The HTML as it came, unsafe, when it is not too long.
    pub html: Option<String>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// What a calendar within the mail asks for.
    pub invitation: Option<Invitation>,
    /// Whether its words are locked, by PGP or S/MIME: nobody here has the key.
    pub sealed: Option<&'static str>,
    /// Machine-readable reports.
    pub report: Report,
    /// The headers, names in lower case, values on one line, in their order.
    pub headers: Vec<(String, String)>,
    /// Whether something was left out because of a limit of this module.
    pub cut: bool,
}

impl InboundMail {
    /// The first value of a header, named in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads a mail. Takes any bytes.
pub fn parse(raw: &[u8]) -> InboundMail {
    let (bytes, cut) = within_limits(raw);
    let bytes = &*charset::with_readable_headers(bytes);
    // The parser is well tested, but a mail that breaks it must still reach a person.
    let read = catch_unwind(AssertUnwindSafe(|| {
        MessageParser::default()
            .parse(bytes)
            .map(|message| read(&message))
    }));
    let mut mail = match read {
        Ok(Some(mail)) => mail,
        Ok(None) | Err(_) => InboundMail {
            text: cut_text(&String::from_utf8_lossy(
                &bytes[..bytes.len().min(TEXT_BYTES_MAX)],
            )),
            cut: true,
            ..InboundMail::default()
        },
    };
    mail.cut |= cut;
    mail
}

/// The mail without what says who sent it to whom and by which way: of its own headers stay those by
/// which the rest is read (RFC 2045) and its subject.
pub fn without_envelope(raw: &[u8]) -> Vec<u8> {
    let read = catch_unwind(AssertUnwindSafe(|| {
        let message = MessageParser::default().parse_headers(raw)?;
        let headers = message.headers();
        let mut kept = Vec::with_capacity(raw.len());
        for header in headers {
            let name = header.name().to_ascii_lowercase();
            if name.starts_with("content-") || matches!(name.as_str(), "mime-version" | "subject") {
                let (from, to) = (header.offset_field(), header.offset_end());
                kept.extend_from_slice(raw.get(from as usize..to as usize)?);
            }
        }
        // The empty line behind the headers is the first of what is left.
        let rest = headers.iter().map(|h| h.offset_end()).max()?;
        kept.extend_from_slice(raw.get(rest as usize..)?);
        Some(kept)
    }));
    read.ok().flatten().unwrap_or_else(|| {
        let body = (0..raw.len()).find(|&at| is_head_end(raw, at));
        raw[body.unwrap_or_default()..].to_vec()
    })
}

fn read(message: &Message<'_>) -> InboundMail {
    let mut mail = InboundMail {
        headers: headers(message),
        ..InboundMail::default()
    };
    // A mail has one From (RFC 5322, section 3.6): of a forged second one, nobody knows which is shown.
    let senders: Vec<MailAddress> = message
        .header_values(HeaderName::From)
        .filter_map(HeaderValue::as_address)
        .flat_map(addresses)
        .collect();
    mail.from_count = senders.len();
    mail.from = senders
        .into_iter()
        .next()
        .filter(|from| names::email(&from.email).is_some());
    mail.reply_to = message
        .reply_to()
        .into_iter()
        .flat_map(addresses)
        .find(|to| names::email(&to.email).is_some());
    mail.return_path = mail
        .header("return-path")
        .map(|path| path.trim_matches(['<', '>', ' ']).to_owned());
    let to = message.to().into_iter().flat_map(addresses);
    mail.to = to
        .filter(|to| names::email(&to.email).is_some())
        .take(RECIPIENTS_MAX)
        .collect();
    mail.recipients = recipients(message, &mail);
    mail.subject = one_line(message.subject().unwrap_or_default(), SUBJECT_CHARS_MAX);
    mail.message_id = message.message_id().and_then(clean_message_id);
    mail.in_reply_to = ids(message.in_reply_to());
    mail.references = ids(message.references());
    mail.date_us = message
        .date()
        .filter(|date| date.is_valid())
        .and_then(|date| date.to_timestamp().checked_mul(1_000_000));
    mail.cut = message.parts.len() > PARTS_MAX;
    mail.sealed = sealed(message);
    read_bodies(message, &mut mail);
    read_parts(message, &mut mail);
    mail
}

/// By which way the mail is encrypted, or wrapped so that only a program with keys opens it (RFC 3156,
/// RFC 8551).
fn sealed(message: &Message<'_>) -> Option<&'static str> {
    let kind = media_type(message.parts.first()?)?;
    let protocol = |name| message.content_type()?.attribute(name);
    match kind.as_str() {
        "multipart/encrypted" => Some("PGP"),
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => {
            let is_signed = protocol("smime-type").is_some_and(|kind| kind.contains("signed"));
            Some(if is_signed {
                "an S/MIME signature"
            } else {
                "S/MIME"
            })
        }
        "text/plain" => message
            .body_text(0)
            .is_some_and(|text| text.trim_start().starts_with("-----BEGIN PGP MESSAGE-----"))
            .then_some("PGP"),
        _ => None,
    }
}

/// The bodies in their order: all plain ones, else all HTML ones as text.
fn read_bodies(message: &Message<'_>, mail: &mut InboundMail) {
    let mut text = String::new();
    let mut html = String::new();
    for &id in message.text_body.iter().take(PARTS_MAX) {
        if let Some(part) = message.parts.get(id as usize)
            && let PartType::Text(read) = &part.body
        {
            append(&mut text, &charset::words(message, part, read));
        }
    }
    for &id in message.html_body.iter().take(PARTS_MAX) {
        if let Some(part) = message.parts.get(id as usize)
            && let PartType::Html(read) = &part.body
        {
            append(&mut html, &charset::words(message, part, read));
        }
    }
    mail.text = cut_text(&text);
    if mail.text.is_empty() && !html.is_empty() {
        mail.text = cut_text(&html_text::to_text(&html));
    }
    mail.cut |= text.len() > TEXT_BYTES_MAX || html.len() > html_text::HTML_BYTES_MAX;
    mail.html = (!html.is_empty() && html.len() <= html_text::HTML_BYTES_MAX).then_some(html);
}

fn append(all: &mut String, part: &str) {
    if all.len() <= TEXT_BYTES_MAX.max(html_text::HTML_BYTES_MAX) {
        if !all.is_empty() && !all.ends_with('\n') {
            all.push('\n');
        }
        all.push_str(part);
    }
}

/// One kind of line end, no control characters but tabs, no blank lines around, bounded.
fn cut_text(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    let joined = text.replace("\r\n", "\n").replace('\r', "\n");
    let clean: String = joined
        .chars()
        .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
        .collect();
    clean.trim_end().trim_start_matches('\n').to_owned()
}

fn read_parts(message: &Message<'_>, mail: &mut InboundMail) {
    let html = mail.html.clone().unwrap_or_default();
    for (id, part) in message.parts.iter().enumerate().take(PARTS_MAX) {
        let kind = media_type(part);
        match kind.as_deref() {
            Some("message/delivery-status" | "message/global-delivery-status") => {
                mail.report
                    .delivery_status
                    .get_or_insert_with(|| report_text(part));
            }
            Some("message/feedback-report") => {
                mail.report
                    .feedback
                    .get_or_insert_with(|| report_text(part));
            }
            Some("text/rfc822-headers" | "message/rfc822-headers") => {
                mail.report
                    .returned_headers
                    .get_or_insert_with(|| report_text(part));
            }
            Some("text/calendar" | "application/ics") if mail.invitation.is_none() => {
                let calendar = String::from_utf8_lossy(part.contents());
                mail.invitation = invitation(&calendar);
            }
            Some("message/rfc822" | "message/global") => {
                mail.report
                    .returned_headers
                    .get_or_insert_with(|| report_text(part));
            }
            _ => {}
        }
        if message.attachments.contains(&(id as u32)) {
            let file = attachment(part, kind, mail.attachments.len() + 1, &html);
            if let (true, Some(id)) = (file.inline, part.content_id().and_then(clean_message_id)) {
                // As programs mark the place of a picture in plain text.
                let place = format!("[image: {}]", file.filename);
                mail.text = mail.text.replace(&format!("[cid:{id}]"), &place);
            }
            mail.attachments.push(file);
        }
    }
}

/// The head of a part as text: for a returned mail its headers.
fn report_text(part: &MessagePart<'_>) -> String {
    let bytes = match &part.body {
        PartType::Message(inner) => inner.raw_message(),
        _ => part.contents(),
    };
    let bytes = &bytes[..bytes.len().min(REPORT_BYTES_MAX)];
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    match &part.body {
        PartType::Message(_) => text.split("\n\n").next().unwrap_or_default().to_owned(),
        _ => text,
    }
}

fn media_type(part: &MessagePart<'_>) -> Option<String> {
    let kind = part.content_type()?;
    Some(
        format!(
            "{}/{}",
            kind.c_type,
            kind.c_subtype.as_deref().unwrap_or("plain")
        )
        .to_ascii_lowercase(),
    )
}

fn addresses<'m>(address: &'m Address<'_>) -> impl Iterator<Item = MailAddress> + 'm {
    address.iter().take(RECIPIENTS_MAX).filter_map(|entry| {
        let email = one_line(entry.address()?, NAME_CHARS_MAX * 2);
        let name = entry
            .name()
            .map(|name| one_line(name, NAME_CHARS_MAX))
            .filter(|name| !name.is_empty());
        (!email.is_empty()).then_some(MailAddress { name, email })
    })
}

fn recipients(message: &Message<'_>, mail: &InboundMail) -> Vec<String> {
    const NOTED: [&str; 5] = [
        "delivered-to",
        "x-original-to",
        "envelope-to",
        "x-forwarded-to",
        "x-delivered-to",
    ];
    let noted = mail
        .headers
        .iter()
        .filter(|(name, _)| NOTED.contains(&name.as_str()));
    let noted = noted
        .flat_map(|(_, value)| value.split(','))
        .filter_map(|to| names::email(to.trim_matches(['<', '>', ' '])));
    let named = message
        .to()
        .into_iter()
        .chain(message.cc())
        .flat_map(addresses);
    let mut recipients: Vec<String> = Vec::new();
    for to in noted.chain(named.filter_map(|to| names::email(&to.email))) {
        if recipients.len() < RECIPIENTS_MAX && !recipients.contains(&to) {
            recipients.push(to);
        }
    }
    recipients
}

/// The ids of a header; mail programs write them with other signs between, without brackets, or with words.
fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    let values: Vec<&str> = match value {
        HeaderValue::Text(text) => vec![text],
        HeaderValue::TextList(list) => list.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    };
    let pieces = values
        .iter()
        .flat_map(|value| value.split([' ', '\t', '\r', '\n', ',', '<', '>']));
    let ids: Vec<String> = pieces
        .filter(|piece| piece.contains('@'))
        .filter_map(clean_message_id)
        .collect();
    let dropped = ids.len().saturating_sub(IDS_MAX);
    ids.into_iter().skip(dropped).collect()
}

fn headers(message: &Message<'_>) -> Vec<(String, String)> {
    let raw = message.headers_raw().take(HEADERS_MAX);
    raw.map(|(name, value)| {
        (
            name.trim().to_ascii_lowercase(),
            one_line(value, HEADER_CHARS_MAX),
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::mail::classify::{self, Own};
    use crate::mail::trim;

    /// Each `NAME.eml` beside its `NAME.json`, which names only what the pair is about.
    /// Read on a stack as small as a worker's.
    fn parse_on_a_worker(raw: Vec<u8>) -> InboundMail {
        let worker = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
        let read = worker.spawn(move || parse(&raw)).expect("a thread");
        read.join().expect("no panic")
    }

    #[test]
    fn mails_in_mails_without_end_are_cut() {
        const LEVELS: usize = 200_000;
        let from = "From: a@b.example\r\nSubject: deep\r\n";
        let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(LEVELS);
        let plain = parse_on_a_worker(format!("{from}{nested}hello").into_bytes());
        assert!(plain.cut);
        assert_eq!(plain.subject, "deep");
        let soft = nested.replace('=', "=3D");
        for head in [
            "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
            "content-transfer-encoding: Quoted-Printable\r\ncontent-type: (x) message\r\n /rfc822\r\n\r\n",
            "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n",
        ] {
            let encoded = parse_on_a_worker(format!("{from}{head}{soft}").into_bytes());
            assert!(encoded.cut, "{head}");
            assert_eq!(encoded.subject, "deep", "{head}");
        }
    }

    #[test]
    fn golden_pairs() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/mail");
        let (mut pairs, mut wrong) = (0, Vec::new());
        for entry in std::fs::read_dir(&folder).expect("the folder of golden mails") {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|ending| ending != "eml") {
                continue;
            }
            let raw = std::fs::read(&path).expect("a mail");
            let expected = std::fs::read(path.with_extension("json")).expect("its expected result");
            let expected: Value = serde_json::from_slice(&expected).expect("JSON");
            let found = summary(&parse(&raw));
            for (key, value) in expected.as_object().expect("an object") {
                if &found[key] != value {
                    wrong.push(format!(
                        "{}: {key} is {}, not {value}",
                        path.display(),
                        found[key]
                    ));
                }
            }
            pairs += 1;
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(pairs >= 45, "only {pairs} pairs in {}", folder.display());
    }

    #[test]
    fn the_corpus_of_the_fuzzer_is_read() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/mail");
        let mut read = 0;
        for entry in std::fs::read_dir(&folder).expect("the corpus") {
            let raw = std::fs::read(entry.expect("an entry").path()).expect("a mail");
            let mail = crate::mail::parsed::parsed(&raw);
            assert!(!mail.subject.contains(['\r', '\n', '\0']));
            let _ = without_envelope(&raw);
            read += 1;
        }
        assert!(read >= 100, "only {read} mails in {}", folder.display());
    }

    fn summary(mail: &InboundMail) -> Value {
        let own = Own {
            addresses: vec!["help@example.com".to_owned()],
            domain: "example.com".to_owned(),
        };
        let verdict = classify::classify(mail, &own);
        let trimmed = trim::trim(&mail.text);
        json!({
            "from": mail.from.as_ref().map(|from| from.email.clone()),
            "from_name": mail.from.as_ref().and_then(|from| from.name.clone()),
            "recipients": mail.recipients,
            "subject": mail.subject,
            "message_id": mail.message_id,
            "in_reply_to": mail.in_reply_to,
            "references": mail.references,
            "date_us": mail.date_us,
            "text": mail.text,
            "sealed": mail.sealed,
            "reply_text": trimmed.reply_text,
            "invitation": mail.invitation.as_ref().map(Invitation::words),
            "attachments": mail.attachments.iter().map(|file| json!({
                "filename": file.filename, "content_type": file.content_type, "bytes": file.bytes.len(), "inline": file.inline,
            })).collect::<Vec<_>>(),
            "kind": verdict.kind.as_str(),
            "answerable": verdict.answerable,
            "is_newsletter": classify::is_newsletter(mail),
            "bounces": verdict.bounces.iter().map(|bounce| json!({
                "recipient": bounce.recipient, "status": bounce.status, "permanent": bounce.permanent, "hard": bounce.hard,
            })).collect::<Vec<_>>(),
            "returned_message_id": verdict.returned_message_id,
        })
    }

    #[test]
    fn a_large_or_deep_mail_is_cut_and_quick() {
        let part = |n: usize| {
            format!(
                "--b{n}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n",
                n + 1
            )
        };
        let deep: String = (0..20_000).map(part).collect();
        let deep = format!(
            "From: a@example.org\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n{deep}"
        );
        let flat = "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n".repeat(20_000);
        let flat = format!(
            "From: a@example.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{flat}"
        );
        let boxes = format!(
            "From: a@example.org\r\nContent-Type: text/html\r\n\r\nhello{}",
            "<div>".repeat(60_000)
        );
        let many_headers = format!(
            "From: a@example.org\r\n{}\r\nhello",
            "X-A: b\r\n".repeat(100_000)
        );
        let long_header = format!(
            "From: a@example.org\r\nSubject: {}\r\n\r\nhello",
            "=?utf-8?q?a?= ".repeat(50_000)
        );
        let addresses = format!(
            "From: a@example.org\r\nTo: {}\r\n\r\nhello",
            "b@example.org, ".repeat(50_000)
        );
        let digest = format!(
            "From: a@example.org\r\nSubject: digest\r\n\r\n{}",
            "content-transfer-encoding".repeat(100_000)
        );
        let no_utf8 = format!("From: a@example.org\r\n{}", "\u{e9}\n".repeat(1_000_000));
        let no_utf8: Vec<u8> = no_utf8.chars().map(|c| c as u8).collect();
        assert!(parse(&no_utf8).from.is_some());
        for mail in [
            deep,
            flat,
            boxes,
            many_headers,
            long_header,
            addresses,
            digest,
        ] {
            let started = Instant::now();
            let read = parse(mail.as_bytes());
            assert!(
                started.elapsed() < Duration::from_secs(15),
                "{} took {:?}",
                &mail[..80],
                started.elapsed()
            );
            assert_eq!(
                read.from.map(|from| from.email).as_deref(),
                Some("a@example.org")
            );
            assert!(read.attachments.len() <= PARTS_MAX && read.recipients.len() <= RECIPIENTS_MAX);
        }
    }

    #[test]
    fn bytes_that_are_no_mail_are_kept_as_text() {
        assert_eq!(
            parse(b""),
            InboundMail {
                cut: true,
                ..InboundMail::default()
            }
        );
        assert!(parse(b"just words").from.is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn any_bytes_are_read(raw in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = parse(&raw);
        }

        #[test]
        fn any_pieces_of_mail_are_read_and_judged(pieces in proptest::collection::vec(mail_piece(), 0..40)) {
            let mail = parse(pieces.concat().as_bytes());
            prop_assert!(!mail.subject.contains(['\r', '\n', '\0']));
            for file in &mail.attachments {
                prop_assert!(!file.filename.is_empty() && !file.filename.contains(['/', '\\', '\n', '\0']));
            }
            let _ = classify::classify(&mail, &Own::default());
            let _ = trim::trim(&mail.text);
        }
    }

    fn mail_piece() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{0,30}",
            proptest::sample::select(vec![
                "From: ",
                "To: ",
                "a@example.org",
                "<a@b>",
                ", ",
                "\r\n",
                "\n",
                "\r\n\r\n",
                "Subject: ",
                "=?utf-8?B?4pyF?=",
                "=?x?q?=ff?=",
                "Content-Type: multipart/mixed; boundary=b\r\n",
                "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
                "--b\r\n",
                "--b--\r\n",
                "Content-Type: message/rfc822\r\n\r\n",
                "Content-Type: message/delivery-status\r\n\r\n",
                "Content-Type: text/html; charset=utf-7\r\n",
                "Content-Transfer-Encoding: base64\r\n",
                "Content-Transfer-Encoding: quoted-printable\r\n",
                "Content-Disposition: attachment; filename=\"../x\"\r\n",
                "Content-Disposition: attachment; filename*0*=utf-8''%0a; filename*1=b\r\n",
                "Final-Recipient: rfc822; a@b.de\r\n",
                "Status: 5.1.1\r\n",
                "Action: failed\r\n",
                "References: ",
                "In-Reply-To: ",
                "Date: Fri, 99 Foo 99999 99:99:99 +9999\r\n",
                "<div>",
                "</div>",
                "<blockquote>",
                "> ",
                "On Monday, x wrote:\n",
                "-- \n",
                "\0",
                "Auto-Submitted: auto-replied\r\n",
                "Return-Path: <>\r\n",
            ])
            .prop_map(str::to_owned),
        ]
    }
}
