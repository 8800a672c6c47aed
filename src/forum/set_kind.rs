//! A thread turns out to be of another kind, and a known issue is fixed.

use serde_json::json;

use super::notify::{News, Notify};
use super::store;
use super::{Outcome, StateChange, ThreadKind, ThreadState, Visibility, policy, typed, warn};
use crate::app::App;
use crate::error::Result;
use crate::ids::ThreadId;
use crate::jobs;
use crate::people::CurrentUser;

/// Kinds of the company are given and taken by its staff; the others by moderators too.
pub fn set_kind(
    app: &App,
    by: &CurrentUser,
    thread: ThreadId,
    kind: ThreadKind,
    reason: &str,
) -> Result<Outcome> {
    let now = app.now();
    let reason = typed::reason(reason);
    app.db.write(|tx| {
        let Some(thread) = store::thread_for(tx, by, thread)? else {
            return Ok(Outcome::NotFound);
        };
        let allowed = policy::can_moderate(by, thread.product)
            && policy::can_open(by, thread.product, kind)
            && policy::can_open(by, thread.product, thread.kind);
        if !allowed {
            return Ok(Outcome::NotAllowed(policy::ONLY_MODERATORS));
        }
        if thread.kind == kind {
            return Ok(Outcome::Unchanged(thread.place()));
        }
        if thread.kind == ThreadKind::Question && thread.accepted_count > 0 {
            return Ok(Outcome::NotAllowed(
                "It has accepted answers, which only a question can have. Withdraw them first.",
            ));
        }
        store::set_kind(tx, thread.id, kind, None)?;
        if thread.state == ThreadState::Solved {
            store::set_state(tx, thread.id, ThreadState::Open, now)?;
            super::enqueue_resolved(tx, now, thread.id)?;
        }
        let official = kind.is_of_staff() || store::has_official_post(tx, thread.id)?;
        store::set_official(tx, thread.id, official)?;
        let data = json!({ "from": thread.kind.as_str(), "to": kind.as_str() });
        super::record(tx, now, by, "kind_changed", thread.id, &reason, data)?;
        warn::of_issue(tx, now, by, thread.id)?;
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(thread.place()))
    })
}

/// The known issue is fixed; `fixed_in` names the version or the day. Everyone concerned hears.
pub fn mark_fixed(
    app: &App,
    by: &CurrentUser,
    thread: ThreadId,
    fixed_in: &str,
    reason: &str,
) -> Result<Outcome> {
    let now = app.now();
    let reason = typed::reason(reason);
    let fixed_in: String = typed::one_line(fixed_in)
        .chars()
        .take(typed::FIXED_IN_CHARS_MAX)
        .collect();
    app.db.write(|tx| {
        let Some(thread) = store::thread_for(tx, by, thread)? else {
            return Ok(Outcome::NotFound);
        };
        if thread.kind != ThreadKind::KnownIssue || !policy::can_be_official(by, thread.product) {
            return Ok(Outcome::NotAllowed(
                "Only the product's staff can say that a known issue is fixed.",
            ));
        }
        // Nobody would hear of it while it is hidden.
        let state = thread.state.after(StateChange::Fixed);
        let Some(state) = state.filter(|_| thread.visibility == Visibility::Public) else {
            return Ok(Outcome::NotAllowed(policy::NOT_NOW));
        };
        if fixed_in.is_empty() {
            return Ok(Outcome::NotAllowed(
                "Say in which version, or since which day, it is fixed.",
            ));
        }
        if thread.state == ThreadState::Solved && thread.fixed_in.as_deref() == Some(&fixed_in) {
            return Ok(Outcome::Unchanged(thread.place()));
        }
        store::set_kind(tx, thread.id, thread.kind, Some(&fixed_in))?;
        if thread.state == ThreadState::Open {
            store::set_state(tx, thread.id, state, now)?;
            jobs::enqueue(tx, now, &Notify::new(thread.id, by.id, now, News::Fixed))?;
            super::enqueue_resolved(tx, now, thread.id)?;
        }
        let data = json!({ "fixed_in": fixed_in });
        super::record(tx, now, by, "known_issue_fixed", thread.id, &reason, data)?;
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(thread.place()))
    })
}
