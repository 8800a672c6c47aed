//! What speaks for a thread beside a text: few numbers, each with a name in words.
//!
//! Counts and times enter by their logarithm, so that the tenth link says less than the first and a
//! year is not twelve times a month. What has no time (a text of no known date) is about as old as
//! [`UNKNOWN_DAYS`] for every thread alike.

use std::collections::HashMap;

use super::memory::Recalled;
use crate::search::Measured;

/// How many signals there are.
pub const COUNT: usize = 20;

/// The signals in the order of a model's weights: a short name that is stored, and words for people.
pub const SIGNALS: [(&str, &str); COUNT] = [
    ("title", "words shared with the title"),
    ("opening", "words shared with the opening post"),
    (
        "whole",
        "words shared with the whole thread, answers included",
    ),
    ("covered", "how much of what is told the thread holds"),
    (
        "near_best",
        "how near it comes to the thread with most words in common",
    ),
    ("meaning", "closeness in meaning (sentence model)"),
    (
        "meaning_lead",
        "how near it comes to the closest in meaning",
    ),
    (
        "linked_lately",
        "links that were confirmed in the last weeks",
    ),
    ("linked_ever", "links that were confirmed ever"),
    ("last_link", "how fresh the newest confirmed link is"),
    (
        "linked_alike",
        "links that were confirmed for similar texts",
    ),
    ("rejected_alike", "“not this” said for similar texts"),
    ("young", "how lately the thread was begun"),
    ("brand_new", "begun in the same days"),
    ("active", "how lately somebody wrote in it"),
    ("replies", "how many replies it has"),
    ("solved", "it is solved"),
    ("official", "it is official"),
    ("known_issue", "it is a known issue"),
    ("me_too", "people who said “me too”"),
];

/// Where the signals of the sentence model stand: they are zero without one.
pub const MEANING: std::ops::Range<usize> = 5..7;

/// Where the signals of words in common stand.
pub(super) const IN_COMMON: std::ops::Range<usize> = 0..5;
/// Where "how near it comes to the thread with most words in common" stands: 1 for that thread itself.
const NEAR_BEST: usize = 4;
/// Where "links that were confirmed ever" stands.
pub(super) const LINKED_EVER: usize = 8;

/// How old everything counts for a text without a date (days).
const UNKNOWN_DAYS: f64 = 180.0;
/// After how many days "brand new" has fallen to a third.
const BRAND_NEW_DAYS: f64 = 3.0;
/// A link that never was counts as this old (days).
const NEVER_DAYS: f64 = 9_999.0;
/// How much a link for a similar text counts beside one: similarities are small numbers.
const ALIKE_SCALE: f64 = 10.0;
/// Signals are stored to a ten-thousandth.
const ROUND: f64 = 10_000.0;
/// Microseconds of a day.
pub(super) const DAY: f64 = 86_400_000_000.0;

/// The signals of one thread.
pub type Signals = [f64; COUNT];

/// Signals as they are stored: by their short names, those of zero left out.
pub fn named(signals: &Signals) -> HashMap<String, f64> {
    let all = SIGNALS.iter().zip(signals);
    all.filter(|(_, value)| **value != 0.0)
        .map(|((name, _), value)| ((*name).to_owned(), (value * ROUND).round() / ROUND))
        .collect()
}

/// Signals that were stored; what this version does not know is passed over.
pub fn signals_of(named: &HashMap<String, f64>) -> Signals {
    SIGNALS.map(|(name, _)| {
        named
            .get(name)
            .copied()
            .filter(|v| v.is_finite())
            .unwrap_or(0.0)
    })
}

/// What the best of all candidates reach.
#[derive(Clone, Copy, Debug, Default)]
pub struct Best {
    pub whole: f64,
    pub meaning: f64,
}

/// The signals of a measured thread. `meaning` is the cosine to the text, when there is a model;
/// `at` is when the text was written (µs).
pub fn signals(
    thread: &Measured,
    meaning: Option<f64>,
    recalled: &Recalled,
    best: Best,
    at: Option<i64>,
) -> Signals {
    let days_from = |then: i64| at.map_or(UNKNOWN_DAYS, |at| days_between(at, then));
    let log = |x: f64| x.max(0.0).ln_1p();
    let yes = |b: bool| f64::from(u8::from(b));
    let begun = days_from(thread.created_at);
    let last_link = recalled
        .last_at
        .zip(at)
        .map_or(NEVER_DAYS, |(last, at)| days_between(at, last));
    [
        log(f64::from(thread.title)),
        log(f64::from(thread.opening)),
        log(f64::from(thread.whole)),
        thread.covered,
        f64::from(thread.whole) / best.whole.max(f64::MIN_POSITIVE),
        meaning.unwrap_or(0.0),
        meaning.map_or(0.0, |m| m - best.meaning),
        log(recalled.lately),
        log(recalled.ever),
        -log(last_link),
        log(ALIKE_SCALE * recalled.alike),
        recalled.rejected_alike,
        -log(begun),
        (-begun / BRAND_NEW_DAYS).exp(),
        -log(days_from(thread.active_at)),
        log(thread.replies as f64),
        yes(thread.solved),
        yes(thread.official),
        yes(thread.known_issue),
        log(thread.me_too as f64),
    ]
}

/// Whether the thread is the first by words and by meaning. Never without a sentence model.
pub fn agree(signals: &Signals) -> bool {
    let (cosine, behind) = (signals[MEANING.start], signals[MEANING.start + 1]);
    signals[NEAR_BEST] >= 1.0 && cosine > 0.0 && behind >= 0.0
}

fn days_between(a: i64, b: i64) -> f64 {
    a.saturating_sub(b).saturating_abs() as f64 / DAY
}
