//! "Similar to this": the threads that tell of the problem a text tells of.
//!
//! The text (a public post, a mail, a title being typed) is stripped of handles, addresses and
//! emoji; its most telling words, by how few threads hold them, are looked for together. Common
//! words choose no candidate, because their postings are long; the few best candidates are then
//! scored anew with all words, common ones too, and with what else speaks for a thread. Each comes
//! with a confidence and the words that moved it.

use std::collections::{BTreeMap, HashSet};

use tantivy::collector::TopDocs;
use tantivy::postings::Postings;
use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocSet, Score, TERMINATED, Term};

use super::Result;
use super::index::{SearchIndex, View};
use super::query::Filters;
use super::schema::{OFFICIAL, SOLVED};
use super::words::{Words, is_stop_word};
use crate::text::language;
use crate::text::words::normalise;

/// Telling words that are looked for; more cost time and find no more (measured up to 25).
pub const TERMS_MAX: usize = 12;
/// Words of the text that are weighed.
pub const WORDS_MAX: usize = 300;
/// Candidates in one answer, at most.
pub const LIMIT_MAX: usize = 50;
/// How many of the best by their telling words are scored anew with all words.
const CANDIDATES: usize = 120;
/// Words a candidate is scored by.
const SCORED_MAX: usize = 40;
/// BM25: how soon further occurrences of a word stop counting.
const K1: f32 = 1.2;
/// BM25: how much a long thread is discounted. Less than the usual 0.75: threads are long because
/// they were answered. Chosen on a support forum's linked questions.
const B: f32 = 0.6;
/// Indexes of fewer threads read every word: there it costs nothing and each word counts.
const COMMON_THREADS_MIN: u64 = 2_000;
/// The share of threads above which a word is common.
const COMMON_SHARE: f64 = 0.12;
/// Rarer words a text must have before its common ones are left out.
const RARE_WORDS_MIN: usize = 4;
/// What a solved thread's score is multiplied by.
const SOLVED_BOOST: f32 = 1.05;
/// What an official thread's score is multiplied by.
const OFFICIAL_BOOST: f32 = 1.05;
/// What each doubling of "me too" adds to the score, as a share of it.
const ME_TOO_BOOST: f32 = 0.03;
/// What a thread active at the very moment of the text gains, as a share of its score.
const FRESH_BOOST: f32 = 0.5;
/// After how many days without activity that gain has fallen to a third.
const FRESH_DAYS: f32 = 30.0;
/// The rarity a word counts with that no thread holds: those are mostly names and slips.
const UNKNOWN_RARITY: f64 = 0.5;
/// Shared words named in the reasons.
const REASON_WORDS_MAX: usize = 5;

/// What threads are to be similar to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Likeness<'a> {
    /// The text as it was written.
    pub text: &'a str,
    /// Only threads of this product (slug).
    pub product: Option<&'a str>,
    /// How many, at most [`LIMIT_MAX`].
    pub limit: usize,
    /// Threads to leave out, by id.
    pub exclude: &'a [i64],
    /// When the text was written (µs): threads active about then are raised, because the same
    /// trouble comes to many at once. `None` for no such preference.
    pub at: Option<i64>,
}

/// A thread that may be about the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Similar {
    /// The thread's id.
    pub thread_id: i64,
    /// BM25 with boosts: comparable within one answer only.
    pub score: f32,
    /// How sure it is the same problem, 0 to 1; see [`confidence`].
    pub confidence: f64,
    /// What speaks for it, in words for a person.
    pub reasons: Vec<String>,
}

impl SearchIndex {
    /// The threads most similar to `text`, best first.
    pub fn similar(
        &self,
        text: &str,
        product: Option<&str>,
        limit: usize,
        exclude: &[i64],
    ) -> Result<Vec<Similar>> {
        self.similar_to(&Likeness {
            text,
            product,
            limit,
            exclude,
            at: None,
        })
    }

    /// The threads most similar to what `asked` describes, best first.
    pub fn similar_to(&self, asked: &Likeness<'_>) -> Result<Vec<Similar>> {
        self.view().similar(asked)
    }
}

/// A word of the text, weighed.
struct Telling {
    word: String,
    term: Term,
    /// Threads that hold it.
    threads: u64,
    idf: f32,
    /// How rare it is: 0 when every thread holds it, 1 when none or one does.
    rarity: f64,
}

struct Candidate {
    address: DocAddress,
    score: Score,
    flags: u64,
    me_too: u64,
    active_at: i64,
    thread_id: i64,
    shared: Vec<usize>,
}

