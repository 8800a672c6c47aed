//! The same problem of the same person, perhaps, by another channel: proposed with its reasons, never
//! merged here. What a person rejected, on either of the two cases, is not proposed again.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::store::{self, people::Person};
use super::triage;
use crate::app::App;
use crate::cases::links::{self, NewLink, Target};
use crate::cases::{self, Case};
use crate::clock::{DAY, Moment};
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::ids::CaseId;
use crate::jobs::{Job, Next};
use crate::keys;
use crate::text::personal_data::{self, Kind};

/// Other open cases that are looked at.
const OTHERS_MAX: i64 = 10;
/// How far apart two cases may have been opened to be the same problem (µs).
const WINDOW: i64 = 7 * DAY;
/// From this likeness two texts of one person are perhaps about the same.
const LIKENESS_MIN: f64 = 0.25;
/// Order numbers of one text that are looked for elsewhere.
const NUMBERS_MAX: usize = 3;
/// Letters and digits of the shortest order number that is no coincidence.
const NUMBER_CHARS_MIN: usize = 5;
/// Words, one of which stands before the number of an order, and how near (characters).
const ORDER_WORDS: &[&str] = &[
    "order", "booking", "bestell", "auftrag", "buchung", "commande", "pedido", "ordine", "zamów",
    "parcel", "tracking", "sendung",
];
const WORD_BEFORE_CHARS: usize = 24;
/// How sure it is before words are compared that two cases are one person's: they name the same order,
/// are the same person's beyond doubt, or somebody's who only has the same name.
const TRUST_ORDER: f64 = 0.5;
const TRUST_PERSON: f64 = 0.3;
pub const TRUST_NAME: f64 = 0.1;
/// The rule by which they are proposed.
const RULE: &str = "same_person";

/// Forgets the numbers of orders whose cases are too old to be compared with.
#[derive(Default, Serialize, Deserialize)]
pub struct ForgetNumbers {}

impl Job for ForgetNumbers {
    const KIND: &'static str = "forget_numbers";

    fn dedupe_key(&self) -> Option<String> {
        Some("all".to_owned())
    }

    fn run(&self, app: &App) -> Result<Next> {
        let before = app.now().plus(-WINDOW);
        app.db
            .write(|tx| store::people::forget_numbers(tx, before))?;
        Ok(Next::Done)
    }
}

/// A case that may be the same problem.
pub struct Perhaps {
    pub other: Case,
    /// 0 to 1, before the words are compared.
    pub trust: f64,
    pub why: String,
    /// Whether the words must be alike, too.
    pub by_words: bool,
}

/// Proposes to `case`, whose customer wrote `text`, the cases that may be the same problem: of the
/// same person by whatever channel, with the same order number, or among `guesses`. Which.
pub fn propose(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    case: &Case,
    text: &str,
    guesses: Vec<Perhaps>,
) -> Result<Vec<CaseId>> {
    let numbers = order_numbers(text);
    store::people::insert_numbers(tx, case.id, &numbers)?;
    let mut found = of_same_order(tx, case, &numbers)?;
    found.extend(of_same_person(tx, case)?);
    found.extend(guesses);
    let mut proposed = Vec::new();
    let mut seen = HashSet::new();
    for perhaps in found {
        let other = &perhaps.other;
        let near = case.opened_at.since(other.opened_at).abs() <= WINDOW;
        let is_one = near && other.state.is_open() && other.merged_into.is_none();
        if !is_one || other.id == case.id || !seen.insert(other.id) {
            continue;
        }
        let known = cases::store::link_to(tx, other.id, Target::Case(case.id))?;
        if known.is_some() {
            continue;
        }
        let like = triage::likeness(&text_of(tx, other)?, text);
        if perhaps.by_words && like < LIKENESS_MIN {
            continue;
        }
        let link = NewLink {
            target: Target::Case(other.id),
            score: (perhaps.trust + like / 2.0).min(1.0),
            reasons: vec![perhaps.why, format!("similar words ({like:.2})")],
            rule: RULE.to_owned(),
        };
        if links::propose(tx, now, by, case.id, &link)? {
            proposed.push(other.id);
        }
    }
    Ok(proposed)
}

