//! The letters of a ticket: that a message arrived, an answer of staff, that it is resolved.

use serde_json::json;

use super::{CASE_LINK_LIFE, Direction, REPLY_TOKEN_LIFE, Ticket, store};
use crate::app::App;
use crate::cases::{self, Case, Event, Step, record_event};
use crate::clock::{DAY, HOUR};
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::ids::{CaseId, MailId, TicketMessageId};
use crate::keys::token_hash;
use crate::mail::outbox::{self, NewMail, StoredFile};
use crate::mail::outgoing::Automatic;
use crate::mail::render::{Letter, Paragraph};
use crate::mail::tokens::{self, Purpose};
use crate::mail::{one_line, store as mail_store};
use crate::text::markdown;
use crate::text::names;

/// Receipts one address gets in a day: whoever types another's address into the form, or two
/// machines that answer each other, end there.
pub const RECEIPTS_PER_DAY_MAX: i64 = 8;
/// What an answer of staff is for, in the outbox.
pub const ANSWER: &str = "ticket_reply";
/// What a receipt is for, in the outbox.
const RECEIPT: &str = "ticket_receipt";
/// How long somebody whom nobody of ours ever answered waits for a second receipt of a mail (µs): a
/// machine that hides what it is answers the first one by a new mail.
const STRANGERS_WAIT: i64 = 6 * HOUR;

/// A private address by which the customer follows the case without an account.
pub fn case_link(tx: &mut Conn, app: &App, case: CaseId) -> Result<String> {
    let token = app.random.token();
    let now = app.now();
    store::insert_case_token(tx, case, &token_hash(&token), now, now.plus(CASE_LINK_LIFE))?;
    Ok(app.url(&format!("/case/{token}")))
}

/// An address of ours whose token says: an answer of `email` to this ticket. `None` when our
/// mailbox's name leaves no room for a token; answers are then found by their references.
fn reply_address(tx: &mut Conn, app: &App, ticket: &Ticket, email: &str) -> Result<Option<String>> {
    let Some(email_key) = names::email_key(email) else {
        return Ok(None);
    };
    let mut random = [0; tokens::TOKEN_BYTES];
    app.random.fill(&mut random);
    let token = tokens::token(&random);
    let Some(address) = tokens::address(&app.config.mail.from, Purpose::Reply, &token) else {
        return Ok(None);
    };
    let now = app.now();
    store::insert_reply_token(
        tx,
        ticket.id,
        &email_key,
        &token_hash(&token),
        now,
        now.plus(REPLY_TOKEN_LIFE),
    )?;
    Ok(Some(address))
}

/// What a letter of a ticket is made of.
struct Post<'a> {
    purpose: &'static str,
    from_name: String,
    subject: String,
    greeting: String,
    paragraphs: Vec<Paragraph>,
    dedupe_key: String,
    automatic: Automatic,
    files: &'a [store::KeptFile],
}

/// Puts a letter of the ticket into the outbox, in the thread of its conversation.
fn put(
    tx: &mut Conn,
    app: &App,
    ticket: &Ticket,
    case: &Case,
    post: Post<'_>,
) -> Result<Option<MailId>> {
    let Some(email) = case.email.clone() else {
        return Ok(None);
    };
    let references = store::conversation_ids(tx, ticket, &email)?;
    let reply_to = reply_address(tx, app, ticket, &email)?;
    let footer = format!(
        "{}\nYou get this mail because you wrote to us. Your answer to it reaches us.",
        app.config.site.name
    );
    let mail = NewMail {
        purpose: post.purpose,
        to_name: if ticket_is_checked(case) {
            one_line(&case.customer_name, 100)
        } else {
            String::new()
        },
        to_email: email,
        from_name: post.from_name,
        letter: Letter {
            subject: post.subject,
            language: "en".into(),
            greeting: post.greeting,
            paragraphs: post.paragraphs,
            footer,
            replies_welcome: true,
        },
        dedupe_key: post.dedupe_key,
        case: Some(case.id),
        reply_to,
        in_reply_to: references.last().cloned(),
        references,
        automatic: post.automatic,
        // Its links and the address that answers it open the case to whoever has them; what staff
        // said in it stands in the ticket.
        is_secret: true,
        files: post
            .files
            .iter()
            .map(|f| StoredFile {
                filename: f.filename.clone(),
                content_type: f.content_type.clone(),
                storage_key: f.storage_key.clone(),
            })
            .collect(),
        ..NewMail::default()
    };
    Ok(Some(outbox::put(tx, app, &mail)?))
}

