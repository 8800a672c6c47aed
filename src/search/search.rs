//! From a query to a page of results, and as-you-type suggestions.
//!
//! Threads must have every word of the query. The best [`RERANK_WINDOW`] by BM25 are then put in
//! order with solved and official threads raised, and every hit says why. Where nothing matches,
//! misspelt words are corrected; where still nothing matches, most of the words suffice. Both are
//! said in the result.

use std::collections::BTreeMap;

use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, EnableScoring, Occur, Query};
use tantivy::schema::{Field, Value};
use tantivy::{DocAddress, DocSet, Order, Score, TERMINATED, TantivyDocument};

use super::Result;
use super::compile::{Match, term_query};
use super::index::{SearchIndex, View};
use super::query::SearchQuery;
use super::schema::{OFFICIAL, PREFIX_CHARS_MAX, SOLVED};
use super::snippet::{Marks, marked, snippet};
use super::words::folded_words;

/// Hits on one page, at most.
pub const PAGE_HITS_MAX: usize = 50;
/// Results that can be paged through, and up to which they are counted.
pub const RESULTS_MAX: usize = 1_000;
/// How many of the best by BM25 are put in order anew.
pub const RERANK_WINDOW: usize = 50;
/// What a solved thread's score is multiplied by.
pub const SOLVED_BOOST: f32 = 1.15;
/// What an official thread's score is multiplied by.
pub const OFFICIAL_BOOST: f32 = 1.10;
/// Words of an as-you-type query that are looked at.
const SUGGEST_WORDS_MAX: usize = 8;

/// A page of results.
#[derive(Debug, Clone, Default)]
pub struct Results {
    /// The threads, best first.
    pub hits: Vec<Hit>,
    /// How many there are; counting ends at [`RESULTS_MAX`].
    pub total: usize,
    /// Whether there are more than [`total`](Self::total).
    pub more_than_total: bool,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// The query as it was corrected, when nothing matched as written.
    pub corrected: Option<String>,
    /// Polite notes for the reader.
    pub notes: Vec<String>,
}

/// A found thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The thread's id.
    pub thread_id: i64,
    /// The version in which the thread is indexed: where the database has another one, the texts
    /// here are not those of now.
    pub version: i64,
    /// The BM25 score with its boosts; zero when only filters were asked for.
    pub score: f32,
    /// The title as HTML: escaped, found words in `<mark>`.
    pub snippet_title_html: String,
    /// The best stretch of the text as HTML: escaped, found words in `<mark>`.
    pub snippet_html: String,
    /// Why it stands where it stands.
    pub why: Vec<Why>,
}

/// A reason a reader can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The thread is solved, and was raised for it.
    Solved,
    /// Staff stand behind it, and it was raised for it.
    Official,
    /// Its title is what was searched for.
    ExactTitle,
    /// Found after correcting a misspelt word.
    Corrected,
    /// Has most of the words, not all.
    MostWords,
}

/// A thread whose title begins like what is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The thread's id.
    pub thread_id: i64,
    /// The title as written.
    pub title: String,
    /// The title as HTML: escaped, the typed letters in `<mark>`.
    pub title_html: String,
}

