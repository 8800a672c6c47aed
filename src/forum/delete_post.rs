//! A post is taken away: its text stays stored, and a moderator can bring it back.

use serde_json::json;

use super::accept_answer::withdraw;
use super::store;
use super::{Outcome, Place, Visibility, policy, typed};
use crate::app::App;
use crate::error::Result;
use crate::ids::PostId;
use crate::people::CurrentUser;

/// An opening post hides its whole thread.
pub fn delete_post(app: &App, by: &CurrentUser, post: PostId, reason: &str) -> Result<Outcome> {
    let now = app.now();
    let reason = typed::reason(reason);
    app.db.write(|tx| {
        let Some((thread, post)) = store::post_for(tx, by, post)? else {
            return Ok(Outcome::NotFound);
        };
        let place = Place {
            post: post.number,
            ..thread.place()
        };
        let is_gone = if post.is_opening() {
            thread.visibility == Visibility::Hidden
        } else {
            post.deleted_at.is_some()
        };
        if is_gone {
            return Ok(Outcome::Unchanged(place));
        }
        if !policy::can_delete(by, &thread, &post) {
            return Ok(Outcome::NotAllowed(policy::ONLY_AUTHOR));
        }
        let act = if post.is_opening() {
            store::set_visibility(tx, &thread, Visibility::Hidden)?;
            "thread_hidden"
        } else {
            if post.accepted_at.is_some() {
                withdraw(tx, &thread, &post, now)?;
            }
            store::set_deleted(tx, &post, Some((by.id, now)))?;
            if post.official && !thread.kind.is_of_staff() {
                let official = store::has_official_post(tx, thread.id)?;
                store::set_official(tx, thread.id, official)?;
            }
            "post_deleted"
        };
        let data = json!({ "post": post.number });
        super::record(tx, now, by, act, thread.id, &reason, data)?;
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(place))
    })
}
