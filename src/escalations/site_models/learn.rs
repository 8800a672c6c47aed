//! Learn: trains on what staff did, and takes the new weights when they judge better.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    DECLINED_MAX, Kind, LOCK, Learned, ModelState, RETIRED_MAX, SiteModel, Trained, linking, triage,
};
use crate::app::App;
use crate::clock::{DAY, HOUR};
use crate::db::audit::{self, Act, Actor};
use crate::db::{Conn, lock};
use crate::error::Result;
use crate::escalations::site_models;
use crate::escalations::store::site_models as store;
use crate::escalations::triage::model;
use crate::ids::UserId;
use crate::jobs::{self, Job, Next};
use crate::people::CurrentUser;

/// Wait between two looks (µs).
pub const EVERY: i64 = DAY;

/// How long what was measured for a case is kept (µs).
const MEASURED_KEPT: i64 = 400 * DAY;

/// One look at what may be learned, of both kinds.
#[derive(Default, Serialize, Deserialize)]
pub struct LearnFromStaff {
    /// Who asked for it; nobody when it is its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
}

impl Job for LearnFromStaff {
    const KIND: &'static str = "learn_from_staff";
    const ATTEMPTS_MAX: i64 = 3;
    const LEASE: i64 = HOUR;

    fn dedupe_key(&self) -> Option<String> {
        Some(if self.by.is_some() { "asked" } else { "all" }.to_owned())
    }

    fn run(&self, app: &App) -> Result<Next> {
        for kind in Kind::ALL {
            learn(app, *kind, self.by)?;
        }
        let before = app.now().plus(-MEASURED_KEPT);
        app.db.write(|tx| store::prune_candidates(tx, before))?;
        Ok(Next::Done)
    }
}

/// Asks for a look now.
pub fn ask(app: &App, by: &CurrentUser) -> Result<()> {
    let now = app.now();
    app.db.write(|tx| {
        jobs::enqueue(tx, now, &LearnFromStaff { by: Some(by.id) })?;
        audit::record(
            tx,
            now,
            Act {
                by: &by.actor(),
                act: "models_asked_to_learn",
                subject: ("site_model", 0),
                reason: "",
                data: json!({}),
            },
        )
    })
}

/// Learns one kind; by a rule when nobody asked.
pub fn learn(app: &App, kind: Kind, by: Option<UserId>) -> Result<Learned> {
    let now = app.now();
    let known = app.db.read(|c| store::models(c, kind))?;
    if by.is_none() && is_held(&known) {
        return Ok(Learned::Held);
    }
    let trained = match kind {
        Kind::Triage => learn_triage(app, &known)?,
        Kind::Linking => learn_linking(app, &known)?,
    };
    let trained = match trained {
        Ok(trained) => trained,
        Err(learned) => return Ok(learned),
    };
    app.db.write(|tx| {
        lock(tx, LOCK)?;
        // Somebody who went back meanwhile, or another node that learned, knows better.
        let still = store::models(tx, kind)?;
        let stand = |of: &[SiteModel]| -> Vec<_> {
            of.iter().map(|m| (m.id, m.state, m.changed_at)).collect()
        };
        if stand(&still) != stand(&known) {
            return Ok(Learned::Nothing);
        }
        let (state, learned) = if trained.comparison.is_better {
            (ModelState::InUse, Learned::InUse)
        } else {
            (ModelState::Declined, Learned::Declined)
        };
        if state == ModelState::InUse
            && let Some(old) = still.iter().find(|m| m.state == ModelState::InUse)
        {
            store::set_state(tx, old.id, ModelState::Retired, (None, now))?;
        }
        let id = store::insert_model(tx, kind, state, &trained, (None, now))?;
        store::prune(tx, kind, ModelState::Retired, RETIRED_MAX)?;
        store::prune(tx, kind, ModelState::Declined, DECLINED_MAX)?;
        record(tx, app, kind, id.0, state, &trained)?;
        Ok(learned)
    })
}

/// Whether a person went back, and nothing was trained since.
pub fn is_held(known: &[SiteModel]) -> bool {
    let last = known.iter().map(|model| model.changed_at).max();
    known
        .iter()
        .any(|model| Some(model.changed_at) == last && model.changed_by.is_some())
}

fn record(
    tx: &mut Conn,
    app: &App,
    kind: Kind,
    id: i64,
    state: ModelState,
    trained: &Trained,
) -> Result<()> {
    audit::record(
        tx,
        app.now(),
        Act {
            by: &Actor::rule("learn"),
            act: "model_trained",
            subject: ("site_model", id),
            reason: match state {
                ModelState::InUse => "it judges better than what was in use",
                ModelState::Declined | ModelState::Retired => "it does not judge better",
            },
            data: json!({
                "kind": kind, "state": state, "examples": trained.examples,
                "figures": trained.comparison.figures,
            }),
        },
    )
}

type MayLearn = std::result::Result<Trained, Learned>;

fn learn_triage(app: &App, known: &[SiteModel]) -> Result<MayLearn> {
    let Some(shipped) = model::shipped() else {
        return Ok(Err(Learned::Nothing));
    };
    let (posts, own) = app.db.read(|c| {
        let posts = store::judged_posts(c)?;
        Ok((posts, site_models::own_triage_model(c, &shipped)?))
    })?;
    let known = Known::of(known, triage::base(&shipped));
    let in_use = own.as_ref().zip(known.seen_up_to);
    let is_known = |digest: &str| known.has(digest);
    triage::learn(
        &triage::chosen(posts),
        &shipped,
        in_use,
        known.tried_up_to,
        &is_known,
    )
}

fn learn_linking(app: &App, known: &[SiteModel]) -> Result<MayLearn> {
    let now = app.now();
    let shipped = app.ranker.shipped();
    let (cases, own) = app.db.read(|c| {
        let cases = store::decided_cases(c, now)?;
        Ok((cases, site_models::ranker_weights(c, &shipped)?))
    })?;
    let known = Known::of(known, linking::base(&shipped)?);
    let in_use = own.as_ref().zip(known.seen_up_to);
    let is_known = |digest: &str| known.has(digest);
    linking::learn(
        &linking::chosen(cases, &shipped),
        &shipped,
        in_use,
        known.tried_up_to,
        &is_known,
    )
}

/// The models that were trained from the shipped weights of this version.
struct Known<'a> {
    models: Vec<&'a SiteModel>,
    /// What the model in use was trained on, up to this id.
    seen_up_to: Option<i64>,
    /// What any was trained on, up to this id.
    tried_up_to: i64,
}

impl Known<'_> {
    fn of(all: &[SiteModel], base: String) -> Known<'_> {
        let models: Vec<&SiteModel> = all.iter().filter(|m| m.base == base).collect();
        let seen = models.iter().map(|m| m.comparison.seen_up_to);
        Known {
            tried_up_to: seen.max().unwrap_or(i64::MIN),
            seen_up_to: models
                .iter()
                .find(|m| m.state == ModelState::InUse)
                .map(|m| m.comparison.seen_up_to),
            models,
        }
    }

    /// Whether the same examples were trained on before.
    fn has(&self, digest: &str) -> bool {
        self.models.iter().any(|model| model.digest == digest)
    }
}
