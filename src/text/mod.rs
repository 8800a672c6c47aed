//! Text: Markdown to safe HTML, slugs, excerpts, language, personal data. Pure functions.
