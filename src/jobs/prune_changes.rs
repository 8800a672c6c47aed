//! The change log is kept for a while, not for ever.

use serde::{Deserialize, Serialize};

use super::{Job, Next};
use crate::app::App;
use crate::db::changes;
use crate::error::Result;

/// Forgets changes that every reader has had the time to read.
#[derive(Default, Serialize, Deserialize)]
pub struct PruneChanges {}

impl Job for PruneChanges {
    const KIND: &'static str = "prune_changes";

    fn run(&self, app: &App) -> Result<Next> {
        let now = app.now();
        let pruned = app.db.write(|tx| changes::prune(tx, now))?;
        tracing::info!(pruned, "forgot old changes");
        Ok(Next::Done)
    }
}
