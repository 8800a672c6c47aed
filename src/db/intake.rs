//! The intake: what comes from outside, as it came, before anything is made of it. Whose it is, and
//! what its states mean, is the business of the slice that reads it.

use diesel::prelude::*;

use super::Conn;
use super::schema::intake;
use crate::clock::Moment;
use crate::each;
use crate::error::Result;
use crate::ids::IntakeId;

/// What came in.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'a> {
    pub channel: &'a str,
    /// By which way, in the words of who reads it.
    pub source: &'a str,
    pub body: &'a [u8],
    /// Of the body: the same bytes of a channel are kept once.
    pub digest: &'a str,
    /// The state of what nobody has read yet.
    pub state: &'a str,
}

/// Keeps what came in, and tells whether it is new: the same bytes may be there already.
pub fn keep(tx: &mut Conn, now: Moment, new: &Arrived<'_>) -> Result<(IntakeId, bool)> {
    let row = (
        intake::channel.eq(new.channel),
        intake::source.eq(new.source),
        intake::body.eq(new.body),
        intake::digest.eq(new.digest),
        intake::state.eq(new.state),
        intake::received_at.eq(now.0),
    );
    let id: Option<i64> = each!(tx, c => diesel::insert_into(intake::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(intake::id)
        .get_result(c)
        .optional())?;
    if let Some(id) = id {
        return Ok((IntakeId(id), true));
    }
    let id: i64 = intake::table
        .filter(intake::channel.eq(new.channel))
        .filter(intake::digest.eq(new.digest))
        .select(intake::id)
        .first(tx)?;
    Ok((IntakeId(id), false))
}
