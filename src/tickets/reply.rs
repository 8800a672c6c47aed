//! Staff answer a ticket by mail.

use serde_json::json;

use super::attachments::{keep, too_large};
use super::resolve::{Resolved, resolve_telling};
use super::store::{self, NewMessage};
use super::{BODY_CHARS_MAX, Direction, clean_text, content_of, notices, policy, request_key};
use crate::app::App;
use crate::cases::states::{Happening, happen};
use crate::cases::{self, Event, Step, record_event};
use crate::clock::Moment;
use crate::db::audit::Actor;
use crate::db::{Conn, Lock, lock};
use crate::error::{Problem, Result};
use crate::ids::{CaseId, TicketMessageId};
use crate::people::CurrentUser;
use crate::text::markdown;
use crate::web::UploadedFile;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored, and its mail is in the outbox. The case is as it was, or waits for the customer.
    Sent(TicketMessageId),
    /// The case is resolved with it, and the same mail asks whether it works.
    SentAndResolved(TicketMessageId),
    /// This form was sent before; nothing was done twice.
    Already(TicketMessageId),
    /// Another member of staff answered since the page was shown. Nothing was sent: show what
    /// they said, with what was typed, and let the person decide.
    SomebodyElseAnswered {
        who: String,
    },
    /// The customer wrote since the page was shown; nothing was sent.
    CustomerWrote,
    NotAllowed,
    NoSuchCase,
    /// The case went on in this one; nothing was sent.
    Moved(CaseId),
    /// The case has no ticket, or no address to write to.
    NoTicket,
    Problems(Vec<Problem>),
}

/// An answer as its form has it.
#[derive(Clone, Debug, Default)]
pub struct Written<'a> {
    /// Markdown.
    pub body: &'a str,
    pub files: &'a [UploadedFile],
    /// What stands against files that were left out.
    pub refused: &'a [Problem],
    /// The form's hidden key.
    pub key: &'a str,
    /// The newest event of the case when the form was shown.
    pub seen: i64,
    /// Whether the case is resolved with it.
    pub resolves: bool,
    /// What else follows then, in the same transaction: tickets know nothing of public replies.
    pub when_resolved: Option<WhenResolved>,
}

/// Called with whoever resolved the case, and the case.
pub type WhenResolved = fn(&mut Conn, Moment, &Actor, CaseId) -> Result<()>;

/// Answers the ticket of a case (or of one that went on in it).
pub fn reply(
    app: &App,
    staff: &CurrentUser,
    case: CaseId,
    answer: &Written<'_>,
) -> Result<Outcome> {
    let &Written {
        body,
        files,
        refused,
        key,
        seen,
        resolves,
        when_resolved,
    } = answer;
    let mut problems = check(body);
    problems.extend(too_large(&app.config.limits, files, &[]));
    problems.extend_from_slice(refused);
    if !problems.is_empty() {
        return Ok(Outcome::Problems(problems));
    }
    let body = clean_text(body);
    let html = markdown::render(&body).into_string();
    // Before the transaction: a file nobody refers to harms nobody, a message without its file would.
    let kept = keep(app, files)?;
    let sender = format!("staff {}, case {case}", staff.id);
    let key = request_key(&sender, key, &content_of(&body, &kept));
    app.db.write(|tx| {
        lock(tx, Lock::Case(case.0))?;
        let Some(found) = cases::store::case(tx, case)? else {
            return Ok(Outcome::NoSuchCase);
        };
        if !policy::can_reply(staff, &found) {
            return Ok(Outcome::NotAllowed);
        }
        if let Some(key) = &key
            && let Some(message) = store::message_by_key(tx, key)?
        {
            return Ok(Outcome::Already(message));
        }
        if let Some(into) = found.merged_into {
            return Ok(Outcome::Moved(into));
        }
        if let Some(who) = cases::store::answered_since(tx, case, staff.id, seen)? {
            return Ok(Outcome::SomebodyElseAnswered { who });
        }
        if cases::store::customer_wrote_since(tx, case, seen)? {
            return Ok(Outcome::CustomerWrote);
        }
        let Some(ticket) = store::tickets_of(tx, case)?.into_iter().next() else {
            return Ok(Outcome::NoTicket);
        };
        // The ticket of a case that went on in this one has its own customer.
        let Some(owner) = cases::store::case(tx, ticket.case)?.filter(|c| c.email.is_some()) else {
            return Ok(Outcome::NoTicket);
        };
        let now = app.now();
        let message = NewMessage {
            ticket: ticket.id,
            direction: Direction::Out,
            author: Some(staff.id),
            from_name: &staff.name,
            from_email: None,
            body: &body,
            quoted: "",
            body_html: Some(&html),
            message_id: None,
            in_reply_to: None,
            intake: None,
            request_key: key.as_deref(),
        };
        let Some(message) = store::insert_message(tx, now, &message)? else {
            return Ok(Outcome::NoTicket);
        };
        store::insert_files(tx, now, message, &kept)?;
        record_event(
            tx,
            now,
            case,
            Event {
                step: Step::Ticket,
                by: &staff.actor(),
                mention: None,
                summary: "Answered by mail",
                reasons: vec![],
                data: json!({"message": message}),
            },
        )?;
        crate::db::audit::record(
            tx,
            now,
            crate::db::audit::Act {
                by: &staff.actor(),
                act: "ticket_answered",
                subject: ("case", case.0),
                reason: "",
                data: json!({"message": message}),
            },
        )?;
        happen(
            tx,
            now,
            &staff.actor(),
            case,
            Happening::StaffAnswered,
            "answered by mail",
        )?;
        // A colleague may have resolved or closed it meanwhile, and asked.
        let is_resolved = resolves && {
            let (by, told) = (staff.actor(), owner.email.as_deref());
            resolve_telling(tx, app, &by, case, "answered by mail", told)? != Resolved::Already
        };
        if let (true, Some(follows)) = (is_resolved, when_resolved) {
            follows(tx, now, &staff.actor(), case)?;
        }
        notices::staff_reply(
            tx,
            app,
            &ticket,
            &owner,
            message,
            &staff.name,
            (&body, &html),
            &kept,
            is_resolved,
        )?;
        Ok(if is_resolved {
            Outcome::SentAndResolved(message)
        } else {
            Outcome::Sent(message)
        })
    })
}

fn check(body: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let chars = body.chars().count();
    if body.trim().is_empty() {
        problems.push(Problem::new("body", "The answer is empty."));
    } else if chars > BODY_CHARS_MAX {
        problems.push(Problem::new(
            "body",
            format!("The answer has {chars} characters; {BODY_CHARS_MAX} fit."),
        ));
    }
    problems
}
