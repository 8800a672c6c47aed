//! The fields of the index, and how a thread becomes a document.
//!
//! One field, `text`, holds everything that can be searched for: the title several times over, tags,
//! opening post, accepted answers and other replies. A word's weight is thus decided at writing (as
//! BM25F does it) and a query word costs one posting list, however many places it is looked for in.
//! At each position stand the folded word and, where it differs, its stem: phrases and prefixes
//! match the words as written, plain words match by stem. A gap of positions keeps phrases from
//! reaching over the border of two posts.

use frostem::Stemmer;
use tantivy::Index;
use tantivy::TantivyDocument;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer};

use super::ThreadDoc;
use super::words::{Words, stemmers_for};
use crate::text::language;

/// Raised whenever documents are built differently, so that an index of an older release is rebuilt.
pub const SCHEMA_VERSION: u32 = 2;
/// How many times the title counts.
pub const TITLE_WEIGHT: usize = 2;
/// How many times each accepted answer counts.
pub const ANSWER_WEIGHT: usize = 1;
/// Bytes of an opening post that are indexed.
pub const BODY_BYTES_MAX: usize = 32 * 1024;
/// Bytes of accepted answers that are indexed, together.
pub const ANSWERS_BYTES_MAX: usize = 16 * 1024;
/// Bytes of other replies that are indexed, together.
pub const REPLIES_BYTES_MAX: usize = 16 * 1024;
/// Bytes of text stored for snippets.
pub const STORED_BYTES_MAX: usize = 4 * 1024;
/// Letters of a title's word that as-you-type suggestions match.
pub const PREFIX_CHARS_MAX: usize = 12;
/// Positions between two posts, more than the words of any phrase.
const GAP: usize = 100;

const SAME_POSITION: char = '\u{1}';
const BORDER: char = '\u{2}';

/// The fields, by handle.
#[derive(Debug, Clone, Copy)]
pub struct Fields {
    /// The thread's id.
    pub id: Field,
    /// The thread's version.
    pub version: Field,
    /// All words, see the head of this file.
    pub text: Field,
    /// The title's words, once.
    pub title_words: Field,
    /// The opening post's words.
    pub opening: Field,
    /// The beginnings of the title's words.
    pub title_prefix: Field,
    /// The title as written, stored.
    pub title: Field,
    /// Opening post and answers as written, cut to [`STORED_BYTES_MAX`], stored.
    pub body: Field,
    /// Product slug.
    pub product: Field,
    /// Topic slug.
    pub topic: Field,
    /// Kind.
    pub kind: Field,
    /// `open`, `solved`, `closed`, `official`.
    pub is: Field,
    /// Tag slugs.
    pub tag: Field,
    /// Author's name key.
    pub author: Field,
    /// ISO 639-1, or `und`.
    pub language: Field,
    /// Microseconds.
    pub created_at: Field,
    /// Microseconds.
    pub active_at: Field,
    /// Bits [`SOLVED`], [`OFFICIAL`] and [`KNOWN_ISSUE`].
    pub flags: Field,
    /// "Me too" count.
    pub me_too: Field,
    /// How many answers and other replies there are.
    pub replies: Field,
}

/// Bit of the `flags` field.
pub const SOLVED: u64 = 1;
/// Bit of the `flags` field.
pub const OFFICIAL: u64 = 2;
/// Bit of the `flags` field.
pub const KNOWN_ISSUE: u64 = 4;
/// The `language` of a thread whose language can't be told.
pub const UNKNOWN_LANGUAGE: &str = "und";