impl SearchIndex {
    /// The page of results that begins at `cursor` (a former page's [`Results::next`]), `limit` hits
    /// long (at most [`PAGE_HITS_MAX`]).
    pub fn search(
        &self,
        query: &SearchQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Results> {
        let view = self.view();
        let notes = query.notes.clone();
        if query.is_empty() {
            return Ok(Results {
                notes,
                ..Results::default()
            });
        }
        let limit = limit.clamp(1, PAGE_HITS_MAX);
        let offset = cursor
            .and_then(|at| at.parse().ok())
            .unwrap_or(0)
            .min(RESULTS_MAX);
        let mut results = view.page(query, Match::All, offset, limit)?;
        results.notes = notes;
        if results.total > 0 {
            return Ok(results);
        }
        let words = view.correct(query)?;
        if let Some(corrected) = &words {
            let mut page = view.page(corrected, Match::All, offset, limit)?;
            if page.total > 0 {
                page.hits
                    .iter_mut()
                    .for_each(|hit| hit.why.push(Why::Corrected));
                page.corrected = Some(corrected.to_string());
                page.notes = results.notes;
                return Ok(page);
            }
        }
        let loose = words.as_ref().unwrap_or(query);
        if loose
            .clauses
            .iter()
            .filter(|clause| !clause.without)
            .count()
            > 1
        {
            let mut page = view.page(loose, Match::Most, offset, limit)?;
            if page.total > 0 {
                page.hits
                    .iter_mut()
                    .for_each(|hit| hit.why.push(Why::MostWords));
                page.corrected = words.as_ref().map(SearchQuery::to_string);
                page.notes = results.notes;
                let note = "No thread has all of these words; these have most of them.";
                page.notes.push(note.to_string());
                return Ok(page);
            }
        }
        Ok(results)
    }

    /// Threads whose titles hold words that begin like the typed ones, the most recently active
    /// first.
    pub fn suggest(
        &self,
        typed: &str,
        product: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Suggestion>> {
        let view = self.view();
        let mut words = folded_words(typed);
        words.truncate(SUGGEST_WORDS_MAX);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for word in &words {
            let prefix: String = word.chars().take(PREFIX_CHARS_MAX).collect();
            clauses.push((Occur::Must, term_query(view.fields.title_prefix, &prefix)));
        }
        if let Some(product) = product {
            clauses.push((Occur::Must, term_query(view.fields.product, product)));
        }
        let collector = TopDocs::with_limit(limit.clamp(1, PAGE_HITS_MAX))
            .order_by_fast_field::<i64>("active_at", Order::Desc);
        let found = view
            .searcher
            .search(&BooleanQuery::new(clauses), &collector)?;
        let marks = Marks {
            forms: Vec::new(),
            prefixes: words,
            stems: &view.stems,
        };
        found
            .into_iter()
            .map(|(_, address)| {
                let doc: TantivyDocument = view.searcher.doc(address)?;
                let title = stored(&doc, view.fields.title).to_string();
                let title_html = marked(&title, &marks.find(&title), 0..title.len());
                Ok(Suggestion {
                    thread_id: view.thread_id(address)?,
                    title,
                    title_html,
                })
            })
            .collect()
    }
}

impl View {
    fn page(
        &self,
        query: &SearchQuery,
        matching: Match,
        offset: usize,
        limit: usize,
    ) -> Result<Results> {
        let wanted = self.wanted(query);
        let compiled = self.compile(query, &wanted, matching);
        let by_score = !wanted.is_empty();
        let end = offset + limit;
        let window = if by_score {
            end.max(RERANK_WINDOW)
        } else {
            end
        };
        let mut found: Vec<(Score, DocAddress)> = if by_score {
            let top = TopDocs::with_limit(window).order_by_score();
            self.searcher.search(&*compiled, &top)?
        } else {
            let top =
                TopDocs::with_limit(window).order_by_fast_field::<i64>("active_at", Order::Desc);
            let newest = self.searcher.search(&*compiled, &top)?;
            newest
                .into_iter()
                .map(|(_, address)| (0.0, address))
                .collect()
        };
        let total = if found.len() < window {
            found.len()
        } else {
            self.count(&*compiled)?
        };
        let flags = self.flags(&found)?;
        let mut ranked: Vec<(Score, DocAddress, u64)> = found
            .drain(..)
            .zip(flags)
            .map(|((score, address), flags)| (score * boost(flags), address, flags))
            .collect();
        if by_score {
            let head = ranked.len().min(RERANK_WINDOW);
            ranked[..head].sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        }
        let marks = self.marks(query);
        let asked = folded_words(&query.words_text());
        let mut hits = Vec::with_capacity(limit);
        for (score, address, flags) in ranked.into_iter().skip(offset).take(limit) {
            hits.push(self.hit(score, address, flags, &marks, &asked)?);
        }
        if offset == 0 {
            hits.sort_by_key(|hit| !hit.why.contains(&Why::ExactTitle));
        }
        let more_than_total = total > RESULTS_MAX;
        let total = total.min(RESULTS_MAX);
        let next = (end < total).then(|| end.to_string());
        Ok(Results {
            hits,
            total,
            more_than_total,
            next,
            ..Results::default()
        })
    }

    /// How many threads match, counted up to one more than [`RESULTS_MAX`].
    fn count(&self, query: &dyn Query) -> Result<usize> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(&self.searcher))?;
        let mut count = 0;
        for segment in self.searcher.segment_readers() {
            let mut docs = weight.scorer(segment, 1.0)?;
            while docs.doc() != TERMINATED {
                if !segment.is_deleted(docs.doc()) {
                    count += 1;
                    if count > RESULTS_MAX {
                        return Ok(count);
                    }
                }
                docs.advance();
            }
        }
        Ok(count)
    }

