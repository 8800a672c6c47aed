//! Somebody wants no more mail about a thread, from the link in a mail, without logging in.

use super::store::{self, followers};
use super::{Outcome, letters};
use crate::app::App;
use crate::error::Result;
use crate::ids::{ThreadId, UserId};

/// Follows no longer, and takes a "me too" back: that is what mails come from.
pub fn unsubscribe(app: &App, thread: ThreadId, user: UserId, signature: &str) -> Result<Outcome> {
    if !letters::may_unsubscribe(app, thread, user, signature) {
        return Ok(Outcome::NotFound);
    }
    let now = app.now();
    app.db.write(|tx| {
        let Some(thread) = store::thread_unchecked(tx, thread)? else {
            return Ok(Outcome::NotFound);
        };
        let followed = followers::unfollow(tx, thread.id, user)?;
        let hit = followers::remove_me_too(tx, thread.id, user)?;
        if !followed && !hit {
            return Ok(Outcome::Unchanged(thread.place()));
        }
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(thread.place()))
    })
}