/// Whether somebody of ours has looked at the case: before that, nothing that was typed into the
/// form goes to the address that was typed beside it, or we would carry anybody's words to anybody.
fn ticket_is_checked(case: &Case) -> bool {
    case.first_response_at.is_some()
}

/// `Re: ` before the subject, once.
fn answer_subject(subject: &str) -> String {
    let has_prefix = subject
        .get(..3)
        .is_some_and(|head| head.eq_ignore_ascii_case("re:"));
    if has_prefix {
        subject.to_owned()
    } else {
        format!("Re: {subject}")
    }
}

fn small_link_words() -> Paragraph {
    Paragraph::Small(format!(
        "The link is only for you and good for {} days. Whoever has it can read this conversation.",
        CASE_LINK_LIFE / DAY
    ))
}

/// Tells the customer that their message arrived, with the address of their page. At most once a
/// case, and not more than [`RECEIPTS_PER_DAY_MAX`] times a day to one address; to a stranger who
/// writes mails, once in six hours.
pub fn receipt(
    tx: &mut Conn,
    app: &App,
    ticket: &Ticket,
    came_by_mail: bool,
) -> Result<Option<MailId>> {
    let Some(case) = cases::store::case(tx, ticket.case)? else {
        return Ok(None);
    };
    let Some(email_key) = case.email.as_deref().and_then(names::email_key) else {
        return Ok(None);
    };
    let dedupe_key = format!("receipt:{}", ticket.id);
    let since = app.now().plus(-DAY);
    if store::has_mail(tx, &dedupe_key)?
        || store::cases_opened_by(tx, &email_key, since)? > RECEIPTS_PER_DAY_MAX
    {
        return Ok(None);
    }
    if came_by_mail && case.user.is_none() {
        let since = app.now().plus(-STRANGERS_WAIT);
        let is_recent = store::has_receipt(tx, RECEIPT, &email_key, since)?;
        if is_recent && !store::was_answered(tx, &email_key)? {
            return Ok(None);
        }
    }
    let link = case_link(tx, app, case.id)?;
    let subject = if came_by_mail {
        answer_subject(&ticket.subject)
    } else {
        format!("We have your message (case {})", case.id)
    };
    put(
        tx,
        app,
        ticket,
        &case,
        Post {
            purpose: RECEIPT,
            from_name: String::new(),
            subject,
            greeting: "Hello,".into(),
            paragraphs: vec![
                Paragraph::Text(format!(
                    "we have your message; it is case {}. A person reads it and answers to this \
                     address.",
                    case.id
                )),
                Paragraph::Action {
                    label: "Follow your case".into(),
                    url: link,
                },
                small_link_words(),
                Paragraph::Small(
                    "Do you want to add something? Answer this mail. If you did not write to us, \
                     you need do nothing."
                        .into(),
                ),
            ],
            dedupe_key,
            automatic: Automatic::Replied,
            files: &[],
        },
    )
}

/// Sends an answer of staff; the message stands in the ticket already. With `is_resolved` it asks
/// whether it works.
#[allow(clippy::too_many_arguments)]
pub(super) fn staff_reply(
    tx: &mut Conn,
    app: &App,
    ticket: &Ticket,
    case: &Case,
    message: TicketMessageId,
    staff_name: &str,
    (body, body_html): (&str, &str),
    files: &[store::KeptFile],
    is_resolved: bool,
) -> Result<Option<MailId>> {
    let link = case_link(tx, app, case.id)?;
    let mut paragraphs = vec![Paragraph::Prose {
        text: markdown::to_letter(body, &app.config.site.url),
        html: with_whole_addresses(body_html, &app.config.site.url),
    }];
    if is_resolved {
        paragraphs.extend(asks_verdict(&link));
    } else {
        paragraphs.push(Paragraph::Small(format!("The whole conversation: {link}")));
    }
    let mail = put(
        tx,
        app,
        ticket,
        case,
        Post {
            purpose: ANSWER,
            from_name: format!("{staff_name} ({})", our_name(app)),
            subject: answer_subject(&ticket.subject),
            greeting: String::new(),
            paragraphs,
            dedupe_key: format!("ticket_message:{message}"),
            automatic: Automatic::No,
            files,
        },
    )?;
    if let Some(mail) = mail {
        let message_id = mail_store::message_id_of(tx, mail)?;
        store::set_message_mail(tx, message, mail, message_id.as_deref())?;
    }
    Ok(mail)
}

