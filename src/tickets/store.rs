//! Queries of tickets: messages, files, tokens, and mail on its way in.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::{Direction, FileLine, Message, OpenedBy, Ticket};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{
    attachments, cases, inbound_mails, intake, mails, one_time_tokens, reply_tokens,
    ticket_messages, tickets, users,
};
use crate::each;
use crate::error::Result;
use crate::ids::{AttachmentId, CaseId, IntakeId, MailId, TicketId, TicketMessageId, UserId};

/// Most messages of one ticket that a page shows.
pub const MESSAGES_MAX: i64 = 1_000;
/// Most files of one ticket that a page shows.
const FILES_SHOWN_MAX: i64 = 2_000;
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

/// A message to be stored.
#[derive(Clone, Debug)]
pub struct NewMessage<'a> {
    pub ticket: TicketId,
    pub direction: Direction,
    pub author: Option<UserId>,
    pub from_name: &'a str,
    pub from_email: Option<&'a str>,
    pub body: &'a str,
    pub quoted: &'a str,
    pub body_html: Option<&'a str>,
    pub message_id: Option<&'a str>,
    pub in_reply_to: Option<&'a str>,
    pub intake: Option<IntakeId>,
    pub request_key: Option<&'a str>,
}

/// Adds a message; `None` when its `request_key` was used before.
pub fn insert_message(
    tx: &mut Conn,
    now: Moment,
    new: &NewMessage<'_>,
) -> Result<Option<TicketMessageId>> {
    let row = (
        ticket_messages::ticket_id.eq(new.ticket.0),
        ticket_messages::direction.eq(new.direction.as_str()),
        ticket_messages::author_id.eq(new.author.map(|u| u.0)),
        ticket_messages::from_name.eq(new.from_name),
        ticket_messages::from_email.eq(new.from_email),
        ticket_messages::body.eq(new.body),
        ticket_messages::quoted.eq(new.quoted),
        ticket_messages::body_html.eq(new.body_html),
        ticket_messages::message_id.eq(new.message_id),
        ticket_messages::in_reply_to.eq(new.in_reply_to),
        ticket_messages::intake_id.eq(new.intake.map(|i| i.0)),
        ticket_messages::created_at.eq(now.0),
        ticket_messages::request_key.eq(new.request_key),
    );
    let id: Option<i64> = each!(tx, c => diesel::insert_into(ticket_messages::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(ticket_messages::id)
        .get_result(c)
        .optional())?;
    Ok(id.map(TicketMessageId))
}

/// Notes the mail by which a message leaves.
pub fn set_message_mail(
    tx: &mut Conn,
    message: TicketMessageId,
    mail: MailId,
    message_id: Option<&str>,
) -> Result<()> {
    diesel::update(ticket_messages::table.find(message.0))
        .set((
            ticket_messages::mail_id.eq(mail.0),
            ticket_messages::message_id.eq(message_id),
        ))
        .execute(tx)?;
    Ok(())
}

/// The message of a form that was sent before.
pub fn message_by_key(conn: &mut Conn, request_key: &str) -> Result<Option<TicketMessageId>> {
    let id: Option<i64> = ticket_messages::table
        .filter(ticket_messages::request_key.eq(request_key))
        .select(ticket_messages::id)
        .first(conn)
        .optional()?;
    Ok(id.map(TicketMessageId))
}

/// The newest messages of a ticket, oldest first, with their files and how their mails fare.
pub fn messages(conn: &mut Conn, ticket: TicketId) -> Result<Vec<Message>> {
    #[derive(Queryable)]
    struct Row {
        id: i64,
        direction: String,
        author_id: Option<i64>,
        from_name: String,
        from_email: Option<String>,
        body: String,
        quoted: String,
        body_html: Option<String>,
        message_id: Option<String>,
        mail_id: Option<i64>,
        created_at: i64,
    }
    let mut rows: Vec<Row> = ticket_messages::table
        .filter(ticket_messages::ticket_id.eq(ticket.0))
        .order(ticket_messages::id.desc())
        .limit(MESSAGES_MAX)
        .select((
            ticket_messages::id,
            ticket_messages::direction,
            ticket_messages::author_id,
            ticket_messages::from_name,
            ticket_messages::from_email,
            ticket_messages::body,
            ticket_messages::quoted,
            ticket_messages::body_html,
            ticket_messages::message_id,
            ticket_messages::mail_id,
            ticket_messages::created_at,
        ))
        .load(conn)?;
    rows.reverse();
    let mut files = files_of_ticket(conn, ticket)?;
    let mail_ids: Vec<i64> = rows.iter().filter_map(|r| r.mail_id).collect();
    let states: HashMap<i64, String> = mails::table
        .filter(mails::id.eq_any(mail_ids))
        .select((mails::id, mails::state))
        .load::<(i64, String)>(conn)?
        .into_iter()
        .collect();
    rows.into_iter()
        .map(|row| {
            Ok(Message {
                id: TicketMessageId(row.id),
                ticket,
                direction: row.direction.parse()?,
                author: row.author_id.map(UserId),
                from_name: row.from_name,
                from_email: row.from_email,
                body: row.body,
                quoted: row.quoted,
                body_html: row.body_html,
                message_id: row.message_id,
                mail: row.mail_id.map(MailId),
                mail_state: row.mail_id.and_then(|id| states.get(&id).cloned()),
                at: Moment(row.created_at),
                files: files.remove(&row.id).unwrap_or_default(),
            })
        })
        .collect()
}

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

fn files_of_ticket(conn: &mut Conn, ticket: TicketId) -> Result<HashMap<i64, Vec<FileLine>>> {
    let rows: Vec<(i64, i64, String, String, i64)> = attachments::table
        .inner_join(ticket_messages::table)
        .filter(ticket_messages::ticket_id.eq(ticket.0))
        .order(attachments::id.desc())
        .limit(FILES_SHOWN_MAX)
        .select((
            attachments::id,
            attachments::ticket_message_id,
            attachments::filename,
            attachments::content_type,
            attachments::byte_count,
        ))
        .load(conn)?;
    let mut files: HashMap<i64, Vec<FileLine>> = HashMap::new();
    for (id, message, filename, content_type, byte_count) in rows.into_iter().rev() {
        files.entry(message).or_default().push(FileLine {
            id: AttachmentId(id),
            message: TicketMessageId(message),
            filename,
            content_type,
            byte_count,
        });
    }
    Ok(files)
}

/// A file kept by `Files`, to go with a message.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KeptFile {
    pub filename: String,
    pub content_type: String,
    pub byte_count: i64,
    pub storage_key: String,
}

