//! Closing the loop: a thread or a ticket is resolved, and everyone linked is told, each on the
//! channel they came by, once. A thread that is closed without an answer is told to staff alone.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::send_reply::SendReply;
use super::store::{self, NewReply, ThreadFacts};
use super::wording::phrases_in;
use super::{Purpose, ReplyState, acknowledge};
use crate::app::App;
use crate::cases::links::Link;
use crate::cases::states::{self, Happening};
use crate::cases::{self, Case, Event, State, Step};
use crate::clock::Moment;
use crate::db::audit::{self, Act, Actor};
use crate::db::{Conn, Lock, lock};
use crate::error::Result;
use crate::ids::{CaseId, LinkId, ThreadId};
use crate::jobs::{self, Job, Next};
use crate::networks::Network;
use crate::people::handles;
use crate::tickets;

/// Links of one transaction.
const BATCH_LINKS_MAX: i64 = 50;

/// Everybody linked to a thread that was solved or fixed is told.
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
            return take_back(tx, app, now, &thread, after);
        }
        let links = cases::store::untold_links_to(tx, self.thread, after, BATCH_LINKS_MAX)?;
        for link in &links {
            if thread.is_solved {
                tell(tx, app, now, link, &thread)?;
            } else {
                raise(tx, app, now, link, &thread)?;
            }
        }
        Ok(links.last().map(|l| l.id))
    }
}

/// The thread was closed without an answer: nobody is told anything, and a case that waited on it
/// waits for us again.
fn raise(tx: &mut Conn, app: &App, now: Moment, link: &Link, thread: &ThreadFacts) -> Result<()> {
    let Some(case) = cases::hold_successor(tx, link.case)?.filter(|c| c.state.is_open()) else {
        return Ok(());
    };
    let by = Actor::rule("close_loop");
    let why = format!("thread {} was closed without an answer", thread.id);
    acknowledge::follow_reopening(tx, app, now, link.case, &why)?;
    cases::record_event(
        tx,
        now,
        case.id,
        Event {
            step: Step::CloseLoop,
            by: &by,
            mention: None,
            summary: "The thread was closed without an answer; the customer was not told anything",
            reasons: vec![format!("“{}” is closed", thread.title)],
            data: json!({"link": link.id, "thread": thread.id}),
        },
    )?;
    states::happen(tx, now, &by, case.id, Happening::CameToNothing, &why)?;
    Ok(())
}

/// The thread was taken up again: no first answer says any more that it is solved; the cases that
/// were told reopen in their old place, and hear of the next solution too.
fn take_back(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    thread: &ThreadFacts,
    after: LinkId,
) -> Result<Option<LinkId>> {
    let links = cases::store::links_to(tx, thread.id, after, BATCH_LINKS_MAX)?;
    let by = Actor::rule("close_loop");
    let why = format!("thread {} was taken up again", thread.id);
    for link in &links {
        let Some(case) = cases::hold_successor(tx, link.case)? else {
            continue;
        };
        acknowledge::follow_reopening(tx, app, now, link.case, &why)?;
        if link.told_at.is_none() {
            continue;
        }
        for of in [case.id, link.case] {
            discard(tx, now, &by, of, Purpose::CloseLoop, &why)?;
        }
        if case.state == State::Resolved {
            states::happen(tx, now, &by, case.id, Happening::Reopened, &why)?;
        }
    }
    match links.last() {
        Some(link) => Ok(Some(link.id)),
        None => {
            cases::store::forget_told(tx, thread.id)?;
            Ok(None)
        }
    }
}

/// The key of the word to a case that a thread is solved. By the person's case, not by the link: a
/// merged case may hold two links to one thread. Told again after the thread was reopened is
/// another decision.
fn key(case: &Case, thread: ThreadId) -> String {
    format!("close:{}:{thread}:{}", case.id, case.reopened_count)
}

/// The thread of which a reply says that it is solved, by the reply's key.
pub(super) fn thread_of_key(key: &str) -> Option<ThreadId> {
    let mut parts = key.strip_prefix("close:")?.split(':').skip(1);
    parts.next()?.parse().ok().map(ThreadId)
}

/// Tells the customer of one link, and resolves the case.
fn tell(tx: &mut Conn, app: &App, now: Moment, link: &Link, thread: &ThreadFacts) -> Result<()> {
    let Some(case) = cases::hold_successor(tx, link.case)? else {
        return Ok(());
    };
    if !cases::store::set_link_told(tx, link.id, now)? {
        return Ok(());
    }
    let by = Actor::rule("close_loop");
    let key = key(&case, thread.id);
    // On the channel they came by: who wrote by mail is not told under a post that their case took in.
    let own = store::oldest_standing_mention(tx, &[case.id])?;
    let mention = match own {
        None if case.email.is_none() => store::standing_mention_of(tx, case.id)?,
        own => own,
    };
    let how = match mention {
        Some(mention) if mention.network != Network::Import => {
            let handle = match mention.handle {
                Some(id) => handles::handle(tx, id)?,
                None => None,
            };
            let (linked, handle) = (link.case, handle.as_ref());
            draft(tx, app, now, &key, linked, &case, &mention, handle, thread)?
        }
        _ => mail(tx, app, &key, &case, thread)?,
    };
    let Some(how) = how else {
        return Ok(());
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
            reasons: vec![format!("“{}” is solved", thread.title)],
            data: json!({"link": link.id, "thread": thread.id}),
        },
    )?;
    let why = format!("thread {} is solved", thread.id);
    states::happen(tx, now, &by, case.id, Happening::Resolved, &why)?;
    Ok(())
}

