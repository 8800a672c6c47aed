//! Text: Markdown to safe HTML, slugs, names and keys, excerpts, language, personal data, plain words.
//!
//! Pure functions without clock, database or network; every one takes any string and stays bounded.

pub mod language;
pub mod markdown;
pub mod names;
pub mod personal_data;
pub mod slug;
pub mod words;

/// Text as both databases can store it: PostgreSQL takes no NUL.
pub fn storable(text: &str) -> String {
    text.replace('\0', "")
}
