//! The query language, and its tolerant parser: any input gives a query.
//!
//! ```text
//! reset router            both words, in any form
//! "factory reset"         these words in this order
//! firm*                   words that begin so
//! -printer -"hard reset"  without these
//! product:router topic:wifi kind:question tag:wifi author:ada
//! is:solved is:open is:closed is:official
//! before:2026-02-01 after:2026-01-01
//! ```
//!
//! A filter whose value makes no sense is left out with a note for the reader; what only looks like
//! a filter (`error:5`) is words.

use std::fmt;

use super::KINDS;
use super::words::{Words, folded_words};
use crate::clock::Moment;
use crate::text::{names, slug};

/// Letters of a query that are read; the rest is cut off with a note.
pub const QUERY_CHARS_MAX: usize = 400;
/// Words, phrases and prefixes of a query; the rest is left out with a note.
pub const CLAUSES_MAX: usize = 24;
/// Tags a query can ask for together.
pub const TAGS_MAX: usize = 5;
/// Letters a prefix needs, so that it does not mean half of all words.
pub const PREFIX_CHARS_MIN: usize = 2;
/// States a thread can be asked for by `is:`.
pub const STATES: [&str; 4] = ["solved", "open", "closed", "official"];

/// What somebody searches for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// Words, phrases and prefixes in the order they were written.
    pub clauses: Vec<Clause>,
    /// What the threads must be.
    pub filters: Filters,
    /// Polite notes on what was left out or understood differently.
    pub notes: Vec<String>,
}

/// One thing to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// The words as written.
    pub text: String,
    /// How the words are meant.
    pub form: Form,
    /// Whether threads with it are left out.
    pub without: bool,
}

/// How the words of a clause are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In any form of the word.
    Word,
    /// As written, in this order.
    Phrase,
    /// As the beginning of a word.
    Prefix,
}

/// What threads must be. Each is a slug or key in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// Product slug.
    pub product: Option<String>,
    /// Topic slug.
    pub topic: Option<String>,
    /// One of [`KINDS`].
    pub kind: Option<String>,
    /// Some of [`STATES`], all of which must hold.
    pub is: Vec<String>,
    /// Tag slugs, all of which the thread must bear.
    pub tags: Vec<String>,
    /// Author's name key.
    pub author: Option<String>,
    /// Created on this day or later (UTC).
    pub after: Option<Moment>,
    /// Created before this day (UTC).
    pub before: Option<Moment>,
}

impl Filters {
    /// Whether nothing is asked of the threads.
    pub fn is_empty(&self) -> bool {
        *self == Filters::default()
    }
}

impl SearchQuery {
    /// Reads a query as somebody typed it.
    pub fn parse(input: &str) -> SearchQuery {
        let mut query = SearchQuery::default();
        let input = match input.char_indices().nth(QUERY_CHARS_MAX) {
            Some((end, _)) => {
                query.note(format!(
                    "Only the first {QUERY_CHARS_MAX} letters were searched for."
                ));
                &input[..end]
            }
            None => input,
        };
        let mut rest = input.trim_start();
        while !rest.is_empty() {
            let (item, after) = next_item(rest);
            query.take(item);
            rest = after.trim_start();
        }
        query
    }

