//! The desk: the pages on which staff work. They join cases with escalations, tickets and the
//! forum and have no tables of their own. What they do is done by those slices' verbs.
//!
//! Invariants:
//! - Every page is for `Staff`, and shows and changes only cases that `cases::policy` lets them
//!   work on.
//! - An action that speaks to the customer, ends the wait or takes the case names what it was decided
//!   on (a version, the last event seen, whose the case was), so that nobody acts over words or a
//!   colleague unseen. What sets one thing to one value needs no such name: the story says who did.
//! - A form sent twice does one thing.

pub mod actions;
mod arrival;
pub mod case;
pub mod events;
pub mod mail;
pub mod mail_in;
pub mod mentions;
pub mod models;
pub mod network;
pub mod products;
pub mod publish;
pub mod quality;
pub mod queue;
pub mod spikes;
mod story;

use crate::clock::{DAY, MINUTE, Moment};
use crate::people::CurrentUser;
use crate::web::span_words;

/// The products to which a member of staff is bound; `None` when they see all.
fn bound_to(user: &CurrentUser) -> Option<Vec<crate::ids::ProductId>> {
    user.bound_to().map(<[_]>::to_vec)
}

/// Where somebody is in a list that is read page by page, the newest first.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The last one they have seen; empty at the beginning.
    before: Option<i64>,
}

/// The addresses of the pages beside one.
struct Paged {
    older: Option<String>,
    newer: Option<String>,
}

/// How many lines a list is asked for whose page shows `page`.
fn one_more(page: usize) -> i64 {
    i64::try_from(page).map_or(i64::MAX, |page| page + 1)
}

/// Cuts a list that was asked for with one more than its page shows, by which it tells whether there
/// is an older page. `list` is the address of its beginning, which is where newer ones lead.
fn paged<T>(
    lines: &mut Vec<T>,
    page: usize,
    list: &str,
    before: Option<i64>,
    id: impl Fn(&T) -> i64,
) -> Paged {
    let more = lines.len() > page;
    lines.truncate(page);
    let and = if list.contains('?') { '&' } else { '?' };
    let older = lines.last().filter(|_| more);
    Paged {
        older: older.map(|last| format!("{list}{and}before={}", id(last))),
        newer: before.map(|_| list.to_owned()),
    }
}

/// From this wait on (µs) a case is shown as late.
const LATE: i64 = DAY;

/// How long somebody has waited, in words, and whether that is late.
fn wait(since: Moment, now: Moment) -> (String, bool) {
    let waited = now.since(since).max(0);
    (span(waited), waited >= LATE)
}

/// A span in words, also one too short for a whole minute.
fn span(micros: i64) -> String {
    if micros < MINUTE {
        "under a minute".to_owned()
    } else {
        span_words(micros)
    }
}

/// An amount as pages show it, from millionths of a US dollar.
fn dollars(micros: i64) -> String {
    format!(
        "{}.{:03} USD",
        micros / 1_000_000,
        micros % 1_000_000 / 1_000
    )
}
