//! Go back: a person puts weights in use that were in use before, or the shipped ones.

use serde_json::json;

use super::{Kind, LOCK, ModelState};
use crate::app::App;
use crate::db::audit::{self, Act};
use crate::db::lock;
use crate::error::Result;
use crate::escalations::store::site_models as store;
use crate::ids::SiteModelId;
use crate::people::CurrentUser;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It was in use already.
    Already,
    /// There is none, or one that was never in use.
    NotFound,
}

/// Puts `to` in use in the place of what is, the shipped weights when there is none. From then on
/// nothing is learned by itself until a person asks for it.
pub fn go_back(
    app: &App,
    by: &CurrentUser,
    kind: Kind,
    to: Option<SiteModelId>,
    why: &str,
) -> Result<Outcome> {
    let now = app.now();
    app.db.write(|tx| {
        lock(tx, LOCK)?;
        let known = store::models(tx, kind)?;
        let wanted = match to {
            None => None,
            Some(id) => match known.iter().find(|m| m.id == id) {
                None => return Ok(Outcome::NotFound),
                Some(model) => match model.state {
                    ModelState::InUse => return Ok(Outcome::Already),
                    ModelState::Declined => return Ok(Outcome::NotFound),
                    ModelState::Retired => Some(model.id),
                },
            },
        };
        let in_use = known.iter().find(|m| m.state == ModelState::InUse);
        if wanted.is_none() && in_use.is_none() {
            return Ok(Outcome::Already);
        }
        let stamp = (Some(by.id), now);
        if let Some(model) = in_use {
            store::set_state(tx, model.id, ModelState::Retired, stamp)?;
        }
        if let Some(id) = wanted {
            store::set_state(tx, id, ModelState::InUse, stamp)?;
        }
        audit::record(
            tx,
            now,
            Act {
                by: &by.actor(),
                act: "model_put_back",
                subject: ("site_model", wanted.map_or(0, |id| id.0)),
                reason: why,
                data: json!({"kind": kind, "from": in_use.map(|m| m.id)}),
            },
        )?;
        Ok(Outcome::Done)
    })
}
