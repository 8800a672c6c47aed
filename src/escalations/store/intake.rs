//! Queries of the intake: pages as they came.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::intake;
use crate::each;
use crate::error::Result;
use crate::ids::IntakeId;

/// What came from outside, as it came.
#[derive(Clone, Debug, Queryable)]
pub struct Intake {
    pub id: i64,
    pub channel: String,
    pub source: String,
    pub body: Vec<u8>,
    pub state: String,
    pub error: Option<String>,
    pub attempts: i64,
}

pub const INTAKE_NEW: &str = "new";
pub const INTAKE_DONE: &str = "done";
pub const INTAKE_FAILED: &str = "failed";

/// Stores what came in; `None` when the same bytes are there already.
pub fn insert_intake(
    tx: &mut Conn,
    channel: &str,
    source: &str,
    body: &[u8],
    digest: &str,
    now: Moment,
) -> Result<Option<IntakeId>> {
    let row = (
        intake::channel.eq(channel),
        intake::source.eq(source),
        intake::body.eq(body),
        intake::digest.eq(digest),
        intake::state.eq(INTAKE_NEW),
        intake::received_at.eq(now.0),
    );
    let id: Option<i64> = each!(tx, c => diesel::insert_into(intake::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(intake::id)
        .get_result(c)
        .optional())?;
    Ok(id.map(IntakeId))
}

pub fn intake_by_digest(conn: &mut Conn, channel: &str, digest: &str) -> Result<Option<IntakeId>> {
    let id: Option<i64> = intake::table
        .filter(intake::channel.eq(channel).and(intake::digest.eq(digest)))
        .select(intake::id)
        .first(conn)
        .optional()?;
    Ok(id.map(IntakeId))
}

/// One that was read in full is emptied: each mention keeps its own raw form, which goes when its
/// author deletes the post, and a second copy would stay.
pub fn set_intake(
    tx: &mut Conn,
    id: IntakeId,
    state: &str,
    error: Option<&str>,
    now: Moment,
) -> Result<()> {
    diesel::update(intake::table.find(id.0))
        .set((
            intake::state.eq(state),
            intake::error.eq(error),
            intake::attempts.eq(intake::attempts + 1),
            intake::done_at.eq((state == INTAKE_DONE).then_some(now.0)),
        ))
        .execute(tx)?;
    if state == INTAKE_DONE {
        let nothing: &[u8] = &[];
        diesel::update(intake::table.find(id.0))
            .set(intake::body.eq(nothing))
            .execute(tx)?;
    }
    Ok(())
}

/// Network pages that are not worked through: failed ones, and new ones of a killed process.
pub fn open_intake(
    conn: &mut Conn,
    channels: &[&str],
    after: i64,
    limit: i64,
) -> Result<Vec<Intake>> {
    Ok(intake::table
        .filter(intake::state.ne(INTAKE_DONE).and(intake::id.gt(after)))
        .filter(intake::channel.eq_any(channels))
        .order(intake::id)
        .limit(limit)
        .select((
            intake::id,
            intake::channel,
            intake::source,
            intake::body,
            intake::state,
            intake::error,
            intake::attempts,
        ))
        .load(conn)?)
}