/// What we are called as a sender of mail.
fn our_name(app: &App) -> &str {
    match app.config.mail.from_name.as_str() {
        "" => &app.config.site.name,
        name => name,
    }
}

/// The question whether it works, which a letter asks that tells of a resolved case.
fn asks_verdict(link: &str) -> [Paragraph; 3] {
    [
        Paragraph::Text(
            "Does it work for you now? Tell us with one click; if it is still broken, your case \
             opens again in its old place."
                .into(),
        ),
        Paragraph::Action {
            label: "Solved, or still broken?".into(),
            url: format!("{link}#verdict"),
        },
        small_link_words(),
    ]
}

/// Links to our own pages lead there from a mail too.
fn with_whole_addresses(html: &str, site: &str) -> String {
    html.replace("href=\"/", &format!("href=\"{site}/"))
        .replace("src=\"/", &format!("src=\"{site}/"))
}

/// Tells the customers of a case's tickets that it is resolved, in `words` (Markdown), and asks
/// whether that is so. Once for each address and each time the case is resolved; `by_answer` is an
/// address that an answer of staff tells. False when there is nobody to tell or they were told.
pub fn tell_resolved(
    tx: &mut Conn,
    app: &App,
    case: CaseId,
    words: &str,
    by_answer: Option<&str>,
) -> Result<bool> {
    let Some(case) = cases::store::case(tx, case)? else {
        return Ok(false);
    };
    let mut told: Vec<String> = by_answer.and_then(names::email_key).into_iter().collect();
    for ticket in store::tickets_of(tx, case.id)? {
        let Some(owner) = cases::store::case(tx, ticket.case)? else {
            continue;
        };
        let Some(email_key) = owner.email.as_deref().and_then(names::email_key) else {
            continue;
        };
        let dedupe_key = format!("resolved:{}:{}:{}", case.id, case.reopened_count, ticket.id);
        if told.contains(&email_key) || store::has_mail(tx, &dedupe_key)? {
            continue;
        }
        told.push(email_key);
        resolved(tx, app, &ticket, &owner, dedupe_key, words)?;
    }
    if told.is_empty() {
        return Ok(false);
    }
    record_event(
        tx,
        app.now(),
        case.id,
        Event {
            step: Step::CloseLoop,
            by: &Actor::rule("tell the customer"),
            mention: None,
            summary: "Told the customer by mail that it is resolved",
            reasons: vec![],
            data: json!({}),
        },
    )?;
    Ok(true)
}

fn resolved(
    tx: &mut Conn,
    app: &App,
    ticket: &Ticket,
    owner: &Case,
    dedupe_key: String,
    words: &str,
) -> Result<()> {
    let html = markdown::render(words).into_string();
    let message = store::insert_message(
        tx,
        app.now(),
        &store::NewMessage {
            ticket: ticket.id,
            direction: Direction::Out,
            author: None,
            from_name: &app.config.site.name,
            from_email: None,
            body: words,
            quoted: "",
            body_html: Some(&html),
            message_id: None,
            in_reply_to: None,
            intake: None,
            request_key: None,
        },
    )?;
    let link = case_link(tx, app, owner.id)?;
    let mail = put(
        tx,
        app,
        ticket,
        owner,
        Post {
            purpose: "ticket_resolved",
            from_name: String::new(),
            subject: answer_subject(&ticket.subject),
            greeting: "Hello,".into(),
            paragraphs: std::iter::once(Paragraph::Prose {
                text: markdown::to_letter(words, &app.config.site.url),
                html: with_whole_addresses(&html, &app.config.site.url),
            })
            .chain(asks_verdict(&link))
            .collect(),
            dedupe_key,
            automatic: Automatic::Generated,
            files: &[],
        },
    )?;
    if let (Some(mail), Some(message)) = (mail, message) {
        let message_id = mail_store::message_id_of(tx, mail)?;
        store::set_message_mail(tx, message, mail, message_id.as_deref())?;
    }
    Ok(())
}

