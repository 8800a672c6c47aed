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
mod standing;
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
pub use standing::*;
pub use style::*;
pub use trouble::*;
pub use wish::*;

/// A list of words and phrases. Each is one static: where a text was searched for all lists at once,
/// a find names its list by its place in memory.
#[derive(Debug)]
pub struct List {
    entries: &'static [&'static str],
    /// The [`mark`] of each entry.
    marks: u128,
}

impl List {
    const fn new(entries: &'static [&'static str]) -> List {
        let mut marks = 0;
        let mut n = 0;
        while n < entries.len() {
            marks |= mark(entries[n]);
            n += 1;
        }
        List { entries, marks }
    }

    /// Whether a word is one of the entries.
    pub fn has(&self, word: &str) -> bool {
        self.marks & mark(word) != 0 && self.entries.contains(&word)
    }
}

impl std::ops::Deref for List {
    type Target = [&'static str];

    fn deref(&self) -> &Self::Target {
        self.entries
    }
}

/// One bit by a word's length, first and last byte: most words that are not in a list are told so
/// without comparing them (a Bloom filter of one hash; Bloom 1970).
const fn mark(word: &str) -> u128 {
    let bytes = word.as_bytes();
    match bytes {
        [] => 1,
        [first, .., last] | [first @ last] => {
            1 << ((*first as usize * 7 + *last as usize * 3 + bytes.len()) % 128)
        }
    }
}

/// No word at all.
pub static NONE: List = List::new(&[]);

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
    &ENDED,
    &VENT,
];

/// The lists of single words by which the style is told.
pub static LITTLE: &[&List] = &[
    &I, &MY, &YOU, &WE, &PLEASE, &THANKED, &CAN, &IS, &WAS, &HAS, &NEGATION, &WHY, &HOW, &WHEN,
    &WHAT, &WHERE, &WHICH, &BUT, &STILL, &ONLY, &BECAUSE, &ALWAYS, &SPANS, &TRY, &GET, &ANY,
    &HELLO, &CONTACT, &SERVICE, &SOFTWARE, &ORDINAL, &NEED, &EXPECT, &DEMAND, &PEOPLE, &AMOUNT,
    &COME, &AVAILABLE, &FORCE, &CRY, &WONDER, &TOLD, &TURNED,
];
