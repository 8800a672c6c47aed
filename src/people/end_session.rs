//! Ends sessions on other devices.

use super::{CurrentUser, store};
use crate::app::App;
use crate::error::Result;
use crate::ids::SessionId;

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ended,
    /// Not one of theirs, or ended before.
    NotFound,
}

/// Ends one of the user's own sessions.
pub fn end_session(app: &App, by: &CurrentUser, session: SessionId) -> Result<Outcome> {
    let ended = app
        .db
        .write(|tx| store::delete_session(tx, by.id, session))?;
    Ok(if ended {
        Outcome::Ended
    } else {
        Outcome::NotFound
    })
}

/// Ends all of the user's sessions but this one; how many there were.
pub fn end_other_sessions(app: &App, by: &CurrentUser) -> Result<usize> {
    app.db
        .write(|tx| store::delete_sessions(tx, by.id, Some(by.session)))
}
