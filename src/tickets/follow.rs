//! The customer's own page: a case followed, answered and judged without an account, by whoever
//! holds its private address.

use serde_json::json;

use super::attachments::{keep, too_large};
use super::customer_wrote::{Taken, Words, follow_up};
use super::{
    BODY_CHARS_MAX, Message, OpenedBy, Ticket, clean_text, content_of, notices, request_key, store,
    too_long,
};
use crate::app::App;
use crate::cases::links::{LinkState, Target};
use crate::cases::satisfaction::{COMMENT_CHARS_MAX, Verdict, rate};
use crate::cases::states::{Happening, happen};
use crate::cases::{self, Case, Channel, Event, State, Step, record_event};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::{Error, Problem, Result};
use crate::forum::store::lists::{ThreadLine, threads_by_ids};
use crate::forum::{Visibility, store as forum};
use crate::ids::{CaseId, ThreadId};
use crate::keys::token_hash;
use crate::mail::outbox;
use crate::people::handles;
use crate::text::names;
use crate::web::UploadedFile;

/// Where a private address leads.
pub enum Access {
    Open(CaseId),
    /// It was one; a fresh one can be sent to the customer.
    Expired(CaseId),
    Unknown,
}

pub fn access(conn: &mut Conn, app: &App, token: &str) -> Result<Access> {
    Ok(match store::case_of_token(conn, &token_hash(token))? {
        Some((case, until)) if until > app.now() => Access::Open(case),
        Some((case, _)) => Access::Expired(case),
        None => Access::Unknown,
    })
}

