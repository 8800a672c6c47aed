//! Work that must happen, kept in the database with the decision that asked for it.
//!
//! A job carries ids and reloads what it needs; it runs at least once, so each is safe to run
//! twice. A job is leased while it runs; one whose process was killed is free again when its
//! lease ends. An attempt is counted when it begins, so that a job that ends the process is given
//! up too. What keeps failing is kept as dead and shown to the operator with a retry button; only
//! the store's own trouble (a full disk, a database that is away) is nobody's fault and is waited out.

pub mod prune_changes;
mod store;
pub mod worker;

use std::collections::HashMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::clock::{DAY, MINUTE, Moment, SECOND};
use crate::db::Conn;
use crate::error::{Error, Result};

use store::Counted;
pub use store::{
    Claimed, Counts, DeadJob, claim, counts, dead, free_all_leases, free_lease, is_due, kinds,
    retry, take_lease,
};

/// How long a job that says nothing else may hold its lease (µs).
pub const LEASE: i64 = 2 * MINUTE;
/// How long the store's trouble is waited out without counting attempts (µs), since the job was
/// asked for.
pub const TROUBLE_LASTS_MAX: i64 = 7 * DAY;
/// Wait between two looks whether the store's trouble is over (µs).
const TROUBLE_WAIT: i64 = MINUTE;
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
    /// How long it may run before another worker takes it for lost (µs): longer than its own
    /// time-outs together.
    const LEASE: i64 = LEASE;
    /// How many of them a worker takes at once.
    const BATCH_MAX: usize = 1;

    /// While a job with this key waits, another with the same key is not added; the sooner time holds.
    fn dedupe_key(&self) -> Option<String> {
        None
    }

    fn run(&self, app: &App) -> Result<Next>;

    /// Runs several, each as `run` would: an outcome for each, in their order.
    fn run_all(jobs: &[Self], app: &App) -> Vec<Result<Next>> {
        jobs.iter().map(|job| job.run(app)).collect()
    }
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

/// Adds a job that is not to run before `at`, unless the same one waits for a later time: that comes
/// sooner then.
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

/// The jobs of a kind that wait or run. One that this version can't read is left out: it does not
/// do what is asked of it.
pub fn waiting<J: Job>(conn: &mut Conn) -> Result<Vec<J>> {
    let payloads = store::payloads(conn, J::KIND)?;
    Ok(payloads
        .iter()
        .filter_map(|payload| serde_json::from_str(payload).ok())
        .collect())
}

/// Runs these jobs: an outcome for each, in their order.
type Run = Box<dyn Fn(&App, &[Claimed]) -> Vec<Result<Next>> + Send + Sync>;

struct Kind {
    run: Run,
    batch_max: usize,
    attempts_max: i64,
    lease: i64,
}

