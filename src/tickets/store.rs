//! Queries of tickets: the tickets themselves, and which mails belong to them.

mod checks;
mod messages;
mod tokens;

use diesel::dsl::count_star;
use diesel::prelude::*;

pub use checks::*;
pub use messages::*;
pub use tokens::*;

use super::{Direction, Ticket};
use crate::cases::Channel;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{cases, mails, ticket_messages, tickets, users};
use crate::each;
use crate::error::Result;
use crate::ids::{CaseId, TicketId, UserId};
use crate::mail;

/// Most tickets of cases that went on in another one.
const MERGED_MAX: i64 = 20;
/// Most ids of a conversation that are read; a mail names fewer.
const REFERENCES_MAX: i64 = 40;

type TicketRow = (i64, i64, String, i64);

const TICKET: (
    tickets::id,
    tickets::case_id,
    tickets::subject,
    tickets::created_at,
) = (
    tickets::id,
    tickets::case_id,
    tickets::subject,
    tickets::created_at,
);

fn ticket_from((id, case, subject, created_at): TicketRow) -> Ticket {
    Ticket {
        id: TicketId(id),
        case: CaseId(case),
        subject,
        created_at: Moment(created_at),
    }
}

pub fn ticket(conn: &mut Conn, id: TicketId) -> Result<Option<Ticket>> {
    let row: Option<TicketRow> = tickets::table
        .find(id.0)
        .select(TICKET)
        .first(conn)
        .optional()?;
    Ok(row.map(ticket_from))
}

/// The case's own ticket.
pub fn ticket_of(conn: &mut Conn, case: CaseId) -> Result<Option<Ticket>> {
    let row: Option<TicketRow> = tickets::table
        .filter(tickets::case_id.eq(case.0))
        .select(TICKET)
        .first(conn)
        .optional()?;
    Ok(row.map(ticket_from))
}

/// The case's tickets: its own first, then those of cases that went on in it.
pub fn tickets_of(conn: &mut Conn, case: CaseId) -> Result<Vec<Ticket>> {
    let mut found: Vec<Ticket> = ticket_of(conn, case)?.into_iter().collect();
    let merged: Vec<TicketRow> = tickets::table
        .inner_join(cases::table)
        .filter(cases::merged_into_id.eq(case.0))
        .order(tickets::id.desc())
        .limit(MERGED_MAX)
        .select(TICKET)
        .load(conn)?;
    found.extend(merged.into_iter().map(ticket_from));
    Ok(found)
}

/// Adds the case's ticket; `None` when it has one.
pub fn insert_ticket(
    tx: &mut Conn,
    now: Moment,
    case: CaseId,
    subject: &str,
    opened_by: &str,
) -> Result<Option<TicketId>> {
    let row = (
        tickets::case_id.eq(case.0),
        tickets::subject.eq(subject),
        tickets::opened_by.eq(opened_by),
        tickets::created_at.eq(now.0),
    );
    let id: Option<i64> = each!(tx, c => diesel::insert_into(tickets::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(tickets::id)
        .get_result(c)
        .optional())?;
    Ok(id.map(TicketId))
}

/// Message-IDs of a ticket's conversation with `email`, oldest first: the customer's mails and ours.
pub fn conversation_ids(conn: &mut Conn, ticket: &Ticket, email: &str) -> Result<Vec<String>> {
    let mut ids: Vec<(i64, String)> = ticket_messages::table
        .filter(
            ticket_messages::ticket_id
                .eq(ticket.id.0)
                .and(ticket_messages::direction.eq(Direction::In.as_str()))
                .and(ticket_messages::message_id.is_not_null()),
        )
        .order(ticket_messages::id.desc())
        .limit(REFERENCES_MAX)
        .select((
            ticket_messages::created_at,
            ticket_messages::message_id.assume_not_null(),
        ))
        .load(conn)?;
    let ours: Vec<(i64, String)> = mails::table
        .filter(
            mails::case_id
                .eq(ticket.case.0)
                .and(mails::to_email.eq(email)),
        )
        .order(mails::id.desc())
        .limit(REFERENCES_MAX)
        .select((mails::created_at, mails::message_id))
        .load(conn)?;
    ids.extend(ours);
    ids.sort();
    Ok(ids.into_iter().map(|(_, id)| id).collect())
}

/// The tickets to whose conversations these Message-IDs belong.
pub fn tickets_of_message_ids(conn: &mut Conn, ids: &[String]) -> Result<Vec<TicketId>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<i64> = ticket_messages::table
        .filter(ticket_messages::message_id.eq_any(ids))
        .order(ticket_messages::id.desc())
        .limit(REFERENCES_MAX)
        .select(ticket_messages::ticket_id)
        .load(conn)?;
    let ours: Vec<i64> = mails::table
        .inner_join(cases::table.inner_join(tickets::table))
        .filter(mails::message_id.eq_any(ids))
        .order(mails::id.desc())
        .limit(REFERENCES_MAX)
        .select(tickets::id)
        .load(conn)?;
    found.extend(ours);
    found.dedup();
    let mut once: Vec<TicketId> = Vec::new();
    for id in found {
        if !once.contains(&TicketId(id)) {
            once.push(TicketId(id));
        }
    }
    Ok(once)
}

