//! What is counted over all tickets, for `offramp check` and the account of the demo.

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::inbound::{MAIL, RECEIVED};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{attachments, inbound_mails, intake, ticket_messages, tickets};
use crate::error::Result;
use crate::ids::IntakeId;
use crate::tickets::{Direction, OpenedBy};

/// Messages of all tickets since then, by direction.
pub fn counts(conn: &mut Conn, since: Moment) -> Result<Vec<(String, i64)>> {
    Ok(ticket_messages::table
        .filter(ticket_messages::created_at.ge(since.0))
        .group_by(ticket_messages::direction)
        .select((ticket_messages::direction, count_star()))
        .order(ticket_messages::direction)
        .load(conn)?)
}

/// How many tickets were opened in this way since then.
pub fn opened_by(conn: &mut Conn, by: OpenedBy, since: Moment) -> Result<i64> {
    Ok(tickets::table
        .filter(tickets::opened_by.eq(by.as_str()))
        .filter(tickets::created_at.ge(since.0))
        .select(count_star())
        .first(conn)?)
}

/// The keys of all files that messages have.
pub fn storage_keys(conn: &mut Conn) -> Result<Vec<String>> {
    Ok(attachments::table
        .select(attachments::storage_key)
        .distinct()
        .order(attachments::storage_key)
        .load(conn)?)
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

/// Answers of staff that have no mail.
pub fn answers_without_mail(conn: &mut Conn) -> Result<i64> {
    Ok(ticket_messages::table
        .filter(ticket_messages::direction.eq(Direction::Out.as_str()))
        .filter(ticket_messages::mail_id.is_null())
        .select(count_star())
        .first(conn)?)
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