    /// Adds what form fields say, where the query words say nothing about it. Names are those of the
    /// filters (`product`, `kind`, `is` …); empty values and unknown names do nothing.
    pub fn merge<'a>(&mut self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let typed = self.filters.clone();
        for (name, value) in fields {
            let name = name.to_lowercase();
            let said = match name.as_str() {
                "product" => typed.product.is_some(),
                "topic" => typed.topic.is_some(),
                "kind" => typed.kind.is_some(),
                "is" => !typed.is.is_empty(),
                "author" => typed.author.is_some(),
                "after" => typed.after.is_some(),
                "before" => typed.before.is_some(),
                _ => false,
            };
            if !said && !value.trim().is_empty() {
                self.set(&name, value.trim());
            }
        }
    }

    /// Whether there is nothing to search for.
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty() && self.filters.is_empty()
    }

    /// The words, phrases and prefixes alone, as canonical text: what a search box shows beside form
    /// fields for the filters.
    pub fn words_text(&self) -> String {
        self.clauses
            .iter()
            .map(Clause::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn take(&mut self, item: Item<'_>) {
        if let Some(name) = item.filter {
            if item.without {
                self.note(format!("“-{name}:” is not known; the filter was left out."));
            } else {
                self.set(name, item.text);
            }
            return;
        }
        let words = folded_words(item.text);
        if words.is_empty() {
            return;
        }
        let form = if item.quoted {
            Form::Phrase
        } else if item.text.ends_with('*') && words.len() == 1 {
            Form::Prefix
        } else {
            Form::Word
        };
        let too_short = words[0].chars().count() < PREFIX_CHARS_MIN;
        let form = if form == Form::Prefix && too_short {
            self.note(format!("“{}*” is too short for a beginning.", words[0]));
            Form::Word
        } else {
            form
        };
        if self.clauses.len() == CLAUSES_MAX {
            self.note(format!(
                "Only the first {CLAUSES_MAX} words were searched for."
            ));
            return;
        }
        // "!tag:x" is no filter and must not become one when it is written back.
        let text = match trimmed(item.text) {
            text if form == Form::Phrase => text.to_string(),
            text => text.replace(':', "."),
        };
        self.clauses.push(Clause {
            text,
            form,
            without: item.without,
        });
    }

    /// Sets a filter by its name; true when there is a filter of this name.
    fn set(&mut self, name: &str, value: &str) -> bool {
        let lower = value.replace('"', "").to_lowercase();
        let lower = lower.trim_start_matches(['@', '#']).trim();
        if lower.is_empty() {
            self.note(format!("“{name}:{value}” names nothing; left out."));
            return true;
        }
        let lower = lower.to_string();
        let lower = if name == "tag" {
            slug::slug_or(&lower, &lower)
        } else {
            lower
        };
        match name {
            "product" => self.filters.product = Some(lower),
            "topic" => self.filters.topic = Some(lower),
            // As the index holds them: a name by its key, a tag by its slug.
            "author" => self.filters.author = Some(names::key(&lower)),
            "tag" if self.filters.tags.contains(&lower) => {}
            "tag" if self.filters.tags.len() == TAGS_MAX => {
                self.note(format!(
                    "At most {TAGS_MAX} tags can be asked for together."
                ));
            }
            "tag" => self.filters.tags.push(lower),
            "kind" => {
                let kind = lower.replace(['-', ' '], "_");
                if KINDS.contains(&kind.as_str()) {
                    self.filters.kind = Some(kind);
                } else {
                    let kinds = KINDS.join(", ");
                    self.note(format!(
                        "There is no kind “{value}”. The kinds are {kinds}."
                    ));
                }
            }
            "is" => {
                if !STATES.contains(&lower.as_str()) {
                    let states = STATES.join(", ");
                    self.note(format!("“is:{value}” is not known. It can be {states}."));
                } else if !self.filters.is.contains(&lower) {
                    self.filters.is.push(lower);
                    self.filters.is.sort_unstable();
                }
            }
            "before" | "after" => match Moment::parse_day(value) {
                Some(day) => {
                    let slot = match name {
                        "before" => &mut self.filters.before,
                        _ => &mut self.filters.after,
                    };
                    *slot = Some(day);
                }
                None => {
                    self.note(format!(
                        "“{value}” is not a date like 2026-01-31; left out."
                    ));
                }
            },
            _ => return false,
        }
        true
    }
}

/// The same query, written so that parsing it gives the same query.
impl fmt::Display for SearchQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filters = &self.filters;
        let mut parts: Vec<String> = self.clauses.iter().map(Clause::to_string).collect();
        let mut part = |name: &str, value: &str| {
            if value.contains(char::is_whitespace) || value.contains('"') || value.is_empty() {
                parts.push(format!("{name}:\"{}\"", value.replace('"', "")));
            } else {
                parts.push(format!("{name}:{value}"));
            }
        };
        for (name, value) in [
            ("product", &filters.product),
            ("topic", &filters.topic),
            ("kind", &filters.kind),
            ("author", &filters.author),
        ] {
            if let Some(value) = value {
                part(name, value);
            }
        }
        filters.is.iter().for_each(|state| part("is", state));
        filters.tags.iter().for_each(|tag| part("tag", tag));
        if let Some(day) = filters.after {
            part("after", &day.day());
        }
        if let Some(day) = filters.before {
            part("before", &day.day());
        }
        f.write_str(&parts.join(" "))
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minus = if self.without { "-" } else { "" };
        match self.form {
            Form::Word => write!(f, "{minus}{}", self.text),
            Form::Phrase => write!(f, "{minus}\"{}\"", self.text),
            Form::Prefix => write!(f, "{minus}{}*", self.text),
        }
    }
}

/// A stretch of the input: a word, or a phrase in quotes, or a filter.
struct Item<'a> {
    filter: Option<&'static str>,
    text: &'a str,
    quoted: bool,
    without: bool,
}

/// Cuts the next item off a text that begins with no blank. A quote that is never closed reaches to
/// the end.
fn next_item(input: &str) -> (Item<'_>, &str) {
    const NAMES: [&str; 8] = [
        "product", "topic", "kind", "is", "tag", "author", "before", "after",
    ];
    let (without, start) = match input.strip_prefix('-') {
        Some(rest) if rest.starts_with(|c: char| c == '"' || c.is_alphanumeric()) => (true, rest),
        _ => (false, input),
    };
    let end_of = |text: &str| text.find(char::is_whitespace).unwrap_or(text.len());
    let named = start[..end_of(start)]
        .split_once(':')
        .and_then(|(name, value)| {
            let name = NAMES
                .iter()
                .find(|known| name.eq_ignore_ascii_case(known))?;
            (!value.is_empty()).then_some(*name)
        });
    let value = named.map_or(start, |name| &start[name.len() + 1..]);
    if let Some(phrase) = value.strip_prefix('"') {
        let (text, rest) = phrase.split_once('"').unwrap_or((phrase, ""));
        return (
            Item {
                filter: named,
                text,
                quoted: true,
                without,
            },
            rest,
        );
    }
    let mut end = end_of(value);
    if named.is_none() {
        end = end.min(value.find('"').unwrap_or(end));
    }
    (
        Item {
            filter: named,
            text: &value[..end],
            quoted: false,
            without,
        },
        &value[end..],
    )
}

