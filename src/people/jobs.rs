//! Work about accounts that happens by itself.

use serde::{Deserialize, Serialize};

use super::store;
use crate::app::App;
use crate::clock::DAY;
use crate::error::Result;
use crate::jobs::{Job, Next, Registry};

pub use super::reset_password::MailReset;

/// Ended sessions and tokens stay this long (µs), for whoever has to find out what happened.
const KEEP_ENDED: i64 = 7 * DAY;

/// Deletes sessions and tokens that nobody can use any more.
#[derive(Default, Serialize, Deserialize)]
pub struct DeleteEnded {}

impl Job for DeleteEnded {
    const KIND: &'static str = "delete_ended_sessions";

    fn run(&self, app: &App) -> Result<Next> {
        let before = app.now().plus(-KEEP_ENDED);
        app.db.write(|tx| store::delete_ended(tx, before))?;
        Ok(Next::Done)
    }
}

/// The kinds of jobs and the schedules of this slice.
pub fn register(registry: &mut Registry) {
    registry
        .job::<MailReset>()
        .job::<DeleteEnded>()
        .every::<DeleteEnded>(DAY);
}
