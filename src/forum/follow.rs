//! A member follows a thread, or no longer.

use super::store::{self, followers};
use super::{Outcome, policy};
use crate::app::App;
use crate::error::Result;
use crate::ids::ThreadId;
use crate::people::CurrentUser;

pub fn follow(app: &App, by: &CurrentUser, thread: ThreadId, yes: bool) -> Result<Outcome> {
    let now = app.now();
    app.db.write(|tx| {
        let Some(thread) = store::thread_to_change(tx, thread)? else {
            return Ok(Outcome::NotFound);
        };
        if !policy::can_see(Some(by), &thread) {
            return Ok(Outcome::NotFound);
        }
        let changed = if yes {
            followers::follow(tx, thread.id, by.id, now)?
        } else {
            followers::unfollow(tx, thread.id, by.id)?
        };
        if !changed {
            return Ok(Outcome::Unchanged(thread.place()));
        }
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(thread.place()))
    })
}
