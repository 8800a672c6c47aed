//! Misspelt words: those the index does not know give way to the nearest that it does.

use std::collections::BTreeMap;

use tantivy::Term;
use tantivy::query::FuzzyTermQuery;

use super::index::View;
use super::query::{Form, SearchQuery};
use super::words::folded_words;
use super::{Error, Result};

/// Terms near a misspelt word that are weighed.
const NEAR_TERMS_MAX: usize = 500;
/// Words of one query that are looked up by likeness: each walks the dictionary of every segment.
const CORRECTIONS_MAX: usize = 5;

impl View {
    /// The query with its unknown words replaced by near ones; none when there is nothing to replace.
    pub(super) fn correct(&self, query: &SearchQuery) -> Result<Option<SearchQuery>> {
        let mut corrected = query.clone();
        let mut changed = false;
        let mut looked_up = 0;
        for clause in corrected
            .clauses
            .iter_mut()
            .filter(|clause| !clause.without)
        {
            if clause.form == Form::Prefix {
                continue;
            }
            let mut text = Vec::new();
            for word in folded_words(&clause.text) {
                let forms = self.stems.forms(&word);
                let known = forms.iter().chain([&word]).try_fold(false, |known, form| {
                    let term = Term::from_field_text(self.fields.text, form);
                    Ok::<_, Error>(known || self.searcher.doc_freq(&term)? > 0)
                })?;
                let near = if known || looked_up == CORRECTIONS_MAX {
                    None
                } else {
                    looked_up += 1;
                    self.nearest(&word)?
                };
                match near {
                    Some(near) => {
                        changed = true;
                        text.push(near);
                    }
                    None => text.push(word),
                }
            }
            clause.text = text.join(if clause.form == Form::Phrase {
                " "
            } else {
                "-"
            });
        }
        Ok(changed.then_some(corrected))
    }

    /// The nearest indexed word: one change away, or two for words of six letters and more; among
    /// the equally near, one with the same first letter and in the most threads.
    fn nearest(&self, word: &str) -> Result<Option<String>> {
        let letters = word.chars().count();
        let farthest = match letters {
            0..=2 => return Ok(None),
            3..=5 => 1,
            _ => 2,
        };
        for distance in 1..=farthest {
            let term = Term::from_field_text(self.fields.text, word);
            let automaton = FuzzyTermQuery::new(term, distance, true).automaton()?;
            let mut near: BTreeMap<String, u64> = BTreeMap::new();
            for segment in self.searcher.segment_readers() {
                let inverted = segment.inverted_index(self.fields.text)?;
                let mut terms = inverted.terms().search(&automaton).into_stream()?;
                while let Some((found, info)) = terms.next() {
                    if near.len() == NEAR_TERMS_MAX {
                        break;
                    }
                    let found = String::from_utf8_lossy(found).into_owned();
                    *near.entry(found).or_default() += u64::from(info.doc_freq);
                }
            }
            let first = word.chars().next();
            let best = near.into_iter().max_by_key(|(found, threads)| {
                (
                    found.chars().next() == first,
                    *threads,
                    std::cmp::Reverse(found.clone()),
                )
            });
            if let Some((best, _)) = best {
                return Ok(Some(best));
            }
        }
        Ok(None)
    }
}
