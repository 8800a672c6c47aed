//! The words of a text that tell one thread from another, weighed by how few threads hold them.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use tantivy::Term;

use super::Result;
use super::index::View;
use super::words::{Words, is_stop_word};
use crate::text::language;
use crate::text::words::normalise;

/// Telling words that are looked for; more cost time and find no more (measured up to 25).
pub const TERMS_MAX: usize = 12;
/// Words of the text that are weighed.
pub const WORDS_MAX: usize = 300;
/// Indexes of fewer threads read every word: there it costs nothing and each word counts.
const COMMON_THREADS_MIN: u64 = 2_000;
/// The share of threads above which a word is common.
const COMMON_SHARE: f64 = 0.12;
/// Rarer words a text must have before its common ones are left out.
const RARE_WORDS_MIN: usize = 4;
/// The rarity a word counts with that no thread holds: those are mostly names and slips.
const UNKNOWN_RARITY: f64 = 0.5;

/// A word of a text, weighed.
pub(super) struct Telling {
    /// As it was written, folded.
    pub word: String,
    /// The form under which it is looked for.
    pub form: String,
    /// Threads that hold it.
    pub threads: u64,
    /// How rare it is: 0 when every thread holds it, 1 when none or one does.
    pub rarity: f64,
}

impl Telling {
    /// What it counts when the shares of a text are told apart.
    pub fn weight(&self) -> f64 {
        let rarity = if self.threads == 0 {
            UNKNOWN_RARITY
        } else {
            self.rarity
        };
        rarity * rarity
    }
}

/// A text as the index understands it, with the state of the index it was read by.
pub struct Reading {
    pub(super) view: View,
    pub(super) words: Vec<Telling>,
}

impl Reading {
    /// The words, each as a number that is the same for the same word for as long as the process
    /// runs, with its rarity.
    pub fn weighed(&self) -> impl Iterator<Item = (u64, f32)> + '_ {
        self.words.iter().map(|word| {
            let mut hasher = DefaultHasher::new();
            word.form.hash(&mut hasher);
            (hasher.finish(), word.rarity as f32)
        })
    }

    /// Whether there is no word to look for.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

impl View {
    /// The words that can tell one thread from another, each once, the rarest first.
    pub(super) fn telling_words(&self, text: &str) -> Result<Vec<Telling>> {
        let plain = normalise(text);
        let language = language::detect(&plain);
        let total = self.searcher.num_docs().max(1);
        let mut seen: HashSet<String> = HashSet::new();
        let mut telling: Vec<Telling> = Vec::new();
        let mut words = Words::new(&plain);
        while words.advance() && telling.len() < WORDS_MAX {
            let word = words.folded();
            if is_stop_word(word) || word.len() < 2 {
                continue;
            }
            let mut word = word.to_string();
            let mut form = self.stems.form(language, &word);
            let mut threads = self.threads_with(&form)?;
            if threads == 0
                && let Some(plainer) = without_doubles(&word)
            {
                // "soo slooow" has become "soo sloow": people lengthen what they feel.
                if is_stop_word(&plainer) {
                    continue;
                }
                let plain_form = self.stems.form(language, &plainer);
                let plain_threads = self.threads_with(&plain_form)?;
                if plain_threads > 0 {
                    (word, form, threads) = (plainer, plain_form, plain_threads);
                }
            }
            if seen.insert(form.clone()) {
                telling.push(Telling {
                    word,
                    form,
                    threads,
                    rarity: rarity(threads, total),
                });
            }
        }
        telling.sort_by(|a, b| b.rarity.total_cmp(&a.rarity));
        Ok(telling)
    }

    fn threads_with(&self, form: &str) -> Result<u64> {
        let term = Term::from_field_text(self.fields.text, form);
        Ok(self.searcher.doc_freq(&term)?)
    }

    /// Which of the words are looked for: known, not common while there are rarer ones, and no more
    /// than [`TERMS_MAX`].
    pub(super) fn sought(&self, words: &[Telling]) -> Vec<usize> {
        let total = self.searcher.num_docs();
        let common = |word: &Telling| {
            total >= COMMON_THREADS_MIN && word.threads as f64 > total as f64 * COMMON_SHARE
        };
        let known: Vec<usize> = (0..words.len()).filter(|n| words[*n].threads > 0).collect();
        let rare: Vec<usize> = known
            .iter()
            .copied()
            .filter(|n| !common(&words[*n]))
            .collect();
        let mut sought = if rare.len() >= RARE_WORDS_MIN {
            rare
        } else {
            known
        };
        sought.truncate(TERMS_MAX);
        sought
    }
}

/// How rare a word is among `total` threads: 1 when one thread holds it or none, 0 when all do. The
/// inverse document frequency of BM25, divided by its largest value.
fn rarity(threads: u64, total: u64) -> f64 {
    (idf(threads.clamp(1, total), total) / idf(1, total)).clamp(0.0, 1.0)
}

/// The inverse document frequency of BM25.
fn idf(threads: u64, total: u64) -> f64 {
    let (threads, total) = (threads.min(total) as f64, total as f64);
    (1.0 + (total - threads + 0.5) / (threads + 0.5)).ln()
}

/// The word with each run of one letter taken as one letter; none when it has no runs.
fn without_doubles(word: &str) -> Option<String> {
    let mut plain = String::with_capacity(word.len());
    for letter in word.chars() {
        if !plain.ends_with(letter) || letter.is_numeric() {
            plain.push(letter);
        }
    }
    (plain.len() < word.len()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rarity_is_a_share_and_falls_with_threads(n in 0u64..1_000, m in 0u64..1_000, total in 1u64..1_000) {
            let (few, many) = (n.min(m), n.max(m));
            prop_assert!(rarity(few, total) >= rarity(many, total));
            prop_assert!((0.0..=1.0).contains(&rarity(n, total)));
        }
    }
}
