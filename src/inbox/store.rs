//! Queries of mail on its way in: as it came, and what was decided about it.

pub mod calls;

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{inbound_mails, intake};
use crate::each;
use crate::error::Result;
use crate::ids::{IntakeId, TicketId};

/// The channel of mails in the intake.
pub const MAIL: &str = "mail";
/// The state of a mail that waits to be read.
pub const RECEIVED: &str = "received";
const DONE: &str = "done";

/// Why a mail waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It could not be read.
    Failed,
    /// A person's mail that was not taken; they were told.
    Refused,
    /// A machine's mail that belongs nowhere; nobody was told.
    Aside,
}

impl Unread {
    const ALL: [Unread; 3] = [Unread::Failed, Unread::Refused, Unread::Aside];

    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Unread::Failed => "failed",
            Unread::Refused => "refused",
            Unread::Aside => "aside",
        }
    }

    fn of(state: &str) -> Option<Unread> {
        Unread::ALL.into_iter().find(|one| one.as_str() == state)
    }
}

/// A raw mail that waits to be read.
#[derive(Debug)]
pub struct RawMail {
    pub id: IntakeId,
    /// JSON list of the envelope's recipients.
    pub source: String,
    pub body: Vec<u8>,
    pub is_waiting: bool,
    pub attempts: i64,
    pub received_at: Moment,
}

/// Counts an attempt to read the mail, before it is made: one that ends the process counts too.
pub fn begin_reading(tx: &mut Conn, id: IntakeId) -> Result<Option<RawMail>> {
    diesel::update(intake::table.filter(intake::id.eq(id.0).and(intake::state.eq(RECEIVED))))
        .set(intake::attempts.eq(intake::attempts + 1))
        .execute(tx)?;
    let row: Option<(String, Vec<u8>, String, i64, i64)> = intake::table
        .find(id.0)
        .select((
            intake::source,
            intake::body,
            intake::state,
            intake::attempts,
            intake::received_at,
        ))
        .first(tx)
        .optional()?;
    Ok(
        row.map(|(source, body, state, attempts, received_at)| RawMail {
            id,
            source,
            body,
            is_waiting: state == RECEIVED,
            attempts,
            received_at: Moment(received_at),
        }),
    )
}

/// Whether nothing was decided about the mail yet.
pub fn is_waiting(conn: &mut Conn, id: IntakeId) -> Result<bool> {
    let state: Option<String> = intake::table
        .find(id.0)
        .select(intake::state)
        .first(conn)
        .optional()?;
    Ok(state.as_deref() == Some(RECEIVED))
}

/// How large these mails are (bytes).
pub fn sizes(conn: &mut Conn, ids: &[IntakeId]) -> Result<HashMap<IntakeId, i64>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<(i64, i32)> = intake::table
        .filter(intake::id.eq_any(ids))
        .select((intake::id, length(intake::body)))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, bytes)| (IntakeId(id), i64::from(bytes)))
        .collect())
}

/// The attempt did not fail by the mail's fault: the database was away.
pub fn forgive_attempt(tx: &mut Conn, id: IntakeId) -> Result<()> {
    diesel::update(intake::table.filter(intake::id.eq(id.0).and(intake::attempts.gt(0))))
        .set(intake::attempts.eq(intake::attempts - 1))
        .execute(tx)?;
    Ok(())
}

pub fn finish_raw_mail(tx: &mut Conn, id: IntakeId, now: Moment) -> Result<()> {
    diesel::update(intake::table.find(id.0))
        .set((
            intake::state.eq(DONE),
            intake::done_at.eq(now.0),
            intake::error.eq(None::<String>),
        ))
        .execute(tx)?;
    Ok(())
}

/// Leaves the mail to a person.
pub fn leave_raw_mail(
    tx: &mut Conn,
    id: IntakeId,
    to: Unread,
    why: &str,
    now: Moment,
) -> Result<()> {
    diesel::update(intake::table.find(id.0))
        .set((
            intake::state.eq(to.as_str()),
            intake::done_at.eq(now.0),
            intake::error.eq(why),
        ))
        .execute(tx)?;
    Ok(())
}

