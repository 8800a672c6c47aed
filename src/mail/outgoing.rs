//! A mail that leaves: its fields, and its bytes with headers that nobody's words can forge.

use std::time::{Duration, UNIX_EPOCH};

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MessageBuilder, MultiPart};
use lettre::{Address, Message};
use serde::{Deserialize, Serialize};

use super::dkim::Signer;
use super::{MailAddress, clean_message_id, one_line};
use crate::clock::Moment;
use crate::text::names;

/// Longest subject, in characters.
pub const SUBJECT_CHARS_MAX: usize = 200;
/// Longest display name, in characters.
const NAME_CHARS_MAX: usize = 100;
/// Most ids in References: the first, which names the conversation, and the latest before this mail.
const REFERENCES_MAX: usize = 20;

/// Whether a person wrote the mail, for other machines to know (RFC 3834).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automatic {
    /// A person's words.
    #[default]
    No,
    /// A notice nobody asked for at this moment.
    Generated,
    /// An answer to a mail, such as a receipt.
    Replied,
}

/// A file that goes with the mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enclosure {
    /// The name under which it is offered.
    pub filename: String,
    /// The media type, `image/png`.
    pub content_type: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// Mails of one kind, which somebody gets until they end them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// What people call it.
    pub name: String,
    /// Its id, in the form of a host's name: `router.help.example.com`.
    pub id: String,
}

/// A mail as it goes over the wire.
#[derive(Clone, Debug)]
pub struct ReadyMail {
    /// Its id, without brackets.
    pub message_id: String,
    /// From whom to whom, as servers see it.
    pub envelope: Envelope,
    /// Header and body.
    pub bytes: Vec<u8>,
}

/// One mail to one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutgoingMail {
    /// Who writes.
    pub from: MailAddress,
    /// Who is written to. One person a mail: nobody learns who else was told.
    pub to: MailAddress,
    /// Where the mail comes back to when it does not arrive: the envelope's sender, when it is not `from`.
    pub returns_to: Option<String>,
    /// Where answers go, when not to `from`; carries the token.
    pub reply_to: Option<MailAddress>,
    /// The subject, any text.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
    /// Our id of this mail, without brackets; the same each time the same mail is sent.
    pub message_id: String,
    /// The id of the mail that is answered.
    pub in_reply_to: Option<String>,
    /// The ids of the conversation, oldest first.
    pub references: Vec<String>,
    /// Whether a machine wrote it.
    pub automatic: Automatic,
    /// The list of mails that it belongs to, by which mail programs sort (RFC 2919).
    pub list: Option<List>,
    /// The https address of a page that ends such mails with one click (RFC 8058).
    pub unsubscribe_url: Option<String>,
    /// Files.
    pub enclosures: Vec<Enclosure>,
    /// When the mail was decided, in microseconds since 1970 UTC.
    pub date_us: i64,
}

/// Why a mail can't be written. Trying again changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// A field that must hold an address does not.
    #[error("{field} is no mail address")]
    Address {
        /// The field: from, to, reply_to or returns_to.
        field: &'static str,
    },
    /// The message id is empty or not printable ASCII.
    #[error("the message id is not usable")]
    MessageId,
    /// The library refused.
    #[error("the mail can't be composed: {0}")]
    Compose(#[from] lettre::error::Error),
}

/// The id of a mail, without brackets: a token that is kept with the outbox row, at our own domain.
pub fn message_id(domain: &str, token: &str) -> String {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
            .collect()
    };
    format!("{}@{}", plain(token), plain(domain))
}

impl OutgoingMail {
    /// The mail as it leaves at this moment, signed when there is a signer.
    pub fn ready(&self, signer: Option<&Signer>, now: Moment) -> Result<ReadyMail, OutgoingError> {
        let message = self.compose()?;
        let bytes = message.formatted();
        Ok(ReadyMail {
            message_id: self.message_id.clone(),
            envelope: message.envelope().clone(),
            bytes: match signer {
                Some(signer) => signer.sign(&bytes, now),
                None => bytes,
            },
        })
    }

