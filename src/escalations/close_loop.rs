//! Closing the loop: a thread or a ticket is resolved, and everyone linked is told, each on the
//! channel they came by, once.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::send_reply::SendReply;
use super::store::{self, NewReply, ThreadFacts};
use super::{Purpose, acknowledge};
use crate::app::App;
use crate::cases::links::Link;
use crate::cases::states::{self, Happening};
use crate::cases::{self, Case, Event, State, Step};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::{self, Act, Actor};
use crate::error::Result;
use crate::ids::{CaseId, LinkId, ThreadId};
use crate::jobs::{self, Job, Next};
use crate::mail::outbox::{self, NewMail};
use crate::mail::outgoing::Automatic;
use crate::mail::render::{Letter, Paragraph};
use crate::networks::Network;
use crate::people::handles;

/// Links of one transaction.
const BATCH_LINKS_MAX: i64 = 50;

/// Everybody linked to a thread that was solved, fixed or closed is told.
#[derive(Serialize, Deserialize)]
pub struct ThreadResolved {
    pub thread: ThreadId,
}

impl Job for ThreadResolved {
    const KIND: &'static str = crate::forum::THREAD_RESOLVED;

    fn run(&self, app: &App) -> Result<Next> {
        let mut after = LinkId(0);
        loop {
            let now = app.now();
            let last = app.db.write(|tx| self.batch(tx, app, now, after))?;
            match last {
                Some(id) => after = id,
                None => return Ok(Next::Done),
            }
        }
    }
}

impl ThreadResolved {
    /// One batch by what the thread's state is now, not by what it was when the job was put down.
    fn batch(
        &self,
        tx: &mut Conn,
        app: &App,
        now: Moment,
        after: LinkId,
    ) -> Result<Option<LinkId>> {
        let Some(thread) = store::public_threads(tx, &[self.thread.0])?.remove(&self.thread.0)
        else {
            return Ok(None);
        };
        if thread.state == "open" {
            return take_back(tx, now, &thread, after);
        }
        let links = cases::store::untold_links_to(tx, self.thread, after, BATCH_LINKS_MAX)?;
        for link in &links {
            tell(tx, app, now, link, &thread)?;
        }
        Ok(links.last().map(|l| l.id))
    }
}

/// The thread was taken up again: its cases reopen in their old place, and hear of the next
/// solution too.
fn take_back(
    tx: &mut Conn,
    now: Moment,
    thread: &ThreadFacts,
    after: LinkId,
) -> Result<Option<LinkId>> {
    let told = store::told_links_to(tx, thread.id, after, BATCH_LINKS_MAX)?;
    let by = Actor::rule("close_loop");
    let why = format!("thread {} was taken up again", thread.id);
    for (_, case) in &told {
        let Some(case) = cases::store::case_or_successor(tx, *case)? else {
            continue;
        };
        discard(tx, now, case.id, Purpose::CloseLoop, &why)?;
        if case.state == State::Resolved {
            states::happen(tx, now, &by, case.id, Happening::Reopened, &why)?;
        }
    }
    match told.last() {
        Some((id, _)) => Ok(Some(*id)),
        None => {
            cases::store::forget_told(tx, thread.id)?;
            Ok(None)
        }
    }
}

/// Tells the customer of one link, and resolves the case.
fn tell(tx: &mut Conn, app: &App, now: Moment, link: &Link, thread: &ThreadFacts) -> Result<()> {
    let Some(case) = cases::store::case_or_successor(tx, link.case)? else {
        return Ok(());
    };
    if !cases::store::set_link_told(tx, link.id, now)? {
        return Ok(());
    }
    let by = Actor::rule("close_loop");
    let how = match store::mentions_of(tx, case.id, 1)?.into_iter().next() {
        Some(mention) if mention.network != Network::Import && mention.deleted_at.is_none() => {
            let handle = match mention.handle {
                Some(id) => handles::handle(tx, id)?,
                None => None,
            };
            draft(tx, app, now, link, &case, &mention, handle.as_ref(), thread)?
        }
        _ => mail(tx, app, link, &case, thread)?,
    };
    cases::record_event(
        tx,
        now,
        case.id,
        Event {
            step: Step::CloseLoop,
            by: &by,
            mention: None,
            summary: how,
            reasons: vec![format!("“{}” is {}", thread.title, thread.state)],
            data: json!({"link": link.id, "thread": thread.id}),
        },
    )?;
    let why = format!("thread {} is {}", thread.id, thread.state);
    states::happen(tx, now, &by, case.id, Happening::Resolved, &why)?;
    Ok(())
}

/// Takes back what was drafted for this purpose and nobody has approved.
fn discard(tx: &mut Conn, now: Moment, case: CaseId, purpose: Purpose, why: &str) -> Result<()> {
    if store::discard_drafts(tx, case, purpose)? == 0 {
        return Ok(());
    }
    audit::record(
        tx,
        now,
        Act {
            by: &Actor::rule("close_loop"),
            act: "reply_discarded",
            subject: ("case", case.0),
            reason: why,
            data: json!({"purpose": purpose}),
        },
    )
}

