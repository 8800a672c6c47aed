//! The change log: what the search index, live pages and other nodes follow.
//!
//! A reader keeps the last id it has worked through. Ids are handed out under a lock that is held
//! until the commit, so on PostgreSQL too no smaller id can appear after a larger one was seen.
//! There a transaction collects its changes and writes them as its last act, so that writers hold
//! each other up only for that moment. SQLite has one writer, which writes them at once.

use diesel::prelude::*;

use super::schema::changes;
use super::{Conn, Lock, lock};
use crate::clock::{DAY, Moment};
use crate::error::Result;

/// What a change is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Thread,
    Case,
    /// Names that stand on pages of many threads: of a product, a topic, a user.
    Site,
}

impl Subject {
    pub fn as_str(self) -> &'static str {
        match self {
            Subject::Thread => "thread",
            Subject::Case => "case",
            Subject::Site => "site",
        }
    }
}

/// One change: its place in the log, and what it is about.
#[derive(Clone, Debug, Queryable)]
pub struct Change {
    pub id: i64,
    pub subject_kind: String,
    pub subject_id: i64,
}

/// Changes kept after everybody should have read them (µs). A reader that was away for longer
/// rebuilds from the tables.
pub const KEEP: i64 = 7 * DAY;

/// A change of an open transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NewChange {
    subject: Subject,
    id: i64,
    at: Moment,
}

/// Notes that `id` changed. The line is in the log when the transaction of `Db::write` commits.
pub fn append(tx: &mut Conn, subject: Subject, id: i64, now: Moment) -> Result<()> {
    let change = NewChange {
        subject,
        id,
        at: now,
    };
    if !tx.is_postgres() {
        return insert(tx, change);
    }
    if !tx.changes.contains(&change) {
        tx.changes.push(change);
    }
    Ok(())
}

/// Writes what the transaction collected; the commit must follow at once.
pub(super) fn write_collected(tx: &mut Conn) -> Result<()> {
    let collected = std::mem::take(&mut tx.changes);
    if collected.is_empty() {
        return Ok(());
    }
    lock(tx, Lock::Changes)?;
    for change in collected {
        insert(tx, change)?;
    }
    Ok(())
}

fn insert(tx: &mut Conn, change: NewChange) -> Result<()> {
    diesel::insert_into(changes::table)
        .values((
            changes::subject_kind.eq(change.subject.as_str()),
            changes::subject_id.eq(change.id),
            changes::at.eq(change.at.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// Up to `limit` changes after `position`, oldest first.
pub fn after(conn: &mut Conn, position: i64, limit: i64) -> Result<Vec<Change>> {
    Ok(changes::table
        .filter(changes::id.gt(position))
        .order(changes::id)
        .limit(limit)
        .select((changes::id, changes::subject_kind, changes::subject_id))
        .load(conn)?)
}

/// The newest place in the log; 0 when nothing ever changed.
pub fn newest(conn: &mut Conn) -> Result<i64> {
    Ok(changes::table
        .select(diesel::dsl::max(changes::id))
        .first::<Option<i64>>(conn)?
        .unwrap_or(0))
}

/// The newest place of changes of one kind; 0 when nothing of it ever changed.
pub fn newest_of(conn: &mut Conn, subject: Subject) -> Result<i64> {
    Ok(changes::table
        .filter(changes::subject_kind.eq(subject.as_str()))
        .select(diesel::dsl::max(changes::id))
        .first::<Option<i64>>(conn)?
        .unwrap_or(0))
}

/// What lists of threads were made from: the newest place of a thread or a name. Work on cases is
/// none of it.
pub fn newest_listed(conn: &mut Conn) -> Result<i64> {
    Ok(newest_of(conn, Subject::Thread)?.max(newest_of(conn, Subject::Site)?))
}

/// The oldest place still kept; a reader before it has to rebuild.
pub fn oldest(conn: &mut Conn) -> Result<i64> {
    Ok(changes::table
        .select(diesel::dsl::min(changes::id))
        .first::<Option<i64>>(conn)?
        .unwrap_or(0))
}

/// Forgets changes older than `KEEP`, but always keeps the newest.
pub fn prune(tx: &mut Conn, now: Moment) -> Result<usize> {
    let newest = newest(tx)?;
    Ok(diesel::delete(
        changes::table
            .filter(changes::at.lt(now.plus(-KEEP).0))
            .filter(changes::id.lt(newest)),
    )
    .execute(tx)?)
}