    /// The mail with its envelope.
    ///
    /// Any string may stand in any field: control characters never reach a header, ids that are none are left out,
    /// and a field that must be an address is an error when it is not.
    pub fn compose(&self) -> Result<Message, OutgoingError> {
        let from = mailbox(&self.from, "from")?;
        let to = mailbox(&self.to, "to")?;
        let returns_to = match &self.returns_to {
            Some(email) => address(email, "returns_to")?,
            None => from.email.clone(),
        };
        let envelope = Envelope::new(Some(returns_to), vec![to.email.clone()])?;
        let id = clean_message_id(&self.message_id).ok_or(OutgoingError::MessageId)?;
        let date = UNIX_EPOCH + Duration::from_micros(self.date_us.max(0).unsigned_abs());
        let mut builder = Message::builder()
            .envelope(envelope)
            .date(date)
            .from(from)
            .to(to)
            .subject(one_line(&self.subject, SUBJECT_CHARS_MAX))
            .message_id(Some(format!("<{id}>")));
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(mailbox(reply_to, "reply_to")?);
        }
        if let Some(id) = self.in_reply_to.as_deref().and_then(clean_message_id) {
            builder = builder.in_reply_to(format!("<{id}>"));
        }
        let references = self.references_header();
        if !references.is_empty() {
            builder = builder.references(references);
        }
        Ok(self.with_machine_headers(builder).multipart(self.body())?)
    }

    fn references_header(&self) -> String {
        let ids: Vec<String> = self
            .references
            .iter()
            .filter_map(|id| clean_message_id(id))
            .collect();
        let dropped = ids.len().saturating_sub(REFERENCES_MAX);
        let kept = ids
            .iter()
            .enumerate()
            .filter(|(place, _)| *place == 0 || *place > dropped);
        kept.map(|(_, id)| format!("<{id}>"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn with_machine_headers(&self, mut builder: MessageBuilder) -> MessageBuilder {
        let mut add = |name: &'static str, value: String| {
            let header = HeaderValue::new(HeaderName::new_from_ascii_str(name), value);
            builder = std::mem::take(&mut builder).raw_header(header);
        };
        let automatic = match self.automatic {
            Automatic::No => None,
            Automatic::Generated => Some("auto-generated"),
            Automatic::Replied => Some("auto-replied"),
        };
        if let Some(word) = automatic {
            add("Auto-Submitted", word.to_owned());
            // Exchange and old vacation programs know only these two.
            add("X-Auto-Response-Suppress", "All".to_owned());
            add("Precedence", "bulk".to_owned());
        }
        if let Some(list) = &self.list {
            // What could end the phrase or the id is left out of both.
            let plain = |text: &str| {
                one_line(text, NAME_CHARS_MAX).replace(['<', '>', '"', '\\', '(', ')'], "")
            };
            let (name, id) = (plain(&list.name), plain(&list.id));
            // A phrase of other letters would be encoded word by word, its quotation marks too.
            let value = match name.is_ascii() {
                true => format!("\"{name}\" <{id}>"),
                false => format!("<{id}>"),
            };
            add("List-Id", value);
        }
        let url = self
            .unsubscribe_url
            .as_deref()
            .and_then(|url| url::Url::parse(url).ok());
        if let Some(url) = url.filter(|url| url.scheme() == "https") {
            add("List-Unsubscribe", format!("<{url}>"));
            add(
                "List-Unsubscribe-Post",
                "List-Unsubscribe=One-Click".to_owned(),
            );
        }
        builder
    }

    fn body(&self) -> MultiPart {
        let text = clean_body(&self.text);
        let alternative = match &self.html {
            Some(html) => MultiPart::alternative_plain_html(text, clean_body(html)),
            None => MultiPart::alternative().singlepart(lettre::message::SinglePart::plain(text)),
        };
        if self.enclosures.is_empty() {
            return alternative;
        }
        self.enclosures
            .iter()
            .fold(MultiPart::mixed().multipart(alternative), |mixed, file| {
                let content_type =
                    ContentType::parse(&one_line(&file.content_type, NAME_CHARS_MAX))
                        .or_else(|_| ContentType::parse("application/octet-stream"))
                        .unwrap_or(ContentType::TEXT_PLAIN);
                let name = super::inbound::clean_filename(&file.filename);
                mixed.singlepart(Attachment::new(name).body(file.bytes.clone(), content_type))
            })
    }
}

/// Line ends of one kind; characters that no mail may carry (NUL) and that only terminals obey are gone.
fn clean_body(text: &str) -> String {
    let joined = text.replace("\r\n", "\n").replace('\r', "\n");
    joined
        .chars()
        .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
        .collect()
}

fn mailbox(who: &MailAddress, field: &'static str) -> Result<Mailbox, OutgoingError> {
    let name = who
        .name
        .as_deref()
        .map(|name| one_line(name, NAME_CHARS_MAX))
        .filter(|name| !name.is_empty());
    Ok(Mailbox::new(name, address(&who.email, field)?))
}

fn address(email: &str, field: &'static str) -> Result<Address, OutgoingError> {
    let checked = names::email(email).ok_or(OutgoingError::Address { field })?;
    checked
        .parse()
        .map_err(|_| OutgoingError::Address { field })
}

#[cfg(test)]
pub(crate) mod tests {
    use mail_parser::MessageParser;
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn mail() -> OutgoingMail {
        OutgoingMail {
            from: MailAddress::named("Acme Help", "help@example.com"),
            to: MailAddress::of("anna@example.org"),
            subject: "Your bike".to_owned(),
            text: "Hello Anna,\nit is fixed.".to_owned(),
            html: Some("<p>Hello Anna,</p>".to_owned()),
            message_id: message_id("example.com", "m.abc123"),
            date_us: 1_790_000_000_000_000,
            ..OutgoingMail::default()
        }
    }

    fn wire(mail: &OutgoingMail) -> String {
        String::from_utf8(mail.compose().expect("composes").formatted()).expect("mail is ASCII")
    }

    #[test]
    fn threads_by_its_ids() {
        let reply = OutgoingMail {
            in_reply_to: Some("<q1@example.org>".to_owned()),
            references: vec![
                "a@x".to_owned(),
                "not an id".to_owned(),
                "q1@example.org".to_owned(),
            ],
            reply_to: Some(MailAddress::of("help+t.abc@example.com")),
            ..mail()
        };
        let wire = wire(&reply);
        assert!(
            wire.contains("Message-ID: <m.abc123@example.com>\r\n"),
            "{wire}"
        );
        assert!(wire.contains("In-Reply-To: <q1@example.org>\r\n"), "{wire}");
        assert!(
            wire.contains("References: <a@x> <q1@example.org>\r\n"),
            "{wire}"
        );
        assert!(
            wire.contains("Reply-To: help+t.abc@example.com\r\n"),
            "{wire}"
        );
        assert!(
            wire.contains("multipart/alternative") && !wire.contains("Auto-Submitted"),
            "{wire}"
        );
    }

    #[test]
    fn long_references_keep_the_first_and_the_latest() {
        let references = (0..100).map(|n| format!("id{n}@example.org")).collect();
        let header = OutgoingMail {
            references,
            ..mail()
        }
        .references_header();
        let ids: Vec<&str> = header.split(' ').collect();
        assert_eq!(
            (ids.len(), ids[0], ids[1]),
            (20, "<id0@example.org>", "<id81@example.org>")
        );
    }

    #[test]
    fn machines_say_so() {
        let receipt = OutgoingMail {
            automatic: Automatic::Replied,
            unsubscribe_url: Some("https://example.com/u/1".to_owned()),
            ..mail()
        };
        let wire = wire(&receipt);
        for header in [
            "Auto-Submitted: auto-replied",
            "Precedence: bulk",
            "List-Unsubscribe: <https://example.com/u/1>",
        ] {
            assert!(wire.contains(header), "{wire}");
        }
    }

    #[test]
    fn addresses_that_are_none_are_refused() {
        for email in ["", "a", "a@b\r\nBcc: x@y.z", "a@b.c>\nX: y", "\"x\"@b.c"] {
            let bad = OutgoingMail {
                to: MailAddress::of(email),
                ..mail()
            };
            assert!(
                matches!(bad.compose(), Err(OutgoingError::Address { field: "to" })),
                "{email}"
            );
        }
        assert!(matches!(
            OutgoingMail {
                message_id: " ".into(),
                ..mail()
            }
            .compose(),
            Err(OutgoingError::MessageId)
        ));
    }

    #[test]
    fn files_go_with_the_mail() {
        let enclosure = Enclosure {
            filename: "../r\u{e9}sum\u{e9}\r\n.pdf".to_owned(),
            content_type: "application/pdf\r\nX-Evil: 1".to_owned(),
            bytes: vec![0, 159, 146, 150],
        };
        let wire = wire(&OutgoingMail {
            enclosures: vec![enclosure],
            ..mail()
        });
        assert!(!wire.contains("\nX-Evil"), "{wire}");
        let parsed = crate::mail::inbound::parse(wire.as_bytes());
        assert_eq!(parsed.attachments.len(), 1);
        assert_eq!(parsed.attachments[0].bytes, [0, 159, 146, 150]);
    }

    const HEADERS: [&str; 12] = [
        "message-id",
        "date",
        "from",
        "to",
        "subject",
        "reply-to",
        "in-reply-to",
        "references",
        "mime-version",
        "content-type",
        "auto-submitted",
        "content-transfer-encoding",
    ];

    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "\\PC{0,20}",
            proptest::sample::select(vec![
                "\r\nBcc: evil@example.net\r\n",
                "\n",
                "\r",
                "\0",
                "\r\n\r\n<b>",
                " ",
                "<",
                ">",
                "\"",
                "=?utf-8?q?=0D=0A?="
            ])
            .prop_map(str::to_owned),
        ];
        proptest::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_words_forge_a_header(name in hostile(), subject in hostile(), text in hostile(), id in hostile()) {
            let forged = OutgoingMail {
                from: MailAddress::named(name.clone(), "help@example.com"),
                to: MailAddress::named(name, "anna@example.org"),
                subject,
                text: text.clone(),
                html: Some(text),
                in_reply_to: Some(id.clone()),
                references: vec![id.clone(), id],
                ..mail()
            };
            let wire = forged.compose().expect("any words compose").formatted();
            let parsed = MessageParser::default().parse(&wire).expect("parses");
            for header in parsed.headers() {
                prop_assert!(HEADERS.contains(&header.name().to_lowercase().as_str()), "{}", header.name());
            }
            prop_assert_eq!(parsed.to().map(|to| to.iter().count()), Some(1));
            prop_assert_eq!(parsed.message_id(), Some("m.abc123@example.com"));
        }
    }
}
