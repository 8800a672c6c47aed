//! What our own mail server found out about a mail's sender: the Authentication-Results header (RFC 8601).
//!
//! Anybody can write such a header. Only one that names our own server counts, and of those only the topmost,
//! which our server put there last; what lies below may have come with the mail.

use super::inbound::InboundMail;

/// What DMARC (RFC 7489) says of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dmarc {
    /// The domain in From stands behind the mail.
    Pass,
    /// It says that the mail is not its own.
    Fail,
    /// Our server says nothing, or the domain has no policy.
    Unknown,
}

/// What a server found out about a mail, a word a method: `pass`, `fail`, `none`, `softfail`, ...
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    pub spf: Option<String>,
    pub dkim: Option<String>,
    pub dmarc: Option<String>,
}

/// DMARC's result for the domain in From, by the server that calls itself `authserv_id` (without one,
/// nobody is believed).
pub fn dmarc(mail: &InboundMail, authserv_id: &str) -> Dmarc {
    let (Some(found), Some(from)) = (of_server(mail, authserv_id), &mail.from) else {
        return Dmarc::Unknown;
    };
    // With more than one sender, nobody knows whom the result is about.
    if mail.from_count != 1 {
        return Dmarc::Unknown;
    }
    let domain = from.email.rsplit('@').next().unwrap_or_default();
    let Some((word, properties)) = method(&found, "dmarc") else {
        return Dmarc::Unknown;
    };
    let about = properties
        .split_whitespace()
        .find_map(|property| property.strip_prefix("header.from="))
        .map(|value| value.trim_matches('"'));
    match word.as_str() {
        "pass" if about.is_none_or(|about| about.eq_ignore_ascii_case(domain)) => Dmarc::Pass,
        "fail" => Dmarc::Fail,
        _ => Dmarc::Unknown,
    }
}

/// What that server found out; `None` when it says nothing.
pub fn results(mail: &InboundMail, authserv_id: &str) -> Option<Results> {
    of_server(mail, authserv_id).map(|value| read(&value))
}

/// What the server that took the mail last found out, whatever it calls itself: for somebody who looks
/// at a mail of their own.
pub fn topmost(mail: &InboundMail) -> Option<Results> {
    mail.header("authentication-results")
        .map(|value| read(&without_comments(value)))
}

fn of_server(mail: &InboundMail, authserv_id: &str) -> Option<String> {
    mail.headers
        .iter()
        .filter(|(name, _)| name == "authentication-results")
        .map(|(_, value)| without_comments(value))
        .find(|value| is_of(value, authserv_id))
}

fn read(value: &str) -> Results {
    let word = |name| method(value, name).map(|(word, _)| word);
    Results {
        spf: word("spf"),
        dkim: word("dkim"),
        dmarc: word("dmarc"),
    }
}

/// The first result of a method, in lower case, and what stands behind it.
fn method(value: &str, name: &str) -> Option<(String, String)> {
    let results = value.split(';').skip(1);
    results.map(str::trim).find_map(|result| {
        let (result, properties) = result
            .split_once(char::is_whitespace)
            .unwrap_or((result, ""));
        let (method, word) = result.split_once('=')?;
        let method = method.split('/').next().unwrap_or_default().trim();
        method
            .eq_ignore_ascii_case(name)
            .then(|| (word.trim().to_ascii_lowercase(), properties.to_owned()))
    })
}

/// Whether the header's first word is this server's name; a version may stand behind it.
fn is_of(value: &str, authserv_id: &str) -> bool {
    let first = value.split(';').next().unwrap_or_default();
    let name = first.split_whitespace().next().unwrap_or_default();
    !authserv_id.is_empty() && name.trim_matches('"').eq_ignore_ascii_case(authserv_id)
}

/// Without what stands in parentheses, which may hold anything; quoted text stays whole.
fn without_comments(value: &str) -> String {
    let mut kept = String::with_capacity(value.len());
    let (mut depth, mut in_quotes) = (0_usize, false);
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                if let (Some(escaped), 0) = (chars.next(), depth) {
                    kept.push(escaped);
                }
            }
            '"' if depth == 0 => {
                in_quotes = !in_quotes;
                kept.push(c);
            }
            '(' if !in_quotes => depth += 1,
            ')' if !in_quotes && depth > 0 => depth -= 1,
            // A semicolon within quotes separates nothing.
            ';' if in_quotes => kept.push(' '),
            _ if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::inbound::parse;

    fn of(headers: &str) -> Dmarc {
        let raw = format!("{headers}From: Ines <ines@example.com>\r\nSubject: x\r\n\r\ny");
        dmarc(&parse(raw.as_bytes()), "mx.example.com")
    }

    #[test]
    fn only_our_own_server_is_believed() {
        let pass = "Authentication-Results: mx.example.com; dkim=pass header.d=example.com;\r\n dmarc=pass (p=reject) header.from=example.com\r\n";
        let fail = "Authentication-Results: mx.example.com 1; spf=pass; dmarc=fail header.from=example.com\r\n";
        let of_others = pass.replace("mx.example.com;", "mx.example.net;");
        for (headers, said) in [
            (pass.to_owned(), Dmarc::Pass),
            (fail.to_owned(), Dmarc::Fail),
            (of_others.clone(), Dmarc::Unknown),
            (String::new(), Dmarc::Unknown),
            // What came with the mail lies below.
            (format!("{fail}{pass}"), Dmarc::Fail),
            (format!("{of_others}{pass}"), Dmarc::Pass),
            // About another domain; of two senders; in a comment; as another method's reason.
            (
                pass.replace("header.from=example.com", "header.from=example.org"),
                Dmarc::Unknown,
            ),
            (format!("{pass}From: eve@example.net\r\n"), Dmarc::Unknown),
            (
                "Authentication-Results: mx.example.com; none (dmarc=pass ; dmarc=pass)\r\n".into(),
                Dmarc::Unknown,
            ),
            (
                "Authentication-Results: mx.example.com; spf=fail reason=\"x; dmarc=pass\"\r\n"
                    .into(),
                Dmarc::Unknown,
            ),
            (
                "Authentication-Results: (x) mx.example.com; dmarc=none\r\n".into(),
                Dmarc::Unknown,
            ),
            (
                "Authentication-Results: mx.example.com.evil.example; dmarc=pass\r\n".into(),
                Dmarc::Unknown,
            ),
        ] {
            assert_eq!(of(&headers), said, "{headers}");
        }
        let mail = parse(format!("{fail}{pass}From: ines@example.com\r\n\r\ny").as_bytes());
        let word = |word: &str| Some(word.to_owned());
        let found = Results {
            spf: word("pass"),
            dkim: None,
            dmarc: word("fail"),
        };
        assert_eq!(results(&mail, "mx.example.com"), Some(found.clone()));
        assert_eq!(
            (results(&mail, "mx.example.net"), topmost(&mail)),
            (None, Some(found))
        );
        let raw = format!("{pass}From: ines@example.com\r\n\r\ny");
        assert_eq!(dmarc(&parse(raw.as_bytes()), ""), Dmarc::Unknown);
    }
}
