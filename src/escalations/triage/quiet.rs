//! Who wants no more automatic words from us.

use super::evidence::Evidence;
use crate::escalations::words;

/// A phrase of [`words::OPT_OUT_ALONE`] has at most so many words.
const ALONE_WORDS_MAX: usize = 4;

/// Whether the text asks us to keep quiet: in words that mean nothing else, or in nothing but a
/// word like "stop" and politeness. "It won't stop beeping" does not.
pub fn asks_for_quiet(text: &str) -> Option<&'static str> {
    quiet_of(&Evidence::of(text, true))
}

/// The same of a text that was looked at.
pub(super) fn quiet_of(evidence: &Evidence<'_>) -> Option<&'static str> {
    if let Some(phrase) = evidence.found(&words::OPT_OUT).first() {
        return Some(phrase);
    }
    let bare = evidence.tokens.iter().map(String::as_str);
    let bare: Vec<&str> = bare
        .filter(|token| !words::POLITE.has(token))
        .take(ALONE_WORDS_MAX + 1)
        .collect();
    if bare.len() > ALONE_WORDS_MAX {
        return None;
    }
    let bare = bare.join(" ");
    words::OPT_OUT_ALONE
        .iter()
        .copied()
        .find(|phrase| *phrase == bare)
}
