//! Queries of the job queue and of leases.

use diesel::dsl::{case_when, count_star, exists, select};
use diesel::prelude::*;
use diesel::upsert::excluded;

use crate::clock::Moment;
use crate::db::schema::{jobs, leases};
use crate::db::{Conn, Engine};
use crate::each;
use crate::error::Result;

/// A job as a worker claims it.
#[derive(Debug, Queryable)]
pub struct Claimed {
    pub id: i64,
    pub kind: String,
    pub payload: String,
    /// This one counted.
    pub attempts: i64,
    created_at: i64,
    /// With the owner, the sign by which a worker knows that the job is still its own.
    lease_until: Option<i64>,
    lease_owner: Option<String>,
}

impl Claimed {
    pub fn is_younger_than(&self, age: i64, now: Moment) -> bool {
        now.0 - self.created_at < age
    }
}

/// Whether the attempt that was made counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    Yes,
    No,
}

/// A job that was given up.
#[derive(Debug, Queryable)]
pub struct DeadJob {
    pub id: i64,
    pub kind: String,
    pub payload: String,
    pub attempts: i64,
    pub last_error: Option<String>,
    pub created_at: i64,
}

/// How much work there is. A finished job leaves no row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Waiting or running.
    pub ready: i64,
    pub dead: i64,
}

const READY: &str = "ready";
const DEAD: &str = "dead";

pub fn insert(
    tx: &mut Conn,
    kind: &str,
    payload: &str,
    dedupe_key: Option<String>,
    at: Moment,
    now: Moment,
) -> Result<()> {
    let row = (
        jobs::kind.eq(kind),
        jobs::payload.eq(payload),
        jobs::dedupe_key.eq(dedupe_key.map(|k| format!("{kind}:{k}"))),
        jobs::state.eq(READY),
        jobs::run_at.eq(at.0),
        jobs::created_at.eq(now.0),
    );
    // A job that waits already runs when the sooner of the two asks for it. Its row is held until the
    // commit: a worker that took it before would not see what this transaction wrote.
    each!(tx, c => diesel::insert_into(jobs::table)
        .values(row)
        .on_conflict(jobs::dedupe_key)
        .do_update()
        .set(jobs::run_at.eq(case_when(
            jobs::run_at.gt(excluded(jobs::run_at)),
            excluded(jobs::run_at),
        )
        .otherwise(jobs::run_at)))
        .execute(c))?;
    Ok(())
}

/// Whether any job of these kinds could be claimed: a look that takes no write lock.
pub fn is_due(conn: &mut Conn, now: Moment, kinds: &[&str]) -> Result<bool> {
    let free = jobs::lease_until.is_null().or(jobs::lease_until.lt(now.0));
    let due = jobs::state.eq(READY).and(jobs::run_at.le(now.0)).and(free);
    let due = due.and(jobs::kind.eq_any(kinds.to_vec()));
    Ok(select(exists(jobs::table.filter(due))).get_result(conn)?)
}

/// Leases the job of these kinds that has been due longest, for as long as its kind asks, and counts
/// the attempt. Other kinds are left to the nodes of another version that know them.
/// The dedupe key is given up here: what asks for the same work while it runs wants it done again,
/// with what changed since.
pub fn claim(
    tx: &mut Conn,
    node: &str,
    now: Moment,
    kinds: &[&str],
    lease_of: impl Fn(&str) -> i64,
) -> Result<Option<Claimed>> {
    let next = jobs::table
        .filter(jobs::state.eq(READY).and(jobs::run_at.le(now.0)))
        .filter(jobs::kind.eq_any(kinds.to_vec()))
        .filter(jobs::lease_until.is_null().or(jobs::lease_until.lt(now.0)))
        .order((jobs::run_at, jobs::id))
        .select((jobs::id, jobs::kind));
    let next: Option<(i64, String)> = match tx.engine() {
        Engine::Sqlite(c) => next.first(c).optional()?,
        // What another worker takes, or another transaction asks for again, is left to it.
        Engine::Pg(c) => next.for_update().skip_locked().first(c).optional()?,
    };
    let Some((id, kind)) = next else {
        return Ok(None);
    };
    let lease = (now.plus(lease_of(&kind)).0, node);
    Ok(lease_all(tx, &[id], lease)?.pop())
}

/// Leases up to `limit` more jobs of the kind of `first`, those that have been due longest and were never
/// tried, for as long as that one is leased.
pub fn claim_more(
    tx: &mut Conn,
    first: &Claimed,
    now: Moment,
    limit: usize,
) -> Result<Vec<Claimed>> {
    let next = jobs::table
        .filter(jobs::state.eq(READY).and(jobs::run_at.le(now.0)))
        .filter(jobs::kind.eq(&first.kind).and(jobs::attempts.eq(0)))
        .filter(jobs::lease_until.is_null())
        .order((jobs::run_at, jobs::id))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(jobs::id);
    let ids: Vec<i64> = match tx.engine() {
        Engine::Sqlite(c) => next.load(c)?,
        Engine::Pg(c) => next.for_update().skip_locked().load(c)?,
    };
    let lease = (
        first.lease_until.unwrap_or_default(),
        first.lease_owner.as_deref().unwrap_or_default(),
    );
    lease_all(tx, &ids, lease)
}

