//! Somebody has another name: search knows the author of a thread by name.

use serde::{Deserialize, Serialize};

use super::store::searching;
use crate::app::App;
use crate::db::changes::{self, Subject};
use crate::error::Result;
use crate::ids::UserId;
use crate::jobs::{Job, Next};
use crate::people;

/// Threads noted in one transaction.
const BATCH: i64 = 200;

/// Has every thread of this author indexed anew.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ReindexAuthor {
    pub user: UserId,
}

impl Job for ReindexAuthor {
    const KIND: &'static str = people::RENAMED;

    fn run(&self, app: &App) -> Result<Next> {
        let mut after = 0;
        loop {
            let ids = app
                .db
                .read(|c| searching::public_ids_of(c, self.user, after, BATCH))?;
            let Some(last) = ids.last().copied() else {
                return Ok(Next::Done);
            };
            let now = app.now();
            app.db.write(|tx| {
                for id in ids {
                    changes::append(tx, Subject::Thread, id, now)?;
                }
                Ok(())
            })?;
            after = last;
        }
    }
}
