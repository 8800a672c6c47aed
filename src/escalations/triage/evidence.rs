//! A text as the rules see it: its words, their places, and what stands between them.

use std::ops::Range;

use crate::escalations::words;
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
    /// The tokens in order, each once: most phrases are ruled out by their first word.
    sorted: Vec<String>,
    pub language: Option<&'static str>,
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
        let tokens = tokens(&plain);
        let mut sorted = tokens.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let shouted = plain
            .split_whitespace()
            .filter(|w| {
                w.chars().filter(|c| c.is_alphabetic()).count() >= 3
                    && !w.chars().any(char::is_lowercase)
            })
            .count();
        let mut evidence = Evidence {
            text,
            folded: format!(" {} ", tokens.join(" ")),
            language: text::language::detect(&plain),
            tokens,
            sorted,
            addressed,
            names_product: false,
            exclamations: text.matches('!').count(),
            questions: text.matches(['?', '¿', '？']).count(),
            shouted,
            links: text.matches("http").count(),
            hashtags: text
                .split_whitespace()
                .filter(|w| w.starts_with('#'))
                .count(),
            settled: Vec::new(),
            ends: sentence_ends(&plain),
        };
        evidence.settled = evidence.told_to_be_over();
        evidence
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
    pub fn found(&self, list: &[&'static str]) -> Vec<&'static str> {
        list.iter()
            .copied()
            .filter(|phrase| self.holds(phrase))
            .collect()
    }

    pub(super) fn holds(&self, phrase: &str) -> bool {
        let (phrase, open) = match phrase.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (phrase, false),
        };
        let first = phrase.split(' ').next().unwrap_or(phrase);
        let single = first.len() == phrase.len();
        let at = self.sorted.partition_point(|token| token.as_str() < first);
        let has_first = self.sorted.get(at).is_some_and(|token| {
            if single && open {
                token.starts_with(first)
            } else {
                token == first
            }
        });
        has_first && (single || !self.places(phrase, open).is_empty())
    }

    /// Where the words of a phrase stand among the tokens; the last may go on when it is `open`.
    fn places(&self, phrase: &str, open: bool) -> Vec<Range<usize>> {
        let parts: Vec<&str> = phrase.split(' ').collect();
        let is_here = |tokens: &[String]| {
            tokens
                .iter()
                .zip(&parts)
                .enumerate()
                .all(|(n, (token, part))| {
                    token == part || (open && n + 1 == parts.len() && token.starts_with(part))
                })
        };
        let windows = self.tokens.windows(parts.len()).enumerate();
        windows
            .filter(|(_, tokens)| is_here(tokens))
            .map(|(at, _)| at..at + parts.len())
            .collect()
    }

    /// The phrases of a list that stand in the text, each with every place.
    pub(super) fn placed(&self, list: &[&'static str]) -> Vec<(&'static str, Range<usize>)> {
        let found = self.found(list).into_iter();
        found
            .flat_map(|phrase| {
                let places = self.places(phrase.trim_end_matches('*'), phrase.ends_with('*'));
                places.into_iter().map(move |place| (phrase, place))
            })
            .collect()
    }

    /// The phrases of a list that are told of something that is not over.
    pub(super) fn unsettled(&self, list: &[&'static str]) -> Vec<&'static str> {
        let mut found = self.placed(list);
        found.retain(|(_, place)| !self.is_settled(place.start));
        found.dedup_by_key(|(phrase, _)| *phrase);
        found.into_iter().map(|(phrase, _)| phrase).collect()
    }

    pub(super) fn is_settled(&self, at: usize) -> bool {
        self.settled.iter().any(|place| place.contains(&at))
    }

    pub(super) fn is_one_of(&self, at: usize, list: &[&str]) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| list.contains(&token.as_str()))
    }

    /// A word of `list` with one of `others` among the few words before it or after it, in order.
    pub(super) fn near(
        &self,
        list: &[&str],
        before: (usize, &[&str]),
        after: (usize, &[&str]),
    ) -> Option<String> {
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            if !list.contains(&token.as_str()) {
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
    pub(super) fn negated(&self, list: &[&'static str]) -> Option<String> {
        self.tokens.iter().enumerate().find_map(|(at, token)| {
            if !words::NEGATION.contains(&token.as_str()) || self.is_settled(at) {
                return None;
            }
            let good = self
                .tokens
                .iter()
                .skip(at + 1)
                .take(3)
                .find(|t| list.contains(&t.as_str()))?;
            Some(format!("{token} … {good}"))
        })
    }
}

/// Thai, Lao, Burmese, Khmer, Kana and Han (blocks of the Unicode Standard).
fn is_of_unspaced_script(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

/// The words of a text: lower case, apostrophes left out, everything else a gap.
pub fn tokens(plain: &str) -> Vec<String> {
    let mut list = Vec::new();
    let mut word = String::new();
    for c in plain.chars() {
        match c {
            '\'' | '’' | '`' | '´' => {}
            c if c.is_alphanumeric() => word.extend(c.to_lowercase()),
            _ if word.is_empty() => {}
            _ => list.push(std::mem::take(&mut word)),
        }
        if list.len() >= TOKENS_MAX {
            return list;
        }
    }
    if !word.is_empty() {
        list.push(word);
    }
    list
}

/// How many of its words stand before the end of each sentence.
fn sentence_ends(plain: &str) -> Vec<usize> {
    let sentences = plain.split(['.', '!', '?', ';', '\n']);
    sentences
        .scan(0, |words, sentence| {
            *words += tokens(sentence).len();
            Some(*words)
        })
        .collect()
}
