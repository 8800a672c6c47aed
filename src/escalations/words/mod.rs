//! The words by which a post is judged, in English, German, Spanish and French; written by us.
//!
//! A phrase matches whole words in lower case; one that ends in `*` matches the beginning of a
//! word too. Contractions stand without their apostrophe, as `triage::Evidence` folds them.

mod grammar;
mod home;
mod impact;
mod languages;
mod mood;
mod noise;
mod praise;
mod style;
mod trouble;
mod wish;

pub use grammar::*;
pub use home::*;
pub use impact::*;
pub use languages::*;
pub use mood::*;
pub use noise::*;
pub use praise::*;
pub use style::*;
pub use trouble::*;
pub use wish::*;

/// A list of words and phrases. Each is one static: where a text was searched for all lists at once,
/// a find names its list by its place in memory.
#[derive(Debug)]
pub struct List(&'static [&'static str]);

impl std::ops::Deref for List {
    type Target = [&'static str];

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

/// The lists that are searched for as phrases.
pub static PHRASES: &[&List] = &[
    &PROBLEM,
    &OVER,
    &NEGATIVE,
    &PROFANITY,
    &PRAISE,
    &SARCASM,
    &EARNEST,
    &QUESTION,
    &ACCOUNT,
    &OPT_OUT,
    &NOISE,
    &REACH,
    &SAFETY,
    &MONEY,
    &PAYING,
    &LOSS,
    &CURRENCIES,
    &BLOCKED,
    &MANY,
    &WARMTH,
    &FRAIL,
];

/// The lists of single words by which the style is told.
pub static LITTLE: &[&List] = &[
    &I, &MY, &YOU, &WE, &PLEASE, &THANKED, &CAN, &IS, &WAS, &HAS, &NEGATION, &WHY, &HOW, &WHEN,
    &WHAT, &WHERE, &WHICH, &BUT, &STILL, &ONLY, &BECAUSE, &ALWAYS, &SPANS, &TRY, &GET, &ANY,
    &HELLO, &CONTACT, &SERVICE, &SOFTWARE, &ORDINAL, &NEED, &EXPECT, &DEMAND, &PEOPLE, &AMOUNT,
    &COME, &AVAILABLE, &FORCE, &CRY, &WONDER, &TOLD, &TURNED,
];