/// What the customer of a case wrote: the newest post, else the first message with its subject.
fn text_of(conn: &mut Conn, case: &Case) -> Result<String> {
    if let Some(post) = store::newest_text_of(conn, case.id)? {
        return Ok(post);
    }
    Ok(match store::ticket_text(conn, case.id)? {
        Some(message) => format!("{}. {message}", case.summary),
        None => case.summary.clone(),
    })
}

/// Cases of the same person: by the account, the address or the handle, and by those that belong to
/// the same account because their owner proved it.
fn of_same_person(conn: &mut Conn, case: &Case) -> Result<Vec<Perhaps>> {
    let person = Person::of(conn, case)?;
    let others = store::people::cases_of(conn, &person, case.id, OTHERS_MAX)?;
    Ok(others
        .into_iter()
        .map(|other| {
            let same_email = case.email.is_some()
                && case.email.as_ref().map(|e| e.to_lowercase())
                    == other.email.as_ref().map(|e| e.to_lowercase());
            let why = if case.handle.is_some() && case.handle == other.handle {
                "the same handle has it open too"
            } else if case.user.is_some() && case.user == other.user {
                "the same member has it open too"
            } else if same_email {
                "it came from the same address"
            } else {
                "the address and the handle belong to one member, who confirmed both"
            };
            Perhaps {
                why: format!("{why}, by {}", other.channel.label()),
                other,
                trust: TRUST_PERSON,
                by_words: true,
            }
        })
        .collect())
}

/// Cases that name one of these orders too.
fn of_same_order(conn: &mut Conn, case: &Case, numbers: &[String]) -> Result<Vec<Perhaps>> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let since = case.opened_at.plus(-WINDOW);
    let ids = store::people::cases_with_numbers(conn, numbers, since, OTHERS_MAX)?;
    let others = cases::store::desk::by_ids(conn, &ids)?;
    Ok(others
        .into_iter()
        .map(|other| Perhaps {
            why: format!(
                "both name the same order, this one by {}",
                case.channel.label()
            ),
            other,
            trust: TRUST_ORDER,
            by_words: false,
        })
        .collect())
}

/// The numbers of orders in a text, without blanks and marks, as digests: they are compared and never read.
/// Numbers of customers or tickets are not among them, for many problems have these in common; nor is
/// what may be a date.
fn order_numbers(text: &str) -> Vec<String> {
    let found = personal_data::find(text);
    let numbers = found
        .into_iter()
        .filter(|found| found.kind == Kind::OrderNumber)
        .filter(|found| {
            let before = text[..found.range.start]
                .chars()
                .rev()
                .take(WORD_BEFORE_CHARS);
            let before: String = before.collect::<Vec<_>>().into_iter().rev().collect();
            let before = before.to_lowercase();
            ORDER_WORDS.iter().any(|word| before.contains(word))
        })
        .map(|found| &text[found.range])
        .filter(|number| !number.contains('/'))
        .map(|number| -> String {
            let plain = number.nfkc().filter(|c| c.is_alphanumeric());
            plain.flat_map(char::to_lowercase).collect()
        })
        .filter(|number| number.chars().count() >= NUMBER_CHARS_MIN)
        .map(|number| keys::digest(number.as_bytes()));
    numbers.take(NUMBERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_order_is_the_same_however_it_is_written_and_nothing_else_is_an_order() {
        let one = order_numbers("Where is order no. AB-12345?");
        assert_eq!(one.len(), 1);
        assert_eq!(one, order_numbers("my ORDER: ab12345 has not come"));
        assert_eq!(one, order_numbers("Bestellung AB-12345 fehlt"));
        assert_ne!(one, order_numbers("order AB-123456"));
        for none in [
            "customer number 1234567",
            "invoice 11/2026-07",
            "ticket 123456",
            "call 0151 1234567",
        ] {
            assert!(order_numbers(none).is_empty(), "{none}");
        }
    }
}
