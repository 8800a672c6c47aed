//! Internal notes: for staff only, never for the customer.

use super::store;
use crate::clock::Moment;
use crate::db::audit::{self, Act, Actor};
use crate::db::{Conn, Lock, lock};
use crate::error::Result;
use crate::ids::{CaseId, UserId};

/// Longest note (characters).
pub const NOTE_CHARS_MAX: usize = 20_000;

/// Adds a note once: a form sent twice carries the same `request_key`.
/// False when it was there already.
pub fn add_note(
    tx: &mut Conn,
    now: Moment,
    case: CaseId,
    author: UserId,
    by: &Actor,
    body: &str,
    request_key: &str,
) -> Result<bool> {
    lock(tx, Lock::Case(case.0))?;
    let body: String = body.chars().take(NOTE_CHARS_MAX).collect();
    let added = store::insert_note(tx, now, case, author, &body, request_key)?;
    if added {
        store::touch(tx, case, now)?;
        audit::record(
            tx,
            now,
            Act {
                by,
                act: "note_added",
                subject: ("case", case.0),
                reason: "",
                data: serde_json::json!({}),
            },
        )?;
    }
    Ok(added)
}