/// Whether this address is the ticket's customer: the case's own, or one that was taken in.
pub fn is_member(conn: &mut Conn, ticket: TicketId, email_key: &str) -> Result<bool> {
    let is_customer: i64 = tickets::table
        .inner_join(cases::table)
        .filter(tickets::id.eq(ticket.0).and(cases::email_key.eq(email_key)))
        .select(count_star())
        .first(conn)?;
    if is_customer > 0 {
        return Ok(true);
    }
    let wrote: i64 = ticket_messages::table
        .filter(
            ticket_messages::ticket_id
                .eq(ticket.0)
                .and(ticket_messages::direction.eq(Direction::In.as_str()))
                .and(ticket_messages::from_email.eq(email_key)),
        )
        .select(count_star())
        .first(conn)?;
    Ok(wrote > 0)
}

/// Whether a mail was put into the outbox under this key.
pub fn has_mail(conn: &mut Conn, dedupe_key: &str) -> Result<bool> {
    let n: i64 = mails::table
        .filter(mails::dedupe_key.eq(dedupe_key))
        .select(count_star())
        .first(conn)?;
    Ok(n > 0)
}

/// Whether a mail for this purpose left, or is about to, since `since`, about a case that a mail of this address opened.
pub fn has_receipt(conn: &mut Conn, purpose: &str, email_key: &str, since: Moment) -> Result<bool> {
    let n: i64 = mails::table
        .inner_join(cases::table.on(mails::case_id.eq(cases::id.nullable())))
        .filter(cases::email_key.eq(email_key))
        .filter(cases::channel.eq(Channel::Email.as_str()))
        .filter(mails::purpose.eq(purpose))
        .filter(mails::state.eq_any(mail::store::UNDER_WAY))
        .filter(mails::created_at.gt(since.0))
        .select(count_star())
        .first(conn)?;
    Ok(n > 0)
}

/// Whether somebody of ours ever answered this address.
pub fn was_answered(conn: &mut Conn, email_key: &str) -> Result<bool> {
    let n: i64 = ticket_messages::table
        .inner_join(tickets::table.on(ticket_messages::ticket_id.eq(tickets::id)))
        .inner_join(cases::table.on(tickets::case_id.eq(cases::id)))
        .filter(cases::email_key.eq(email_key))
        .filter(ticket_messages::direction.eq(Direction::Out.as_str()))
        .select(count_star())
        .first(conn)?;
    Ok(n > 0)
}

/// Cases that an address opened since `since`.
pub fn cases_opened_by(conn: &mut Conn, email_key: &str, since: Moment) -> Result<i64> {
    Ok(cases::table
        .filter(
            cases::email_key
                .eq(email_key)
                .and(cases::opened_at.ge(since.0)),
        )
        .select(count_star())
        .first(conn)?)
}

/// Name and address of an account, for a form that is filled in already.
pub fn name_and_email(conn: &mut Conn, user: UserId) -> Result<Option<(String, Option<String>)>> {
    Ok(users::table
        .find(user.0)
        .select((users::name, users::email))
        .first(conn)
        .optional()?)
}
