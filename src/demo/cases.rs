//! Puts the demo's first tickets into the database, with the times their file gives them.

use std::str::FromStr;

use super::content::{Case, Community};
use super::seed::Seeded;
use crate::app::App;
use crate::cases::links::{self, NewLink, Target};
use crate::cases::satisfaction::{self, Verdict};
use crate::cases::states::{self, Happening};
use crate::cases::{self, Channel, NewCase, Severity};
use crate::clock::{HOUR, Moment};
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::{Error, Result};
use crate::ids::{CaseId, TicketId, UserId};
use crate::mail::outbox::{self, NewMail};
use crate::mail::render::{Letter, Paragraph};
use crate::tickets::Direction;
use crate::tickets::open::{OpenedBy, open_for_case};
use crate::tickets::store::{NewMessage, insert_message, set_message_mail};

/// Writes all tickets of `cases.toml`, in one transaction.
pub fn seed(app: &App, community: &Community, seeded: &Seeded) -> Result<()> {
    app.db.write(|tx| {
        for case in &community.cases {
            one(tx, app, seeded, case)?;
        }
        Ok(())
    })
}

fn one(tx: &mut Conn, app: &App, seeded: &Seeded, case: &Case) -> Result<()> {
    let now = app.now();
    let at = |hours_ago: f64| now.plus(-((hours_ago * HOUR as f64) as i64));
    let first = case.messages.first().map_or(now, |m| at(m.hours_ago));
    let customer = Actor::Customer {
        name: case.customer_name.clone(),
    };
    let product = case
        .product
        .as_ref()
        .and_then(|p| seeded.products.get(p))
        .copied();
    let topic = match (&case.product, &case.topic) {
        (Some(p), Some(t)) => seeded.topics.get(&(p.clone(), t.clone())).copied(),
        _ => None,
    };
    let channel = Channel::from_str(&case.channel)?;
    let id = cases::open(
        tx,
        first,
        &customer,
        NewCase {
            channel,
            severity: Severity::from_str(&case.severity)?,
            summary: &case.subject,
            product,
            topic,
            user: None,
            handle: None,
            email: Some(&case.email),
            customer_name: &case.customer_name,
            written_at: first,
            mention: None,
            reasons: vec![format!("wrote by {}", channel.label().to_lowercase())],
        },
    )?;
    let opened_by = if channel == Channel::Form {
        OpenedBy::Form
    } else {
        OpenedBy::Email
    };
    let ticket = open_for_case(tx, app, id, &case.subject, Some(&case.email), opened_by)?;
    let staff = |name: &str| -> Result<(UserId, Actor)> {
        let user = seeded
            .users
            .get(name)
            .copied()
            .ok_or_else(|| Error::other(format!("nobody in the demo is called {name}")))?;
        Ok((
            user,
            Actor::User {
                id: user,
                name: name.to_owned(),
            },
        ))
    };
    for message in &case.messages {
        let then = at(message.hours_ago);
        match &message.from {
            None => {
                write(
                    tx,
                    app,
                    ticket,
                    then,
                    Direction::In,
                    None,
                    case,
                    &message.body,
                )?;
                states::happen(tx, then, &customer, id, Happening::CustomerWrote, "")?;
            }
            Some(name) => {
                let (user, actor) = staff(name)?;
                write(
                    tx,
                    app,
                    ticket,
                    then,
                    Direction::Out,
                    Some((user, name)),
                    case,
                    &message.body,
                )?;
                states::happen(tx, then, &actor, id, Happening::StaffAnswered, "")?;
            }
        }
    }
    for (n, note) in case.notes.iter().enumerate() {
        let (user, actor) = staff(&note.author)?;
        let key = format!("demo-{}-{n}", case.key);
        cases::add_note(tx, at(note.hours_ago), id, user, &actor, &note.body, &key)?;
    }
    if let Some(name) = &case.assignee {
        let (user, actor) = staff(name)?;
        states::assign(tx, now, &actor, id, Some((user, name)))?;
    }
    if let Some(thread) = case.thread.as_ref().and_then(|t| seeded.threads.get(t)) {
        let by = Actor::rule("link");
        let link = NewLink {
            target: Target::Thread(*thread),
            score: 0.6,
            reasons: vec!["the same words".into()],
            rule: "link".into(),
        };
        links::propose(tx, now, &by, id, &link)?;
    }
    end(tx, now, id, case, &customer)
}

#[allow(clippy::too_many_arguments)]
fn write(
    tx: &mut Conn,
    app: &App,
    ticket: TicketId,
    at: Moment,
    direction: Direction,
    author: Option<(UserId, &str)>,
    case: &Case,
    body: &str,
) -> Result<()> {
    let html = crate::text::markdown::render(body).into_string();
    let message = insert_message(
        tx,
        at,
        &NewMessage {
            ticket,
            direction,
            author: author.map(|a| a.0),
            from_name: author.map_or(&case.customer_name, |a| a.1),
            from_email: author.is_none().then_some(case.email.as_str()),
            body,
            quoted: "",
            body_html: author.is_some().then_some(html.as_str()),
            message_id: None,
            in_reply_to: None,
            intake: None,
            request_key: None,
        },
    )?;
    // What staff said goes out as it would have: the outbox has a mail for each answer.
    if let (Some((_, name)), Some(message)) = (author, message) {
        let mail = NewMail {
            purpose: "ticket_reply",
            to_email: case.email.clone(),
            to_name: case.customer_name.clone(),
            from_name: name.to_owned(),
            letter: Letter {
                subject: format!("Re: {}", case.subject),
                language: "en".into(),
                greeting: String::new(),
                paragraphs: vec![Paragraph::Text(body.to_owned())],
                footer: app.config.site.name.clone(),
                replies_welcome: false,
            },
            dedupe_key: format!("demo-{message}"),
            ..NewMail::default()
        };
        let id = outbox::put(tx, app, &mail)?;
        set_message_mail(tx, message, id, None)?;
    }
    Ok(())
}

fn end(tx: &mut Conn, now: Moment, id: CaseId, case: &Case, customer: &Actor) -> Result<()> {
    let by = Actor::rule("demo");
    match case.state.as_str() {
        "resolved" => {
            states::happen(
                tx,
                now,
                &by,
                id,
                Happening::Resolved,
                "solved before the demo",
            )?;
        }
        "closed" => {
            states::happen(tx, now, &by, id, Happening::Closed, "done before the demo")?;
        }
        _ => {}
    }
    if let Some(verdict) = case.satisfaction.as_deref().and_then(Verdict::parse) {
        satisfaction::rate(tx, now, customer, id, verdict, "")?;
    }
    Ok(())
}
