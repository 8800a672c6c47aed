//! A test of how our mail arrives, as `/admin/mail` shows it: what the receiver's server found out, and what to do.

use crate::clock::Moment;
use crate::mail::store::ArrivalRow;
use crate::web::When;

/// A test of how our mail arrives.
pub(super) struct Test {
    pub(super) to: String,
    pub(super) at: When,
    pub(super) arrived: Option<When>,
    /// Method, what was found out, and the class of its badge.
    pub(super) found: [(&'static str, String, &'static str); 3],
    /// What to do about each that did not pass.
    pub(super) advice: Vec<&'static str>,
}

impl Test {
    pub(super) fn of(row: ArrivalRow, now: Moment) -> Test {
        let advice = match row.arrived_at {
            Some(_) => [
                ("SPF", &row.spf),
                ("DKIM", &row.dkim),
                ("DMARC", &row.dmarc),
            ]
            .into_iter()
            .filter_map(|(method, found)| advice(method, found.as_deref()))
            .collect(),
            None => Vec::new(),
        };
        let found = |method, word: Option<String>| {
            let word = word.unwrap_or_else(|| "not told".to_owned());
            let class = match word.as_str() {
                "pass" => "badge-good",
                "fail" | "permerror" | "softfail" => "badge-bad",
                _ => "badge-warn",
            };
            (method, word, class)
        };
        Test {
            to: row.to_email,
            at: When::new(row.created_at, now),
            arrived: row.arrived_at.map(|at| When::new(at, now)),
            advice,
            found: [
                found("SPF", row.spf),
                found("DKIM", row.dkim),
                found("DMARC", row.dmarc),
            ],
        }
    }
}

/// What to do when a receiver's server finds this out about our mail; `None` when all is well. The words are those
/// of RFC 8601, section 2.7.
fn advice(method: &str, found: Option<&str>) -> Option<&'static str> {
    Some(match (method, found) {
        (_, Some("pass")) => return None,
        ("SPF", None) => {
            "SPF was not told: the receiver’s server did not check it, or signs its findings by another name than `mail.authserv_id`."
        }
        ("SPF", Some("softfail" | "fail" | "neutral")) => {
            "SPF: the record of the envelope’s domain does not name the server that our mail leaves by. Add it (`include:` or `ip4:`); docs/email.md has an example."
        }
        ("SPF", Some("none")) => {
            "SPF: the envelope’s domain has no record. Publish one; docs/email.md has an example."
        }
        ("DKIM", None | Some("none")) => {
            "DKIM: no signature was seen. Set `mail.dkim_selector` and `mail.dkim_key_file`, or let your mail server sign."
        }
        ("DKIM", Some("fail" | "neutral" | "policy" | "permerror")) => {
            "DKIM: the signature does not hold. Compare the record in DNS with the one that `offramp doctor mail` prints; something on the way may also change our mail."
        }
        ("DMARC", None) => {
            "DMARC was not told: the receiver’s server did not check it, or signs its findings by another name than `mail.authserv_id`."
        }
        ("DMARC", Some("none")) => {
            "DMARC: the domain of `mail.from` has no record. Publish one; docs/email.md has an example."
        }
        ("DMARC", Some("fail")) => {
            "DMARC: neither SPF nor DKIM passed for the domain of `mail.from`. Put those two right first; their domain must belong to it."
        }
        (_, Some("temperror")) => "DNS could not be asked just then: send another test later.",
        ("SPF", Some(_)) => "SPF: the record can’t be read. Look for a mistake in it.",
        (_, Some(_)) => "docs/email.md tells which DNS records large providers want.",
        (_, None) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_pass_comes_with_what_to_do() {
        assert_eq!(advice("SPF", Some("pass")), None);
        for (method, found, words) in [
            ("SPF", Some("softfail"), "include:"),
            ("SPF", None, "mail.authserv_id"),
            ("DKIM", None, "mail.dkim_key_file"),
            ("DKIM", Some("fail"), "doctor mail"),
            ("DMARC", Some("fail"), "mail.from"),
        ] {
            let told = advice(method, found).unwrap();
            assert!(told.starts_with(method) && told.contains(words), "{told}");
        }
    }
}
