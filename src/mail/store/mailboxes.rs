//! Queries of the mailboxes that are watched: how far each was read, and how it fares.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::mailboxes;
use crate::each;
use crate::error::Result;

/// The state of a mailbox that nobody has reached yet.
pub const STARTING: &str = "starting";

/// How far a mailbox was read (RFC 9051, section 2.3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable)]
pub struct Place {
    /// As long as it is the same, the UIDs are.
    pub uid_validity: Option<i64>,
    /// Mails up to this one were seen; 0: none.
    pub last_uid: i64,
}

/// A mailbox as its row tells.
#[derive(Debug, Queryable)]
pub struct Row {
    pub name: String,
    pub state: String,
    pub error: Option<String>,
    pub failed_at: Option<i64>,
    pub ok_at: Option<i64>,
    pub mail_at: Option<i64>,
}

/// `None` for a mailbox that was never read.
pub fn place(conn: &mut Conn, name: &str) -> Result<Option<Place>> {
    let place: Option<Place> = mailboxes::table
        .filter(mailboxes::name.eq(name))
        .select((mailboxes::uid_validity, mailboxes::last_uid))
        .first(conn)
        .optional()?;
    Ok(place.filter(|place| place.uid_validity.is_some()))
}

/// Begins to count anew: the mailbox is new to us, or its UIDs are.
pub fn set_place(tx: &mut Conn, name: &str, place: Place) -> Result<()> {
    ensure(tx, name)?;
    diesel::update(mailboxes::table.filter(mailboxes::name.eq(name)))
        .set((
            mailboxes::uid_validity.eq(place.uid_validity),
            mailboxes::last_uid.eq(place.last_uid),
        ))
        .execute(tx)?;
    Ok(())
}

/// Mails up to `last_uid` were taken.
pub fn advance(tx: &mut Conn, name: &str, last_uid: i64, now: Moment) -> Result<()> {
    diesel::update(mailboxes::table.filter(mailboxes::name.eq(name)))
        .set(mailboxes::mail_at.eq(now.0))
        .execute(tx)?;
    let behind = mailboxes::name
        .eq(name)
        .and(mailboxes::last_uid.lt(last_uid));
    diesel::update(mailboxes::table.filter(behind))
        .set(mailboxes::last_uid.eq(last_uid))
        .execute(tx)?;
    Ok(())
}

/// The mailbox was read to its end; `note` says what was left in it. Since when is kept while something
/// is left. Whether the note says anything that did not stand there before.
pub fn mark_read(
    tx: &mut Conn,
    name: &str,
    state: &str,
    note: Option<&str>,
    now: Moment,
) -> Result<bool> {
    ensure(tx, name)?;
    let before: Option<String> = mailboxes::table
        .filter(mailboxes::name.eq(name))
        .select(mailboxes::error)
        .first(tx)?;
    let is_new = mailboxes::failed_at
        .is_null()
        .or(mailboxes::state.ne(state));
    let begins = mailboxes::table.filter(mailboxes::name.eq(name).and(is_new));
    diesel::update(begins)
        .set(mailboxes::failed_at.eq(now.0))
        .execute(tx)?;
    let row = mailboxes::table.filter(mailboxes::name.eq(name));
    diesel::update(row)
        .set((
            mailboxes::state.eq(state),
            mailboxes::error.eq(note),
            mailboxes::ok_at.eq(now.0),
        ))
        .execute(tx)?;
    if note.is_none() {
        diesel::update(row)
            .set(mailboxes::failed_at.eq(None::<i64>))
            .execute(tx)?;
    }
    Ok(note.is_some() && note != before.as_deref())
}

/// It can't be read. Since when is kept while the state stays.
pub fn mark_failing(
    tx: &mut Conn,
    name: &str,
    state: &str,
    error: &str,
    now: Moment,
) -> Result<()> {
    ensure(tx, name)?;
    let new = mailboxes::name.eq(name).and(mailboxes::state.ne(state));
    diesel::update(mailboxes::table.filter(new))
        .set((mailboxes::state.eq(state), mailboxes::failed_at.eq(now.0)))
        .execute(tx)?;
    diesel::update(mailboxes::table.filter(mailboxes::name.eq(name)))
        .set(mailboxes::error.eq(error))
        .execute(tx)?;
    Ok(())
}

pub fn all(conn: &mut Conn) -> Result<Vec<Row>> {
    Ok(mailboxes::table
        .order(mailboxes::name)
        .select((
            mailboxes::name,
            mailboxes::state,
            mailboxes::error,
            mailboxes::failed_at,
            mailboxes::ok_at,
            mailboxes::mail_at,
        ))
        .load(conn)?)
}

fn ensure(tx: &mut Conn, name: &str) -> Result<()> {
    let row = (mailboxes::name.eq(name), mailboxes::state.eq(STARTING));
    each!(tx, c => diesel::insert_into(mailboxes::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}