fn lease_all(tx: &mut Conn, ids: &[i64], (until, node): (i64, &str)) -> Result<Vec<Claimed>> {
    let mut claimed: Vec<Claimed> =
        diesel::update(jobs::table.filter(jobs::id.eq_any(ids.to_vec())))
            .set((
                jobs::lease_until.eq(until),
                jobs::lease_owner.eq(node),
                jobs::dedupe_key.eq(None::<String>),
                jobs::attempts.eq(jobs::attempts + 1),
            ))
            .returning((
                jobs::id,
                jobs::kind,
                jobs::payload,
                jobs::attempts,
                jobs::created_at,
                jobs::lease_until,
                jobs::lease_owner,
            ))
            .get_results(tx)?;
    claimed.sort_by_key(|job| job.id);
    Ok(claimed)
}

/// The job's row, while the lease under which it was claimed is the one it has: a worker that was
/// taken for lost changes nothing any more.
macro_rules! still {
    ($job:expr) => {
        jobs::table.filter(
            jobs::id
                .eq($job.id)
                .and(jobs::lease_until.eq($job.lease_until))
                .and(jobs::lease_owner.eq($job.lease_owner.as_deref())),
        )
    };
}

pub fn finish(tx: &mut Conn, job: &Claimed) -> Result<()> {
    diesel::delete(still!(job)).execute(tx)?;
    Ok(())
}

pub fn postpone(
    tx: &mut Conn,
    job: &Claimed,
    at: Moment,
    error: Option<&str>,
    counted: Counted,
) -> Result<()> {
    let forgiven = i64::from(counted == Counted::No);
    diesel::update(still!(job))
        .set((
            jobs::run_at.eq(at.0),
            jobs::lease_until.eq(None::<i64>),
            jobs::lease_owner.eq(None::<String>),
            jobs::last_error.eq(error),
            jobs::attempts.eq(job.attempts - forgiven),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn bury(tx: &mut Conn, job: &Claimed, error: &str, now: Moment) -> Result<()> {
    diesel::update(still!(job))
        .set((
            jobs::state.eq(DEAD),
            jobs::lease_until.eq(None::<i64>),
            jobs::last_error.eq(error),
            jobs::done_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// Jobs that were given up, newest first.
pub fn dead(conn: &mut Conn, limit: i64) -> Result<Vec<DeadJob>> {
    Ok(jobs::table
        .filter(jobs::state.eq(DEAD))
        .order(jobs::id.desc())
        .limit(limit)
        .select((
            jobs::id,
            jobs::kind,
            jobs::payload,
            jobs::attempts,
            jobs::last_error,
            jobs::created_at,
        ))
        .load(conn)?)
}

/// Makes a dead job due again with its attempts forgotten; false when there is no such job.
pub fn retry(tx: &mut Conn, id: i64, now: Moment) -> Result<bool> {
    let changed = diesel::update(jobs::table.filter(jobs::id.eq(id).and(jobs::state.eq(DEAD))))
        .set((
            jobs::state.eq(READY),
            jobs::attempts.eq(0),
            jobs::run_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}

pub fn counts(conn: &mut Conn) -> Result<Counts> {
    let of = |conn: &mut Conn, state: &str| -> Result<i64> {
        Ok(jobs::table
            .filter(jobs::state.eq(state))
            .select(count_star())
            .first(conn)?)
    };
    Ok(Counts {
        ready: of(conn, READY)?,
        dead: of(conn, DEAD)?,
    })
}

/// Whether the lease `name` could be taken: a look that takes no write lock.
pub fn is_lease_free(conn: &mut Conn, name: &str, now: Moment) -> Result<bool> {
    let held = leases::table.filter(leases::name.eq(name).and(leases::expires_at.gt(now.0)));
    let is_held: bool = select(exists(held)).get_result(conn)?;
    Ok(!is_held)
}

/// Takes the lease `name` for `span` microseconds when it is free; whoever holds it keeps it
/// until then. True when it was taken.
pub fn take_lease(tx: &mut Conn, name: &str, node: &str, now: Moment, span: i64) -> Result<bool> {
    let until = now.plus(span).0;
    let row = (
        leases::name.eq(name),
        leases::owner.eq(node),
        leases::expires_at.eq(until),
    );
    let inserted = each!(&mut *tx, c => diesel::insert_into(leases::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    if inserted == 1 {
        return Ok(true);
    }
    let free = leases::table.filter(leases::name.eq(name).and(leases::expires_at.le(now.0)));
    let taken = diesel::update(free)
        .set((leases::owner.eq(node), leases::expires_at.eq(until)))
        .execute(tx)?;
    Ok(taken == 1)
}

/// Gives a lease back before it ends; only who holds it can.
pub fn free_lease(tx: &mut Conn, name: &str, node: &str) -> Result<()> {
    let held = leases::table.filter(leases::name.eq(name).and(leases::owner.eq(node)));
    diesel::update(held)
        .set(leases::expires_at.eq(0))
        .execute(tx)?;
    Ok(())
}

/// Frees what a killed process held. Only for the sole server of a SQLite file, which knows
/// that no other is alive.
pub fn free_all_leases(tx: &mut Conn) -> Result<()> {
    diesel::update(jobs::table)
        .set((
            jobs::lease_until.eq(None::<i64>),
            jobs::lease_owner.eq(None::<String>),
        ))
        .execute(tx)?;
    Ok(())
}

/// Payloads of the jobs of one kind that wait or run.
pub fn payloads(conn: &mut Conn, kind: &str) -> Result<Vec<String>> {
    Ok(jobs::table
        .filter(jobs::kind.eq(kind).and(jobs::state.eq(READY)))
        .select(jobs::payload)
        .load(conn)?)
}

/// How many jobs of each kind wait or run.
pub fn kinds(conn: &mut Conn) -> Result<Vec<(String, i64)>> {
    Ok(jobs::table
        .filter(jobs::state.eq(READY))
        .group_by(jobs::kind)
        .select((jobs::kind, count_star()))
        .order(jobs::kind)
        .load(conn)?)
}
