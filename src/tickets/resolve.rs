//! Staff resolve a case: whoever can be told by mail is told, and asked whether that is so.

use super::notices;
use crate::app::App;
use crate::cases::states::{Happening, happen};
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::ids::CaseId;

/// What the customer reads. Why staff resolved it is for staff.
const WORDS: &str = "We have marked your case as resolved.";

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolved {
    /// The mail that says so and asks whether it works is in the outbox.
    Told,
    /// Resolved, but the case has no ticket, or no address to write to.
    NobodyToTell,
    /// It was resolved or closed, or went on elsewhere.
    Already,
}

/// Resolves the case in the caller's transaction and tells its customers.
pub fn resolve(tx: &mut Conn, app: &App, by: &Actor, case: CaseId, why: &str) -> Result<Resolved> {
    resolve_telling(tx, app, by, case, why, None)
}

/// Resolves it as `resolve` does, where a letter that the caller writes tells `told`.
pub(super) fn resolve_telling(
    tx: &mut Conn,
    app: &App,
    by: &Actor,
    case: CaseId,
    why: &str,
    told: Option<&str>,
) -> Result<Resolved> {
    let changed = happen(tx, app.now(), by, case, Happening::Resolved, why)?;
    if !changed.is_some_and(|(before, now)| before.state != now) {
        return Ok(Resolved::Already);
    }
    Ok(if notices::tell_resolved(tx, app, case, WORDS, told)? {
        Resolved::Told
    } else {
        Resolved::NobodyToTell
    })
}
