//! A thread is kept on top of its product's list, or no longer.

use serde_json::json;

use super::store;
use super::{Outcome, policy, typed};
use crate::app::App;
use crate::error::Result;
use crate::ids::ThreadId;
use crate::people::CurrentUser;

pub fn pin(
    app: &App,
    by: &CurrentUser,
    thread: ThreadId,
    yes: bool,
    reason: &str,
) -> Result<Outcome> {
    let now = app.now();
    let reason = typed::reason(reason);
    app.db.write(|tx| {
        let Some(thread) = store::thread_for(tx, by, thread)? else {
            return Ok(Outcome::NotFound);
        };
        if !policy::can_moderate(by, thread.product) {
            return Ok(Outcome::NotAllowed(policy::ONLY_MODERATORS));
        }
        if thread.pinned == yes {
            return Ok(Outcome::Unchanged(thread.place()));
        }
        store::set_pinned(tx, thread.id, yes)?;
        let act = if yes {
            "thread_pinned"
        } else {
            "thread_unpinned"
        };
        super::record(tx, now, by, act, thread.id, &reason, json!({}))?;
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(thread.place()))
    })
}
