//! A mail that somebody sent on: who wrote it first, as the forwarding program copied it.
//!
//! What is read here proves nothing: anybody can type such a block. `offramp mail parse` shows it; nobody is
//! let in anywhere by it.

use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

use super::trim::{FORWARD, is_header_block, is_quoted};
use super::{MailAddress, one_line};

/// Longest header line that is read, in characters.
const HEADER_CHARS_MAX: usize = 500;
/// Lines in which the block is looked for.
const LINES_MAX: usize = 2_000;

/// The mail within a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Forwarded {
    /// Who wrote it, as the block says.
    pub from: Option<MailAddress>,
    /// Its subject; empty when the block gives none.
    pub subject: String,
    /// When, in the block's words.
    pub date: String,
    /// What it says.
    pub text: String,
    /// What the one who sent it on wrote above it.
    pub note: String,
}

#[expect(
    clippy::unwrap_used,
    reason = "the patterns are constants, and every test builds them"
)]
fn pattern(source: &str) -> Regex {
    Regex::new(source).unwrap()
}

/// Beginnings of subjects by which programs mark a forward, in the languages of their makers.
static SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)^\s*(fwd?|wg|tr|rv|enc|i|doorst|vs|vb|pd|пересл|转发|轉寄|転送)\s*:")
});
static FROM: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^\*?(from|von|de|da|van|fra|från|od|от|lähettäjä|发件人|差出人)\s?\*?\s?[:：]\*?\s?(?<value>\S.*)$",
    )
});
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^\*?(date|sent|datum|gesendet|envoyé|fecha|enviado|data|inviato|verzonden|dato|sendt|skickat|wysłano|odesláno|дата|отправлено|lähetetty|发送时间|送信日時)\s?\*?\s?[:：]\*?\s?(?<value>\S.*)$",
    )
});
static ABOUT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^\*?(subject|betreff|objet|asunto|assunto|oggetto|onderwerp|emne|ämne|temat|předmět|тема|aihe|主题|件名)\s?\*?\s?[:：]\*?\s?(?<value>\S.*)$",
    )
});
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)[<\[(]?(?:mailto:)?(?<email>[^\s<>\[\]()]+@[^\s<>\[\]()]+\.[^\s<>\[\]().]+)[>\])]?",
    )
});

/// Reads the mail that this one sends on, if it does: by the line that its program drew above it, else by
/// a subject that says so and a block of headers.
pub fn forwarded(subject: &str, text: &str) -> Option<Forwarded> {
    let lines: Vec<&str> = text.lines().collect();
    let looked_at = lines.len().min(LINES_MAX);
    let drawn = (0..looked_at).find(|&at| FORWARD.is_match(lines[at].trim()));
    let start = match drawn {
        Some(at) => at,
        None if SUBJECT.is_match(subject) => {
            (0..looked_at).find(|&at| is_header_block(&lines[at..]))?
        }
        None => return None,
    };
    let below = lines.get(start + usize::from(drawn.is_some())..)?;
    let quoted = below
        .iter()
        .find(|line| !line.trim().is_empty())
        .is_some_and(|line| is_quoted(line));
    let below: Vec<&str> = below
        .iter()
        .map(|line| {
            if quoted {
                unquoted(line)
            } else {
                line.trim_end()
            }
        })
        .skip_while(|line| line.trim().is_empty())
        .collect();
    let end = below.iter().position(|line| line.trim().is_empty());
    let (block, words) = below.split_at(end.unwrap_or(below.len()));
    let value = |pattern: &Regex| {
        let found = block.iter().find_map(|line| pattern.captures(line.trim()));
        found.map(|found| one_line(found["value"].trim_matches('*'), HEADER_CHARS_MAX))
    };
    let from = value(&FROM)?;
    Some(Forwarded {
        from: address(&from),
        subject: value(&ABOUT).unwrap_or_default(),
        date: value(&DATE).unwrap_or_default(),
        text: words.join("\n").trim_matches('\n').to_owned(),
        note: lines[..start].join("\n").trim().to_owned(),
    })
}

