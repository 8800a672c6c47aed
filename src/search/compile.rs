//! From a query as it was typed to one of tantivy's.

use std::ops::Bound;

use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, FuzzyTermQuery, Occur, PhraseQuery, Query, RangeQuery,
    TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use super::index::View;
use super::query::{Clause, Filters, Form, SearchQuery};
use super::words::{folded_words, is_stop_word};
use crate::clock::Moment;

/// The share of the words that suffices when no thread has them all.
const MOST_WORDS: f64 = 0.6;

/// How many of a query's words a thread must have.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Match {
    All,
    Most,
}

impl View {
    /// The clauses a thread must have: without the words that say nothing, unless there are no others.
    pub(super) fn wanted<'q>(&self, query: &'q SearchQuery) -> Vec<&'q Clause> {
        let all: Vec<&Clause> = query
            .clauses
            .iter()
            .filter(|clause| !clause.without)
            .collect();
        let says_something = |clause: &&Clause| {
            clause.form != Form::Word || !folded_words(&clause.text).iter().all(|w| is_stop_word(w))
        };
        let telling: Vec<&Clause> = all.iter().copied().filter(says_something).collect();
        if telling.is_empty() { all } else { telling }
    }

    pub(super) fn compile(
        &self,
        query: &SearchQuery,
        wanted: &[&Clause],
        matching: Match,
    ) -> Box<dyn Query> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        match matching {
            Match::All => {
                clauses.extend(wanted.iter().map(|c| (Occur::Must, self.clause_query(c))));
            }
            Match::Most => {
                let any = wanted
                    .iter()
                    .map(|c| (Occur::Should, self.clause_query(c)))
                    .collect();
                let least = ((wanted.len() as f64 * MOST_WORDS).floor() as usize).max(1);
                let most = BooleanQuery::with_minimum_required_clauses(any, least);
                clauses.push((Occur::Must, Box::new(most)));
            }
        }
        if wanted.is_empty() {
            clauses.push((Occur::Must, Box::new(AllQuery)));
        }
        self.filter(&query.filters, &mut clauses);
        for clause in query.clauses.iter().filter(|clause| clause.without) {
            // tantivy's exclusion asks a phrase for documents it has already passed, which a phrase
            // by itself answers wrongly; a union of it with itself answers rightly.
            let query = self.clause_query(clause);
            let safe = BooleanQuery::union(vec![query.box_clone(), query]);
            clauses.push((Occur::MustNot, Box::new(safe)));
        }
        match clauses.len() {
            1 => clauses.remove(0).1,
            _ => Box::new(BooleanQuery::new(clauses)),
        }
    }

    fn clause_query(&self, clause: &Clause) -> Box<dyn Query> {
        let words = folded_words(&clause.text);
        let text = self.fields.text;
        match clause.form {
            Form::Prefix => {
                let prefix = Term::from_field_text(text, &words[0]);
                Box::new(FuzzyTermQuery::new_prefix(prefix, 0, false))
            }
            Form::Phrase => self.phrase(&words),
            Form::Word if words.len() > 1 => {
                // "Wi-Fi" is also written "WiFi".
                let together = self.any_form(&words.concat());
                Box::new(BooleanQuery::union(vec![self.phrase(&words), together]))
            }
            Form::Word => self.any_form(&words[0]),
        }
    }

    fn phrase(&self, words: &[String]) -> Box<dyn Query> {
        let text = self.fields.text;
        match words {
            [word] => term_query(text, word),
            _ => Box::new(PhraseQuery::new(
                words
                    .iter()
                    .map(|word| Term::from_field_text(text, word))
                    .collect(),
            )),
        }
    }

    fn any_form(&self, word: &str) -> Box<dyn Query> {
        let forms = self.stems.forms(word);
        match forms.as_slice() {
            [form] => term_query(self.fields.text, form),
            _ => Box::new(BooleanQuery::union(
                forms
                    .iter()
                    .map(|form| term_query(self.fields.text, form))
                    .collect(),
            )),
        }
    }

    /// Adds what the threads must be; none of it moves the score.
    pub(super) fn filter(&self, filters: &Filters, clauses: &mut Vec<(Occur, Box<dyn Query>)>) {
        let fields = &self.fields;
        let mut must = |query: Box<dyn Query>| {
            clauses.push((Occur::Must, Box::new(ConstScoreQuery::new(query, 0.0))));
        };
        for (field, value) in [
            (fields.product, &filters.product),
            (fields.topic, &filters.topic),
            (fields.kind, &filters.kind),
            (fields.author, &filters.author),
        ] {
            if let Some(value) = value {
                must(term_query(field, value));
            }
        }
        filters
            .is
            .iter()
            .for_each(|state| must(term_query(fields.is, state)));
        filters
            .tags
            .iter()
            .for_each(|tag| must(term_query(fields.tag, tag)));
        let day = |at: Moment| Term::from_field_i64(fields.created_at, at.0);
        let after = filters.after.map(day);
        let before = filters.before.map(day);
        if after.is_some() || before.is_some() {
            must(Box::new(RangeQuery::new(
                after.map_or(Bound::Unbounded, Bound::Included),
                before.map_or(Bound::Unbounded, Bound::Excluded),
            )));
        }
    }
}

pub(super) fn term_query(field: Field, value: &str) -> Box<dyn Query> {
    let term = Term::from_field_text(field, value);
    Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs))
}
