//! A text as the rules see it: its words, their places, and what stands between them.

use std::ops::Range;

use super::lexicon::{Hit, hits, little};
use crate::escalations::words::{self, LANGUAGES, List};
use crate::text;

/// Beginning of a text that is judged (characters). The longest public posts have 25,000; what
/// somebody wants stands in their first two thousand.
pub const TEXT_CHARS_MAX: usize = 2_000;

/// Words of a text that are looked at.
const TOKENS_MAX: usize = 400;

/// A text as the rules see it.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// As it was written, cut.
    pub text: &'a str,
    /// Words in lower case without apostrophes, each between blanks: ` my screen is black `.
    pub folded: String,
    pub tokens: Vec<String>,
    /// Every phrase of [`words::PHRASES`] that stands here.
    hits: Vec<Hit>,
    /// The lists of little words that one of its words is in, with how many are.
    little: Vec<(&'static List, usize)>,
    pub language: Option<&'static str>,
    /// Somebody else told that it is in a language that is not known here.
    is_told_foreign: bool,
    /// The author named us or answers us.
    pub addressed: bool,
    /// A product of ours is named, or a telling word of its name stands here.
    pub names_product: bool,
    pub exclamations: usize,
    pub questions: usize,
    /// Words written in capitals only.
    pub shouted: usize,
    pub links: usize,
    pub hashtags: usize,
    /// How often each character of ASCII stands in it.
    counts: [u16; 128],
    /// Which tokens tell that a trouble is over, with the trouble they name: "for fixing my error".
    pub(super) settled: Vec<Range<usize>>,
    /// Behind which token each sentence ends.
    pub(super) ends: Vec<usize>,
}

impl<'a> Evidence<'a> {
    pub fn of(text: &'a str, addressed: bool) -> Evidence<'a> {
        let end = text
            .char_indices()
            .nth(TEXT_CHARS_MAX)
            .map_or(text.len(), |(at, _)| at);
        let text = &text[..end];
        let plain = text::words::normalise(text);
        let (tokens, ends) = tokens_and_ends(&plain);
        let mut counts = [0_u16; 128];
        for byte in text.bytes().filter(u8::is_ascii) {
            counts[usize::from(byte)] += 1;
        }
        let count = |byte: u8| usize::from(counts[usize::from(byte)]);
        let elsewhere = |signs: &[char]| {
            if text.is_ascii() {
                0
            } else {
                text.matches(signs).count()
            }
        };
        let little = little(&tokens);
        let mut evidence = Evidence {
            text,
            folded: format!(" {} ", tokens.join(" ")),
            language: language_of(&little, &tokens, &plain),
            is_told_foreign: false,
            hits: hits(&tokens),
            little,
            tokens,
            addressed,
            names_product: false,
            exclamations: count(b'!'),
            questions: count(b'?') + elsewhere(&['¿', '？']),
            shouted: shouted(&plain),
            links: if count(b'p') > 0 {
                text.matches("http").count()
            } else {
                0
            },
            hashtags: if count(b'#') > 0 {
                let words = text.split_whitespace();
                words.filter(|word| word.starts_with('#')).count()
            } else {
                0
            },
            counts,
            settled: Vec::new(),
            ends,
        };
        evidence.settled = evidence.told_to_be_over();
        evidence
    }

    /// Takes the word of somebody else for its language, where nothing was found out here.
    pub(super) fn take_language(&mut self, told: &str) {
        let code = told.split(['-', '_']).next().unwrap_or(told).to_lowercase();
        let known = LANGUAGES.iter().find(|(known, _)| *known == code);
        match known {
            Some((known, _)) => self.language = self.language.or(Some(known)),
            // "und" is what networks say when they don't know either.
            None => self.is_told_foreign = code.len() == 2,
        }
    }

    /// Whether it is in a language of which neither rules nor model know a word.
    pub(super) fn is_of_unknown_language(&self) -> bool {
        let letters = || self.tokens.iter().flat_map(|t| t.chars());
        let known = || {
            let counts = LANGUAGES.map(|(_, list)| count_of(&self.little, list));
            counts.into_iter().max().unwrap_or(0)
        };
        let others = || count_of(&self.little, &words::OTHER_LANGUAGES);
        match self.language {
            Some(code) if LANGUAGES.iter().any(|(known, _)| *known == code) => false,
            _ if self.is_told_foreign => true,
            _ if others() >= LITTLE_WORDS_MIN && others() > known() => true,
            Some(_) => known() * LITTLE_WORDS_EVERY < self.tokens.len() && self.hits.is_empty(),
            // Too short to be told: by its script alone.
            None => {
                let foreign = letters()
                    .filter(|c| c.is_alphabetic() && *c > '\u{24f}')
                    .count();
                2 * foreign > letters().count()
            }
        }
    }

    /// How many words it has; in scripts that leave no blanks, two letters are taken for a word.
    pub(super) fn words(&self) -> usize {
        let words = |token: &String| {
            let letters = token.chars().filter(|c| is_of_unspaced_script(*c)).count();
            1.max(letters / 2)
        };
        self.tokens.iter().map(words).sum()
    }

    /// The phrases of a list that stand in the text.
    pub fn found(&self, list: &List) -> Vec<&'static str> {
        let mut found: Vec<&str> = self.hits(list).map(|hit| hit.phrase).collect();
        found.dedup();
        found
    }

