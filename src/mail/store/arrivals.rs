//! Queries of tests of how our mail arrives.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{mail_tests, mails};
use crate::error::Result;
use crate::ids::{MailId, UserId};
use crate::mail::authentication::Results;

/// A test, as its page shows it.
#[derive(Clone, Debug, Queryable)]
pub struct ArrivalRow {
    pub id: i64,
    pub mail_id: i64,
    pub to_email: String,
    pub created_at: i64,
    pub arrived_at: Option<i64>,
    pub spf: Option<String>,
    pub dkim: Option<String>,
    pub dmarc: Option<String>,
}

pub fn insert_arrival(
    tx: &mut Conn,
    now: Moment,
    mail: MailId,
    to: &str,
    by: UserId,
) -> Result<()> {
    diesel::insert_into(mail_tests::table)
        .values((
            mail_tests::mail_id.eq(mail.0),
            mail_tests::to_email.eq(to),
            mail_tests::user_id.eq(by.0),
            mail_tests::created_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// The newest tests.
pub fn arrivals(conn: &mut Conn, limit: i64) -> Result<Vec<ArrivalRow>> {
    Ok(mail_tests::table
        .order(mail_tests::id.desc())
        .limit(limit)
        .select((
            mail_tests::id,
            mail_tests::mail_id,
            mail_tests::to_email,
            mail_tests::created_at,
            mail_tests::arrived_at,
            mail_tests::spf,
            mail_tests::dkim,
            mail_tests::dmarc,
        ))
        .load(conn)?)
}

/// The test whose mail has this id.
pub fn arrival_of_message(conn: &mut Conn, message_id: &str) -> Result<Option<i64>> {
    Ok(mail_tests::table
        .inner_join(mails::table)
        .filter(mails::message_id.eq(message_id))
        .select(mail_tests::id)
        .first(conn)
        .optional()?)
}

pub fn set_arrived(tx: &mut Conn, now: Moment, id: i64, found: &Results) -> Result<bool> {
    let changed = diesel::update(mail_tests::table.find(id))
        .set((
            mail_tests::arrived_at.eq(now.0),
            mail_tests::spf.eq(&found.spf),
            mail_tests::dkim.eq(&found.dkim),
            mail_tests::dmarc.eq(&found.dmarc),
        ))
        .execute(tx)?;
    Ok(changed == 1)
}
