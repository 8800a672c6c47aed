//! Triage: what a mention is, how bad it is, which product it is about; with reasons to read.
//!
//! Pure: a list of rules in a fixed order (`rules`), each of which looks at the evidence and may find
//! something. A finding weighs towards complaint, or away from it, and says why in words; the sum
//! goes through a logistic function (`judgement`). The weights were chosen by hand, in steps of a
//! tenth, while looking at how the whole judges posts it had not been written for.

mod catalogue;
mod evidence;
mod impact;
mod judgement;
mod lexicon;
mod likeness;
pub mod model;
mod over;
mod quiet;
mod rules;
mod standing;
#[cfg(test)]
mod tests;

pub use catalogue::{Product, Topic};
pub use evidence::{Evidence, TEXT_CHARS_MAX, tokens};
pub use judgement::{Knowledge, Post, Triage, judge, judge_post};
pub use likeness::likeness;
pub use quiet::asks_for_quiet;
pub use rules::{Finding, RULES, Rule};