    /// Whether a phrase of the list stands in the text.
    pub(super) fn has(&self, list: &List) -> bool {
        self.hits(list).next().is_some()
    }

    /// Whether one of its words is in a list of [`words::LITTLE`].
    pub(super) fn has_little(&self, list: &List) -> bool {
        count_of(&self.little, list) > 0
    }

    /// How often a character of ASCII stands in the text.
    pub(super) fn count(&self, byte: u8) -> usize {
        self.counts
            .get(usize::from(byte))
            .map_or(0, |count| usize::from(*count))
    }

    fn hits(&self, list: &List) -> impl Iterator<Item = &Hit> {
        self.hits.iter().filter(move |hit| hit.is_of(list))
    }

    pub(super) fn holds(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| token == word)
    }

    /// The phrases of a list that stand in the text, each with every place.
    pub(super) fn placed(&self, list: &List) -> Vec<(&'static str, Range<usize>)> {
        let hits = self.hits(list);
        hits.map(|hit| (hit.phrase, hit.place.clone())).collect()
    }

    /// The phrases of a list that are told of something that is not over.
    pub(super) fn unsettled(&self, list: &List) -> Vec<&'static str> {
        let mut found = self.placed(list);
        found.retain(|(_, place)| !self.is_settled(place.start));
        found.dedup_by_key(|(phrase, _)| *phrase);
        found.into_iter().map(|(phrase, _)| phrase).collect()
    }

    pub(super) fn is_settled(&self, at: usize) -> bool {
        self.settled.iter().any(|place| place.contains(&at))
    }

    pub(super) fn is_one_of(&self, at: usize, list: &List) -> bool {
        self.tokens.get(at).is_some_and(|token| list.has(token))
    }

    /// A word that is asked for, with one of a list among the few words before it or after it.
    pub(super) fn near(
        &self,
        is_asked_for: impl Fn(&str) -> bool,
        before: (usize, &List),
        after: (usize, &List),
    ) -> Option<String> {
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            if !is_asked_for(token) {
                return None;
            }
            let mut earlier = at.saturating_sub(before.0)..at;
            if let Some(first) = earlier.find(|n| self.is_one_of(*n, before.1)) {
                return Some(self.tokens[first..=at].join(" "));
            }
            let mut later = at + 1..at + 1 + after.0;
            let last = later.find(|n| self.is_one_of(*n, after.1))?;
            Some(self.tokens[at..=last].join(" "))
        })
    }

    /// Words of denial that have another meaning in English.
    pub(super) fn is_foreign(&self, token: &str) -> bool {
        match token {
            "plus" | "pas" => self.language != Some("fr"),
            "sin" => self.language != Some("es"),
            "brand" => self.language != Some("de"),
            _ => false,
        }
    }

    /// Whether a good word stands within three words after a negation.
    pub(super) fn negated(&self, list: &List) -> Option<String> {
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            if !words::NEGATION.has(token) || self.is_settled(at) {
                return None;
            }
            let good = self
                .tokens
                .iter()
                .skip(at + 1)
                .take(3)
                .find(|t| list.has(t))?;
            Some(format!("{token} … {good}"))
        })
    }
}