/// Somebody resolved the case by hand: no first answer says any more that a person will answer. What
/// is drafted goes, and what was approved and is surely not out yet. The caller holds the case.
pub fn forget_first_answer(tx: &mut Conn, now: Moment, by: &Actor, case: CaseId) -> Result<()> {
    let why = "the case is resolved";
    let mut taken_back = 0;
    for of in cases::store::desk::family(tx, case)? {
        taken_back += discard(tx, now, by, of, Purpose::Acknowledge, why)?;
    }
    if taken_back == 0 {
        return Ok(());
    }
    cases::record_event(
        tx,
        now,
        case,
        Event {
            step: Step::Acknowledge,
            by,
            mention: None,
            summary: "The first answer was not sent, and is discarded",
            reasons: vec![why.to_owned()],
            data: json!({}),
        },
    )
}

/// Takes back what was drafted for this purpose, and what was approved and is surely not out yet:
/// whoever approved it did not know what is known now. How many.
fn discard(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    case: CaseId,
    purpose: Purpose,
    why: &str,
) -> Result<usize> {
    let mut taken_back = store::discard_drafts(tx, store::Drafts::Of(case, purpose))?;
    for reply in store::replies_of(tx, case)? {
        // A person may have posted by hand already what is left to hands.
        if reply.purpose != purpose || reply.handoff || !reply.is_unsent() {
            continue;
        }
        lock(tx, Lock::Reply(reply.id.0))?;
        if store::reply(tx, reply.id)?.is_some_and(|r| r.is_unsent()) {
            store::set_reply_state(tx, reply.id, ReplyState::Discarded)?;
            taken_back += 1;
        }
    }
    if taken_back > 0 {
        audit::record(
            tx,
            now,
            Act {
                by,
                act: "reply_discarded",
                subject: ("case", case.0),
                reason: why,
                data: json!({"purpose": purpose}),
            },
        )?;
    }
    Ok(taken_back)
}

/// Puts down the word to the customer; what became of it, or `None` when they have it already.
/// `linked` is the case whose link it is, which may have gone on in `case`.
#[allow(clippy::too_many_arguments)]
fn draft(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    key: &str,
    linked: CaseId,
    case: &Case,
    mention: &store::Mention,
    handle: Option<&handles::Handle>,
    thread: &ThreadFacts,
) -> Result<Option<&'static str>> {
    let to = acknowledge::reply_to(mention, handle);
    let address = app.url(&crate::forum::thread_path(thread.id, &thread.slug));
    let title = crate::text::markdown::excerpt(&thread.title, 60);
    let turn = usize::try_from(mention.id.0).unwrap_or(0);
    let said = acknowledge::Said::load(tx, mention.network, None, now)?;
    let fitting = |phrases: &[&str]| {
        let all: Vec<_> = (0..phrases.len())
            .map(|n| {
                let body = phrases[(turn + n) % phrases.len()]
                    .replace("{address}", &address)
                    .replace("{title}", &title)
                    .replace("{site}", &app.config.site.name);
                let weight = acknowledge::weigh(app, mention.network, &to, &body);
                (body, weight)
            })
            .filter(|(_, weight)| weight.fits() && acknowledge::affords_link(app, weight))
            .collect();
        said.freshest(all)
    };
    let phrases = phrases_in(mention.language.as_deref());
    let Some((body, weight)) = fitting(phrases.solved).or_else(|| fitting(phrases.solved_search))
    else {
        return Ok(Some("The customer is to be told; no words of ours fit"));
    };
    let product = store::catalogue(tx)?
        .into_iter()
        .find(|p| Some(p.id) == case.product);
    let automatic = product.is_some_and(|p| p.auto_acknowledge)
        && mention.summoned
        && weight.handoff_reason.is_none()
        && handle.is_none_or(|h| h.opted_out_at.is_none())
        && !said.has(&body)
        && !store::has_automatic_reply(tx, mention.id)?;
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
            dedupe_key: key,
            drafted_by: None,
        },
        now,
    )?;
    let Some(reply) = made else {
        return Ok(None);
    };
    let why = "the thread is solved; that it is being worked on need not be said any more";
    let by = Actor::rule("close_loop");
    for of in [case.id, linked] {
        discard(tx, now, &by, of, Purpose::Acknowledge, why)?;
    }
    if !automatic {
        return Ok(Some("Word that it is solved is drafted; a person sends it"));
    }
    let newest = cases::store::desk::newest_event(tx, case.id)?;
    store::set_approved(tx, reply, None, newest, None, now)?;
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
    Ok(Some("Word that it is solved goes out"))
}

fn mail(
    tx: &mut Conn,
    app: &App,
    key: &str,
    case: &Case,
    thread: &ThreadFacts,
) -> Result<Option<&'static str>> {
    if tickets::store::has_mail(tx, key)? {
        return Ok(None);
    }
    let address = app.url(&crate::forum::thread_path(thread.id, &thread.slug));
    let told =
        tickets::notices::solved_in_thread(tx, app, case, key, (thread.title.as_str(), address))?;
    Ok(Some(if told {
        "Told by email that it is solved"
    } else {
        "Nobody to tell: no address and no network"
    }))
}
