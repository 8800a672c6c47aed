//! Addresses that stand for somebody: of an answer, and of a customer's page.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{inbound_mails, intake, one_time_tokens, reply_tokens, ticket_messages};
use crate::error::Result;
use crate::ids::{CaseId, TicketId};

/// The state of a mail in the intake that was read (`inbox::store`).
const READ: &str = "done";

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

/// Forgets by which addresses the ticket's customer wrote, and that answers to them are theirs; or
/// only this address, as addresses are compared. The mails themselves go: what they said stands in
/// the messages and their files, as it was written; a file of a whole mail has none of its headers.
pub fn forget_addresses(tx: &mut Conn, ticket: TicketId, only: Option<&str>) -> Result<()> {
    let mut tokens = reply_tokens::table
        .filter(reply_tokens::ticket_id.eq(ticket.0))
        .select(reply_tokens::id)
        .into_boxed();
    let mut messages = ticket_messages::table
        .filter(ticket_messages::ticket_id.eq(ticket.0))
        .select(ticket_messages::id)
        .into_boxed();
    let mut mails = inbound_mails::table
        .filter(inbound_mails::ticket_id.eq(ticket.0))
        .select((inbound_mails::id, inbound_mails::intake_id))
        .into_boxed();
    if let Some(only) = only {
        tokens = tokens.filter(reply_tokens::email_key.eq(only));
        messages = messages.filter(ticket_messages::from_email.eq(only));
        mails = mails.filter(inbound_mails::from_key.eq(only));
    }
    let (tokens, messages): (Vec<i64>, Vec<i64>) = (tokens.load(tx)?, messages.load(tx)?);
    let (mails, raw): (Vec<i64>, Vec<i64>) = mails.load::<(i64, i64)>(tx)?.into_iter().unzip();
    diesel::delete(reply_tokens::table.filter(reply_tokens::id.eq_any(tokens))).execute(tx)?;
    diesel::update(ticket_messages::table.filter(ticket_messages::id.eq_any(messages)))
        .set(ticket_messages::from_email.eq(None::<String>))
        .execute(tx)?;
    diesel::update(inbound_mails::table.filter(inbound_mails::id.eq_any(mails)))
        .set(inbound_mails::from_key.eq(""))
        .execute(tx)?;
    empty_raw_mails(tx, &raw)
}

/// Takes the bytes and the envelope out of mails that were read; that they came, and so are not
/// taken again, stays.
pub fn empty_raw_mails(tx: &mut Conn, ids: &[i64]) -> Result<()> {
    let nothing: &[u8] = &[];
    diesel::update(intake::table.filter(intake::id.eq_any(ids).and(intake::state.eq(READ))))
        .set((intake::body.eq(nothing), intake::source.eq("[]")))
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
