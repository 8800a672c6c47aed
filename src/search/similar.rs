//! "Similar to this": the threads that may tell of the problem a text tells of, each with what can
//! be measured between the two.
//!
//! The text (a public post, a mail, a title being typed) is stripped of handles, addresses and
//! emoji; its most telling words, by how few threads hold them, are looked for together. Common
//! words choose no candidate, because their postings are long. The best candidates, and threads that
//! were named besides (by what was linked before), are then measured with all words, common ones
//! too. What the measures are worth is the ranker's to say (`crate::ranker`).

use std::collections::{BTreeMap, HashSet};

use tantivy::collector::TopDocs;
use tantivy::fastfield::Column;
use tantivy::postings::Postings;
use tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocAddress, DocSet, Score, TERMINATED, Term};

use super::Result;
use super::index::{SearchIndex, View};
use super::query::Filters;
use super::schema::{KNOWN_ISSUE, OFFICIAL, SOLVED};
use super::telling::{Reading, Telling};

/// Candidates in one answer, at most.
pub const LIMIT_MAX: usize = 50;
/// How many are looked at by their telling words.
const LOOKED_AT: usize = 300;
/// How many of the best among those are measured.
const CANDIDATES: usize = 100;
/// How many of the rest are measured too because they are active about the time of the text.
const RECENT: usize = 40;
/// What is active about the time of the text (µs either way).
const RECENT_MICROS: i64 = 5 * 86_400_000_000;
/// Words a candidate is measured by.
const SCORED_MAX: usize = 40;
/// BM25: how soon further occurrences of a word stop counting.
const K1: f32 = 1.2;
/// BM25: how much a long thread is discounted. Less than the usual 0.75: threads are long because
/// they were answered. Chosen on a support forum's linked questions.
const B: f32 = 0.6;
/// What the rarest word of any index counts. BM25's inverse document frequency grows with the
/// number of threads; taken relative to its largest value, scores of small and large forums compare.
/// The scale is that of a forum of 20,000 threads.
const RARITY_SCALE: f32 = 10.0;
/// Shared words named in the reasons.
const SHARED_NAMED_MAX: usize = 5;

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

/// A thread beside a text: what can be measured between the two, and what the index knows of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measured {
    pub thread_id: i64,
    /// BM25 of the text's words in the title.
    pub title: f32,
    /// BM25 in the opening post.
    pub opening: f32,
    /// BM25 in everything: title twice, tags, opening post, answers.
    pub whole: f32,
    /// The share of the text's weight (its words' squared rarity) that the thread holds, 0 to 1.
    pub covered: f64,
    /// The weight of the words they share: about how many rare words.
    pub shared: f64,
    /// The most telling words they share.
    pub words: Vec<String>,
    /// Microseconds.
    pub created_at: i64,
    /// Microseconds.
    pub active_at: i64,
    /// Answers and other replies.
    pub replies: u64,
    pub me_too: u64,
    pub solved: bool,
    pub official: bool,
    pub known_issue: bool,
}

impl SearchIndex {
    /// Reads a text with the words this index knows.
    pub fn read_text(&self, text: &str) -> Result<Reading> {
        let view = self.view();
        let words = view.telling_words(text)?;
        Ok(Reading { view, words })
    }
}

struct Candidate {
    address: DocAddress,
    flags: u64,
    shared: Vec<usize>,
    measured: Measured,
}

