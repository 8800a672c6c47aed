//! Dismiss: a person says that a spike is none, or nothing to publish; and the way back.

use serde_json::json;

use super::{Outcome, SpikeState, hold, record};
use crate::app::App;
use crate::error::Result;
use crate::escalations::store::spikes as store;
use crate::ids::SpikeId;
use crate::people::CurrentUser;

/// Puts a proposed spike away: it is not proposed again while it stays the same.
pub fn dismiss(app: &App, by: &CurrentUser, id: SpikeId, why: &str) -> Result<Outcome> {
    decide(app, by, id, SpikeState::Dismissed, why)
}

/// Takes a dismissal back.
pub fn propose_again(app: &App, by: &CurrentUser, id: SpikeId, why: &str) -> Result<Outcome> {
    decide(app, by, id, SpikeState::Proposed, why)
}

fn decide(app: &App, by: &CurrentUser, id: SpikeId, to: SpikeState, why: &str) -> Result<Outcome> {
    let now = app.now();
    app.db.write(|tx| {
        hold(tx)?;
        let Some(spike) = store::spike(tx, id)? else {
            return Ok(Outcome::NoSuchSpike);
        };
        if !spike.is_for(by) {
            return Ok(Outcome::NotAllowed);
        }
        let act = match (spike.state, to) {
            (SpikeState::Proposed, SpikeState::Dismissed) => "spike_dismissed",
            (SpikeState::Dismissed, SpikeState::Proposed) => "spike_proposed_again",
            _ => return Ok(Outcome::Already),
        };
        store::set_spike_state(tx, id, to, None, (by.id, now), why)?;
        record(tx, now, &by.actor(), act, id, why, json!({}))?;
        Ok(Outcome::Done)
    })
}
