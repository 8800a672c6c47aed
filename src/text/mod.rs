//! Text: Markdown to safe HTML, slugs, names and keys, excerpts, language, personal data, plain words.
//!
//! Pure functions without clock, database or network; every one takes any string and stays bounded.

pub mod language;
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

/// Text as both databases can store it: PostgreSQL takes no NUL.
pub fn storable(text: &str) -> String {
    text.replace('\0', "")
}