impl Reading {
    /// The threads that may be about the same, measured, in no order; `besides` are measured too
    /// where they are public and of the product.
    pub fn measure(&self, asked: &Likeness<'_>, besides: &[i64]) -> Result<Vec<Measured>> {
        let (view, words) = (&self.view, &self.words);
        let sought = view.sought(words);
        if sought.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = view.candidates(asked, words, &sought)?;
        let known: HashSet<DocAddress> = found.iter().copied().collect();
        for address in view.addresses(besides, asked.product)? {
            if !known.contains(&address) {
                found.push(address);
            }
        }
        let mut candidates = view.facts(&found, asked.exclude)?;
        let fields = view.fields;
        let any = |_: &Candidate, _: usize| true;
        view.score(fields.text, words, &mut candidates, any, |c, n, score| {
            c.measured.whole += score;
            c.shared.push(n);
        })?;
        // What stands in a part stands in the whole; the words come in order, so the list is sorted.
        let has = |c: &Candidate, n: usize| c.shared.binary_search(&n).is_ok();
        view.score(
            fields.title_words,
            words,
            &mut candidates,
            has,
            |c, _, score| {
                c.measured.title += score;
            },
        )?;
        view.score(
            fields.opening,
            words,
            &mut candidates,
            has,
            |c, _, score| {
                c.measured.opening += score;
            },
        )?;
        let mass: f64 = words.iter().map(Telling::weight).sum();
        let measured = candidates.into_iter().map(|candidate| {
            let mut measured = candidate.measured;
            measured.shared = candidate.shared.iter().map(|n| words[*n].weight()).sum();
            measured.covered = if mass > 0.0 {
                (measured.shared / mass).clamp(0.0, 1.0)
            } else {
                0.0
            };
            let named = candidate.shared.iter().take(SHARED_NAMED_MAX);
            measured.words = named.map(|n| words[*n].word.clone()).collect();
            measured.solved = candidate.flags & SOLVED != 0;
            measured.official = candidate.flags & OFFICIAL != 0;
            measured.known_issue = candidate.flags & KNOWN_ISSUE != 0;
            measured
        });
        Ok(measured.collect())
    }
}