/// Makes a mail wait again that was left to a person; how it was left, or `None` when it was not.
pub fn reset_raw_mail(tx: &mut Conn, id: IntakeId) -> Result<Option<Unread>> {
    let state: Option<String> = intake::table
        .filter(intake::id.eq(id.0).and(intake::channel.eq(MAIL)))
        .select(intake::state)
        .first(tx)
        .optional()?;
    let Some(left) = state.as_deref().and_then(Unread::of) else {
        return Ok(None);
    };
    let changed = diesel::update(
        intake::table.filter(intake::id.eq(id.0).and(intake::state.eq(left.as_str()))),
    )
    .set((
        intake::state.eq(RECEIVED),
        intake::attempts.eq(0),
        intake::done_at.eq(None::<i64>),
        intake::error.eq(None::<String>),
    ))
    .execute(tx)?;
    if changed == 0 {
        return Ok(None);
    }
    // What was decided about it is decided anew.
    diesel::delete(inbound_mails::table.filter(inbound_mails::intake_id.eq(id.0))).execute(tx)?;
    Ok(Some(left))
}

/// A mail that waits for somebody to look at it.
#[derive(Clone, Debug)]
pub struct UnreadMail {
    pub id: IntakeId,
    pub left: Unread,
    /// Why it was left, in words.
    pub why: String,
    pub received_at: Moment,
    /// How it begins: its headers, if they are not unusually long.
    pub head: Vec<u8>,
}

/// Bytes of a mail that are read to list it.
const HEAD_BYTES: i32 = 32 * 1024;

#[diesel::declare_sql_function]
extern "SQL" {
    fn length(bytes: diesel::sql_types::Binary) -> diesel::sql_types::Integer;
    fn substr(
        bytes: diesel::sql_types::Binary,
        from: diesel::sql_types::Integer,
        count: diesel::sql_types::Integer,
    ) -> diesel::sql_types::Binary;
}

/// Id, state, why, received, beginning.
type UnreadRow = (i64, String, Option<String>, i64, Vec<u8>);

/// Mails left to a person before `before` (an id), newest first.
pub fn unread_mails(conn: &mut Conn, before: Option<i64>, limit: i64) -> Result<Vec<UnreadMail>> {
    let rows: Vec<UnreadRow> = intake::table
        .filter(intake::channel.eq(MAIL))
        .filter(intake::state.eq_any(Unread::ALL.map(Unread::as_str)))
        .filter(intake::id.lt(before.unwrap_or(i64::MAX)))
        .order(intake::id.desc())
        .limit(limit)
        .select((
            intake::id,
            intake::state,
            intake::error,
            intake::received_at,
            substr(intake::body, 1, HEAD_BYTES),
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .filter_map(|(id, state, why, received_at, head)| {
            Some(UnreadMail {
                id: IntakeId(id),
                left: Unread::of(&state)?,
                why: why.unwrap_or_default(),
                received_at: Moment(received_at),
                head,
            })
        })
        .collect())
}

/// How many mails are left to a person.
pub fn unread_count(conn: &mut Conn) -> Result<i64> {
    Ok(intake::table
        .filter(intake::channel.eq(MAIL))
        .filter(intake::state.eq_any(Unread::ALL.map(Unread::as_str)))
        .select(count_star())
        .first(conn)?)
}

/// A mail as it came, while it is left to a person.
pub fn unread_raw(conn: &mut Conn, id: IntakeId) -> Result<Option<Vec<u8>>> {
    Ok(intake::table
        .filter(intake::id.eq(id.0).and(intake::channel.eq(MAIL)))
        .filter(intake::state.eq_any(Unread::ALL.map(Unread::as_str)))
        .select(intake::body)
        .first(conn)
        .optional()?)
}

/// What was decided about a mail.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    pub intake: IntakeId,
    pub message_id: &'a str,
    pub from_key: &'a str,
    pub dedupe_key: &'a str,
    pub decision: &'a str,
    pub reason: &'a str,
    pub ticket: Option<TicketId>,
}

