//! A customer's words come in, whatever way: by mail, by the form, on their page.

use serde_json::json;

use super::open::ask_to_judge;
use super::store::{self, KeptFile, NewMessage};
use super::{Direction, OpenedBy, Ticket, open_for_case};
use crate::app::App;
use crate::cases::links::{self, NewLink, Target};
use crate::cases::states::{Happening, happen};
use crate::cases::{self, Case, Channel, Event, NewCase, Severity, State, Step, record_event};
use crate::clock::Moment;
use crate::db::audit::Actor;
use crate::db::{Conn, Lock, lock};
use crate::error::{Error, Result};
use crate::ids::{CaseId, IntakeId, ProductId, TicketMessageId, UserId};
use crate::mail::one_line;
use crate::text::is_visible;

/// Longest name of a customer (characters).
const NAME_CHARS_MAX: usize = 100;

/// What somebody wrote.
#[derive(Clone, Debug, Default)]
pub struct Words<'a> {
    /// As they call themselves.
    pub name: &'a str,
    /// Already checked (`text::names::email`).
    pub email: Option<&'a str>,
    pub body: &'a str,
    /// What their mail program quoted.
    pub quoted: &'a str,
    pub message_id: Option<&'a str>,
    pub in_reply_to: Option<&'a str>,
    pub intake: Option<IntakeId>,
    pub request_key: Option<&'a str>,
    pub files: &'a [KeptFile],
    /// What the message has no room for, in words for the case's story.
    pub left_out: &'a [String],
}

/// Where the words stand now.
#[derive(Clone, Debug)]
pub struct Taken {
    pub ticket: Ticket,
    pub case: CaseId,
    pub message: TicketMessageId,
    /// Whether a case was opened for them.
    pub opened: bool,
}

/// A case that may have to do with the new one: shown to staff, never to the sender.
#[derive(Clone, Debug)]
pub struct Related {
    pub case: CaseId,
    pub why: &'static str,
}

/// What a new case is opened with.
#[derive(Clone, Debug)]
pub struct Opening<'a> {
    pub channel: Channel,
    pub opened_by: OpenedBy,
    pub subject: &'a str,
    pub product: Option<ProductId>,
    /// Whoever was logged in.
    pub user: Option<UserId>,
    pub written_at: Moment,
    pub related: Option<Related>,
    pub reasons: Vec<String>,
}

/// Opens a case and its ticket with these words. `None` when the form was sent before.
pub fn open_case(
    tx: &mut Conn,
    app: &App,
    opening: &Opening<'_>,
    words: &Words<'_>,
) -> Result<Option<Taken>> {
    if let Some(key) = words.request_key {
        // Two copies of one form take turns, so that the second finds what the first wrote.
        lock(tx, Lock::named(key))?;
        if store::message_by_key(tx, key)?.is_some() {
            return Ok(None);
        }
    }
    let now = app.now();
    let name = called(words.name);
    let by = Actor::Customer { name: name.clone() };
    let summary = if !is_visible(opening.subject) {
        words.body
    } else {
        opening.subject
    };
    let case = cases::open(
        tx,
        now,
        &by,
        NewCase {
            channel: opening.channel,
            // Until it is judged, which follows at once.
            severity: Severity::Annoyance,
            summary,
            product: opening.product,
            topic: None,
            user: opening.user,
            handle: None,
            email: words.email,
            customer_name: &name,
            written_at: opening.written_at,
            mention: None,
            reasons: [opening.reasons.as_slice(), words.left_out].concat(),
        },
    )?;
    let ticket = open_for_case(
        tx,
        app,
        case,
        opening.subject,
        words.email,
        opening.opened_by,
    )?;
    let ticket = store::ticket(tx, ticket)?
        .ok_or_else(|| Error::Data(format!("case {case} lost its ticket")))?;
    if let Some(related) = &opening.related {
        let link = NewLink {
            target: Target::Case(related.case),
            score: 0.5,
            reasons: vec![related.why.to_owned()],
            rule: "mail that may belong to another case".into(),
        };
        links::propose(tx, now, &Actor::rule("receive mail"), case, &link)?;
    }
    let message = insert(tx, app, &ticket, words)?
        .ok_or_else(|| Error::Data(format!("the first message of case {case} was there before")))?;
    ask_to_judge(tx, now, case, None)?;
    Ok(Some(Taken {
        ticket,
        case,
        message,
        opened: true,
    }))
}

/// Adds these words to a ticket. A closed case stays closed: then another is opened that points to
/// it. `None` when the form was sent before.
pub fn follow_up(
    tx: &mut Conn,
    app: &App,
    ticket: &Ticket,
    (channel, opened_by): (Channel, OpenedBy),
    words: &Words<'_>,
) -> Result<Option<Taken>> {
    let now = app.now();
    let Some(case) = cases::hold_successor(tx, ticket.case)? else {
        return Err(Error::Data(format!("ticket {} has no case", ticket.id)));
    };
    if case.state == State::Closed {
        return open_case(
            tx,
            app,
            &after_closed(&case, ticket, channel, opened_by, now),
            words,
        );
    }
    let Some(message) = insert(tx, app, ticket, words)? else {
        return Ok(None);
    };
    let by = Actor::Customer {
        name: called(words.name),
    };
    let summary = match opened_by {
        OpenedBy::Email => "The customer wrote by mail",
        _ => "The customer wrote on their page",
    };
    record_event(
        tx,
        now,
        case.id,
        Event {
            step: Step::Ticket,
            by: &by,
            mention: None,
            summary,
            reasons: words.left_out.to_vec(),
            data: json!({"ticket": ticket.id, "message": message}),
        },
    )?;
    happen(
        tx,
        now,
        &by,
        case.id,
        Happening::CustomerWrote,
        "the customer wrote",
    )?;
    ask_to_judge(tx, now, case.id, Some(message))?;
    Ok(Some(Taken {
        ticket: ticket.clone(),
        case: case.id,
        message,
        opened: false,
    }))
}

fn after_closed<'a>(
    case: &'a Case,
    ticket: &'a Ticket,
    channel: Channel,
    opened_by: OpenedBy,
    now: Moment,
) -> Opening<'a> {
    Opening {
        channel,
        opened_by,
        subject: &ticket.subject,
        product: case.product,
        user: case.user,
        written_at: now,
        related: Some(Related {
            case: case.id,
            why: "an answer to this case, which was closed",
        }),
        reasons: vec!["an answer to a case that was closed".into()],
    }
}

/// What a customer is called who may have given no name.
fn called(name: &str) -> String {
    let name = one_line(name, NAME_CHARS_MAX);
    if name.is_empty() {
        "Customer".into()
    } else {
        name
    }
}

/// The message and its files.
fn insert(
    tx: &mut Conn,
    app: &App,
    ticket: &Ticket,
    words: &Words<'_>,
) -> Result<Option<TicketMessageId>> {
    let now = app.now();
    let name = called(words.name);
    // Compared when references are followed, so kept as addresses are compared.
    let email = words.email.and_then(crate::text::names::email_key);
    let message = store::insert_message(
        tx,
        now,
        &NewMessage {
            ticket: ticket.id,
            direction: Direction::In,
            author: None,
            from_name: &name,
            from_email: email.as_deref(),
            body: words.body,
            quoted: words.quoted,
            body_html: None,
            message_id: words.message_id,
            in_reply_to: words.in_reply_to,
            intake: words.intake,
            request_key: words.request_key,
        },
    )?;
    if let Some(message) = message {
        store::insert_files(tx, now, message, words.files)?;
    }
    Ok(message)
}
