//! Work that must happen, kept in the database with the decision that asked for it.
//!
//! A job carries ids and reloads what it needs; it runs at least once, so each is safe to run
//! twice. A job is leased while it runs; one whose process was killed is free again when its
//! lease ends. What keeps failing is kept as dead and shown to the operator with a retry button.

mod store;
pub mod worker;

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::clock::{MINUTE, Moment, SECOND};
use crate::db::Conn;
use crate::error::{Error, Result};

pub use store::{
    Counts, DeadJob, counts, dead, free_all_leases, is_due, payloads, retry, take_lease,
};

/// How long a job may hold its lease (µs). Longer than any job's own time-outs together.
pub const LEASE: i64 = 2 * MINUTE;
/// Wait before the second attempt (µs); doubled for each further one.
const RETRY_FIRST: i64 = 2 * SECOND;
/// Longest wait between attempts (µs).
const RETRY_MAX: i64 = 30 * MINUTE;

/// A kind of work. The fields are what the row stores as JSON: ids, not contents.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// The name in the `jobs` table; never reused for other work.
    const KIND: &'static str;
    /// Attempts before it is called dead.
    const ATTEMPTS_MAX: i64 = 12;

    /// While a job with this key waits, another with the same key is not added.
    fn dedupe_key(&self) -> Option<String> {
        None
    }

    fn run(&self, app: &App) -> Result<Next>;
}

/// What becomes of a job that ran without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Done,
    /// Not finished, and nobody's fault: run again at this moment, attempts not counted.
    Again(Moment),
}

/// Adds a job in the transaction of the decision that asks for it.
pub fn enqueue<J: Job>(tx: &mut Conn, now: Moment, job: &J) -> Result<()> {
    enqueue_at(tx, now, now, job)
}

/// Adds a job that is not to run before `at`.
pub fn enqueue_at<J: Job>(tx: &mut Conn, now: Moment, at: Moment, job: &J) -> Result<()> {
    let payload = serde_json::to_string(job).map_err(Error::other)?;
    store::insert(tx, J::KIND, &payload, job.dedupe_key(), at, now)
}

/// Adds a job whose kind belongs to a slice above the caller's: by name, with its payload as JSON.
/// While a job with this dedupe key waits, another is not added.
pub fn enqueue_kind(
    tx: &mut Conn,
    now: Moment,
    kind: &str,
    payload: &str,
    dedupe_key: Option<String>,
) -> Result<()> {
    store::insert(tx, kind, payload, dedupe_key, now, now)
}

type Run = Box<dyn Fn(&App, &str) -> Result<Next> + Send + Sync>;

struct Kind {
    run: Run,
    attempts_max: i64,
}

/// Something that starts by itself every so often.
struct Schedule {
    name: &'static str,
    /// Time between two starts, over all nodes (µs).
    every: i64,
    enqueue: fn(&mut Conn, Moment) -> Result<()>,
}

/// All kinds of jobs and all schedules; `boot` fills it, so it is the list of what runs.
#[derive(Default)]
pub struct Registry {
    kinds: HashMap<&'static str, Kind>,
    schedules: Vec<Schedule>,
}

impl Registry {
    pub fn job<J: Job>(&mut self) -> &mut Self {
        let run: Run = Box::new(|app, payload| {
            let job: J = serde_json::from_str(payload)
                .map_err(|e| Error::Data(format!("a job of kind {}: {e}", J::KIND)))?;
            job.run(app)
        });
        let before = self.kinds.insert(
            J::KIND,
            Kind {
                run,
                attempts_max: J::ATTEMPTS_MAX,
            },
        );
        assert!(before.is_none(), "two kinds of jobs are called {}", J::KIND);
        self
    }

    /// Runs `J::default()` every `every` microseconds.
    pub fn every<J: Job + Default>(&mut self, every: i64) -> &mut Self {
        self.schedules.push(Schedule {
            name: J::KIND,
            every,
            enqueue: |tx, now| enqueue(tx, now, &J::default()),
        });
        self
    }

    /// Enqueues each schedule whose time has come. A lease that nobody gives back is the clock:
    /// whoever takes it starts the work, and it ends when the next start is due.
    pub fn start_due(&self, app: &App) -> Result<()> {
        let now = app.now();
        for schedule in &self.schedules {
            let name = format!("schedule:{}", schedule.name);
            app.db.write(|tx| {
                if store::take_lease(tx, &name, &app.node, now, schedule.every)? {
                    (schedule.enqueue)(tx, now)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Runs one job that is due; false when none is.
    pub fn run_one(&self, app: &App) -> Result<bool> {
        let now = app.now();
        if !app.db.read(|c| store::is_due(c, now))? {
            return Ok(false);
        }
        let Some(job) = app.db.write(|tx| store::claim(tx, &app.node, now, LEASE))? else {
            return Ok(false);
        };
        let Some(kind) = self.kinds.get(job.kind.as_str()) else {
            app.db.write(|tx| {
                store::bury(
                    tx,
                    job.id,
                    "this version knows no such kind of job",
                    app.now(),
                )
            })?;
            return Ok(true);
        };
        // A panic in one job must not stop the worker, nor leave the job leased for ever.
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (kind.run)(app, &job.payload)
        }))
        .unwrap_or_else(|_| Err(Error::other("the job panicked; its trace is in the log")));
        let now = app.now();
        app.db.write(|tx| match &ran {
            Ok(Next::Done) => store::finish(tx, job.id),
            Ok(Next::Again(at)) => store::postpone(tx, job.id, *at, None, job.attempts),
            Err(e) => {
                let attempts = job.attempts + 1;
                tracing::warn!(job = job.id, kind = %job.kind, attempts, error = %e, "job failed");
                if attempts >= kind.attempts_max {
                    store::bury(tx, job.id, &e.to_string(), now)
                } else {
                    let at = now.plus(retry_wait(attempts, app));
                    store::postpone(tx, job.id, at, Some(&e.to_string()), attempts)
                }
            }
        })?;
        Ok(true)
    }

    /// Runs jobs until none is due. For tests and commands that must leave nothing behind.
    pub fn run_due(&self, app: &App) -> Result<usize> {
        let mut ran = 0;
        while self.run_one(app)? {
            ran += 1;
        }
        Ok(ran)
    }
}

/// Doubling, with a quarter of jitter so that what failed together is not retried together.
fn retry_wait(attempts: i64, app: &App) -> i64 {
    let shift = u32::try_from(attempts - 1).unwrap_or(0).min(20);
    let wait = RETRY_FIRST.saturating_mul(1 << shift).min(RETRY_MAX);
    wait + i64::try_from(app.random.below(wait.unsigned_abs() / 4 + 1)).unwrap_or(0)
}
