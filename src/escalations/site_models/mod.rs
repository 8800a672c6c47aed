//! Site models: the shipped weights, shifted by what the staff of this site confirm and correct.
//!
//! Once a day (`learn`) the judged posts and the decided links are read, weights are trained from the
//! shipped ones on, and compared with those in use on examples that neither has seen. Better ones
//! come into use, others are kept as declined; a person may go back to any that was in use, and to the
//! shipped ones (`go_back`), after which nothing changes by itself until a person asks for it.
//!
//! Invariants:
//! - At most one model of a kind is in use; where none is, the shipped weights judge.
//! - What one customer or one wording counts is bounded, however often it comes.
//! - A model is used with the shipped weights it was trained from and with no others: a new version
//!   that ships others judges by those until it has learned anew.

mod compare;
pub mod go_back;
pub mod learn;
pub mod linking;
pub mod triage;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use compare::{Comparison, Figure};

use super::store::site_models as store;
use super::triage::model::{self, Model};
use crate::app::App;
use crate::cases::words;
use crate::clock::Moment;
use crate::db::{Conn, Lock};
use crate::error::Result;
use crate::ids::{SiteModelId, UserId};
use crate::ranker::Weights;

/// Models of a kind that were in use and are kept: the newest.
pub const RETIRED_MAX: usize = 20;
/// Models of a kind that were not better and are kept: the newest.
pub const DECLINED_MAX: usize = 5;
/// The lock under which models come into use.
const LOCK: Lock = Lock::Other(0x6d_6f_64_65_6c);

words! {
    /// What a model is for.
    Kind {
        Triage = "triage", "Judging posts";
        Linking = "linking", "Ranking threads";
    }
}

words! {
    /// Where a model stands. In use or retired it was once better than what was there before.
    ModelState {
        InUse = "in_use", "In use";
        Retired = "retired", "Was in use";
        Declined = "declined", "Was not better";
    }
}

/// A model as the list shows it.
#[derive(Clone, Debug)]
pub struct SiteModel {
    pub id: SiteModelId,
    pub kind: Kind,
    pub state: ModelState,
    /// Examples it was trained on.
    pub examples: i64,
    /// Of these examples; the same ones are not trained on twice.
    pub digest: String,
    /// Of the shipped weights that it was trained from: with others it means nothing.
    pub base: String,
    pub comparison: Comparison,
    pub trained_at: Moment,
    pub changed_at: Moment,
    /// Who put it where it stands; nobody when a rule did.
    pub changed_by: Option<UserId>,
}

/// What training made.
pub struct Trained {
    pub weights: Vec<u8>,
    pub examples: usize,
    pub digest: String,
    pub base: String,
    pub comparison: Comparison,
}

/// What keeps a kind from learning, or what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Learned {
    /// So many more examples are needed; what they are is said in words.
    TooFew {
        missing: usize,
        of: String,
    },
    /// Nothing came since.
    Nothing,
    /// A person went back, and nobody has asked to learn since.
    Held,
    Declined,
    InUse,
}

/// Of the shipped weights that models of this kind are trained from and used with now.
pub fn base(app: &App, kind: Kind) -> Result<String> {
    match kind {
        Kind::Triage => Ok(model::shipped().map_or_else(String::new, |m| triage::base(&m))),
        Kind::Linking => linking::base(&app.ranker.shipped()),
    }
}

/// The judgement's model: what this site has learned, or the shipped one.
pub fn triage_model(conn: &mut Conn) -> Result<Option<Arc<Model>>> {
    let Some(shipped) = model::shipped() else {
        return Ok(None);
    };
    let own = own_triage_model(conn, &shipped)?;
    Ok(Some(own.map_or(shipped, Arc::new)))
}

/// The judgement's model that this site has learned from the shipped one on.
pub fn own_triage_model(conn: &mut Conn, shipped: &Model) -> Result<Option<Model>> {
    let weights = store::weights_in_use(conn, Kind::Triage, &triage::base(shipped))?;
    Ok(weights.and_then(|weights| read(Kind::Triage, Model::from_bytes(&weights))))
}

/// The ranker's weights that this site has learned from `shipped` on.
pub fn ranker_weights(conn: &mut Conn, shipped: &Weights) -> Result<Option<Weights>> {
    let weights = store::weights_in_use(conn, Kind::Linking, &linking::base(shipped)?)?;
    Ok(weights.and_then(|weights| read(Kind::Linking, Weights::from_json(&weights))))
}

/// What is stored and can't be read is passed over.
fn read<T>(kind: Kind, model: Result<T>) -> Option<T> {
    model
        .inspect_err(|error| {
            tracing::warn!(kind = kind.as_str(), %error, "the site's model is passed over");
        })
        .ok()
}