/// From the first letter of the first word to the last letter of the last.
fn trimmed(text: &str) -> &str {
    let mut words = Words::new(text);
    let mut from = None;
    let mut to = 0;
    while words.advance() {
        from.get_or_insert(words.range().start);
        to = words.range().end;
    }
    &text[from.unwrap_or(0)..to]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(input: &str) -> String {
        SearchQuery::parse(input).to_string()
    }

    #[test]
    fn names_and_tags_are_asked_for_as_the_index_holds_them() {
        let query = SearchQuery::parse("author:ＺＯË tag:Über");
        assert_eq!(
            query.filters.author.as_deref(),
            Some(names::key("Zoë").as_str())
        );
        assert_eq!(query.filters.tags, ["uber"]);
    }

    #[test]
    fn words_phrases_prefixes_and_exclusions() {
        let query = SearchQuery::parse(r#"reset -printer "factory  Reset" firm* -"hard reset""#);
        let forms: Vec<_> = query
            .clauses
            .iter()
            .map(|c| (c.text.as_str(), c.form, c.without))
            .collect();
        assert_eq!(
            forms,
            [
                ("reset", Form::Word, false),
                ("printer", Form::Word, true),
                ("factory  Reset", Form::Phrase, false),
                ("firm", Form::Prefix, false),
                ("hard reset", Form::Phrase, true),
            ]
        );
        assert!(query.notes.is_empty());
    }

    #[test]
    fn filters_are_read_and_written_in_one_order() {
        assert_eq!(
            canonical(
                "after:2026-01-01 IS:Solved wifi tag:#WiFi kind:known-issue author:@Ada product:Router is:official before:2026-02-01"
            ),
            "wifi product:router kind:known_issue author:ada is:official is:solved tag:wifi after:2026-01-01 before:2026-02-01"
        );
        assert_eq!(
            canonical(r#"author:"ada lovelace" x"#),
            r#"x author:"ada lovelace""#
        );
    }

    #[test]
    fn what_makes_no_sense_is_left_out_with_a_note() {
        let query = SearchQuery::parse("router kind:riddle before:yesterday is:great -tag:x a*");
        assert_eq!(query.words_text(), "router a");
        assert!(query.filters.is_empty());
        assert_eq!(query.notes.len(), 5);
    }

    #[test]
    fn what_only_looks_like_a_filter_is_words() {
        let query = SearchQuery::parse("error:0x80070005 tag: http://example.com/a");
        assert!(query.filters.is_empty());
        assert_eq!(
            query.words_text(),
            "error.0x80070005 tag http.//example.com/a"
        );
    }

    #[test]
    fn typed_filters_win_over_form_fields() {
        let mut query = SearchQuery::parse("wifi product:router");
        query.merge([
            ("product", "printer"),
            ("kind", "question"),
            ("tag", ""),
            ("odd", "x"),
        ]);
        assert_eq!(query.to_string(), "wifi product:router kind:question");
    }

    #[test]
    fn long_queries_are_cut_with_a_note() {
        let query = SearchQuery::parse(&"word ".repeat(200));
        assert_eq!(query.clauses.len(), CLAUSES_MAX);
        assert_eq!(query.notes.len(), 2);
    }

    #[test]
    fn open_quotes_and_lone_signs_do_no_harm() {
        assert_eq!(canonical("\"never closed"), "\"never closed\"");
        assert_eq!(canonical("- * \" : -: ::"), "");
        assert_eq!(canonical("a\"b c\"d"), "a \"b c\" d");
    }

    proptest! {
        #[test]
        fn any_input_gives_a_query_that_reads_back_the_same(input in "(\\PC|[\"*: -]|(product|tag|is|kind|before|author):?){0,60}") {
            let query = SearchQuery::parse(&input);
            let again = SearchQuery::parse(&query.to_string());
            prop_assert_eq!(&query.clauses, &again.clauses);
            prop_assert_eq!(&query.filters, &again.filters);
            prop_assert_eq!(query.to_string(), again.to_string());
        }

        #[test]
        fn filters_survive_writing(product in "[a-z0-9-]{1,12}", tag in "[a-z0-9-]{1,12}", year in 1970i16..2100, month in 1i8..=12) {
            let input = format!("x product:{product} tag:{tag} before:{year}-{month:02}-01 is:open");
            let query = SearchQuery::parse(&input);
            prop_assert_eq!(SearchQuery::parse(&query.to_string()), query);
        }
    }
}