impl View {
    fn candidates(
        &self,
        asked: &Likeness<'_>,
        words: &[Telling],
        sought: &[usize],
    ) -> Result<Vec<DocAddress>> {
        let any: Vec<Box<dyn Query>> = sought
            .iter()
            .map(|n| Term::from_field_text(self.fields.text, &words[*n].form))
            .map(|term| TermQuery::new(term, IndexRecordOption::WithFreqs))
            .map(|query| Box::new(query) as Box<dyn Query>)
            .collect();
        let query = self.of_product(Box::new(BooleanQuery::union(any)), asked.product);
        // Beyond the measured ones only what is active about the time of the text is of interest.
        let looked_at = if asked.at.is_some() {
            LOOKED_AT
        } else {
            CANDIDATES
        };
        let wanted = looked_at + asked.exclude.len().min(LOOKED_AT);
        let found: Vec<(Score, DocAddress)> = self
            .searcher
            .search(&*query, &TopDocs::with_limit(wanted).order_by_score())?;
        let mut chosen: Vec<DocAddress> = found.iter().take(CANDIDATES).map(|(_, a)| *a).collect();
        let Some(at) = asked.at else {
            return Ok(chosen);
        };
        let mut active: BTreeMap<u32, Column<i64>> = BTreeMap::new();
        let mut recent = 0;
        for (_, address) in found.iter().skip(CANDIDATES) {
            let column = match active.entry(address.segment_ord) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(new) => {
                    let segment = self.searcher.segment_reader(address.segment_ord);
                    new.insert(segment.fast_fields().i64("active_at")?)
                }
            };
            let active_at = column.first(address.doc_id).unwrap_or(0);
            if at.saturating_sub(active_at).saturating_abs() <= RECENT_MICROS {
                chosen.push(*address);
                recent += 1;
                if recent == RECENT {
                    break;
                }
            }
        }
        Ok(chosen)
    }

    fn of_product(&self, query: Box<dyn Query>, product: Option<&str>) -> Box<dyn Query> {
        let Some(product) = product else {
            return query;
        };
        let mut clauses = vec![(Occur::Must, query)];
        let filters = Filters {
            product: Some(product.to_string()),
            ..Filters::default()
        };
        self.filter(&filters, &mut clauses);
        Box::new(BooleanQuery::new(clauses))
    }

    /// Where these threads stand in the index.
    fn addresses(&self, ids: &[i64], product: Option<&str>) -> Result<Vec<DocAddress>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let any: Vec<Box<dyn Query>> = ids
            .iter()
            .map(|id| Term::from_field_i64(self.fields.id, *id))
            .map(|term| TermQuery::new(term, IndexRecordOption::Basic))
            .map(|query| Box::new(query) as Box<dyn Query>)
            .collect();
        let query = self.of_product(Box::new(BooleanQuery::union(any)), product);
        let limit = TopDocs::with_limit(ids.len()).order_by_score();
        let found: Vec<(Score, DocAddress)> = self.searcher.search(&*query, &limit)?;
        Ok(found.into_iter().map(|(_, address)| address).collect())
    }

    /// What the index knows of threads, without those left out; in the order of the index.
    fn facts(&self, found: &[DocAddress], exclude: &[i64]) -> Result<Vec<Candidate>> {
        let mut found = found.to_vec();
        found.sort_unstable();
        let mut candidates = Vec::with_capacity(found.len());
        for of_segment in found.chunk_by(|a, b| a.segment_ord == b.segment_ord) {
            let segment = self.searcher.segment_reader(of_segment[0].segment_ord);
            let fast = segment.fast_fields();
            let (ids, active) = (fast.i64("id")?, fast.i64("active_at")?);
            let (created, replies) = (fast.i64("created_at")?, fast.u64("replies")?);
            let (flags, me_too) = (fast.u64("flags")?, fast.u64("me_too")?);
            for address in of_segment {
                let doc = address.doc_id;
                let Some(thread_id) = ids.first(doc).filter(|id| !exclude.contains(id)) else {
                    continue;
                };
                candidates.push(Candidate {
                    address: *address,
                    flags: flags.first(doc).unwrap_or(0),
                    shared: Vec::new(),
                    measured: Measured {
                        thread_id,
                        created_at: created.first(doc).unwrap_or(0),
                        active_at: active.first(doc).unwrap_or(0),
                        replies: replies.first(doc).unwrap_or(0),
                        me_too: me_too.first(doc).unwrap_or(0),
                        ..Measured::default()
                    },
                });
            }
        }
        Ok(candidates)
    }

    /// Scores the candidates, which stand in the order of the index, by BM25 in one field over the
    /// first [`SCORED_MAX`] words that are known; a word is looked for where `may_have` says so, and
    /// `note` takes the candidate, the word's place and what it scores.
    fn score(
        &self,
        field: Field,
        words: &[Telling],
        candidates: &mut [Candidate],
        may_have: impl Fn(&Candidate, usize) -> bool,
        mut note: impl FnMut(&mut Candidate, usize, f32),
    ) -> Result<()> {
        let segments = self.searcher.segment_readers();
        let mut tokens = 0;
        for segment in segments {
            tokens += segment.inverted_index(field)?.total_num_tokens();
        }
        let threads: u64 = segments.iter().map(|s| u64::from(s.max_doc())).sum();
        let mean_length = (tokens as f32 / threads.max(1) as f32).max(1.0);
        let same = |a: &Candidate, b: &Candidate| a.address.segment_ord == b.address.segment_ord;
        for of_segment in candidates.chunk_by_mut(same) {
            let segment = self
                .searcher
                .segment_reader(of_segment[0].address.segment_ord);
            let inverted = segment.inverted_index(field)?;
            let lengths = segment.get_fieldnorms_reader(field)?;
            let known = words.iter().enumerate().filter(|(_, w)| w.threads > 0);
            for (n, word) in known.take(SCORED_MAX) {
                if !of_segment.iter().any(|candidate| may_have(candidate, n)) {
                    continue;
                }
                let freqs = IndexRecordOption::WithFreqs;
                let rarity = word.rarity as f32 * RARITY_SCALE;
                let term = Term::from_field_text(field, &word.form);
                let Some(mut docs) = inverted.read_postings(&term, freqs)? else {
                    continue;
                };
                for candidate in of_segment.iter_mut() {
                    if !may_have(candidate, n) {
                        continue;
                    }
                    let doc = candidate.address.doc_id;
                    if docs.doc() < doc && docs.seek(doc) == TERMINATED {
                        break;
                    }
                    if docs.doc() == doc {
                        let often = docs.term_freq() as f32;
                        let length = lengths.fieldnorm(doc) as f32 / mean_length;
                        let score =
                            rarity * often * (K1 + 1.0) / (often + K1 * (1.0 - B + B * length));
                        note(candidate, n, score);
                    }
                }
            }
        }
        Ok(())
    }
}
