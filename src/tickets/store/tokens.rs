//! Addresses that stand for somebody: of an answer, and of a customer's page.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{one_time_tokens, reply_tokens, ticket_messages};
use crate::error::Result;
use crate::ids::{CaseId, TicketId};

pub fn insert_reply_token(
    tx: &mut Conn,
    ticket: TicketId,
    email_key: &str,
    token_hash: &str,
    now: Moment,
    until: Moment,
) -> Result<()> {
    diesel::insert_into(reply_tokens::table)
        .values((
            reply_tokens::ticket_id.eq(ticket.0),
            reply_tokens::email_key.eq(email_key),
            reply_tokens::token_hash.eq(token_hash),
            reply_tokens::created_at.eq(now.0),
            reply_tokens::expires_at.eq(until.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// Forgets by which address the ticket's customer wrote, and that answers to it are theirs.
pub fn forget_addresses(tx: &mut Conn, ticket: TicketId) -> Result<()> {
    diesel::delete(reply_tokens::table.filter(reply_tokens::ticket_id.eq(ticket.0))).execute(tx)?;
    diesel::update(ticket_messages::table.filter(ticket_messages::ticket_id.eq(ticket.0)))
        .set(ticket_messages::from_email.eq(None::<String>))
        .execute(tx)?;
    Ok(())
}

/// What a token in one of our addresses stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyToken {
    pub ticket: TicketId,
    pub email_key: String,
    pub expires_at: Moment,
}

pub fn reply_token(conn: &mut Conn, token_hash: &str) -> Result<Option<ReplyToken>> {
    let row: Option<(i64, String, i64)> = reply_tokens::table
        .filter(reply_tokens::token_hash.eq(token_hash))
        .select((
            reply_tokens::ticket_id,
            reply_tokens::email_key,
            reply_tokens::expires_at,
        ))
        .first(conn)
        .optional()?;
    Ok(row.map(|(ticket, email_key, expires_at)| ReplyToken {
        ticket: TicketId(ticket),
        email_key,
        expires_at: Moment(expires_at),
    }))
}

const CASE_ACCESS: &str = "case_access";

pub fn insert_case_token(
    tx: &mut Conn,
    case: CaseId,
    token_hash: &str,
    now: Moment,
    until: Moment,
) -> Result<()> {
    diesel::insert_into(one_time_tokens::table)
        .values((
            one_time_tokens::purpose.eq(CASE_ACCESS),
            one_time_tokens::token_hash.eq(token_hash),
            one_time_tokens::case_id.eq(case.0),
            one_time_tokens::data.eq("{}"),
            one_time_tokens::created_at.eq(now.0),
            one_time_tokens::expires_at.eq(until.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// The case of a customer's page, and until when its address is good.
pub fn case_of_token(conn: &mut Conn, token_hash: &str) -> Result<Option<(CaseId, Moment)>> {
    let row: Option<(Option<i64>, i64)> = one_time_tokens::table
        .filter(
            one_time_tokens::token_hash
                .eq(token_hash)
                .and(one_time_tokens::purpose.eq(CASE_ACCESS)),
        )
        .select((one_time_tokens::case_id, one_time_tokens::expires_at))
        .first(conn)
        .optional()?;
    Ok(row.and_then(|(case, until)| Some((CaseId(case?), Moment(until)))))
}
