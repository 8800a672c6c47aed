//! What a post leaves to do: something, or nothing, for its trouble is over or was only vented.
//!
//! In doubt there is something to do: whom we take for done with it gets no help.

use std::ops::Range;

use super::evidence::Evidence;
use crate::cases::Severity;
use crate::escalations::words::{self, List};
use crate::escalations::{Label, Standing};

/// Words before a phrase in which it may be made a wish: "once it is fixed".
const WISH_WORDS_BEFORE: usize = 4;
/// Who vents is short; who writes more than so many words tells of something.
const VENT_WORDS_MAX: usize = 16;

impl Evidence<'_> {
    /// The sentence in which a word stands.
    fn sentence(&self, at: usize) -> Range<usize> {
        let ends = || self.ends.iter().copied();
        let start = ends().filter(|end| *end <= at).max().unwrap_or(0);
        let end = ends().filter(|end| *end > at).min();
        start..end.unwrap_or(self.tokens.len())
    }

    /// The words by which the trouble is over, when nothing else says that any is left.
    fn is_told_over(&self, severity: Severity) -> Option<String> {
        // "No problem" is politeness as often, and "for replacing" tells of an end only in thanks.
        let is_end = |phrase: &str| match phrase.split(' ').next().unwrap_or_default() {
            "for" => self.has_little(&words::THANKED),
            first => !words::NO.has(first) && !words::ONE_THING.has(phrase),
        };
        let phrases = [&words::OVER, &words::ENDED].map(|list| self.placed(list));
        let (phrase, place) = phrases
            .into_iter()
            .flatten()
            .filter(|(phrase, _)| is_end(phrase))
            .max_by_key(|(_, place)| place.end)?;
        let any = |mut range: Range<usize>, lists: &[&List]| {
            range.any(|at| lists.iter().any(|list| self.is_one_of(at, list)))
        };
        let is_wish = any(
            place.start.saturating_sub(WISH_WORDS_BEFORE)..place.start,
            &[&words::UNTIL, &words::NEGATION],
        );
        let is_torn = self
            .ends
            .iter()
            .any(|end| (place.start + 1..place.end).contains(end));
        let later = [
            &words::BUT,
            &words::NEGATION,
            &words::CAN,
            &words::PLEASE,
            &words::NEED,
            &words::DEMAND,
        ];
        let goes_on = any(0..place.start, &[&words::GOING_ON, &words::WHY])
            || any(
                place.end..self.tokens.len(),
                &[&words::GOING_ON, &words::WHY],
            )
            || any(place.end..self.tokens.len(), &later);
        let has_part = |list: &List| {
            let mut parts = phrase.trim_end_matches('*').split(' ');
            parts.any(|part| list.has(part))
        };
        let sentence = self.sentence(place.start);
        let is_whole = (sentence.start..place.start).all(|at| self.is_one_of(at, &words::WHOLE));
        // "Works now" says of every fault told before it that it is gone, but "login works now"
        // says so of nothing told in another sentence.
        let is_left = [&words::PROBLEM, &words::BLOCKED]
            .iter()
            .flat_map(|list| self.placed(list))
            .any(|(_, fault)| {
                let is_gone = has_part(&words::CHANGED)
                    && fault.start < place.start
                    && (is_whole || sentence.contains(&fault.start));
                !place.contains(&fault.start) && !is_gone
            });
        let owed = [&words::MONEY, &words::PAYING, &words::LOSS, &words::ACCOUNT];
        let mut owed = owed.iter().flat_map(|list| self.placed(list));
        let is_owed_elsewhere = owed.any(|(_, told)| !sentence.contains(&told.start));
        let is_loss = match severity {
            Severity::Money => true,
            Severity::Blocked => self.has(&words::ACCOUNT),
            _ => false,
        };
        let is_owed = is_owed_elsewhere || (is_loss && !has_part(&words::SETTLED));
        // What has come may be broken, or the wrong thing: that is told in the words that follow.
        let says_how = words::ARRIVED.has(phrase)
            && (place.end..self.tokens.len()).any(|at| {
                !self.is_one_of(at, &words::ARRIVED_WHEN) && !self.is_one_of(at, &words::SPANS)
            });
        let is_left = is_left || is_owed || says_how;
        let is_over = !is_wish && !is_torn && !goes_on && !is_left && self.questions == 0;
        is_over.then(|| phrase.trim_end_matches('*').to_owned())
    }

    /// The words by which somebody only vents: that is said, or there are angry words, and beside
    /// them none but little words and names for a company.
    fn is_vented(&self) -> Option<String> {
        if self.questions > 0 || self.has(&words::QUESTION) {
            return None;
        }
        let wants = [
            &words::PLEASE,
            &words::NEED,
            &words::DEMAND,
            &words::EXPECT,
            &words::CONTACT,
            &words::TRY,
            &words::GET,
            &words::TOLD,
            &words::WHY,
            &words::HOW,
            &words::WHEN,
            &words::WHERE,
            &words::SPANS,
            &words::BECAUSE,
            &words::AVAILABLE,
            &words::TURNED,
        ];
        let tells = [
            &words::PROBLEM,
            &words::BLOCKED,
            &words::MONEY,
            &words::PAYING,
            &words::LOSS,
            &words::MANY,
            &words::ACCOUNT,
        ];
        let is_denial = |token: &String| words::NEGATION.has(token) && token != "never";
        let says_more = self.words() > VENT_WORDS_MAX
            || wants.iter().any(|list| self.has_little(list))
            || tells.iter().any(|list| self.has(list))
            || self.tokens.iter().any(is_denial)
            || (0..self.tokens.len()).any(|at| self.is_one_of(at, &words::UNDONE))
            || self.lack().is_some()
            || (b'0'..=b'9').any(|digit| self.count(digit) > 0);
        if says_more {
            return None;
        }
        let angry = [&words::NEGATIVE, &words::PROFANITY];
        let heard = angry.into_iter().chain([&words::VENT]);
        let heard: Vec<_> = heard.flat_map(|list| self.placed(list)).collect();
        let is_empty = |at: usize| {
            self.is_one_of(at, &words::EMPTY) || heard.iter().any(|(_, place)| place.contains(&at))
        };
        if !(0..self.tokens.len()).all(is_empty) {
            return None;
        }
        if let Some(told) = self.found(&words::VENT).first() {
            return Some((*told).to_owned());
        }
        let mut angry = angry.iter().flat_map(|list| self.found(list));
        let angry = angry.find(|word| !words::MILD.has(word))?;
        Some(angry.trim_end_matches('*').to_owned())
    }
}

/// What is left to do, and the words that tell so; `None` where nothing is asked of anybody anyway.
pub(super) fn standing_of(
    e: &Evidence<'_>,
    label: Label,
    severity: Severity,
) -> Option<(Standing, Option<String>)> {
    if !label.wants_an_answer() {
        return None;
    }
    let open = (Standing::Actionable, None);
    if severity == Severity::Safety {
        return Some(open);
    }
    if let Some(told) = e.is_told_over(severity) {
        return Some((Standing::Over, Some(told)));
    }
    if label == Label::Complaint
        && severity == Severity::Annoyance
        && let Some(told) = e.is_vented()
    {
        return Some((Standing::Venting, Some(told)));
    }
    Some(open)
}
