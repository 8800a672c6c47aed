//! Reports about our own mails: that one did not arrive, or that somebody called it spam.

use super::decide::Known;
use super::take_mail::told;
use crate::app::App;
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::ids::{CaseId, IntakeId, MailId, TicketId};
use crate::mail::classify::{Bounce, Kind, Verdict};
use crate::mail::store::{self as mails, Returned};
use crate::mail::suppression::{self, Report, Why};
use crate::mail::tokens::{self, Purpose};
use crate::mail::{one_line, verp, without_tag};
use crate::tickets::store::NewMessage;
use crate::tickets::tell_unsent::our_turn_again;
use crate::tickets::{self, Direction, Ticket, clean_text};

/// Longest report of a machine that is kept (characters).
const REPORT_CHARS_MAX: usize = 2_000;

/// A mail of ours that a report is about.
#[derive(Clone, Debug)]
pub struct Reported {
    pub mail: Returned,
    /// Whether the report came to the address with the mail's token, or gives it back: others can't
    /// know it. A Message-ID is known to everybody who got a copy of an answer.
    pub is_proved: bool,
}

/// The mail that a report is about: the one that the address names it was sent to, whatever the report itself says of
/// recipients; else the one whose token or id the report gives back.
pub(super) fn mail(conn: &mut Conn, app: &App, known: &Known<'_>) -> Result<Option<Reported>> {
    let of = |mail: Option<Returned>, is_proved| mail.map(|mail| Reported { mail, is_proved });
    let recipients = known.recipients.iter().map(String::as_str);
    if let Some(id) = verp::find(&app.keys, recipients) {
        return Ok(of(mails::returned(conn, id)?, true));
    }
    // A complaint goes to an address of its own, and quotes the envelope's sender (RFC 5965, section 3.2).
    let report = &known.mail.report;
    let quoted = [&report.feedback, &report.returned_headers];
    let quoted = quoted.into_iter().flatten().flat_map(|text| words(text));
    if let Some(id) = verp::find(&app.keys, quoted) {
        return Ok(of(mails::returned(conn, id)?, true));
    }
    match &known.verdict.returned_message_id {
        Some(id) => Ok(of(mails::returned_by_message_id(conn, id)?, false)),
        None => Ok(None),
    }
}

/// What may be an address within a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ';' | ',' | '"' | '(' | ')'))
}

/// The ticket of the mail that one of these addresses names, if it had one; an outer `None` when they name no mail.
pub(super) fn ticket(
    conn: &mut Conn,
    app: &App,
    recipients: &[String],
) -> Result<Option<Option<Ticket>>> {
    let Some(id) = verp::find(&app.keys, recipients.iter().map(String::as_str)) else {
        return Ok(None);
    };
    let returned = mails::returned(conn, id)?;
    match returned.and_then(|mail| mail.case_id) {
        Some(case) => tickets::store::ticket_of(conn, CaseId(case)).map(Some),
        None => Ok(Some(None)),
    }
}

/// Whether a mail was sent to the address for mail that comes back, with a token or without; people never are told of
/// that address.
pub(super) fn is_sent_there(app: &App, recipients: &[String]) -> bool {
    let mail = &app.config.mail;
    let only_for_that = Some(&mail.bounce_address)
        .filter(|address| !address.is_empty() && !address.eq_ignore_ascii_case(&mail.from));
    let mailbox = without_tag(verp::mailbox(mail));
    recipients.iter().any(|to| {
        (tokens::has_form(to, Purpose::Bounce) && without_tag(to) == mailbox)
            || only_for_that.is_some_and(|address| to.eq_ignore_ascii_case(address))
    })
}

/// Notes what is reported: with the mail, with its address, in the ticket that it was of and in the case's story; the
/// ticket, if there is one.
pub(super) fn undelivered(
    tx: &mut Conn,
    app: &App,
    intake: IntakeId,
    verdict: &Verdict,
    reported: &Reported,
) -> Result<Option<TicketId>> {
    let mail = &reported.mail;
    let mut reasons: Vec<String> = verdict.bounces.iter().map(in_words).collect();
    if let Some(why) = count(tx, app, verdict, reported)? {
        reasons.push(format!(
            "{}; mails to it are held until its owner writes to us or an admin lets them go",
            why.words()
        ));
    }
    let Some(case) = mail.case_id.map(CaseId) else {
        return Ok(None);
    };
    let summary = match verdict.kind {
        Kind::Complaint => "The customer's provider called our mail spam",
        _ => "A mail to the customer was not delivered",
    };
    let ticket = tickets::store::ticket_of(tx, case)?;
    if let Some(ticket) = &ticket {
        let body = if reasons.is_empty() {
            summary.to_owned()
        } else {
            reasons.join("\n")
        };
        let message = NewMessage {
            ticket: ticket.id,
            direction: Direction::Bounce,
            author: None,
            from_name: "Mail system",
            from_email: None,
            body: &clean_text(&body),
            quoted: "",
            body_html: None,
            message_id: None,
            in_reply_to: verdict.returned_message_id.as_deref(),
            intake: Some(intake),
            request_key: None,
        };
        tickets::store::insert_message(tx, app.now(), &message)?;
    }
    told(tx, app, case, summary, reasons)?;
    Ok(ticket.map(|t| t.id))
}

fn in_words(bounce: &Bounce) -> String {
    let what = match (bounce.hard, bounce.permanent) {
        (true, _) => "nobody is reached at this address any more",
        (false, true) => "this mail was not taken",
        (false, false) => "not delivered yet",
    };
    let diagnosis = one_line(&bounce.diagnosis, REPORT_CHARS_MAX);
    format!("{what}: {} {diagnosis}", bounce.status)
        .trim()
        .to_owned()
}

/// Counts the report against the mail's address, each mail once; the reason when the address is held from now on.
fn count(tx: &mut Conn, app: &App, verdict: &Verdict, reported: &Reported) -> Result<Option<Why>> {
    // Anybody could say so, and have the address of another held: staff read it, no more.
    if !reported.is_proved {
        return Ok(None);
    }
    let (now, mail) = (app.now(), &reported.mail);
    let report = match verdict.kind {
        Kind::Complaint => Report::Complaint,
        _ if verdict.bounces.iter().any(|b| b.hard) => Report::Hard,
        _ if verdict.bounces.iter().any(|b| b.permanent) => Report::Soft,
        // It may arrive yet.
        _ => return Ok(None),
    };
    if report != Report::Complaint {
        let why: Vec<String> = verdict.bounces.iter().map(in_words).collect();
        if !mails::mark_bounced(tx, MailId(mail.id), &why.join("; "), now)? {
            return Ok(None);
        }
        if let Some(case) = mail.case_id.map(CaseId) {
            our_turn_again(tx, now, &Actor::rule("receive mail"), case, MailId(mail.id))?;
        }
    }
    suppression::report(tx, now, &mail.to_email, report)
}
