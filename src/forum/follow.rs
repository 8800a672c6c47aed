//! A member follows a thread, or no longer. That changes nothing that is searched or said, so it
//! is no version of the thread: the number of followers on a kept page may be minutes old.

use super::Outcome;
use super::store::{self, followers};
use crate::app::App;
use crate::error::Result;
use crate::ids::ThreadId;
use crate::people::CurrentUser;

pub fn follow(app: &App, by: &CurrentUser, thread: ThreadId, yes: bool) -> Result<Outcome> {
    let now = app.now();
    app.db.write(|tx| {
        let Some(thread) = store::thread_for(tx, by, thread)? else {
            return Ok(Outcome::NotFound);
        };
        let changed = if yes {
            followers::follow(tx, thread.id, by.id, now)?
        } else {
            followers::unfollow(tx, thread.id, by.id)?
        };
        if !changed {
            return Ok(Outcome::Unchanged(thread.place()));
        }
        Ok(Outcome::Done(thread.place()))
    })
}