/// What the customer sees: their own words and ours to them, nothing else of the case.
pub struct Story {
    /// Of the case in which it goes on, if it was merged.
    pub case: Case,
    pub ticket: Option<Ticket>,
    pub messages: Vec<Message>,
    /// What began it in public, if it did: where, in which words, and when. It goes when the post
    /// is deleted.
    pub public: Option<(&'static str, String, Moment)>,
    /// Public threads in which it is solved or discussed.
    pub threads: Vec<ThreadLine>,
    /// Whether they agreed that we write to them, which they may take back.
    pub agreed: bool,
}

/// The story of a case as its customer may read it.
pub fn story(conn: &mut Conn, id: CaseId) -> Result<Option<Story>> {
    let Some(case) = cases::store::case_or_successor(conn, id)? else {
        return Ok(None);
    };
    // Messages of the case the address was made for, never of another that was merged with it.
    let ticket = store::ticket_of(conn, id)?;
    let messages = match &ticket {
        Some(ticket) => store::messages(conn, ticket.id)?
            .into_iter()
            .filter(|m| m.direction.is_for_customer())
            .collect(),
        None => Vec::new(),
    };
    let mut ids: Vec<i64> = Vec::new();
    for link in cases::store::links_of(conn, case.id)? {
        if let (LinkState::Confirmed, Target::Thread(thread)) = (link.state, link.target)
            && is_public(conn, thread)?
        {
            ids.push(thread.0);
        }
    }
    let threads = threads_by_ids(conn, &ids)?;
    let own = match case.id == id {
        true => Some(case.clone()),
        false => cases::store::case(conn, id)?,
    };
    let public = own
        .filter(|own| {
            matches!(
                own.channel,
                Channel::X | Channel::Bluesky | Channel::Mastodon
            )
        })
        .map(|own| (own.channel.label(), own.summary, own.opened_at));
    Ok(Some(Story {
        public,
        case,
        ticket,
        messages,
        threads,
        agreed: handles::has_consent(conn, id)?,
    }))
}

fn is_public(conn: &mut Conn, thread: ThreadId) -> Result<bool> {
    Ok(forum::thread(conn, thread)?.is_some_and(|t| t.visibility == Visibility::Public))
}

/// What came of the customer's answer.
pub enum Outcome {
    Sent,
    /// The case was closed, so another was opened; its private address.
    Opened {
        address: String,
    },
    NoTicket,
    Problems(Vec<Problem>),
}

/// The customer writes on their page; `refused` says what stands against files left out.
pub fn write(
    app: &App,
    case: CaseId,
    body: &str,
    files: &[UploadedFile],
    refused: Vec<Problem>,
    key: &str,
) -> Result<Outcome> {
    let mut problems = refused;
    problems.extend(too_large(&app.config.limits, files, &[]));
    let chars = body.trim().chars().count();
    if clean_text(body).is_empty() && files.is_empty() && problems.is_empty() {
        problems.push(Problem::new("message", "The message is empty."));
    } else if chars > BODY_CHARS_MAX {
        problems.push(Problem::new("message", too_long(chars)));
    }
    if !problems.is_empty() {
        if !files.is_empty() {
            problems.push(Problem::new("files", "Choose the files again."));
        }
        return Ok(Outcome::Problems(problems));
    }
    let kept = keep(app, files)?;
    let body = clean_text(body);
    let key = request_key(&format!("case {case}"), key, &content_of(&body, &kept));
    app.db.write(|tx| {
        let taken = say(tx, app, case, &body, key.as_deref(), &kept)?;
        Ok(match taken {
            Said::Taken(taken) if taken.opened => {
                notices::receipt(tx, app, &taken.ticket, false)?;
                Outcome::Opened {
                    address: notices::case_link(tx, app, taken.case)?,
                }
            }
            Said::Taken(_) | Said::Before => Outcome::Sent,
            Said::NoTicket => Outcome::NoTicket,
        })
    })
}

enum Said {
    Taken(Taken),
    /// The same form, sent twice.
    Before,
    NoTicket,
}

fn say(
    tx: &mut Conn,
    app: &App,
    case: CaseId,
    body: &str,
    key: Option<&str>,
    files: &[store::KeptFile],
) -> Result<Said> {
    let (Some(owner), Some(ticket)) = (cases::store::case(tx, case)?, store::ticket_of(tx, case)?)
    else {
        return Ok(Said::NoTicket);
    };
    let words = Words {
        name: &owner.customer_name,
        email: owner.email.as_deref(),
        body,
        request_key: key,
        files,
        ..Words::default()
    };
    if let Some(key) = key
        && store::message_by_key(tx, key)?.is_some()
    {
        return Ok(Said::Before);
    }
    let by = (Channel::Form, OpenedBy::Form);
    Ok(match follow_up(tx, app, &ticket, by, &words)? {
        Some(taken) => Said::Taken(taken),
        None => Said::Before,
    })
}

/// The customer says whether it is solved. A verdict that stands already, in the same words or none,
/// changes nothing: the button was pressed twice.
pub fn judge(app: &App, case: CaseId, verdict: Verdict, comment: &str) -> Result<()> {
    let comment: String = clean_text(comment)
        .chars()
        .take(COMMENT_CHARS_MAX)
        .collect();
    app.db.write(|tx| {
        let Some(found) = cases::hold_successor(tx, case)? else {
            return Err(Error::Data(format!("there is no case {case}")));
        };
        let stands_so = match verdict {
            Verdict::Solved => !found.state.is_open(),
            Verdict::StillBroken => found.state.waits_for_staff(),
        };
        if stands_so
            && found.satisfaction.as_deref() == Some(verdict.as_str())
            && (comment.is_empty()
                || cases::store::satisfaction_comment(tx, found.id)?.as_deref() == Some(&comment))
        {
            return Ok(());
        }
        let now = app.now();
        let by = Actor::Customer {
            name: found.customer_name.clone(),
        };
        if verdict == Verdict::StillBroken && found.state == State::WaitingCustomer {
            happen(
                tx,
                now,
                &by,
                found.id,
                Happening::CustomerWrote,
                "the customer says it is still broken",
            )?;
        }
        rate(tx, now, &by, found.id, verdict, &comment)?;
        if verdict == Verdict::Solved && found.state.is_open() {
            happen(
                tx,
                now,
                &by,
                found.id,
                Happening::Resolved,
                "the customer says it is solved",
            )?;
        }
        // What they add stands in the conversation too, where staff answer it.
        if !comment.is_empty()
            && let Some(ticket) = store::ticket_of(tx, case)?
        {
            store::insert_message(
                tx,
                now,
                &store::NewMessage {
                    ticket: ticket.id,
                    direction: super::Direction::In,
                    author: None,
                    from_name: &found.customer_name,
                    from_email: None,
                    body: &comment,
                    quoted: "",
                    body_html: None,
                    message_id: None,
                    in_reply_to: None,
                    intake: None,
                    request_key: None,
                },
            )?;
        }
        Ok(())
    })
}

/// The customer takes back that we may write to them: the address is forgotten wherever the case
/// has it, what waits in the outbox ends there, and staff read it in the case. The mails that came
/// in are kept as messages and files only. False when there was nothing to take back.
pub fn withdraw(app: &App, case: CaseId) -> Result<bool> {
    app.db.write(|tx| {
        let successor = cases::hold_successor(tx, case)?;
        let Some(found) = cases::store::case(tx, case)? else {
            return Ok(false);
        };
        let (now, by) = (
            app.now(),
            Actor::Customer {
                name: found.customer_name,
            },
        );
        if !handles::withdraw_for_case(tx, &by, case, now)? {
            return Ok(false);
        }
        let address = found.email.as_deref().and_then(names::email_key);
        // A case that took this one in may have taken the address over.
        let mut with_address = vec![case];
        if let Some(successor) = successor {
            for member in cases::store::desk::family(tx, successor.id)? {
                let other = cases::store::case(tx, member)?;
                let others = other.and_then(|c| names::email_key(&c.email?));
                if member != case && others.is_some() && others == address {
                    with_address.push(member);
                }
            }
        }
        for member in with_address {
            cases::store::forget_email(tx, member)?;
            outbox::withdraw_for_case(tx, member)?;
            // In the case of another only this address goes.
            let only = address.as_deref().filter(|_| member != case);
            if let Some(ticket) = store::ticket_of(tx, member)? {
                store::forget_addresses(tx, ticket.id, only)?;
            }
        }
        let story = found.merged_into.unwrap_or(case);
        record_event(
            tx,
            now,
            story,
            Event {
                step: Step::Claim,
                by: &by,
                mention: None,
                summary: "Took back that we may write by email: no mail goes out any more",
                reasons: vec!["they can still be answered in public".to_owned()],
                data: json!({}),
            },
        )?;
        Ok(true)
    })
}

/// Sends a fresh private address to the customer, whoever asks for it.
pub fn send_fresh_link(app: &App, case: CaseId) -> Result<()> {
    app.db.write(|tx| notices::fresh_link(tx, app, case))
}
