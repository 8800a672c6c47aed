//! A moderator brings a deleted post or a hidden thread back.

use serde_json::json;

use super::store;
use super::{Outcome, Place, ThreadState, Visibility, policy, typed};
use crate::app::App;
use crate::error::Result;
use crate::ids::PostId;
use crate::people::CurrentUser;

pub fn restore_post(app: &App, by: &CurrentUser, post: PostId, reason: &str) -> Result<Outcome> {
    let now = app.now();
    let reason = typed::reason(reason);
    app.db.write(|tx| {
        let Some((thread, post)) = store::post_for(tx, by, post)? else {
            return Ok(Outcome::NotFound);
        };
        if !policy::can_moderate(by, thread.product) {
            return Ok(Outcome::NotAllowed(policy::ONLY_MODERATORS));
        }
        let place = Place {
            post: post.number,
            ..thread.place()
        };
        let act = if post.is_opening() && thread.visibility == Visibility::Hidden {
            store::set_visibility(tx, &thread, Visibility::Public)?;
            if thread.state != ThreadState::Open {
                super::enqueue_resolved(tx, now, thread.id)?;
            }
            "thread_restored"
        } else if post.deleted_at.is_some() {
            store::set_deleted(tx, &post, None)?;
            if post.official {
                store::set_official(tx, thread.id, true)?;
            }
            "post_restored"
        } else {
            return Ok(Outcome::Unchanged(place));
        };
        let data = json!({ "post": post.number });
        super::record(tx, now, by, act, thread.id, &reason, data)?;
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(place))
    })
}