/// The schema with its fields.
pub fn schema() -> (Schema, Fields) {
    let mut b = Schema::builder();
    let words = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default()
            .set_tokenizer("analysed")
            .set_index_option(IndexRecordOption::WithFreqsAndPositions),
    );
    let counted = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default()
            .set_tokenizer("analysed")
            .set_index_option(IndexRecordOption::WithFreqs),
    );
    let prefixes = TextOptions::default().set_indexing_options(
        TextFieldIndexing::default()
            .set_tokenizer("analysed")
            .set_fieldnorms(false)
            .set_index_option(IndexRecordOption::Basic),
    );
    let fields = Fields {
        id: b.add_i64_field("id", INDEXED | FAST),
        version: b.add_i64_field("version", FAST),
        text: b.add_text_field("text", words),
        title_words: b.add_text_field("title_words", counted.clone()),
        opening: b.add_text_field("opening", counted),
        title_prefix: b.add_text_field("title_prefix", prefixes),
        title: b.add_text_field("title", STORED),
        body: b.add_text_field("body", STORED),
        product: b.add_text_field("product", STRING),
        topic: b.add_text_field("topic", STRING),
        kind: b.add_text_field("kind", STRING),
        is: b.add_text_field("is", STRING),
        tag: b.add_text_field("tag", STRING),
        author: b.add_text_field("author", STRING),
        language: b.add_text_field("language", STRING),
        created_at: b.add_i64_field("created_at", FAST),
        active_at: b.add_i64_field("active_at", FAST),
        flags: b.add_u64_field("flags", FAST),
        me_too: b.add_u64_field("me_too", FAST),
        replies: b.add_u64_field("replies", FAST),
    };
    (b.build(), fields)
}

/// Makes an index able to read what [`document`] writes.
pub fn register_tokenizers(index: &Index) {
    index
        .tokenizers()
        .register("analysed", TextAnalyzer::from(Analysed::default()));
}

/// The document of a thread.
pub fn document(fields: &Fields, thread: &ThreadDoc) -> TantivyDocument {
    let language = match &thread.language {
        Some(code) => Some(code.as_str()),
        None => language::detect(&format!("{}\n{}", thread.title, thread.body)),
    };
    let stemmers = stemmers_for(language);
    let analysis = || Analysis {
        stemmers: &stemmers,
        out: String::new(),
    };
    let (mut title, mut opening) = (analysis(), analysis());
    title.post(&thread.title, usize::MAX);
    opening.post(&thread.body, BODY_BYTES_MAX);
    let mut text = analysis();
    for _ in 0..TITLE_WEIGHT {
        text.out.push_str(&title.out);
    }
    for tag in &thread.tags {
        text.post(tag, usize::MAX);
    }
    text.post(&thread.product, usize::MAX);
    text.out.push_str(&opening.out);
    for _ in 0..ANSWER_WEIGHT {
        text.posts(&thread.answers, ANSWERS_BYTES_MAX);
    }
    text.posts(&thread.replies, REPLIES_BYTES_MAX);

    let mut stored = cut(&thread.body, STORED_BYTES_MAX).to_string();
    for answer in &thread.answers {
        stored.push('\n');
        stored.push_str(cut(answer, STORED_BYTES_MAX.saturating_sub(stored.len())));
    }

    let mut doc = TantivyDocument::default();
    doc.add_i64(fields.id, thread.id);
    doc.add_i64(fields.version, thread.version);
    doc.add_text(fields.text, text.out);
    doc.add_text(fields.title_words, title.out);
    doc.add_text(fields.opening, opening.out);
    doc.add_text(fields.title_prefix, title_prefixes(&thread.title));
    doc.add_text(fields.title, &thread.title);
    doc.add_text(fields.body, stored);
    doc.add_text(fields.product, &thread.product);
    if let Some(topic) = &thread.topic {
        doc.add_text(fields.topic, topic);
    }
    doc.add_text(fields.kind, &thread.kind);
    doc.add_text(fields.is, &thread.state);
    if thread.official {
        doc.add_text(fields.is, "official");
    }
    for tag in &thread.tags {
        doc.add_text(fields.tag, tag);
    }
    doc.add_text(fields.author, &thread.author);
    doc.add_text(fields.language, language.unwrap_or(UNKNOWN_LANGUAGE));
    doc.add_i64(fields.created_at, thread.created_at);
    doc.add_i64(fields.active_at, thread.active_at);
    let solved = if thread.state == "solved" { SOLVED } else { 0 };
    let official = if thread.official { OFFICIAL } else { 0 };
    let known_issue = if thread.kind == "known_issue" {
        KNOWN_ISSUE
    } else {
        0
    };
    doc.add_u64(fields.flags, solved | official | known_issue);
    let replies = thread.answers.len() + thread.replies.len();
    doc.add_u64(fields.replies, u64::try_from(replies).unwrap_or(u64::MAX));
    doc.add_u64(fields.me_too, u64::from(thread.me_too));
    doc
}

/// The longest beginning of `text` of at most `bytes_max` bytes.
fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Words with their stems, written so that [`Analysed`] reads them back.
struct Analysis<'a> {
    stemmers: &'a [Stemmer],
    out: String,
}

