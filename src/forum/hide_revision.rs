//! A moderator takes one state of a post's text out of its public history, or shows it again: what
//! should never have been public is gone for readers, and stays on record.

use serde_json::json;

use super::store::{self, reading};
use super::{Outcome, Place, policy, typed};
use crate::app::App;
use crate::error::Result;
use crate::ids::PostId;
use crate::people::CurrentUser;

/// `number` is the revision's, from 1. The newest is what the post says: that is edited instead.
pub fn hide_revision(
    app: &App,
    by: &CurrentUser,
    post: PostId,
    number: i64,
    yes: bool,
    reason: &str,
) -> Result<Outcome> {
    let now = app.now();
    let reason = typed::reason(reason);
    app.db.write(|tx| {
        let Some((thread, post)) = store::post_for(tx, by, post)? else {
            return Ok(Outcome::NotFound);
        };
        if !policy::can_moderate(by, thread.product) {
            return Ok(Outcome::NotAllowed(policy::ONLY_MODERATORS));
        }
        let Some(is_hidden) = reading::revision_is_hidden(tx, post.id, number)? else {
            return Ok(Outcome::NotFound);
        };
        if number > post.edit_count {
            return Ok(Outcome::NotAllowed(policy::SAYS_THIS_NOW));
        }
        let place = Place {
            post: post.number,
            ..thread.place()
        };
        if is_hidden == yes {
            return Ok(Outcome::Unchanged(place));
        }
        store::set_revision_hidden(tx, post.id, number, yes.then_some((by.id, now)))?;
        let act = if yes {
            "revision_hidden"
        } else {
            "revision_shown"
        };
        let data = json!({ "post": post.number, "revision": number });
        super::record(tx, now, by, act, thread.id, &reason, data)?;
        Ok(Outcome::Done(place))
    })
}
