//! The stretch of a thread that shows why it was found, with the found words marked.

use std::fmt::Write as _;

use super::index::{QueryStems, View};
use super::query::{Form, SearchQuery};
use super::words::{Words, folded_words};

/// Bytes of a snippet, about; it ends at a word.
const SNIPPET_BYTES: usize = 220;
/// Bytes shown before the first found word.
const SNIPPET_LEAD_BYTES: usize = 50;

impl View {
    pub(super) fn marks(&self, query: &SearchQuery) -> Marks<'_> {
        let mut marks = Marks {
            forms: Vec::new(),
            prefixes: Vec::new(),
            stems: &self.stems,
        };
        for clause in self.wanted(query) {
            let words = folded_words(&clause.text);
            match clause.form {
                Form::Prefix => marks.prefixes.extend(words),
                Form::Phrase => marks.forms.extend(words),
                Form::Word => {
                    if words.len() > 1 {
                        marks.forms.push(words.concat());
                    }
                    words
                        .iter()
                        .for_each(|word| marks.forms.extend(self.stems.forms(word)));
                    marks.forms.extend(words);
                }
            }
        }
        marks.forms.sort_unstable();
        marks.forms.dedup();
        marks
    }
}

/// Which words of a text are marked.
pub(super) struct Marks<'a> {
    pub(super) forms: Vec<String>,
    pub(super) prefixes: Vec<String>,
    pub(super) stems: &'a QueryStems,
}

/// A found word in a text: where it stands, and which form it matched.
pub(super) struct Mark {
    range: std::ops::Range<usize>,
    form: usize,
}

impl Marks<'_> {
    pub(super) fn find(&self, text: &str) -> Vec<Mark> {
        let mut found = Vec::new();
        let mut words = Words::new(text);
        while words.advance() {
            let word = words.folded();
            let form = if let Ok(form) = self.forms.binary_search_by(|f| f.as_str().cmp(word)) {
                Some(form)
            } else if let Some(n) = self
                .prefixes
                .iter()
                .position(|p| word.starts_with(p.as_str()))
            {
                // Where only the beginning was asked for, only the beginning is marked, unless
                // folding changed its length.
                let range = words.range();
                let end = range.start + self.prefixes[n].len();
                let plain = text[range.clone()].is_ascii();
                let range = if plain { range.start..end } else { range };
                found.push(Mark {
                    range,
                    form: self.forms.len() + n,
                });
                None
            } else if self
                .forms
                .iter()
                .any(|f| f.as_bytes().first() == word.as_bytes().first())
            {
                self.stems
                    .forms(word)
                    .iter()
                    .find_map(|stem| self.forms.binary_search(stem).ok())
            } else {
                None
            };
            if let Some(form) = form {
                found.push(Mark {
                    range: words.range(),
                    form,
                });
            }
        }
        found
    }
}

/// The stretch of `text` with the most different found words, as HTML.
pub(super) fn snippet(text: &str, marks: &[Mark]) -> String {
    let mut best = (0, 0, 0);
    for (first, mark) in marks.iter().enumerate() {
        let end = mark.range.start + SNIPPET_BYTES - SNIPPET_LEAD_BYTES;
        let within: Vec<usize> = marks[first..]
            .iter()
            .take_while(|m| m.range.end <= end)
            .map(|m| m.form)
            .collect();
        let mut forms = within.clone();
        forms.sort_unstable();
        forms.dedup();
        let worth = (forms.len(), within.len());
        if worth > (best.0, best.1) {
            best = (worth.0, worth.1, mark.range.start);
        }
    }
    let lead = best.2.saturating_sub(SNIPPET_LEAD_BYTES);
    let start = if lead == 0 { 0 } else { next_word(text, lead) };
    let start = if start > best.2 { best.2 } else { start };
    let end = last_word(text, start, start + SNIPPET_BYTES);
    let mut html = String::new();
    if start > 0 {
        html.push_str("… ");
    }
    html.push_str(&marked(text, marks, start..end));
    if end < text.trim_end().len() {
        html.push_str(" …");
    }
    html
}

/// The beginning of the first word at or after `from`.
fn next_word(text: &str, from: usize) -> usize {
    let mut at = from.min(text.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    let rest = &text[at..];
    let Some(blank) = rest.find(char::is_whitespace) else {
        return at;
    };
    let after = &rest[blank..];
    at + blank + (after.len() - after.trim_start().len())
}

/// The end of the last word that ends at or before `to`; `to` itself where one word fills it all.
fn last_word(text: &str, from: usize, to: usize) -> usize {
    if to >= text.len() {
        return text.trim_end().len().max(from);
    }
    let mut at = to;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    match text[from..at].rfind(char::is_whitespace) {
        Some(blank) if blank > 0 => from + blank,
        _ => at,
    }
}

/// A stretch of text as HTML, with the found words in `<mark>`.
pub(super) fn marked(text: &str, marks: &[Mark], stretch: std::ops::Range<usize>) -> String {
    let mut html = String::with_capacity(stretch.len() + marks.len() * 13);
    let mut at = stretch.start;
    for mark in marks {
        if mark.range.start < at || mark.range.end > stretch.end {
            continue;
        }
        escape(&text[at..mark.range.start], &mut html);
        html.push_str("<mark>");
        escape(&text[mark.range.clone()], &mut html);
        html.push_str("</mark>");
        at = mark.range.end;
    }
    escape(&text[at..stretch.end], &mut html);
    html
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => {
                let _ = out.write_char(c);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn snippets_never_split_a_letter_nor_let_markup_through(text in "([a-z<&é路 ]|reset){0,400}") {
            let stems = QueryStems::default();
            let marks =
                Marks { forms: vec!["reset".to_string()], prefixes: Vec::new(), stems: &stems };
            let html = snippet(&text, &marks.find(&text));
            let plain = html.replace("<mark>", "").replace("</mark>", "");
            prop_assert!(!plain.contains('<'));
            prop_assert!(html.len() < 6 * (SNIPPET_BYTES + 40));
        }
    }
}
