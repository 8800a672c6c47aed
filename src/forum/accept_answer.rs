//! A reply is marked as an answer, or no longer; one of several is the primary one.

use serde_json::json;

use super::notify::{News, Notify};
use super::store;
use super::{Outcome, Place, StateChange, Thread, ThreadState, policy};
use crate::app::App;
use crate::clock::Moment;
use crate::db::Conn;
use crate::error::Result;
use crate::ids::PostId;
use crate::jobs;
use crate::people::CurrentUser;

/// Accepts a reply; `primary` makes it the answer shown first. The first one accepted solves the
/// question, and everyone concerned hears of it.
pub fn accept_answer(app: &App, by: &CurrentUser, post: PostId, primary: bool) -> Result<Outcome> {
    let now = app.now();
    app.db.write(|tx| {
        let Some((thread, post)) = store::post_for(tx, by, post)? else {
            return Ok(Outcome::NotFound);
        };
        if post.deleted_at.is_some() || post.is_opening() {
            return Ok(Outcome::NotFound);
        }
        if !policy::can_accept(by, &thread) {
            return Ok(Outcome::NotAllowed(policy::ONLY_ASKER));
        }
        let Some(state) = thread.state.after(StateChange::AnswerAccepted) else {
            return Ok(Outcome::NotAllowed(policy::NOT_NOW));
        };
        let place = Place {
            post: post.number,
            ..thread.place()
        };
        let becomes_primary = primary && thread.primary_answer != Some(post.id);
        if post.accepted_at.is_some() && !becomes_primary {
            return Ok(Outcome::Unchanged(place));
        }
        let newly = post.accepted_at.is_none();
        if newly {
            store::set_accepted(tx, &post, Some((by.id, now)))?;
        }
        let wish = if primary {
            Some(post.id)
        } else {
            thread.primary_answer
        };
        store::settle_answers(tx, thread.id, wish)?;
        if newly {
            let news = News::Accepted { post: post.id };
            jobs::enqueue(tx, now, &Notify::new(thread.id, by.id, now, news))?;
        }
        if thread.state == ThreadState::Open {
            store::set_state(tx, thread.id, state, now)?;
            let news = News::Solved {
                post: Some(post.id),
            };
            jobs::enqueue(tx, now, &Notify::new(thread.id, by.id, now, news))?;
            super::enqueue_resolved(tx, now, thread.id)?;
        }
        if thread.author != by.id {
            let data = json!({ "post": post.number, "primary": primary });
            super::record(tx, now, by, "answer_accepted", thread.id, "", data)?;
        }
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(place))
    })
}

/// Takes the acceptance back; without any left the question is open again.
pub fn unaccept(app: &App, by: &CurrentUser, post: PostId) -> Result<Outcome> {
    let now = app.now();
    app.db.write(|tx| {
        let Some((thread, post)) = store::post_for(tx, by, post)? else {
            return Ok(Outcome::NotFound);
        };
        if !policy::can_accept(by, &thread) {
            return Ok(Outcome::NotAllowed(policy::ONLY_ASKER));
        }
        let place = Place {
            post: post.number,
            ..thread.place()
        };
        if post.accepted_at.is_none() {
            return Ok(Outcome::Unchanged(place));
        }
        withdraw(tx, &thread, &post, now)?;
        if thread.author != by.id {
            let data = json!({ "post": post.number });
            super::record(tx, now, by, "answer_withdrawn", thread.id, "", data)?;
        }
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(place))
    })
}

/// The reply is no answer any more: what follows for the thread, without version and log.
pub(super) fn withdraw(
    tx: &mut Conn,
    thread: &Thread,
    post: &super::Post,
    now: Moment,
) -> Result<()> {
    store::set_accepted(tx, post, None)?;
    let left = store::settle_answers(tx, thread.id, thread.primary_answer)?;
    if left == 0
        && let Some(state) = thread.state.after(StateChange::LastAnswerWithdrawn)
        && state != thread.state
    {
        store::set_state(tx, thread.id, state, now)?;
        super::enqueue_resolved(tx, now, thread.id)?;
    }
    Ok(())
}
