//! What was linked before: for each thread how often and how lately, and for which texts.
//!
//! Texts are kept as weighed numbers of their words, in memory alone; they are forgotten with the
//! process, and read anew from the database every [`super::RELOAD_MICROS`]. One customer counts once
//! a thread, so that nobody lifts a thread by repeating themselves.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::signals::DAY;

/// Decided links that are remembered, the newest.
pub const LINKS_MAX: usize = 20_000;
/// Texts remembered for one thread, the newest: a thousandth link for the same words says nothing new.
const TEXTS_PER_THREAD_MAX: usize = 200;
/// Words of a text that are remembered, the rarest.
const WORDS_MAX: usize = 40;
/// A word that more remembered texts hold finds no similar ones.
const COMMON_TEXTS: usize = 2_000;
/// After how many days a link counts a third for "lately".
const LATELY_DAYS: f64 = 14.0;
/// After how many days a link counts a third for "ever".
const EVER_DAYS: f64 = 1_000.0;
/// After how many days a link for a similar text counts a third.
const ALIKE_DAYS: f64 = 180.0;
/// What a link counts that a rule made and no person looked at.
const BY_RULE: f64 = 0.5;
/// Similarity (cosine) from which two texts count as the same text.
const SAME_TEXT: f64 = 0.85;
/// Threads recalled for a text by each of two ways, at most.
const RECALLED_MAX: usize = 20;

/// What was decided about a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A person chose or confirmed it.
    Confirmed,
    /// A rule made it, and nobody took it back.
    Automatic,
    /// "Not this", or taken back.
    Rejected,
    /// Proposed again: nothing is known.
    Open,
}

/// A decided link, as it is told to the memory.
#[derive(Clone, Debug)]
pub struct PastLink {
    /// The link's own number: telling it again replaces what was known.
    pub id: i64,
    pub thread: i64,
    /// The same for everything of one customer; 0 when not known.
    pub customer: i64,
    /// Microseconds.
    pub at: i64,
    pub verdict: Verdict,
}

/// A text as weighed words.
#[derive(Clone, Debug, Default)]
pub struct Weighed(Vec<(u64, f32)>);

impl Weighed {
    /// The rarest words of a text with their weight, scaled to length 1. `words` come the rarest first.
    pub fn of(words: impl Iterator<Item = (u64, f32)>) -> Weighed {
        let mut words: Vec<(u64, f32)> = words.take(WORDS_MAX).collect();
        let length = words.iter().map(|(_, w)| w * w).sum::<f32>().sqrt();
        if length > 0.0 {
            words.iter_mut().for_each(|(_, w)| *w /= length);
        }
        Weighed(words)
    }
}

struct Entry {
    link: PastLink,
    words: Weighed,
}

/// What is remembered of one thread for one text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Recalled {
    /// Confirmed links, those of the last weeks counting most.
    pub lately: f64,
    /// Confirmed links.
    pub ever: f64,
    /// When the newest was confirmed (µs).
    pub last_at: Option<i64>,
    /// Confirmed links for similar texts: the sum of their similarities, fading.
    pub alike: f64,
    /// How similar the most similar text is for which it was rejected, 0 to 1.
    pub rejected_alike: f64,
    /// It was rejected for this very text, and not confirmed for it since.
    pub is_refused: bool,
}

/// All that is remembered.
#[derive(Default)]
pub struct Memory {
    entries: BTreeMap<i64, Entry>,
    by_word: HashMap<u64, Vec<i64>>,
    by_thread: HashMap<i64, Vec<i64>>,
}

impl Memory {
    /// How many links are remembered.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether this link is remembered with its text.
    pub fn knows(&self, link: i64) -> bool {
        self.entries.contains_key(&link)
    }

    /// Remembers what was decided; what was known of the same link is replaced, its text kept.
    pub fn learn(&mut self, link: PastLink, words: impl FnOnce() -> Weighed) {
        if let Some(known) = self.entries.get_mut(&link.id) {
            known.link = link;
            return;
        }
        if self.entries.len() >= LINKS_MAX {
            self.forget_oldest();
        }
        let (id, thread) = (link.id, link.thread);
        let of_thread = self.by_thread.entry(thread).or_default();
        of_thread.push(id);
        let words = if of_thread.len() > TEXTS_PER_THREAD_MAX {
            let old = of_thread[of_thread.len() - 1 - TEXTS_PER_THREAD_MAX];
            self.forget_text(old);
            words()
        } else {
            words()
        };
        for (word, _) in &words.0 {
            self.by_word.entry(*word).or_default().push(id);
        }
        self.entries.insert(id, Entry { link, words });
    }