/// Little words of a language that tell it without further search ...
const LITTLE_WORDS_MIN: usize = 2;
/// ... when one word in so many is of them.
const LITTLE_WORDS_EVERY: usize = 5;

/// The language: by its little words where they leave no doubt, which is soon seen; otherwise by
/// its letters.
fn language_of(
    little: &[(&'static List, usize)],
    tokens: &[String],
    plain: &str,
) -> Option<&'static str> {
    let mut counts = LANGUAGES.map(|(code, list)| (count_of(little, list), code));
    counts.sort_unstable();
    let [.., (second, _), (most, code)] = counts;
    let second = second.max(count_of(little, &words::OTHER_LANGUAGES));
    let is_frequent = most * LITTLE_WORDS_EVERY >= tokens.len();
    let is_alone = most > LITTLE_WORDS_MIN && second == 0;
    let is_plain = most >= LITTLE_WORDS_MIN && most >= 2 * second && (is_frequent || is_alone);
    if is_plain {
        Some(code)
    } else {
        text::language::detect(plain)
    }
}

/// How many words of a list of little words there are.
fn count_of(little: &[(&'static List, usize)], list: &List) -> usize {
    let found = little.iter().find(|(known, _)| std::ptr::eq(*known, list));
    found.map_or(0, |(_, count)| *count)
}

/// Thai, Lao, Burmese, Khmer, Kana and Han (blocks of the Unicode Standard).
fn is_of_unspaced_script(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

/// The words of a text: lower case, apostrophes left out, everything else a gap.
pub fn tokens(plain: &str) -> Vec<String> {
    tokens_and_ends(plain).0
}

/// The words of a text, and how many of them stand before the end of each sentence.
fn tokens_and_ends(plain: &str) -> (Vec<String>, Vec<usize>) {
    /// Room for most words at once (bytes).
    const WORD_BYTES: usize = 16;
    let mut list = Vec::with_capacity(plain.len() / 5);
    let mut ends = Vec::new();
    let mut word = String::with_capacity(WORD_BYTES);
    for c in plain.chars() {
        match c {
            'a'..='z' | '0'..='9' => word.push(c),
            'A'..='Z' => word.push(c.to_ascii_lowercase()),
            '\'' | '’' | '`' | '´' => {}
            c if !c.is_ascii() && c.is_alphanumeric() => word.extend(c.to_lowercase()),
            c => {
                if !word.is_empty() {
                    list.push(std::mem::replace(
                        &mut word,
                        String::with_capacity(WORD_BYTES),
                    ));
                }
                if matches!(c, '.' | '!' | '?' | ';' | '\n') {
                    ends.push(list.len());
                }
            }
        }
        if list.len() >= TOKENS_MAX {
            return (list, ends);
        }
    }
    if !word.is_empty() {
        list.push(word);
    }
    ends.push(list.len());
    (list, ends)
}

/// How many words are written in capitals only.
fn shouted(plain: &str) -> usize {
    /// Letters of a word that is counted: "OK" and "TV" are always written so.
    const LETTERS_MIN: usize = 3;
    if plain.is_ascii() && plain.bytes().filter(u8::is_ascii_uppercase).count() < LETTERS_MIN {
        return 0;
    }
    let words = plain.split_whitespace();
    let shouted = words.filter(|word| {
        !word.chars().any(char::is_lowercase)
            && word.chars().filter(|c| c.is_alphabetic()).count() >= LETTERS_MIN
    });
    shouted.count()
}