impl Analysis<'_> {
    fn post(&mut self, text: &str, bytes_max: usize) {
        let mut words = Words::new(cut(text, bytes_max));
        while words.advance() {
            let word = words.folded();
            let start = self.out.len();
            self.out.push_str(word);
            for stemmer in self.stemmers {
                let stem = stemmer.stem(word);
                if stem.is_empty()
                    || self.out[start..]
                        .split(SAME_POSITION)
                        .any(|seen| seen == stem)
                {
                    continue;
                }
                self.out.push(SAME_POSITION);
                self.out.push_str(&stem);
            }
            self.out.push(' ');
        }
        self.out.push(BORDER);
        self.out.push(' ');
    }

    fn posts(&mut self, texts: &[String], bytes_max: usize) {
        let mut left = bytes_max;
        for text in texts {
            self.post(text, left);
            left = left.saturating_sub(text.len());
            if left == 0 {
                break;
            }
        }
    }
}

/// Each beginning of each word of a title, as [`Analysed`] reads it.
fn title_prefixes(title: &str) -> String {
    let mut out = String::new();
    let mut words = Words::new(title);
    while words.advance() {
        let word = words.folded();
        let ends = word
            .char_indices()
            .map(|(i, c)| i + c.len_utf8())
            .take(PREFIX_CHARS_MAX);
        for (n, end) in ends.enumerate() {
            if n > 0 {
                out.push(SAME_POSITION);
            }
            out.push_str(&word[..end]);
        }
        out.push(' ');
    }
    out
}

/// Reads the tokens [`Analysis`] wrote: a blank ends a position, [`SAME_POSITION`] separates the
/// forms at one position, [`BORDER`] is the border of two posts.
#[derive(Clone, Default)]
struct Analysed {
    token: Token,
}

impl Tokenizer for Analysed {
    type TokenStream<'a> = AnalysedStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> AnalysedStream<'a> {
        self.token.reset();
        AnalysedStream {
            rest: text,
            next_position: 0,
            token: &mut self.token,
        }
    }
}

struct AnalysedStream<'a> {
    rest: &'a str,
    next_position: usize,
    token: &'a mut Token,
}

impl TokenStream for AnalysedStream<'_> {
    fn advance(&mut self) -> bool {
        loop {
            let Some(end) = self.rest.find([' ', SAME_POSITION]) else {
                return false;
            };
            let form = &self.rest[..end];
            let closes = self.rest.as_bytes()[end] == b' ';
            self.rest = &self.rest[end + 1..];
            if form.starts_with(BORDER) {
                self.next_position += GAP;
                continue;
            }
            self.token.position = self.next_position;
            if closes {
                self.next_position += 1;
            }
            if form.is_empty() {
                continue;
            }
            self.token.text.clear();
            self.token.text.push_str(form);
            return true;
        }
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(language: Option<&str>, posts: &[&str]) -> Vec<(usize, String)> {
        let stemmers = stemmers_for(language);
        let mut analysis = Analysis {
            stemmers: &stemmers,
            out: String::new(),
        };
        for post in posts {
            analysis.post(post, usize::MAX);
        }
        let mut tokenizer = Analysed::default();
        let mut stream = tokenizer.token_stream(&analysis.out);
        let mut all = Vec::new();
        while stream.advance() {
            all.push((stream.token().position, stream.token().text.clone()));
        }
        all
    }

    #[test]
    fn word_and_stem_share_a_position_and_posts_stand_apart() {
        let expected = [(0, "restored"), (0, "restor"), (1, "router"), (102, "off")];
        let expected: Vec<_> = expected.iter().map(|(p, t)| (*p, t.to_string())).collect();
        assert_eq!(tokens(Some("en"), &["Restored router", "off"]), expected);
    }

    #[test]
    fn a_language_without_stemmer_keeps_its_words() {
        assert_eq!(
            tokens(Some("ja"), &["routers"]),
            [(0, "routers".to_string())]
        );
    }

    #[test]
    fn a_text_of_unknown_language_takes_the_stems_of_all() {
        let all = tokens(None, &["running"]);
        assert!(all.contains(&(0, "running".into())) && all.contains(&(0, "run".into())));
    }

    #[test]
    fn a_cut_never_splits_a_letter() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
    }
}