/// Notes the decision; false when another mail has this `dedupe_key`, which is the same mail.
pub fn insert_judged(tx: &mut Conn, now: Moment, judged: &Judged<'_>) -> Result<bool> {
    let row = (
        inbound_mails::intake_id.eq(judged.intake.0),
        inbound_mails::message_id.eq(judged.message_id),
        inbound_mails::from_key.eq(judged.from_key),
        inbound_mails::dedupe_key.eq(judged.dedupe_key),
        inbound_mails::decision.eq(judged.decision),
        inbound_mails::reason.eq(judged.reason),
        inbound_mails::ticket_id.eq(judged.ticket.map(|t| t.0)),
        inbound_mails::created_at.eq(now.0),
    );
    let n = each!(tx, c => diesel::insert_into(inbound_mails::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(n == 1)
}

/// The mail that was judged under this key.
pub fn first_copy(conn: &mut Conn, dedupe_key: &str) -> Result<Option<IntakeId>> {
    let first: Option<i64> = inbound_mails::table
        .filter(inbound_mails::dedupe_key.eq(dedupe_key))
        .select(inbound_mails::intake_id)
        .first(conn)
        .optional()?;
    Ok(first.map(IntakeId))
}

/// A mail as it came; nothing when it was taken back.
pub fn raw_mail(conn: &mut Conn, id: IntakeId) -> Result<Vec<u8>> {
    let body: Option<Vec<u8>> = intake::table
        .find(id.0)
        .select(intake::body)
        .first(conn)
        .optional()?;
    Ok(body.unwrap_or_default())
}

/// Decisions about mails that count as somebody's: not those that wait because they may be forged, and
/// no machine's.
const NOT_COUNTED: [&str; 5] = ["set_aside", "own", "undelivered", "note", "duplicate"];

/// Mails of one sender since `since`, those that may be forged aside.
pub fn mails_from(conn: &mut Conn, from_key: &str, since: Moment) -> Result<i64> {
    Ok(inbound_mails::table
        .filter(
            inbound_mails::from_key
                .eq(from_key)
                .and(inbound_mails::created_at.ge(since.0))
                .and(inbound_mails::decision.ne_all(NOT_COUNTED)),
        )
        .select(count_star())
        .first(conn)?)
}

/// Whether the mail was put aside: nobody has taken it.
pub fn is_aside(conn: &mut Conn, id: IntakeId) -> Result<bool> {
    let decision: Option<String> = inbound_mails::table
        .filter(inbound_mails::intake_id.eq(id.0))
        .select(inbound_mails::decision)
        .first(conn)
        .optional()?;
    Ok(decision.as_deref() == Some("set_aside"))
}

/// Tickets to which the mails of one sender since `since` went, newest first.
pub fn tickets_of_sender(
    conn: &mut Conn,
    from_key: &str,
    since: Moment,
    limit: i64,
) -> Result<Vec<TicketId>> {
    let tickets: Vec<Option<i64>> = inbound_mails::table
        .filter(
            inbound_mails::from_key
                .eq(from_key)
                .and(inbound_mails::created_at.ge(since.0)),
        )
        .order(inbound_mails::created_at.desc())
        .limit(limit)
        .select(inbound_mails::ticket_id)
        .load(conn)?;
    Ok(tickets.into_iter().flatten().map(TicketId).collect())
}

/// Decisions about mails, by kind.
pub fn decisions(conn: &mut Conn) -> Result<Vec<(String, i64)>> {
    Ok(inbound_mails::table
        .group_by(inbound_mails::decision)
        .select((inbound_mails::decision, count_star()))
        .order(inbound_mails::decision)
        .load(conn)?)
}

/// Raw mails by state.
pub fn raw_mails(conn: &mut Conn) -> Result<Vec<(String, i64)>> {
    Ok(intake::table
        .filter(intake::channel.eq(MAIL))
        .group_by(intake::state)
        .select((intake::state, count_star()))
        .order(intake::state)
        .load(conn)?)
}

/// Mails that were taken in and not read yet.
pub fn mails_to_read(conn: &mut Conn) -> Result<Vec<IntakeId>> {
    let ids: Vec<i64> = intake::table
        .filter(intake::channel.eq(MAIL).and(intake::state.eq(RECEIVED)))
        .order(intake::id)
        .select(intake::id)
        .load(conn)?;
    Ok(ids.into_iter().map(IntakeId).collect())
}
