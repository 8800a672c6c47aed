//! Changes what others see of a user: name and a few words.

use super::{CurrentUser, store};
use crate::app::App;
use crate::db::changes::{self, Subject};
use crate::error::{Problem, Result};
use crate::jobs;
use crate::text::names;

/// Longest text about oneself, in characters.
pub const BIO_CHARS_MAX: usize = 500;

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Changed,
    Problems(Vec<Problem>),
}

pub fn change_profile(app: &App, by: &CurrentUser, name: &str, bio: &str) -> Result<Outcome> {
    let mut problems = Vec::new();
    let bio = bio.trim();
    let bio_chars = bio.chars().count();
    if bio_chars > BIO_CHARS_MAX {
        problems.push(Problem::new(
            "bio",
            format!("At most {BIO_CHARS_MAX} characters; these are {bio_chars}."),
        ));
    }
    let name = match names::user_name(name) {
        Ok(name) => name,
        // Names given before a rule was made, or by an operator, may be kept.
        Err(_) if name.trim() == by.name => by.name.clone(),
        Err(e) => {
            problems.push(Problem::new("name", e.to_string()));
            by.name.clone()
        }
    };
    if !problems.is_empty() {
        return Ok(Outcome::Problems(problems));
    }
    let now = app.now();
    let taken = || Outcome::Problems(vec![Problem::new("name", super::register::NAME_TAKEN)]);
    let changed = app.db.write(|tx| {
        if names::key(&name) != names::key(&by.name) && store::name_is_taken(tx, &name)? {
            return Ok(taken());
        }
        store::set_profile(tx, by.id, &name, bio)?;
        if names::key(&name) != names::key(&by.name) {
            let payload = serde_json::json!({ "user": by.id }).to_string();
            let key = Some(by.id.0.to_string());
            jobs::enqueue_kind(tx, now, super::RENAMED, &payload, key)?;
        }
        if name != by.name {
            changes::append(tx, Subject::Site, by.id.0, now)?;
        }
        Ok(Outcome::Changed)
    });
    match changed {
        Err(e) if e.is_duplicate() => Ok(taken()),
        other => other,
    }
}
