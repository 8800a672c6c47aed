//! Remove: a person says that a case is about something else than the spike it was counted in; and
//! the way back.

use serde_json::json;

use super::publish::{LinkMembers, unlink};
use super::{MemberState, Outcome, SpikeState, hold, record};
use crate::app::App;
use crate::cases::{self, policy};
use crate::error::Result;
use crate::escalations::store::spikes as store;
use crate::ids::{CaseId, SpikeId};
use crate::jobs;
use crate::people::CurrentUser;

/// Takes a case out (`is_out`), or back in. Of a published spike, its link is undone, or made again.
pub fn remove(
    app: &App,
    by: &CurrentUser,
    id: SpikeId,
    case: CaseId,
    is_out: bool,
) -> Result<Outcome> {
    let now = app.now();
    app.db.write(|tx| {
        hold(tx)?;
        let (Some(spike), Some(found)) = (store::spike(tx, id)?, cases::store::case(tx, case)?)
        else {
            return Ok(Outcome::NoSuchSpike);
        };
        if !spike.is_for(by) || !policy::can_work_on(by, &found) {
            return Ok(Outcome::NotAllowed);
        }
        let to = if is_out {
            MemberState::Removed
        } else {
            MemberState::Counted
        };
        if !store::set_member(tx, id, case, to)? {
            return Ok(Outcome::Already);
        }
        let act = if is_out {
            "spike_case_taken_out"
        } else {
            "spike_case_taken_in"
        };
        record(tx, now, &by.actor(), act, id, "", json!({"case": case}))?;
        if spike.state == SpikeState::Published
            && let Some(thread) = spike.thread
        {
            if is_out {
                unlink(tx, app, by, case, thread, "it is about something else")?;
            } else {
                jobs::enqueue(tx, now, &LinkMembers { spike: id })?;
            }
        }
        Ok(Outcome::Done)
    })
}
