//! Text: Markdown to safe HTML, slugs, names and keys, excerpts, language, personal data, plain words.
//!
//! Pure functions without clock, database or network; every one takes any string and stays bounded.

pub mod language;
pub mod lookalikes;
pub mod markdown;
pub mod names;
pub mod personal_data;
pub mod slug;
pub mod words;

use std::fmt::Display;

/// `1 thread`, `0 threads`, `12 threads`: a count with its word, which takes an s at its end.
pub fn counted(n: impl Display, word: &str) -> String {
    let n = n.to_string();
    let s = if n == "1" { "" } else { "s" };
    format!("{n} {word}{s}")
}

/// Whether a page shows anything of a text: it has more than spaces, and than characters without a width
/// (zero-width spaces and joiners, direction marks, soft hyphens).
pub fn is_visible(text: &str) -> bool {
    let has_no_width = |c: char| matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    text.chars()
        .any(|c| !c.is_whitespace() && !c.is_control() && !has_no_width(c))
}

/// Text as both databases can store it: PostgreSQL takes no NUL.
pub fn storable(text: &str) -> String {
    text.replace('\0', "")
}
