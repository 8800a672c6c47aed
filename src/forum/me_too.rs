//! A member says that they have the same problem, or takes it back.

use super::store::{self, followers};
use super::{Outcome, policy};
use crate::app::App;
use crate::error::Result;
use crate::ids::ThreadId;
use crate::people::CurrentUser;

/// Whoever has the same problem hears when it is solved or fixed, without following every reply.
pub fn me_too(app: &App, by: &CurrentUser, thread: ThreadId, yes: bool) -> Result<Outcome> {
    let now = app.now();
    app.db.write(|tx| {
        let Some(thread) = store::thread_for(tx, by, thread)? else {
            return Ok(Outcome::NotFound);
        };
        if store::is_verified(tx, by.id)? != Some(true) {
            return Ok(Outcome::NotAllowed(policy::UNVERIFIED));
        }
        if !policy::can_me_too(by, &thread) {
            return Ok(Outcome::NotAllowed(policy::NOT_NOW));
        }
        let changed = if yes {
            followers::add_me_too(tx, thread.id, by.id, now)?
        } else {
            followers::remove_me_too(tx, thread.id, by.id)?
        };
        if !changed {
            return Ok(Outcome::Unchanged(thread.place()));
        }
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(thread.place()))
    })
}