pub fn insert_files(
    tx: &mut Conn,
    now: Moment,
    message: TicketMessageId,
    files: &[KeptFile],
) -> Result<()> {
    for file in files {
        diesel::insert_into(attachments::table)
            .values((
                attachments::ticket_message_id.eq(message.0),
                attachments::filename.eq(&file.filename),
                attachments::content_type.eq(&file.content_type),
                attachments::byte_count.eq(file.byte_count),
                attachments::storage_key.eq(&file.storage_key),
                attachments::created_at.eq(now.0),
            ))
            .execute(tx)?;
    }
    Ok(())
}

/// The keys of all files that messages have.
pub fn storage_keys(conn: &mut Conn) -> Result<Vec<String>> {
    Ok(attachments::table
        .select(attachments::storage_key)
        .distinct()
        .order(attachments::storage_key)
        .load(conn)?)
}

/// Those of `keys` that messages have.
pub fn storage_keys_among(conn: &mut Conn, keys: &[String]) -> Result<Vec<String>> {
    Ok(attachments::table
        .filter(attachments::storage_key.eq_any(keys))
        .select(attachments::storage_key)
        .distinct()
        .load(conn)?)
}

/// A file with the message and case it belongs to.
#[derive(Clone, Debug)]
pub struct FoundFile {
    pub file: KeptFile,
    pub case: CaseId,
    pub direction: Direction,
}

pub fn file(conn: &mut Conn, id: AttachmentId) -> Result<Option<FoundFile>> {
    let row: Option<(String, String, i64, String, i64, String)> = attachments::table
        .inner_join(ticket_messages::table.inner_join(tickets::table))
        .filter(attachments::id.eq(id.0))
        .select((
            attachments::filename,
            attachments::content_type,
            attachments::byte_count,
            attachments::storage_key,
            tickets::case_id,
            ticket_messages::direction,
        ))
        .first(conn)
        .optional()?;
    row.map(
        |(filename, content_type, byte_count, storage_key, case, direction)| {
            Ok(FoundFile {
                file: KeptFile {
                    filename,
                    content_type,
                    byte_count,
                    storage_key,
                },
                case: CaseId(case),
                direction: direction.parse()?,
            })
        },
    )
    .transpose()
}

// Tokens

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

// The chain of mails

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

/// The mail a bounce is about: its case, and the message that it carried.
pub fn sent_mail(
    conn: &mut Conn,
    message_id: &str,
) -> Result<Option<(MailId, Option<CaseId>, String)>> {
    let row: Option<(i64, Option<i64>, String)> = mails::table
        .filter(mails::message_id.eq(message_id))
        .select((mails::id, mails::case_id, mails::to_email))
        .first(conn)
        .optional()?;
    Ok(row.map(|(id, case, to)| (MailId(id), case.map(CaseId), to)))
}

/// Whether a mail was put into the outbox under this key.
pub fn has_mail(conn: &mut Conn, dedupe_key: &str) -> Result<bool> {
    let n: i64 = mails::table
        .filter(mails::dedupe_key.eq(dedupe_key))
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

// Mail on its way in

const MAIL: &str = "mail";
const RECEIVED: &str = "received";
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

/// Stores a raw mail; `None` when the same bytes were stored before.
pub fn insert_raw_mail(
    tx: &mut Conn,
    now: Moment,
    source: &str,
    body: &[u8],
    digest: &str,
) -> Result<Option<IntakeId>> {
    let row = (
        intake::channel.eq(MAIL),
        intake::source.eq(source),
        intake::body.eq(body),
        intake::digest.eq(digest),
        intake::state.eq(RECEIVED),
        intake::received_at.eq(now.0),
    );
    let id: Option<i64> = each!(tx, c => diesel::insert_into(intake::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(intake::id)
        .get_result(c)
        .optional())?;
    Ok(id.map(IntakeId))
}

pub fn raw_mail_by_digest(conn: &mut Conn, digest: &str) -> Result<IntakeId> {
    let id: i64 = intake::table
        .filter(intake::channel.eq(MAIL).and(intake::digest.eq(digest)))
        .select(intake::id)
        .first(conn)?;
    Ok(IntakeId(id))
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

/// The ticket of the mail with this key, when it came before.
pub fn is_judged(conn: &mut Conn, dedupe_key: &str) -> Result<bool> {
    let n: i64 = inbound_mails::table
        .filter(inbound_mails::dedupe_key.eq(dedupe_key))
        .select(count_star())
        .first(conn)?;
    Ok(n > 0)
}

/// Mails of one sender since `since`.
pub fn mails_from(conn: &mut Conn, from_key: &str, since: Moment) -> Result<i64> {
    Ok(inbound_mails::table
        .filter(
            inbound_mails::from_key
                .eq(from_key)
                .and(inbound_mails::created_at.ge(since.0)),
        )
        .select(count_star())
        .first(conn)?)
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