    fn forget_text(&mut self, id: i64) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        for (word, _) in std::mem::take(&mut entry.words).0 {
            if let Some(texts) = self.by_word.get_mut(&word) {
                texts.retain(|other| *other != id);
            }
        }
    }

    fn forget_oldest(&mut self) {
        let Some(id) = self.entries.keys().next().copied() else {
            return;
        };
        self.forget_text(id);
        if let Some(entry) = self.entries.remove(&id)
            && let Some(of_thread) = self.by_thread.get_mut(&entry.link.thread)
        {
            of_thread.retain(|other| *other != id);
        }
    }

    /// What is remembered of threads for a text written at `at` (µs).
    pub fn recall(&self, words: &Weighed, at: Option<i64>) -> Recollection {
        let mut similar: HashMap<i64, f32> = HashMap::new();
        for (word, weight) in &words.0 {
            let Some(texts) = self.by_word.get(word).filter(|t| t.len() <= COMMON_TEXTS) else {
                continue;
            };
            for id in texts {
                let theirs = self.entries.get(id).and_then(|entry| {
                    let words = &entry.words.0;
                    words.iter().find(|(w, _)| w == word).map(|(_, w)| *w)
                });
                *similar.entry(*id).or_default() += weight * theirs.unwrap_or(0.0);
            }
        }
        let mut threads: HashMap<i64, Recalled> = HashMap::new();
        for (thread, ids) in &self.by_thread {
            let mut customers: HashSet<i64> = HashSet::new();
            let recalled = threads.entry(*thread).or_default();
            // The verdict about this very text that was given last.
            let mut same: Option<(i64, bool)> = None;
            for id in ids.iter().rev() {
                let Some(Entry { link, .. }) = self.entries.get(id) else {
                    continue;
                };
                let alike = f64::from(similar.get(id).copied().unwrap_or(0.0)).clamp(0.0, 1.0);
                let counts = match link.verdict {
                    Verdict::Confirmed => 1.0,
                    Verdict::Automatic => BY_RULE,
                    Verdict::Rejected => {
                        recalled.rejected_alike = recalled.rejected_alike.max(alike);
                        if alike >= SAME_TEXT && same.is_none_or(|(at, _)| at < link.at) {
                            same = Some((link.at, true));
                        }
                        continue;
                    }
                    Verdict::Open => continue,
                };
                if link.verdict == Verdict::Confirmed
                    && alike >= SAME_TEXT
                    && same.is_none_or(|(at, _)| at < link.at)
                {
                    same = Some((link.at, false));
                }
                if link.customer != 0 && !customers.insert(link.customer) {
                    continue;
                }
                let days = at.map_or(0.0, |at| at.saturating_sub(link.at).max(0) as f64 / DAY);
                recalled.lately += counts * (-days / LATELY_DAYS).exp();
                recalled.ever += counts * (-days / EVER_DAYS).exp();
                recalled.alike += counts * alike * (-days / ALIKE_DAYS).exp();
                recalled.last_at = recalled.last_at.max(Some(link.at));
            }
            recalled.is_refused = same.is_some_and(|(_, refused)| refused);
        }
        Recollection { threads }
    }
}

/// What is remembered for one text.
pub struct Recollection {
    threads: HashMap<i64, Recalled>,
}

impl Recollection {
    /// What is remembered of a thread.
    pub fn of(&self, thread: i64) -> Recalled {
        self.threads.get(&thread).copied().unwrap_or_default()
    }

    /// Threads worth measuring whatever their words: those linked lately, and for similar texts.
    pub fn threads(&self) -> Vec<i64> {
        let mut chosen: Vec<i64> = Vec::new();
        for worth in [|r: &Recalled| r.lately, |r: &Recalled| r.alike] {
            let mut all: Vec<(f64, i64)> = self
                .threads
                .iter()
                .map(|(thread, recalled)| (worth(recalled), *thread))
                .filter(|(worth, _)| *worth > 0.0)
                .collect();
            all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            for (_, thread) in all.into_iter().take(RECALLED_MAX) {
                if !chosen.contains(&thread) {
                    chosen.push(thread);
                }
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[u64]) -> Weighed {
        Weighed::of(list.iter().map(|w| (*w, 1.0)))
    }

    fn link(id: i64, thread: i64, customer: i64, verdict: Verdict) -> PastLink {
        PastLink {
            id,
            thread,
            customer,
            at: 1_000 + id,
            verdict,
        }
    }

    #[test]
    fn a_similar_text_brings_its_thread_and_an_undo_takes_it_away() {
        let mut memory = Memory::default();
        memory.learn(link(1, 7, 1, Verdict::Confirmed), || words(&[1, 2, 3]));
        let recalled = memory.recall(&words(&[1, 2, 4]), Some(2_000)).of(7);
        assert!(
            recalled.alike > 0.6 && recalled.lately > 0.9,
            "{recalled:?}"
        );
        memory.learn(link(1, 7, 1, Verdict::Rejected), || words(&[]));
        let recalled = memory.recall(&words(&[1, 2, 3]), Some(2_000)).of(7);
        assert_eq!((recalled.alike, recalled.lately), (0.0, 0.0));
        assert!(recalled.is_refused && recalled.rejected_alike > 0.99);
    }

    #[test]
    fn one_customer_counts_once_a_thread() {
        let mut memory = Memory::default();
        for id in 0..50 {
            memory.learn(link(id, 7, 3, Verdict::Confirmed), || words(&[1, 2]));
        }
        memory.learn(link(50, 8, 3, Verdict::Confirmed), || words(&[5]));
        memory.learn(link(51, 8, 4, Verdict::Automatic), || words(&[6]));
        let all = memory.recall(&words(&[9]), Some(2_000));
        assert!((all.of(7).ever - 1.0).abs() < 1e-6);
        assert!((all.of(8).ever - 1.5).abs() < 1e-6);
    }

    #[test]
    fn a_confirmation_after_a_rejection_of_the_same_text_counts() {
        let mut memory = Memory::default();
        memory.learn(link(1, 7, 1, Verdict::Rejected), || words(&[1, 2]));
        assert!(memory.recall(&words(&[1, 2]), None).of(7).is_refused);
        assert!(!memory.recall(&words(&[1, 5, 6, 7]), None).of(7).is_refused);
        memory.learn(link(2, 7, 2, Verdict::Confirmed), || words(&[1, 2]));
        assert!(!memory.recall(&words(&[1, 2]), None).of(7).is_refused);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut memory = Memory::default();
        for id in 0..(LINKS_MAX as i64 + 50) {
            memory.learn(link(id, 1, id, Verdict::Automatic), || words(&[1, 2]));
        }
        assert_eq!(memory.len(), LINKS_MAX);
        assert_eq!(memory.by_word[&1].len(), TEXTS_PER_THREAD_MAX);
    }
}
