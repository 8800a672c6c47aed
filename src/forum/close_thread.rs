//! A thread takes no more replies, or takes them again.

use serde_json::json;

use super::store;
use super::{Outcome, StateChange, policy, typed};
use crate::app::App;
use crate::error::Result;
use crate::ids::ThreadId;
use crate::people::CurrentUser;

pub fn close_thread(
    app: &App,
    by: &CurrentUser,
    thread: ThreadId,
    reason: &str,
) -> Result<Outcome> {
    let now = app.now();
    let reason = typed::reason(reason);
    app.db.write(|tx| {
        let Some(thread) = store::thread_for(tx, by, thread)? else {
            return Ok(Outcome::NotFound);
        };
        if !policy::can_close(by, &thread) {
            return Ok(Outcome::NotAllowed(policy::ONLY_AUTHOR));
        }
        let Some(state) = thread.state.after(StateChange::Closed) else {
            return Ok(Outcome::Unchanged(thread.place()));
        };
        store::set_state(tx, thread.id, state, now)?;
        super::enqueue_resolved(tx, now, thread.id)?;
        if policy::can_moderate(by, thread.product) {
            super::record(tx, now, by, "thread_closed", thread.id, &reason, json!({}))?;
        }
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(thread.place()))
    })
}

/// Opens a closed thread again, and calls a fixed known issue or a solved discussion unsolved.
pub fn reopen_thread(
    app: &App,
    by: &CurrentUser,
    thread: ThreadId,
    reason: &str,
) -> Result<Outcome> {
    let now = app.now();
    let reason = typed::reason(reason);
    app.db.write(|tx| {
        let Some(thread) = store::thread_for(tx, by, thread)? else {
            return Ok(Outcome::NotFound);
        };
        if !policy::can_reopen(by, &thread) {
            return Ok(Outcome::NotAllowed(policy::ONLY_MODERATORS));
        }
        let was_closed = thread.state == super::ThreadState::Closed;
        let resolved = thread.accepted_count > 0 || (was_closed && thread.fixed_in.is_some());
        let Some(state) = thread.state.after(StateChange::Reopened { resolved }) else {
            return Ok(Outcome::Unchanged(thread.place()));
        };
        // What was solved before it was closed has been solved since then.
        let since = thread.solved_at.filter(|_| resolved).unwrap_or(now);
        store::set_state(tx, thread.id, state, since)?;
        if !resolved {
            store::set_kind(tx, thread.id, thread.kind, None)?;
            super::enqueue_resolved(tx, now, thread.id)?;
        }
        super::record(
            tx,
            now,
            by,
            "thread_reopened",
            thread.id,
            &reason,
            json!({}),
        )?;
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(thread.place()))
    })
}
