//! What is counted over all tickets, for `offramp check` and the account of the demo.

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{attachments, ticket_messages, tickets};
use crate::error::Result;
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

/// Answers of staff that have no mail.
pub fn answers_without_mail(conn: &mut Conn) -> Result<i64> {
    Ok(ticket_messages::table
        .filter(ticket_messages::direction.eq(Direction::Out.as_str()))
        .filter(ticket_messages::mail_id.is_null())
        .select(count_star())
        .first(conn)?)
}