const TEXTS: &[&str] = &[
    "Good news: this is solved. What helped stands here: {address} Does it work for you? If not, just answer.",
    "This one is fixed. The answer is here: {address} Still broken for you? Tell us and we take it up again.",
    "It is solved now, see {address} Tell us if it still isn't right for you.",
];
const TEXTS_WITHOUT: &[&str] = &[
    "Good news: this is solved. Search “{title}” on {site} for what helped. If it still fails for you, just answer.",
    "This one is fixed: “{title}” on {site} says how. Still broken for you? Tell us and we take it up again.",
];

#[allow(clippy::too_many_arguments)]
fn draft(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    link: &Link,
    case: &Case,
    mention: &store::Mention,
    handle: Option<&handles::Handle>,
    thread: &ThreadFacts,
) -> Result<&'static str> {
    let to = acknowledge::reply_to(mention, handle);
    let address = app.url(&crate::forum::thread_path(thread.id, &thread.slug));
    let title = crate::text::markdown::excerpt(&thread.title, 60);
    let turn = usize::try_from(mention.id.0).unwrap_or(0);
    let fill = |phrase: &str| {
        phrase
            .replace("{address}", &address)
            .replace("{title}", &title)
            .replace("{site}", &app.config.site.name)
    };
    let mut body = fill(TEXTS[turn % TEXTS.len()]);
    let mut weight = acknowledge::weigh(app, mention.network, &to, &body);
    if !acknowledge::affords_link(app, &weight) || !weight.fits() {
        body = fill(TEXTS_WITHOUT[turn % TEXTS_WITHOUT.len()]);
        weight = acknowledge::weigh(app, mention.network, &to, &body);
    }
    let product = store::catalogue(tx)?
        .into_iter()
        .find(|p| Some(p.id) == case.product);
    let automatic = product.is_some_and(|p| p.auto_acknowledge)
        && mention.summoned
        && weight.handoff_reason.is_none()
        && handle.is_none_or(|h| h.opted_out_at.is_none())
        && !store::has_automatic_reply(tx, mention.id)?;
    // A link that is told again after the thread was reopened is another decision.
    let key = format!("close:{}:{}", link.id, case.reopened_count);
    let made = store::insert_reply(
        tx,
        &NewReply {
            case: case.id,
            mention: mention.id,
            purpose: Purpose::CloseLoop,
            body: &body,
            has_link: weight.has_link,
            weighted_length: weight.length,
            cost_micros: weight.cost_micros,
            handoff: weight.handoff_reason.is_some(),
            automatic,
            dedupe_key: &key,
            drafted_by: None,
        },
        now,
    )?;
    let Some(reply) = made else {
        return Ok("The customer was told before");
    };
    let why = "the thread is solved; that it is being worked on need not be said any more";
    for of in [case.id, link.case] {
        discard(tx, now, of, Purpose::Acknowledge, why)?;
    }
    if !automatic {
        return Ok("Word that it is solved is drafted; a person sends it");
    }
    store::set_approved(tx, reply, None, None, now)?;
    audit::record(
        tx,
        now,
        Act {
            by: &Actor::rule("auto_acknowledge"),
            act: "reply_approved",
            subject: ("case", case.id.0),
            reason: "switched on for the product; the thread is solved",
            data: json!({"reply": reply}),
        },
    )?;
    jobs::enqueue(tx, now, &SendReply { reply })?;
    Ok("Word that it is solved goes out")
}

fn mail(
    tx: &mut Conn,
    app: &App,
    link: &Link,
    case: &Case,
    thread: &ThreadFacts,
) -> Result<&'static str> {
    let Some(email) = &case.email else {
        return Ok("Nobody to tell: no address and no network");
    };
    let address = app.url(&crate::forum::thread_path(thread.id, &thread.slug));
    outbox::put(
        tx,
        app,
        &NewMail {
            purpose: "close_loop",
            to_email: email.clone(),
            letter: Letter {
                subject: format!("Solved: {}", thread.title),
                language: "en".to_owned(),
                greeting: "Hello,".to_owned(),
                paragraphs: vec![
                    Paragraph::Text("What you wrote to us about is solved.".to_owned()),
                    Paragraph::Action {
                        label: "See what helped".to_owned(),
                        url: address,
                    },
                    Paragraph::Text(
                        "If it is still broken for you, answer this mail and we take it up again."
                            .to_owned(),
                    ),
                ],
                footer: app.config.site.name.clone(),
                replies_welcome: true,
            },
            dedupe_key: format!("close:{}:{}", link.id, case.reopened_count),
            case: Some(case.id),
            automatic: Automatic::Generated,
            ..NewMail::default()
        },
    )?;
    Ok("Told by email that it is solved")
}
