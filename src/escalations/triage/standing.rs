//! What a post leaves to do: something, or nothing, for its trouble is over or was only vented.
//!
//! In doubt there is something to do: whom we take for done with it gets no help.

use super::evidence::Evidence;
use crate::cases::Severity;
use crate::escalations::words::{self, List};
use crate::escalations::{Label, Standing};

/// Words before a phrase in which it may be made a wish: "once it is fixed".
const WISH_WORDS_BEFORE: usize = 4;
/// Who vents is short; who writes more than so many words tells of something.
const VENT_WORDS_MAX: usize = 16;

impl Evidence<'_> {
    /// The words by which the trouble is over, when nothing else says that any is left.
    fn is_told_over(&self) -> Option<String> {
        // "No problem" is politeness as often, and "for replacing" tells of an end only in thanks.
        let is_end = |phrase: &str| match phrase.split(' ').next().unwrap_or_default() {
            "for" => self.has_little(&words::THANKED),
            first => !words::NO.has(first),
        };
        let phrases = [&words::OVER, &words::ENDED].map(|list| self.placed(list));
        let (phrase, place) = phrases
            .into_iter()
            .flatten()
            .filter(|(phrase, _)| is_end(phrase))
            .max_by_key(|(_, place)| place.end)?;
        let any = |mut range: std::ops::Range<usize>, lists: &[&List]| {
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
        // "Works now" says of every fault told before it that it is gone; "solved my" only of one.
        let is_change = words::CHANGED.iter().any(|word| {
            let mut parts = phrase.trim_end_matches('*').split(' ');
            parts.any(|part| part == *word)
        });
        let is_left = [&words::PROBLEM, &words::BLOCKED]
            .iter()
            .flat_map(|list| self.placed(list))
            .any(|(_, fault)| {
                !place.contains(&fault.start) && (!is_change || fault.start >= place.end)
            });
        let is_over = !is_wish && !is_torn && !goes_on && !is_left && self.questions == 0;
        is_over.then(|| phrase.trim_end_matches('*').to_owned())
    }

    /// The words by which somebody only vents: that is said, or there are angry words and not one
    /// of what has happened or what is wanted.
    fn is_vented(&self) -> Option<String> {
        if self.questions > 0 || self.has(&words::QUESTION) {
            return None;
        }
        if let Some(told) = self.found(&words::VENT).first() {
            return Some((*told).to_owned());
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
    if let Some(told) = e.is_told_over() {
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