    /// The `flags` of each found thread.
    pub(super) fn flags(&self, found: &[(Score, DocAddress)]) -> Result<Vec<u64>> {
        let mut columns = BTreeMap::new();
        let mut all = Vec::with_capacity(found.len());
        for (_, address) in found {
            let column = match columns.entry(address.segment_ord) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(place) => {
                    let segment = self.searcher.segment_reader(address.segment_ord);
                    place.insert(segment.fast_fields().u64("flags")?)
                }
            };
            all.push(column.first(address.doc_id).unwrap_or(0));
        }
        Ok(all)
    }

    pub(super) fn thread_id(&self, address: DocAddress) -> Result<i64> {
        self.number(address, "id")
    }

    fn number(&self, address: DocAddress, field: &str) -> Result<i64> {
        let segment = self.searcher.segment_reader(address.segment_ord);
        Ok(segment
            .fast_fields()
            .i64(field)?
            .first(address.doc_id)
            .unwrap_or(0))
    }

    fn hit(
        &self,
        score: Score,
        address: DocAddress,
        flags: u64,
        marks: &Marks<'_>,
        asked: &[String],
    ) -> Result<Hit> {
        let doc: TantivyDocument = self.searcher.doc(address)?;
        let title = stored(&doc, self.fields.title);
        let body = stored(&doc, self.fields.body);
        let mut why = Vec::new();
        if !asked.is_empty() && folded_words(title) == asked {
            why.push(Why::ExactTitle);
        }
        if flags & SOLVED != 0 {
            why.push(Why::Solved);
        }
        if flags & OFFICIAL != 0 {
            why.push(Why::Official);
        }
        Ok(Hit {
            thread_id: self.thread_id(address)?,
            version: self.number(address, "version")?,
            score,
            snippet_title_html: marked(title, &marks.find(title), 0..title.len()),
            snippet_html: snippet(body, &marks.find(body)),
            why,
        })
    }
}

fn boost(flags: u64) -> f32 {
    let solved = if flags & SOLVED != 0 {
        SOLVED_BOOST
    } else {
        1.0
    };
    let official = if flags & OFFICIAL != 0 {
        OFFICIAL_BOOST
    } else {
        1.0
    };
    solved * official
}

