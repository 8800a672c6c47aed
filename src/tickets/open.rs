//! Opening the ticket of a case.

use serde_json::json;

use super::{SUBJECT_CHARS_MAX, store};
use crate::app::App;
use crate::cases::links::{self, NewLink, Target};
use crate::cases::{self, Event, NO_SUBJECT, Step, record_event};
use crate::clock::Moment;
use crate::db::audit::Actor;
use crate::db::{Conn, Lock, lock};
use crate::error::{Error, Result};
use crate::ids::{CaseId, TicketId, TicketMessageId};
use crate::jobs;
use crate::text::is_visible;

/// What opened a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenedBy {
    /// The customer proved their handle and left an address.
    Claim,
    Form,
    Email,
}

impl OpenedBy {
    pub fn as_str(self) -> &'static str {
        match self {
            OpenedBy::Claim => "claim",
            OpenedBy::Form => "form",
            OpenedBy::Email => "email",
        }
    }

    fn words(self) -> &'static str {
        match self {
            OpenedBy::Claim => "the customer proved the handle and left an address",
            OpenedBy::Form => "the customer wrote by the contact form",
            OpenedBy::Email => "the customer wrote a mail",
        }
    }
}

/// The ticket of the case, opened when it has none. Writes the customer's address to the case
/// when it has none; says nothing to anybody (`notices::receipt` does).
pub fn open_for_case(
    tx: &mut Conn,
    app: &App,
    case: CaseId,
    subject: &str,
    email: Option<&str>,
    opened_by: OpenedBy,
) -> Result<TicketId> {
    let now = app.now();
    lock(tx, Lock::Case(case.0))?;
    if let Some(ticket) = store::ticket_of(tx, case)? {
        return Ok(ticket.id);
    }
    let found = cases::store::case(tx, case)?
        .ok_or_else(|| Error::Data(format!("there is no case {case} to open a ticket for")))?;
    let subject = crate::mail::one_line(subject, SUBJECT_CHARS_MAX);
    let subject = match is_visible(&subject) {
        true => &subject,
        false => NO_SUBJECT,
    };
    let Some(ticket) = store::insert_ticket(tx, now, case, subject, opened_by.as_str())? else {
        return Err(Error::Data(format!(
            "case {case} got a ticket while it was locked"
        )));
    };
    if found.email.is_none() && email.is_some() {
        cases::store::set_customer(tx, case, None, email)?;
    }
    let by = Actor::Customer {
        name: found.customer_name,
    };
    links::link(
        tx,
        now,
        &by,
        case,
        &NewLink {
            target: Target::Ticket,
            score: 1.0,
            reasons: vec![opened_by.words().to_owned()],
            rule: String::new(),
        },
    )?;
    record_event(
        tx,
        now,
        case,
        Event {
            step: Step::Ticket,
            by: &by,
            mention: None,
            summary: &format!("Ticket opened: {subject}"),
            reasons: vec![opened_by.words().to_owned()],
            data: json!({"ticket": ticket, "opened_by": opened_by.as_str()}),
        },
    )?;
    Ok(ticket)
}

/// Asks the slice that judges to look at a case that was opened here, or at what its customer wrote
/// later.
pub(super) fn ask_to_judge(
    tx: &mut Conn,
    now: Moment,
    case: CaseId,
    later: Option<TicketMessageId>,
) -> Result<()> {
    let (payload, key) = match later {
        None => (json!({"case": case}), case.to_string()),
        Some(message) => (
            json!({"case": case, "message": message}),
            format!("message {message}"),
        ),
    };
    let payload = payload.to_string();
    jobs::enqueue_kind(tx, now, super::JUDGE_CASE, &payload, Some(key))
}
