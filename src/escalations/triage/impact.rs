//! How bad it is for the person: danger, money, what they can't use.

use std::ops::Range;

use super::evidence::Evidence;
use super::rules::quoted;
use crate::cases::Severity;
use crate::escalations::words;

/// A fault in the same sentence, within so many words after heating, is a fault of it ...
const FAULT_WORDS_AFTER: usize = 5;

/// ... and before it, with at most so many words between.
const FAULT_WORDS_BEFORE: usize = 2;

impl Evidence<'_> {
    /// What tells of danger: fire and the like, and a home that is too cold or too hot for who
    /// lives in it.
    pub(super) fn dangers(&self) -> Vec<String> {
        let mut found: Vec<String> = self
            .found(&words::SAFETY)
            .into_iter()
            .filter(|word| !self.is_foreign(word))
            .map(str::to_owned)
            .collect();
        if let Some(warmth) = self.lost_warmth()
            && let Some(frail) = self.frail()
        {
            found.extend([warmth, frail].map(str::to_owned));
        }
        found
    }

    /// Who or what makes a home without warmth a danger; "kids mode" is neither.
    fn frail(&self) -> Option<&'static str> {
        let is_below_zero = |word: &str| {
            let mut chars = word.chars();
            matches!(chars.next(), Some('-' | '−'))
                && chars.next().is_some_and(|c| c.is_ascii_digit())
        };
        let is_minus = |pair: &[String]| {
            pair[0] == "minus" && pair[1].starts_with(|c: char| c.is_ascii_digit())
        };
        let is_feature = |at: usize| self.is_one_of(at, &words::FEATURES);
        let mut frail = self.placed(&words::FRAIL).into_iter();
        let named = frail.find(|(_, place)| {
            !is_feature(place.end) && !place.start.checked_sub(1).is_some_and(is_feature)
        });
        let is_below =
            self.text.split_whitespace().any(is_below_zero) || self.tokens.windows(2).any(is_minus);
        named
            .map(|(phrase, _)| phrase)
            .or_else(|| is_below.then_some("below zero"))
    }

    /// What keeps people warm or cool, itself and not an app for it, and is lacking or has a fault
    /// told few words away.
    fn lost_warmth(&self) -> Option<&'static str> {
        let warmth = self.placed(&words::WARMTH);
        if warmth.is_empty() {
            return None;
        }
        let is_feature = |at: usize| self.is_one_of(at, &words::FEATURES);
        let any_feature = |mut range: Range<usize>| range.any(is_feature);
        let mut faults = self.placed(&words::PROBLEM);
        faults.retain(|(word, _)| !words::WEAK.has(word));
        faults.extend(self.placed(&words::BLOCKED));
        faults.retain(|(_, place)| !self.is_settled(place.start));
        let is_faulty = |warmth: &Range<usize>| {
            faults.iter().any(|(_, fault)| {
                let between = warmth.start.min(fault.start) + 1..=warmth.start.max(fault.start);
                if self.ends.iter().any(|end| between.contains(end)) {
                    false
                } else if fault.start >= warmth.start {
                    fault.start < warmth.end + FAULT_WORDS_AFTER
                        && !any_feature(warmth.end..fault.start)
                } else {
                    fault.end + FAULT_WORDS_BEFORE >= warmth.start
                        && !any_feature(fault.start.saturating_sub(2)..warmth.start)
                }
            })
        };
        let is_of_an_app = |warmth: &Range<usize>| {
            let is_owned = warmth.start > 0 && self.is_one_of(warmth.start - 1, &words::OWNERS);
            let before = warmth.start - usize::from(is_owned);
            is_feature(warmth.end)
                || self.tokens[warmth.end - 1].ends_with("app")
                || (before >= 2
                    && self.is_one_of(before - 1, &words::OF)
                    && any_feature(before.saturating_sub(3)..before - 1))
        };
        let lost = warmth.into_iter().find(|(_, place)| {
            !is_of_an_app(place) && (self.lack_at(place).is_some() || is_faulty(place))
        });
        lost.map(|(phrase, _)| phrase)
    }
}

/// Whether more is told than words that are slang for something good as well.
pub(super) fn has_plain_danger(found: &[String]) -> bool {
    found.iter().any(|f| !words::SLANG.has(f))
}

/// How bad it is for the person, by the worst impact their words tell of.
pub(super) fn severity_of(e: &Evidence<'_>) -> (Severity, String) {
    /// What tells of one level.
    type Told = fn(&Evidence<'_>) -> Vec<String>;
    fn owned(found: Vec<&'static str>) -> impl Iterator<Item = String> {
        found.into_iter().map(str::to_owned)
    }
    const LEVELS: [(Severity, Told); 4] = [
        (Severity::Safety, |e| e.dangers()),
        (Severity::Money, losses),
        (Severity::Blocked, |e| {
            owned(e.found(&words::BLOCKED)).chain(e.lack()).collect()
        }),
        (Severity::Many, |e| owned(e.found(&words::MANY)).collect()),
    ];
    for (severity, told) in LEVELS {
        let found = told(e);
        if !found.is_empty() {
            let why = format!("{}: {}", severity.label().to_lowercase(), quoted(&found));
            return (severity, why);
        }
    }
    (
        Severity::Annoyance,
        "nothing worse than an annoyance is told".to_owned(),
    )
}

/// Money that is lost, or asked for without right. A bill by itself takes nothing from anybody.
fn losses(e: &Evidence<'_>) -> Vec<String> {
    let mut found = e.found(&words::MONEY);
    let paying = e.found(&words::PAYING);
    if !paying.is_empty() {
        let losses = e.found(&words::LOSS);
        let is_amount = e.text.contains(['$', '€', '£']) || !e.found(&words::CURRENCIES).is_empty();
        if !losses.is_empty() || is_amount {
            found.extend(paying.into_iter().chain(losses));
        }
    }
    found.into_iter().map(str::to_owned).collect()
}