/// Tells the customer of a case by mail that the thread `title` at `url` solved what they wrote about,
/// as part of their conversation: what they answer belongs there. False when they left no address.
pub fn solved_in_thread(
    tx: &mut Conn,
    app: &App,
    case: &Case,
    dedupe_key: &str,
    (title, url): (&str, String),
) -> Result<bool> {
    let mut theirs = None;
    // A case that took another in has its address, and may have no ticket of its own.
    for ticket in store::tickets_of(tx, case.id)? {
        let owner = cases::store::case(tx, ticket.case)?;
        if theirs.is_none() && owner.is_some_and(|owner| owner.email == case.email) {
            theirs = Some(ticket);
        }
    }
    let Some(ticket) = theirs else {
        return Ok(false);
    };
    let post = Post {
        purpose: "close_loop",
        from_name: String::new(),
        subject: format!("Solved: {title}"),
        greeting: "Hello,".into(),
        paragraphs: vec![
            Paragraph::Text("What you wrote to us about is solved.".into()),
            Paragraph::Action {
                label: "See what helped".into(),
                url,
            },
            Paragraph::Text(
                "If it is still broken for you, answer this mail and we take it up again.".into(),
            ),
        ],
        dedupe_key: dedupe_key.to_owned(),
        automatic: Automatic::Generated,
        files: &[],
    };
    Ok(put(tx, app, &ticket, case, post)?.is_some())
}

/// Sends a fresh address of the customer's page to the address the case has. Once a day.
pub fn fresh_link(tx: &mut Conn, app: &App, case: CaseId) -> Result<()> {
    let (Some(case), Some(ticket)) = (cases::store::case(tx, case)?, store::ticket_of(tx, case)?)
    else {
        return Ok(());
    };
    let dedupe_key = format!("case_link:{}:{}", case.id, app.now().day());
    if store::has_mail(tx, &dedupe_key)? {
        return Ok(());
    }
    let link = case_link(tx, app, case.id)?;
    put(
        tx,
        app,
        &ticket,
        &case,
        Post {
            purpose: "case_link",
            from_name: String::new(),
            subject: format!("Your case {}", case.id),
            greeting: "Hello,".into(),
            paragraphs: vec![
                Paragraph::Text("here is a fresh address of your case.".into()),
                Paragraph::Action {
                    label: "Follow your case".into(),
                    url: link,
                },
                small_link_words(),
            ],
            dedupe_key,
            automatic: Automatic::Replied,
            files: &[],
        },
    )?;
    Ok(())
}

/// Tells the sender of a mail why nothing came of it: at most once a day for each reason. `thread` is the page of the
/// thread that it answers.
pub fn refusal(
    tx: &mut Conn,
    app: &App,
    to: &str,
    reason: &str,
    (words, thread): (&str, Option<String>),
    in_reply_to: Option<&str>,
) -> Result<()> {
    let Some(email_key) = names::email_key(to) else {
        return Ok(());
    };
    let mail = NewMail {
        purpose: "mail_refused",
        to_email: to.to_owned(),
        letter: Letter {
            subject: "About your mail to us".into(),
            language: "en".into(),
            greeting: "Hello,".into(),
            paragraphs: std::iter::once(Paragraph::Text(words.to_owned()))
                .chain(thread.map(|url| Paragraph::Action {
                    label: "Open the thread".into(),
                    url,
                }))
                .collect(),
            footer: app.config.site.name.clone(),
            replies_welcome: false,
        },
        dedupe_key: format!("refused:{reason}:{email_key}:{}", app.now().day()),
        in_reply_to: in_reply_to.map(str::to_owned),
        references: in_reply_to.map(str::to_owned).into_iter().collect(),
        automatic: Automatic::Replied,
        ..NewMail::default()
    };
    outbox::put(tx, app, &mail)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_answered_once() {
        assert_eq!(answer_subject("Ring is red"), "Re: Ring is red");
        assert_eq!(answer_subject("RE: Ring is red"), "RE: Ring is red");
        assert_eq!(answer_subject("é"), "Re: é");
    }

    #[test]
    fn links_to_our_pages_are_whole_in_a_mail() {
        assert_eq!(
            with_whole_addresses("<a href=\"/t/1/x\">x</a>", "https://help.example"),
            "<a href=\"https://help.example/t/1/x\">x</a>"
        );
    }
}
