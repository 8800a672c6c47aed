//! What a report is about: the beginnings of its informative words.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::search::words::{folded_words, is_stop_word};
use crate::text;
use crate::text::personal_data::Kind;

/// Words of one report that are looked at; a post has fewer, and a long mail says first what it is about.
const WORDS_MAX: usize = 40;
/// Letters of a word that count: "crash", "crashes" and "crashing" are one. Cutting words is close to
/// stemming in most European languages and needs no knowledge of which one it is (McNamee, Nicholas
/// and Mayfield, "Addressing morphological variation in alphabetic languages", SIGIR 2009).
const LETTERS: usize = 5;
/// Letters of the shortest word that says something by itself.
const LETTERS_MIN: usize = 3;
/// What may stand in the place of personal data.
const MASKS: [Kind; 5] = [
    Kind::EmailAddress,
    Kind::Iban,
    Kind::CardNumber,
    Kind::PhoneNumber,
    Kind::OrderNumber,
];

/// A word of a report.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Word {
    /// By which it is counted.
    pub root: String,
    /// As somebody wrote it, without case and accents.
    pub word: String,
}

/// The informative words of a report, each root once, in order. Scripts without blanks between words
/// are taken two signs at a time.
pub fn informative(report: &str) -> Vec<Word> {
    let mut seen = HashSet::new();
    let mut words: Vec<Word> = Vec::new();
    let mut before: Option<String> = None;
    for word in folded_words(&text::words::normalise(&unmasked(report))) {
        let mut letters = word.chars();
        let is_sign = matches!((letters.next(), letters.next()), (Some(c), None) if !c.is_ascii());
        let said = if is_sign {
            let pair = before.as_ref().map(|before| format!("{before}{word}"));
            before = Some(word);
            pair
        } else {
            before = None;
            let has_letter = word.chars().any(char::is_alphabetic);
            let length = word.chars().count();
            let says = length >= LETTERS_MIN && (has_letter || length <= LETTERS);
            (says && !is_stop_word(&word)).then_some(word)
        };
        let Some(word) = said else { continue };
        let root = root_of(&word);
        if seen.insert(root.clone()) {
            words.push(Word { root, word });
            if words.len() == WORDS_MAX {
                break;
            }
        }
    }
    words
}

/// The beginning of a word; of a short one, without the s of a plural, which would stay.
fn root_of(word: &str) -> String {
    let root: String = word.chars().take(LETTERS).collect();
    match root.strip_suffix('s') {
        Some(one)
            if word.len() == root.len() && one.len() >= LETTERS_MIN && !one.ends_with('s') =>
        {
            one.to_owned()
        }
        _ => root,
    }
}

/// Without the words that stand in the place of personal data: they say nothing of the problem.
fn unmasked(report: &str) -> Cow<'_, str> {
    if !report.contains('[') {
        return Cow::Borrowed(report);
    }
    let mut plain = report.to_owned();
    for kind in MASKS {
        plain = plain.replace(&format!("[{}]", kind.words()), " ");
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roots(text: &str) -> Vec<String> {
        informative(text).into_iter().map(|w| w.root).collect()
    }

    #[test]
    fn endings_and_little_words_do_not_count() {
        assert_eq!(
            roots("@acme the app CRASHES, it crashed again and is crashing!! Error 503"),
            ["app", "crash", "error", "503"]
        );
        assert_eq!(roots("cards card glass lamps"), ["card", "glass", "lamp"]);
        assert_eq!(roots("支付失败"), ["支付", "付失", "失败"]);
        assert_eq!(
            roots("call [phone number] about delivery"),
            ["call", "deliv"]
        );
        assert_eq!(roots("👍 @you https://t.co/x a"), [""; 0]);
    }
}