fn unquoted(line: &str) -> &str {
    let line = line.trim_end();
    line.strip_prefix("> ")
        .or_else(|| line.strip_prefix('>'))
        .unwrap_or(line)
}

/// `Anna Lee <anna@example.org>`, `anna@example.org [mailto:anna@example.org]`, `Anna Lee`.
fn address(from: &str) -> Option<MailAddress> {
    let found = ADDRESS.captures(from)?;
    let before = from.get(..found.get(0)?.start())?;
    let name = before.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
    Some(MailAddress {
        name: (!name.is_empty()).then(|| name.to_owned()),
        email: found["email"].to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn anna() -> Option<MailAddress> {
        Some(MailAddress::named("Anna Lee", "anna@example.org"))
    }

    #[test]
    fn forwards_of_common_programs_name_who_wrote_first() {
        for (subject, block) in [
            (
                "Fwd: Broken lamp",
                "---------- Forwarded message ---------\nFrom: Anna Lee <anna@example.org>\nDate: Mon, 2 Mar 2026 at 09:00\nSubject: Broken lamp\nTo: <help@example.com>\n\n\nIt is broken.\n",
            ),
            (
                "Fwd: Broken lamp",
                "Begin forwarded message:\n\n> From: Anna Lee <anna@example.org>\n> Subject: Broken lamp\n> Date: Mon, 2 Mar 2026 at 09:00\n> To: help@example.com\n>\n> It is broken.\n",
            ),
            (
                "WG: Broken lamp",
                "________________________________\nVon: Anna Lee [mailto:anna@example.org]\nGesendet: Mon, 2 Mar 2026 at 09:00\nAn: Help\nBetreff: Broken lamp\n\nIt is broken.\n",
            ),
            (
                "Tr: Broken lamp",
                "*De :* Anna Lee <anna@example.org>\n*Envoyé :* Mon, 2 Mar 2026 at 09:00\n*À :* Aide\n*Objet :* Broken lamp\n\nIt is broken.\n",
            ),
            (
                "Anything",
                "-------- Weitergeleitete Nachricht --------\nBetreff: Broken lamp\nDatum: Mon, 2 Mar 2026 at 09:00\nVon: \"Anna Lee\" <anna@example.org>\nAn: help@example.com\n\nIt is broken.\n",
            ),
        ] {
            let found =
                forwarded(subject, &format!("Can you help her?\n\n{block}")).unwrap_or_default();
            assert_eq!(found.from, anna(), "{block}");
            assert_eq!(found.subject, "Broken lamp", "{block}");
            assert_eq!(found.date, "Mon, 2 Mar 2026 at 09:00", "{block}");
            assert_eq!(found.text, "It is broken.", "{block}");
            assert!(found.note.starts_with("Can you help her?"), "{block}");
        }
    }

    #[test]
    fn answers_and_talk_of_forwarding_are_no_forwards() {
        for (subject, text) in [
            (
                "Re: Broken lamp",
                "Thanks.\n\nFrom: Acme\nSent: Monday\nTo: Anna\nSubject: lamp\n\nHello",
            ),
            ("Fwd: please", "I was told to forward this message to you."),
            (
                "Lamp",
                "---------- Forwarded message ----------\nwas all it said.",
            ),
        ] {
            assert_eq!(forwarded(subject, text), None, "{text}");
        }
    }

    #[test]
    fn an_author_without_an_address_is_nobody() {
        let text = "---------- Forwarded message ---------\nFrom: Anna Lee\nSubject: x\nTo: y\n\nz";
        assert_eq!(forwarded("x", text).map(|found| found.from), Some(None));
    }

    proptest! {
        #[test]
        fn any_text_is_read(lines in proptest::collection::vec(
            prop_oneof!["\\PC{0,30}", Just("From: a@b.example".to_owned()), Just("Begin forwarded message:".to_owned()), Just("> To: x".to_owned())],
            0..20,
        )) {
            let _ = forwarded("Fwd: x", &lines.join("\n"));
        }
    }
}
