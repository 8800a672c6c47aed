//! What a text tells to be over, and what it tells to be lacking or at fault still.

use std::ops::Range;

use super::evidence::Evidence;
use crate::escalations::words;

impl Evidence<'_> {
    /// A supply that is lacking: "no hot water", "Internet ist weg".
    pub(super) fn lack(&self) -> Option<String> {
        let mut supplies = (0..self.tokens.len()).filter(|n| self.is_one_of(*n, &words::SUPPLIES));
        supplies.find_map(|at| {
            let told = self.lack_at(&(at..at + 1))?;
            Some(self.tokens[told].join(" "))
        })
    }

    /// The words by which what stands there is lacking. "Out" has many meanings but right after it.
    pub(super) fn lack_at(&self, place: &Range<usize>) -> Option<Range<usize>> {
        let mut before = place.start.saturating_sub(2)..place.start;
        let first = before.find(|n| {
            self.is_one_of(*n, &words::LACK)
                && (self.tokens[*n] != "plus" || !self.is_foreign("plus"))
        });
        if let Some(first) = first {
            return Some(first..place.end);
        }
        let mut after = place.end..place.end + 5;
        let last = after.find(|n| {
            let is_plain = self.tokens.get(*n).is_some_and(|token| token != "out");
            self.is_one_of(*n, &words::GONE)
                && (is_plain || *n == place.end || self.tokens[n - 1] == "is")
        })?;
        Some(place.start..last + 1)
    }

    /// Where a trouble is told to be over, or not to have been.
    pub(super) fn told_to_be_over(&self) -> Vec<Range<usize>> {
        let denies = |word: &str| words::NEGATION.has(word) && !self.is_foreign(word);
        let is_denied = self.tokens.iter().any(|token| denies(token));
        let over = self.placed(&words::OVER).into_iter();
        over.filter(|(phrase, _)| !is_denied || phrase.split(' ').next().is_some_and(denies))
            .map(|(phrase, place)| {
                let mut end = place.end;
                let has_owner = phrase.ends_with(" my");
                if has_owner || phrase.starts_with("for ") {
                    let is_owned = !has_owner && self.is_one_of(end, &words::OWNERS);
                    end += 1 + usize::from(is_owned);
                }
                place.start..end
            })
            .collect()
    }

    pub(super) fn is_over(&self) -> bool {
        !self.settled.is_empty()
    }

    /// What does not do what it should and is not over. Words that are said in praise too count
    /// only beside a trouble that is over: there they tell of another.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut found = self.unsettled(&words::PROBLEM);
        found.retain(|word| self.is_over() || !words::WEAK.has(word));
        found.extend(self.unsettled(&words::BLOCKED));
        let found = found.into_iter().map(str::to_owned);
        found.chain(self.lack()).collect()
    }

    pub(super) fn is_faultless(&self) -> bool {
        let lists = [
            &words::PROBLEM,
            &words::NEGATIVE,
            &words::BLOCKED,
            &words::SAFETY,
        ];
        self.lack().is_none() && lists.iter().all(|list| self.found(list).is_empty())
    }
}
