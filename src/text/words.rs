//! Social text to plain words, for search and judgement: what a post says without its decoration.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};
use unicode_segmentation::UnicodeSegmentation;

use super::lookalikes::{folded, is_invisible};

/// Text that is looked at, in bytes; the longest public posts are a fraction of it.
pub const TEXT_BYTES_MAX: usize = 100_000;
/// Most repetitions of one letter that stay: English has `oo` and `ss`, no language needs four.
const REPEATS_MAX: usize = 2;

/// The words of a post on one line: no handles, addresses and emoji; hashtags as words; `sooooo` as `soo`.
///
/// Letters that only look like Latin ones are folded to these ([`folded`]). Case and punctuation
/// stay as they are: they carry meaning for the judgement.
pub fn normalise(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    let composed = composed(text);
    let mut words = String::with_capacity(composed.len());
    for word in composed.split_whitespace() {
        if is_address(word) || is_handle(word) {
            continue;
        }
        let before = words.len();
        if before > 0 {
            words.push(' ');
        }
        let start = words.len();
        shorten(word, &mut words);
        if words[start..].starts_with('#') {
            let tag = words_of_hashtag(&words[start + 1..]);
            words.truncate(start);
            words.push_str(&tag);
        }
        if words[start..].chars().all(char::is_whitespace) {
            words.truncate(before);
        }
    }
    words
}

/// In plain letters and compatible composition, which leaves ASCII as it is.
fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let plain: String = folded(text).into_iter().map(|(_, c)| c).collect();
    if is_nfkc_quick(plain.chars()) == IsNormalized::Yes {
        plain.into()
    } else {
        plain.nfkc().collect::<String>().into()
    }
}

fn is_address(word: &str) -> bool {
    let word = word.trim_start_matches(['(', '"', '\'', '<', '[']);
    let begins = |with: &str| {
        let beginning = word.as_bytes().get(..with.len());
        beginning.is_some_and(|bytes| bytes.eq_ignore_ascii_case(with.as_bytes()))
    };
    begins("http://") || begins("https://") || begins("www.") || word.starts_with("t.co/")
}

fn is_handle(word: &str) -> bool {
    let word = word.trim_start_matches(['.', '(', '"', '\'']);
    word.strip_prefix('@').is_some_and(|name| {
        name.chars()
            .next()
            .is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// Adds a word without emoji and invisible marks, long repetitions shortened.
fn shorten(word: &str, plain: &mut String) {
    let (mut last, mut repeats) = (None, 0);
    let mut take = |c: char| {
        if Some(c) == last && !c.is_numeric() {
            repeats += 1;
        } else {
            (last, repeats) = (Some(c), 1);
        }
        if repeats <= REPEATS_MAX {
            plain.push(c);
        }
    };
    if !word.chars().any(is_emoji) {
        word.chars().filter(|c| !is_mark(*c)).for_each(take);
        return;
    }
    for grapheme in word.graphemes(true) {
        if !grapheme.chars().any(is_emoji) {
            grapheme
                .chars()
                .filter(|c| !is_mark(*c))
                .for_each(&mut take);
        }
    }
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}'
        | '\u{20e3}' | '\u{1f000}'..='\u{1faff}' | '\u{e0020}'..='\u{e007f}')
}

fn is_mark(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// `#BatteryProblem` says "Battery Problem".
fn words_of_hashtag(tag: &str) -> String {
    let mut words = String::with_capacity(tag.len() + 4);
    let mut before = None;
    for c in tag.chars() {
        let c = if c == '_' { ' ' } else { c };
        if c.is_uppercase() && before.is_some_and(char::is_lowercase) {
            words.push(' ');
        }
        words.push(c);
        before = Some(c);
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decoration_goes_and_words_stay() {
        for (post, words) in [
            (
                "@acme my phone is DEAD 😡😡 https://t.co/abc",
                "my phone is DEAD",
            ),
            (
                ".@acme why is it sooooooo slow?!?!",
                "why is it soo slow?!?!",
            ),
            (
                "#BatteryProblem again #still_waiting",
                "Battery Problem again still waiting",
            ),
            ("order 1000000 mail a@b.c", "order 1000000 mail a@b.c"),
            ("ｆｕｌｌ width\n\nlines", "full width lines"),
            ("👍🏽", ""),
            ("nooo!!!!!!", "noo!!"),
        ] {
            assert_eq!(normalise(post), words, "{post}");
        }
    }

    proptest! {
        #[test]
        fn emoji_and_double_blanks_never_stay(text in "[a-z@#😀 ._]{0,60}") {
            let once = normalise(&text);
            prop_assert!(!once.contains('😀') && !once.contains("  "));
        }

        #[test]
        fn takes_any_text(text in "\\PC{0,200}") {
            prop_assert!(!normalise(&text).contains('\n'));
        }
    }
}