impl View {
    fn similar(&self, asked: &Likeness<'_>) -> Result<Vec<Similar>> {
        let limit = asked.limit.clamp(1, LIMIT_MAX);
        let words = self.telling_words(asked.text)?;
        let sought = self.sought(&words);
        if sought.is_empty() {
            return Ok(Vec::new());
        }
        let mut candidates = self.candidates(asked, &words, &sought, limit)?;
        self.score(&words, &mut candidates)?;
        for candidate in &mut candidates {
            candidate.score *= candidate.boost(asked.at);
        }
        candidates.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then_with(|| a.address.cmp(&b.address))
        });
        let mass: f64 = words.iter().map(Telling::weight).sum();
        let best = candidates.first().map_or(0.0, |candidate| candidate.score);
        let second = candidates.get(1).map_or(0.0, |candidate| candidate.score);
        let similar = candidates.into_iter().take(limit).map(|candidate| {
            let shared: f64 = candidate.shared.iter().map(|n| words[*n].weight()).sum();
            let beside = if candidate.score >= best {
                second
            } else {
                best
            };
            Similar {
                thread_id: candidate.thread_id,
                score: candidate.score,
                confidence: confidence(
                    if mass > 0.0 { shared / mass } else { 0.0 },
                    shared,
                    f64::from(candidate.score / beside.max(f32::MIN_POSITIVE)),
                ),
                reasons: candidate.reasons(&words),
            }
        });
        Ok(similar.collect())
    }

    /// The words that can tell one thread from another, each once, the rarest first.
    fn telling_words(&self, text: &str) -> Result<Vec<Telling>> {
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
            let mut term = Term::from_field_text(self.fields.text, &form);
            let mut threads = self.searcher.doc_freq(&term)?;
            if threads == 0
                && let Some(plainer) = without_doubles(&word)
            {
                // "soo slooow" has become "soo sloow": people lengthen what they feel.
                if is_stop_word(&plainer) {
                    continue;
                }
                let plain_form = self.stems.form(language, &plainer);
                let plain_term = Term::from_field_text(self.fields.text, &plain_form);
                let plain_threads = self.searcher.doc_freq(&plain_term)?;
                if plain_threads > 0 {
                    (word, form, term, threads) = (plainer, plain_form, plain_term, plain_threads);
                }
            }
            if seen.insert(form) {
                let idf = idf(threads.max(1), total);
                let rarity = rarity(threads, total);
                telling.push(Telling {
                    word,
                    term,
                    threads,
                    idf: idf as f32,
                    rarity,
                });
            }
        }
        telling.sort_by(|a, b| b.rarity.total_cmp(&a.rarity));
        Ok(telling)
    }

    /// Which of the words are looked for: known, not common while there are rarer ones, and no more
    /// than [`TERMS_MAX`].
    fn sought(&self, words: &[Telling]) -> Vec<usize> {
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

    fn candidates(
        &self,
        asked: &Likeness<'_>,
        words: &[Telling],
        sought: &[usize],
        limit: usize,
    ) -> Result<Vec<Candidate>> {
        let any: Vec<Box<dyn Query>> = sought
            .iter()
            .map(|n| TermQuery::new(words[*n].term.clone(), IndexRecordOption::WithFreqs))
            .map(|query| Box::new(query) as Box<dyn Query>)
            .collect();
        let mut query: Box<dyn Query> = Box::new(BooleanQuery::union(any));
        if let Some(product) = asked.product {
            let mut clauses = vec![(Occur::Must, query)];
            let filters = Filters {
                product: Some(product.to_string()),
                ..Filters::default()
            };
            self.filter(&filters, &mut clauses);
            query = Box::new(BooleanQuery::new(clauses));
        }
        let wanted = CANDIDATES.max(limit) + asked.exclude.len().min(CANDIDATES);
        let found = self
            .searcher
            .search(&*query, &TopDocs::with_limit(wanted).order_by_score())?;
        let mut candidates = Vec::with_capacity(found.len());
        let mut by_segment: BTreeMap<u32, Vec<(Score, DocAddress)>> = BTreeMap::new();
        for (score, address) in found {
            by_segment
                .entry(address.segment_ord)
                .or_default()
                .push((score, address));
        }
        for (segment, found) in by_segment {
            let fast = self.searcher.segment_reader(segment).fast_fields();
            let (ids, active) = (fast.i64("id")?, fast.i64("active_at")?);
            let (flags, me_too) = (fast.u64("flags")?, fast.u64("me_too")?);
            for (score, address) in found {
                let doc = address.doc_id;
                let Some(thread_id) = ids.first(doc) else {
                    continue;
                };
                if asked.exclude.contains(&thread_id) {
                    continue;
                }
                candidates.push(Candidate {
                    address,
                    score,
                    flags: flags.first(doc).unwrap_or(0),
                    me_too: me_too.first(doc).unwrap_or(0),
                    active_at: active.first(doc).unwrap_or(0),
                    thread_id,
                    shared: Vec::new(),
                });
            }
        }
        Ok(candidates)
    }

    /// Scores the candidates by BM25 over the first [`SCORED_MAX`] words, and notes which of them
    /// each holds.
    fn score(&self, words: &[Telling], candidates: &mut [Candidate]) -> Result<()> {
        let text = self.fields.text;
        let segments = self.searcher.segment_readers();
        let mut tokens = 0;
        for segment in segments {
            tokens += segment.inverted_index(text)?.total_num_tokens();
        }
        let threads: u64 = segments.iter().map(|s| u64::from(s.max_doc())).sum();
        let mean_length = (tokens as f32 / threads.max(1) as f32).max(1.0);
        let mut by_segment: BTreeMap<u32, Vec<&mut Candidate>> = BTreeMap::new();
        for candidate in candidates {
            candidate.score = 0.0;
            by_segment
                .entry(candidate.address.segment_ord)
                .or_default()
                .push(candidate);
        }
        for (segment, mut of_segment) in by_segment {
            // Postings are read forwards only.
            of_segment.sort_by_key(|candidate| candidate.address.doc_id);
            let segment = self.searcher.segment_reader(segment);
            let inverted = segment.inverted_index(text)?;
            let lengths = segment.get_fieldnorms_reader(text)?;
            let known = words.iter().enumerate().filter(|(_, w)| w.threads > 0);
            for (n, word) in known.take(SCORED_MAX) {
                let freqs = IndexRecordOption::WithFreqs;
                let Some(mut docs) = inverted.read_postings(&word.term, freqs)? else {
                    continue;
                };
                for candidate in &mut of_segment {
                    let doc = candidate.address.doc_id;
                    if docs.doc() < doc && docs.seek(doc) == TERMINATED {
                        break;
                    }
                    if docs.doc() == doc {
                        let often = docs.term_freq() as f32;
                        let length = lengths.fieldnorm(doc) as f32 / mean_length;
                        candidate.score +=
                            word.idf * often * (K1 + 1.0) / (often + K1 * (1.0 - B + B * length));
                        candidate.shared.push(n);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Telling {
    fn weight(&self) -> f64 {
        let rarity = if self.threads == 0 {
            UNKNOWN_RARITY
        } else {
            self.rarity
        };
        rarity * rarity
    }
}

impl Candidate {
    fn boost(&self, at: Option<i64>) -> f32 {
        const DAY_MICROS: f32 = 86_400_000_000.0;
        let solved = if self.flags & SOLVED != 0 {
            SOLVED_BOOST
        } else {
            1.0
        };
        let official = if self.flags & OFFICIAL != 0 {
            OFFICIAL_BOOST
        } else {
            1.0
        };
        let me_too = 1.0 + ME_TOO_BOOST * (1.0 + self.me_too as f32).log2();
        let fresh = at.map_or(1.0, |at| {
            let days = at.saturating_sub(self.active_at).max(0) as f32 / DAY_MICROS;
            1.0 + FRESH_BOOST * (-days / FRESH_DAYS).exp()
        });
        solved * official * me_too * fresh
    }

    fn reasons(&self, words: &[Telling]) -> Vec<String> {
        let mut reasons = Vec::new();
        let named: Vec<String> = self
            .shared
            .iter()
            .take(REASON_WORDS_MAX)
            .map(|n| format!("“{}”", words[*n].word))
            .collect();
        if !named.is_empty() {
            reasons.push(format!("shares {}", named.join(", ")));
        }
        if self.flags & SOLVED != 0 {
            reasons.push("is solved".to_string());
        }
        if self.flags & OFFICIAL != 0 {
            reasons.push("is official".to_string());
        }
        match self.me_too {
            0 => {}
            1 => reasons.push("one more person has it".to_string()),
            n => reasons.push(format!("{n} more people have it")),
        }
        reasons
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

/// How sure it is that a thread tells of the same problem, between 0 and 1:
///
/// `coverage^0.6 × shared / (shared + 1) × lead ÷ 0.6`, at most 1.
///
/// `coverage` is the share of the text's weight (the sum over its words of their squared rarity)
/// that the thread holds; `shared` is that weight itself, about the number of rare words in common:
/// a text of one word covers nothing well. `lead` rises from 0.6 to 1 as `ratio`, the thread's score
/// by that of the next best (by the best one's, for all others), rises from 1 to 1.4.
///
/// The form was chosen on 958 questions of a support forum by whether helpers linked the thread
/// found first: that was so for 6 in 10 at 0.75 and above (many of the others tell of the same,
/// unlinked), 2 in 10 at 0.5, 1 in 10 at 0.35, 1 in 17 at 0.2.
pub fn confidence(coverage: f64, shared: f64, ratio: f64) -> f64 {
    let coverage = coverage.clamp(0.0, 1.0);
    let evidence = shared.max(0.0) / (shared.max(0.0) + 1.0);
    let lead = 0.6 + 0.4 * ((ratio - 1.0) / 0.4).clamp(0.0, 1.0);
    (coverage.powf(0.6) * evidence * lead / 0.6).clamp(0.0, 1.0)
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
    use super::*;
    use crate::search::ThreadDoc;
    use proptest::prelude::*;

    fn thread(id: i64, title: &str, body: &str) -> ThreadDoc {
        ThreadDoc {
            id,
            product: "router".to_string(),
            state: "open".to_string(),
            title: title.to_string(),
            body: body.to_string(),
            language: Some("en".to_string()),
            ..ThreadDoc::default()
        }
    }

    fn index() -> (tempfile::TempDir, SearchIndex) {
        let dir = tempfile::tempdir().unwrap();
        let index = SearchIndex::open(dir.path()).unwrap();
        let mut solved = thread(
            1,
            "Router drops the connection every evening",
            "Since the last firmware the connection is lost around eight.",
        );
        solved.state = "solved".to_string();
        solved.me_too = 7;
        let mut other = thread(
            4,
            "Router drops connections",
            "Evening after evening, firmware 7.",
        );
        other.product = "mesh".to_string();
        let threads = [
            solved,
            thread(2, "Printer is out of ink", "The cartridge is new."),
            thread(3, "How do I change the password?", "I forgot it."),
            other,
        ];
        index.apply(&threads, &[], 1).unwrap();
        (dir, index)
    }

    #[test]
    fn a_post_full_of_decoration_finds_its_thread_with_reasons() {
        let (_dir, index) = index();
        let post = "@acme sooooo my ROUTER drops its connections every evening 😡 #FirmwareFail https://t.co/x";
        let found = index.similar(post, Some("router"), 5, &[]).unwrap();
        assert_eq!(found[0].thread_id, 1);
        assert!(
            found.iter().all(|similar| similar.thread_id != 4),
            "of another product"
        );
        assert!(found[0].confidence > 0.4, "{found:?}");
        let reasons = found[0].reasons.join("; ");
        for word in [
            "“router”",
            "“drops”",
            "“evening”",
            "is solved",
            "7 more people",
        ] {
            assert!(reasons.contains(word), "{word} in {reasons}");
        }
        assert!(
            !reasons.contains("acme") && !reasons.contains("t.co"),
            "{reasons}"
        );
    }

    #[test]
    fn lengthened_words_are_understood() {
        let (_dir, index) = index();
        let found = index.similar("prrrinnnter!!! innnk", None, 5, &[]).unwrap();
        assert_eq!(found[0].thread_id, 2);
    }

    #[test]
    fn excluded_threads_and_empty_texts_give_nothing() {
        let (_dir, index) = index();
        let found = index.similar("printer ink", None, 5, &[2]).unwrap();
        assert!(found.iter().all(|similar| similar.thread_id != 2));
        assert!(
            index
                .similar("@acme 😡 the and you https://t.co/x", None, 5, &[])
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn what_is_active_now_is_raised() {
        let dir = tempfile::tempdir().unwrap();
        let index = SearchIndex::open(dir.path()).unwrap();
        let day = 86_400_000_000;
        let mut old = thread(1, "App crashes", "It crashes at start");
        old.active_at = day;
        let mut new = thread(2, "App crashes", "It crashes at start");
        new.active_at = 400 * day;
        index.apply(&[old, new], &[], 1).unwrap();
        let asked = Likeness {
            text: "app crashes",
            limit: 2,
            at: Some(401 * day),
            ..Likeness::default()
        };
        assert_eq!(index.similar_to(&asked).unwrap()[0].thread_id, 2);
    }

    proptest! {
        #[test]
        fn confidence_is_a_share_and_grows_with_coverage(
            a in -1.0f64..2.0, b in -1.0f64..2.0, shared in 0.0f64..30.0, ratio in 0.0f64..9.0
        ) {
            let (less, more) = (a.min(b), a.max(b));
            let (low, high) = (confidence(less, shared, ratio), confidence(more, shared, ratio));
            prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
            prop_assert!(low <= high);
        }

        #[test]
        fn rarity_is_a_share_and_falls_with_threads(n in 0u64..1_000, m in 0u64..1_000, total in 1u64..1_000) {
            let (few, many) = (n.min(m), n.max(m));
            prop_assert!(rarity(few, total) >= rarity(many, total));
            prop_assert!((0.0..=1.0).contains(&rarity(n, total)));
        }
    }

    #[test]
    fn any_text_is_taken() {
        let (_dir, index) = index();
        proptest!(ProptestConfig::with_cases(64), |(text in "\\PC{0,200}")| {
            for similar in index.similar(&text, None, 5, &[]).unwrap() {
                prop_assert!((0.0..=1.0).contains(&similar.confidence));
            }
        });
    }
}
