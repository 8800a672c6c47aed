//! Runs a job again that was given up.

use crate::app::App;
use crate::db::audit::{self, Act, Actor};
use crate::error::Result;
use crate::jobs;

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It runs as soon as a worker is free.
    Again,
    /// Not one that was given up.
    NotFound,
}

pub fn retry_job(app: &App, by: &Actor, job: i64) -> Result<Outcome> {
    let now = app.now();
    app.db.write(|tx| {
        if !jobs::retry(tx, job, now)? {
            return Ok(Outcome::NotFound);
        }
        audit::record(
            tx,
            now,
            Act {
                by,
                act: "job_retried",
                subject: ("job", job),
                reason: "",
                data: serde_json::json!({}),
            },
        )?;
        Ok(Outcome::Again)
    })
}
