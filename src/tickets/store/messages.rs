//! Messages of tickets, and their files.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{attachments, ticket_messages, tickets};
use crate::each;
use crate::error::Result;
use crate::ids::{AttachmentId, CaseId, IntakeId, MailId, TicketId, TicketMessageId, UserId};
use crate::mail::store as mail_store;
use crate::tickets::pictures::Shown;
use crate::tickets::{Direction, FileLine, Message};

/// Most messages of one ticket that a page shows.
pub const MESSAGES_MAX: i64 = 1_000;
/// Most files of one ticket that a page shows.
const FILES_SHOWN_MAX: i64 = 2_000;

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

/// Whether a customer said exactly this in one of these tickets.
pub fn was_said(conn: &mut Conn, tickets: &[TicketId], words: &str) -> Result<bool> {
    let tickets: Vec<i64> = tickets.iter().map(|t| t.0).collect();
    let said: Option<i64> = ticket_messages::table
        .filter(ticket_messages::ticket_id.eq_any(tickets))
        .filter(ticket_messages::direction.eq(Direction::In.as_str()))
        .filter(ticket_messages::body.eq(words))
        .select(ticket_messages::id)
        .first(conn)
        .optional()?;
    Ok(said.is_some())
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
    let states = mail_store::states_of(conn, &mail_ids)?;
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

fn files_of_ticket(conn: &mut Conn, ticket: TicketId) -> Result<HashMap<i64, Vec<FileLine>>> {
    let rows: Vec<(i64, i64, String, String, i64, String)> = attachments::table
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
            attachments::shown,
        ))
        .load(conn)?;
    let mut files: HashMap<i64, Vec<FileLine>> = HashMap::new();
    for (id, message, filename, content_type, byte_count, shown) in rows.into_iter().rev() {
        files.entry(message).or_default().push(FileLine {
            id: AttachmentId(id),
            message: TicketMessageId(message),
            filename,
            content_type,
            byte_count,
            shown: Shown::of(&shown),
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
    #[serde(default)]
    pub shown: Shown,
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
                attachments::shown.eq(file.shown.as_str()),
            ))
            .execute(tx)?;
    }
    Ok(())
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
    let row: Option<(String, String, i64, String, String, i64, String)> = attachments::table
        .inner_join(ticket_messages::table.inner_join(tickets::table))
        .filter(attachments::id.eq(id.0))
        .select((
            attachments::filename,
            attachments::content_type,
            attachments::byte_count,
            attachments::storage_key,
            attachments::shown,
            tickets::case_id,
            ticket_messages::direction,
        ))
        .first(conn)
        .optional()?;
    row.map(
        |(filename, content_type, byte_count, storage_key, shown, case, direction)| {
            Ok(FoundFile {
                file: KeptFile {
                    filename,
                    content_type,
                    byte_count,
                    storage_key,
                    shown: Shown::of(&shown),
                },
                case: CaseId(case),
                direction: direction.parse()?,
            })
        },
    )
    .transpose()
}
