//! Queries of addresses that bounce, and of the mails that wait for them.

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::super::outbox::Extras;
use super::super::outgoing::Automatic;
use super::super::suppression::{HeldAddress, Why};
use super::{HELD, QUEUED, SENDING, WITHDRAWN};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{mail_addresses, mails};
use crate::each;
use crate::error::{Error, Result};
use crate::ids::{AddressId, MailId};
use crate::text::names;

type HeldRow = (i64, String, String, Option<i64>, Option<i64>);

const HELD_ROW: (
    mail_addresses::id,
    mail_addresses::email,
    mail_addresses::reason,
    mail_addresses::held_at,
    mail_addresses::bounced_at,
) = (
    mail_addresses::id,
    mail_addresses::email,
    mail_addresses::reason,
    mail_addresses::held_at,
    mail_addresses::bounced_at,
);

fn held_from((id, email, why, held_at, bounced_at): HeldRow) -> Result<HeldAddress> {
    Ok(HeldAddress {
        id: AddressId(id),
        email,
        why: why.parse().map_err(Error::Data)?,
        held_at: Moment(held_at.unwrap_or_default()),
        bounced_at: bounced_at.map(Moment),
    })
}

/// Adds to the score of an address (its key, and as it is written to), which begins anew when the last mail came back
/// before `cutoff`; the score now.
pub fn add_score(
    tx: &mut Conn,
    now: Moment,
    (key, email): (&str, &str),
    score: i64,
    cutoff: Moment,
) -> Result<i64> {
    let row = (
        mail_addresses::email_key.eq(key),
        mail_addresses::email.eq(email),
        mail_addresses::reason.eq(""),
    );
    each!(tx, c => diesel::insert_into(mail_addresses::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    let of_key = mail_addresses::table.filter(mail_addresses::email_key.eq(key));
    diesel::update(of_key.filter(mail_addresses::bounced_at.lt(cutoff.0)))
        .set(mail_addresses::score.eq(0))
        .execute(tx)?;
    // Added by the database, so that of two reports at once none is lost.
    Ok(each!(tx, c => diesel::update(of_key)
        .set((
            mail_addresses::score.eq(mail_addresses::score + score),
            mail_addresses::bounced_at.eq(now.0),
        ))
        .returning(mail_addresses::score)
        .get_result(c))?)
}

pub fn hold_address(tx: &mut Conn, now: Moment, key: &str, why: Why) -> Result<()> {
    diesel::update(mail_addresses::table.filter(mail_addresses::email_key.eq(key)))
        .set((
            mail_addresses::held_at.eq(now.0),
            mail_addresses::reason.eq(why.as_str()),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn lift_hold(tx: &mut Conn, id: AddressId) -> Result<()> {
    diesel::update(mail_addresses::table.find(id.0))
        .set((
            mail_addresses::held_at.eq(None::<i64>),
            mail_addresses::reason.eq(""),
            mail_addresses::score.eq(0),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn held_address(conn: &mut Conn, key: &str) -> Result<Option<HeldAddress>> {
    let row: Option<HeldRow> = mail_addresses::table
        .filter(mail_addresses::email_key.eq(key))
        .filter(mail_addresses::held_at.is_not_null())
        .select(HELD_ROW)
        .first(conn)
        .optional()?;
    row.map(held_from).transpose()
}

pub fn held_address_of(conn: &mut Conn, id: AddressId) -> Result<Option<HeldAddress>> {
    let row: Option<HeldRow> = mail_addresses::table
        .find(id.0)
        .filter(mail_addresses::held_at.is_not_null())
        .select(HELD_ROW)
        .first(conn)
        .optional()?;
    row.map(held_from).transpose()
}

pub fn held_addresses(
    conn: &mut Conn,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<HeldAddress>> {
    let rows: Vec<HeldRow> = mail_addresses::table
        .filter(mail_addresses::held_at.is_not_null())
        .filter(mail_addresses::id.lt(before.unwrap_or(i64::MAX)))
        .order(mail_addresses::id.desc())
        .limit(limit)
        .select(HELD_ROW)
        .load(conn)?;
    rows.into_iter().map(held_from).collect()
}

pub fn count_held(conn: &mut Conn) -> Result<i64> {
    Ok(mail_addresses::table
        .filter(mail_addresses::held_at.is_not_null())
        .select(count_star())
        .first(conn)?)
}

/// A mail that waits for its address.
#[derive(Clone, Copy, Debug)]
pub struct HeldMail {
    pub id: MailId,
    pub is_automatic: bool,
    pub created_at: Moment,
}

/// The mails to this address that are held, oldest first.
pub fn held_mails(conn: &mut Conn, email: &str) -> Result<Vec<HeldMail>> {
    let key = names::email_key(email);
    let rows: Vec<(i64, String, String, i64)> = mails::table
        .filter(mails::state.eq(HELD))
        .order(mails::id)
        .select((
            mails::id,
            mails::to_email,
            mails::headers,
            mails::created_at,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .filter(|(_, to, ..)| names::email_key(to) == key)
        .map(|(id, _, headers, created_at)| HeldMail {
            id: MailId(id),
            is_automatic: Extras::read(&headers).automatic != Automatic::No,
            created_at: Moment(created_at),
        })
        .collect())
}

/// Keeps a mail back that was about to be sent.
pub fn hold(tx: &mut Conn, id: MailId, why: &str) -> Result<()> {
    let waiting = mails::table.filter(mails::id.eq(id.0));
    diesel::update(waiting.filter(mails::state.eq_any([QUEUED, SENDING])))
        .set((mails::state.eq(HELD), mails::error.eq(why)))
        .execute(tx)?;
    Ok(())
}

pub fn release_held(tx: &mut Conn, id: MailId) -> Result<()> {
    diesel::update(mails::table.filter(mails::id.eq(id.0).and(mails::state.eq(HELD))))
        .set((
            mails::state.eq(QUEUED),
            mails::attempts.eq(0),
            mails::error.eq(None::<String>),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn withdraw(tx: &mut Conn, id: MailId, why: &str) -> Result<()> {
    let unsent = mails::state.eq_any([QUEUED, SENDING, HELD]);
    diesel::update(mails::table.filter(mails::id.eq(id.0).and(unsent)))
        .set((
            mails::state.eq(WITHDRAWN),
            mails::body_text.eq(""),
            mails::html.eq(""),
            mails::reply_to.eq(None::<String>),
            mails::error.eq(why),
        ))
        .execute(tx)?;
    Ok(())
}
