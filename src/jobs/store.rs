//! Queries of the job queue and of leases.

use diesel::dsl::{count_star, exists, select};
use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{jobs, leases};
use crate::each;
use crate::error::Result;

/// A job as a worker claims it.
#[derive(Debug, Queryable)]
pub struct Claimed {
    pub id: i64,
    pub kind: String,
    pub payload: String,
    pub attempts: i64,
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
    each!(tx, c => diesel::insert_into(jobs::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// Whether any job could be claimed: a look that takes no write lock.
pub fn is_due(conn: &mut Conn, now: Moment) -> Result<bool> {
    let free = jobs::lease_until.is_null().or(jobs::lease_until.lt(now.0));
    let due = jobs::state.eq(READY).and(jobs::run_at.le(now.0)).and(free);
    Ok(select(exists(jobs::table.filter(due))).get_result(conn)?)
}

/// Leases the job that has been due longest. The dedupe key is given up here: what asks for the
/// same work while it runs wants it done again, with what changed since.
pub fn claim(tx: &mut Conn, node: &str, now: Moment, lease: i64) -> Result<Option<Claimed>> {
    // Built twice: diesel's expressions over nullable columns can't be copied.
    macro_rules! due {
        () => {
            jobs::state
                .eq(READY)
                .and(jobs::run_at.le(now.0))
                .and(jobs::lease_until.is_null().or(jobs::lease_until.lt(now.0)))
        };
    }
    let next: Option<i64> = jobs::table
        .filter(due!())
        .order((jobs::run_at, jobs::id))
        .select(jobs::id)
        .first(tx)
        .optional()?;
    let Some(id) = next else { return Ok(None) };
    // The conditions again: on PostgreSQL another node may have taken it since.
    Ok(
        diesel::update(jobs::table.filter(jobs::id.eq(id)).filter(due!()))
            .set((
                jobs::lease_until.eq(now.plus(lease).0),
                jobs::lease_owner.eq(node),
                jobs::dedupe_key.eq(None::<String>),
            ))
            .returning((jobs::id, jobs::kind, jobs::payload, jobs::attempts))
            .get_result(tx)
            .optional()?,
    )
}

pub fn finish(tx: &mut Conn, id: i64) -> Result<()> {
    diesel::delete(jobs::table.find(id)).execute(tx)?;
    Ok(())
}

pub fn postpone(
    tx: &mut Conn,
    id: i64,
    at: Moment,
    error: Option<&str>,
    attempts: i64,
) -> Result<()> {
    diesel::update(jobs::table.find(id))
        .set((
            jobs::run_at.eq(at.0),
            jobs::lease_until.eq(None::<i64>),
            jobs::lease_owner.eq(None::<String>),
            jobs::last_error.eq(error),
            jobs::attempts.eq(attempts),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn bury(tx: &mut Conn, id: i64, error: &str, now: Moment) -> Result<()> {
    diesel::update(jobs::table.find(id))
        .set((
            jobs::state.eq(DEAD),
            jobs::lease_until.eq(None::<i64>),
            jobs::last_error.eq(error),
            jobs::attempts.eq(jobs::attempts + 1),
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

/// Payloads of the jobs of one kind that wait, run or were given up.
pub fn payloads(conn: &mut Conn, kind: &str) -> Result<Vec<String>> {
    Ok(jobs::table
        .filter(jobs::kind.eq(kind))
        .select(jobs::payload)
        .load(conn)?)
}