pub(super) fn stored(doc: &TantivyDocument, field: Field) -> &str {
    doc.get_first(field)
        .and_then(|value| value.as_str())
        .unwrap_or("")
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
            kind: "question".to_string(),
            state: "open".to_string(),
            author: "ada".to_string(),
            title: title.to_string(),
            body: body.to_string(),
            language: Some("en".to_string()),
            created_at: 1_767_225_600_000_000 + id * 86_400_000_000,
            active_at: id,
            ..ThreadDoc::default()
        }
    }

    fn index() -> (tempfile::TempDir, SearchIndex) {
        let dir = tempfile::tempdir().unwrap();
        let index = SearchIndex::open(dir.path()).unwrap();
        let mut solved = thread(
            2,
            "Restoring the factory settings",
            "Hold reset for ten seconds.",
        );
        solved.state = "solved".to_string();
        solved.official = true;
        solved.tags = vec!["wi-fi".to_string()];
        let mut german = thread(
            4,
            "Drucker findet das Netzwerk nicht",
            "Der Café-Drucker im Büro.",
        );
        german.language = Some("de".to_string());
        german.product = "printer".to_string();
        let mut answered = thread(5, "No light", "Nothing glows.");
        answered.answers = vec!["Press the <b>power</b> button & wait".to_string()];
        let threads = [
            thread(1, "Restore factory settings", "Hold reset for ten seconds."),
            solved,
            thread(
                3,
                "WiFi is slow",
                "The settings of the factory were never restored.",
            ),
            german,
            answered,
        ];
        index.apply(&threads, &[], 1).unwrap();
        (dir, index)
    }

    fn ids(index: &SearchIndex, query: &str) -> Vec<i64> {
        let results = index.search(&SearchQuery::parse(query), None, 10).unwrap();
        results.hits.iter().map(|hit| hit.thread_id).collect()
    }

    #[test]
    fn words_match_in_any_form_and_phrases_as_written() {
        let (_dir, index) = index();
        let mut all = ids(&index, "restored factory setting");
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
        assert_eq!(ids(&index, "\"factory settings\" restore").len(), 2);
        assert_eq!(ids(&index, "\"settings of the factory\""), [3]);
        assert_eq!(ids(&index, "netzwerke cafe"), [4]);
        assert_eq!(ids(&index, "drucke*"), [4]);
        assert_eq!(ids(&index, "wi-fi slow"), [3]);
        assert_eq!(ids(&index, "factory -slow -\"restoring the\""), [1]);
        assert_eq!(
            ids(&index, "factory -hard-reset -\"factory settings\""),
            [3]
        );
    }

    #[test]
    fn solved_and_official_rise_with_a_visible_reason() {
        let (_dir, index) = index();
        let query = SearchQuery::parse("factory reset");
        let results = index.search(&query, None, 10).unwrap();
        assert_eq!(results.hits[0].thread_id, 2);
        assert_eq!(results.hits[0].why, [Why::Solved, Why::Official]);
        let exact = index
            .search(&SearchQuery::parse("restore factory settings"), None, 10)
            .unwrap();
        assert_eq!(
            (exact.hits[0].thread_id, exact.hits[0].why[0]),
            (1, Why::ExactTitle)
        );
    }

    #[test]
    fn filters_choose_and_alone_list_the_newest_first() {
        let (_dir, index) = index();
        assert_eq!(ids(&index, "is:solved"), [2]);
        assert_eq!(ids(&index, "is:official tag:wi-fi restore"), [2]);
        assert_eq!(ids(&index, "product:printer"), [4]);
        assert_eq!(ids(&index, "author:ada product:router"), [5, 3, 2, 1]);
        assert_eq!(ids(&index, "kind:article"), Vec::<i64>::new());
        assert_eq!(ids(&index, "after:2026-01-03 before:2026-01-05"), [3, 2]);
    }

    #[test]
    fn slips_are_corrected_only_where_nothing_matches_and_it_is_said() {
        let (_dir, index) = index();
        let results = index
            .search(&SearchQuery::parse("facotry reset"), None, 10)
            .unwrap();
        assert_eq!(results.corrected.as_deref(), Some("factory reset"));
        assert!(
            results
                .hits
                .iter()
                .all(|hit| hit.why.contains(&Why::Corrected))
        );
        let right = index
            .search(&SearchQuery::parse("factory reset"), None, 10)
            .unwrap();
        assert_eq!(right.corrected, None);
    }

    #[test]
    fn most_words_suffice_where_no_thread_has_all() {
        let (_dir, index) = index();
        let query = SearchQuery::parse("restore factory settings glows");
        let results = index.search(&query, None, 10).unwrap();
        assert!(
            results
                .hits
                .iter()
                .all(|hit| hit.why.contains(&Why::MostWords))
        );
        assert_eq!((results.total, results.notes.len()), (3, 1));
    }

    #[test]
    fn snippets_are_escaped_and_marked() {
        let (_dir, index) = index();
        let results = index
            .search(&SearchQuery::parse("pressing power"), None, 10)
            .unwrap();
        let html = &results.hits[0].snippet_html;
        assert!(
            html.contains("<mark>Press</mark> the &lt;b&gt;<mark>power</mark>&lt;/b&gt;"),
            "{html}"
        );
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let dir = tempfile::tempdir().unwrap();
        let index = SearchIndex::open(dir.path()).unwrap();
        let threads: Vec<ThreadDoc> = (1..=130)
            .map(|id| ThreadDoc {
                state: if id % 3 == 0 {
                    "solved".to_string()
                } else {
                    "open".to_string()
                },
                ..thread(id, "Router", &"reset ".repeat(id as usize % 7 + 1))
            })
            .collect();
        index.apply(&threads, &[], 1).unwrap();
        for query in ["reset", "author:ada"] {
            let query = SearchQuery::parse(query);
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let page = index.search(&query, cursor.as_deref(), 20).unwrap();
                assert_eq!((page.total, page.more_than_total), (130, false));
                seen.extend(page.hits.iter().map(|hit| hit.thread_id));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen.len(), 130);
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 130);
        }
    }

    #[test]
    fn suggestions_come_by_the_beginnings_of_words() {
        let (_dir, index) = index();
        let found = index.suggest("fact re", None, 5).unwrap();
        let ids: Vec<i64> = found.iter().map(|s| s.thread_id).collect();
        assert_eq!(ids, [2, 1]);
        assert_eq!(
            found[1].title_html,
            "<mark>Re</mark>store <mark>fact</mark>ory settings"
        );
        assert!(
            index
                .suggest("fact", Some("printer"), 5)
                .unwrap()
                .is_empty()
        );
        assert!(index.suggest("  ", None, 5).unwrap().is_empty());
    }

    #[test]
    fn any_query_is_answered() {
        let (_dir, index) = index();
        proptest!(ProptestConfig::with_cases(128), |(input in "(\\PC|[\"*: -]|reset|factory|is:solved){0,30}")| {
            let query = SearchQuery::parse(&input);
            let results = index.search(&query, Some(&input), 10).unwrap();
            prop_assert!(results.hits.len() <= 10);
            index.suggest(&input, None, 5).unwrap();
        });
    }
}