impl Kind {
    /// Puts down how a job of this kind ended.
    fn end(
        &self,
        tx: &mut Conn,
        app: &App,
        now: Moment,
        job: &Claimed,
        ran: &Result<Next>,
    ) -> Result<()> {
        if let Err(error) = ran {
            tracing::warn!(job = job.id, kind = %job.kind, attempts = job.attempts, %error, "job failed");
        }
        match ran {
            Ok(Next::Done) => store::finish(tx, job),
            Ok(Next::Again(at)) => store::postpone(tx, job, *at, None, Counted::No),
            Err(e)
                if e.store_trouble().is_some() && job.is_younger_than(TROUBLE_LASTS_MAX, now) =>
            {
                let at = now.plus(with_jitter(TROUBLE_WAIT, app));
                store::postpone(tx, job, at, Some(&e.to_string()), Counted::No)
            }
            Err(e) if job.attempts >= self.attempts_max => {
                store::bury(tx, job, &e.to_string(), now)
            }
            Err(e) => {
                let at = now.plus(retry_wait(job.attempts, app));
                store::postpone(tx, job, at, Some(&e.to_string()), Counted::Yes)
            }
        }
    }
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
        let run: Run = Box::new(|app, claimed| {
            let jobs: Result<Vec<J>> = claimed.iter().map(read).collect();
            match jobs {
                Ok(jobs) => J::run_all(&jobs, app),
                Err(_) => claimed.iter().map(|one| read::<J>(one)?.run(app)).collect(),
            }
        });
        let before = self.kinds.insert(
            J::KIND,
            Kind {
                run,
                batch_max: J::BATCH_MAX,
                attempts_max: J::ATTEMPTS_MAX,
                lease: J::LEASE,
            },
        );
        assert!(before.is_none(), "two kinds of jobs are called {}", J::KIND);
        self
    }

    /// The names of all kinds.
    pub fn kinds(&self) -> Vec<&'static str> {
        self.kinds.keys().copied().collect()
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
            if !app.db.read(|c| store::is_lease_free(c, &name, now))? {
                continue;
            }
            app.db.write_if(|tx| {
                if !store::take_lease(tx, &name, &app.node, now, schedule.every)? {
                    return Ok(None);
                }
                (schedule.enqueue)(tx, now).map(Some)
            })?;
        }
        Ok(())
    }

    /// Runs the job that has been due longest, with others of its kind where it takes several at once;
    /// how many ran.
    pub fn run_next(&self, app: &App) -> Result<usize> {
        let now = app.now();
        let kinds = self.kinds();
        if !app.db.read(|c| store::is_due(c, now, &kinds))? {
            return Ok(0);
        }
        let lease_of = |kind: &str| self.kinds.get(kind).map_or(LEASE, |k| k.lease);
        let claimed = app.db.write_if(|tx| {
            let Some(first) = store::claim(tx, &app.node, now, &kinds, lease_of)? else {
                return Ok(None);
            };
            let more = self
                .kinds
                .get(first.kind.as_str())
                .map_or(0, |kind| kind.batch_max - 1);
            let mut jobs = vec![first];
            // What failed before goes alone: it may be what ended the attempt of all.
            if more > 0 && jobs[0].attempts == 1 {
                jobs.extend(store::claim_more(tx, &jobs[0], now, more)?);
            }
            Ok(Some(jobs))
        })?;
        let Some(jobs) = claimed else {
            return Ok(0);
        };
        let Some(kind) = self.kinds.get(jobs[0].kind.as_str()) else {
            return Err(Error::Data(format!(
                "a job of the kind {} was claimed, which nobody asked for",
                jobs[0].kind
            )));
        };
        if let [job] = jobs.as_slice()
            && job.attempts > kind.attempts_max
        {
            let why = "the process ended each time while it ran";
            tracing::warn!(job = job.id, kind = %job.kind, why, "job given up");
            app.db.write(|tx| store::bury(tx, job, why, app.now()))?;
            return Ok(1);
        }
        // A panic in one job must not stop the worker, nor leave the job leased for ever.
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (kind.run)(app, &jobs)))
            .unwrap_or_else(|_| {
                let panicked = || Error::other("the job panicked; its trace is in the log");
                jobs.iter().map(|_| Err(panicked())).collect()
            });
        let now = app.now();
        app.db.write(|tx| {
            jobs.iter()
                .zip(&ran)
                .try_for_each(|(job, ran)| kind.end(tx, app, now, job, ran))
        })?;
        Ok(jobs.len())
    }

    /// Runs jobs until none is due. For tests and commands that must leave nothing behind.
    pub fn run_due(&self, app: &App) -> Result<usize> {
        let mut ran = 0;
        loop {
            match self.run_next(app)? {
                0 => return Ok(ran),
                count => ran += count,
            }
        }
    }
}

fn read<J: Job>(claimed: &Claimed) -> Result<J> {
    serde_json::from_str(&claimed.payload)
        .map_err(|e| Error::Data(format!("a job of kind {}: {e}", J::KIND)))
}

/// Doubling for each attempt.
fn retry_wait(attempts: i64, app: &App) -> i64 {
    let shift = u32::try_from(attempts - 1).unwrap_or(0).min(20);
    with_jitter(RETRY_FIRST.saturating_mul(1 << shift).min(RETRY_MAX), app)
}

/// Up to a quarter more, so that what failed together is not retried together.
fn with_jitter(wait: i64, app: &App) -> i64 {
    wait + i64::try_from(app.random.below(wait.unsigned_abs() / 4 + 1)).unwrap_or(0)
}
