//! The demo: a fictional company, its community and the complaints that arrive about it.

pub mod content;
pub mod seed;
