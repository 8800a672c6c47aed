//! Sending a reply: once, whatever happens in between.
//!
//! The row says `sending` before the network is asked. Whoever finds it so later, after a crash
//! or an answer that never came, looks on our own timeline first: networks have no key by which
//! they would recognise a second copy. The look waits until what was sent must have arrived. What
//! may have gone out is never taken for unsent again, and no person is asked to post it, before a
//! look has said that it is not there.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::store::{self, Mention, Reply};
use super::{Purpose, ReplyState, acknowledge, close_loop};
use crate::app::App;
use crate::cases::states::{self, Happening};
use crate::cases::{self, Event, Step};
use crate::clock::{DAY, MINUTE, Moment, SECOND};
use crate::config::X_TIMEOUT_SECONDS_MAX;
use crate::db::audit::Actor;
use crate::db::{Conn, Lock, lock};
use crate::error::Result;
use crate::ids::ReplyId;
use crate::jobs::{Job, Next};
use crate::networks::x::connector::OWN_PAGES_MAX;
use crate::networks::{NetworkError, Opens, ReplyTo, Retry, Sent};
use crate::people::handles::{self, Handle};

/// How long a look is put off when the network can't be asked now (µs).
const LOOK_AGAIN: i64 = MINUTE;
/// How often a spent budget is asked for again, and a network that was switched off (µs).
const BUDGET_AGAIN: i64 = 30 * MINUTE;
/// How long an approval holds (µs): after a long weekend of an empty purse the customer may have
/// been helped elsewhere, and the words may be wrong.
pub const APPROVAL_LIFE: i64 = 3 * DAY;

/// Calls of one run at most: who we are, our newest posts before and after, the post itself, and
/// the renewal of a sign-in with the call it repeats, before each look and the post.
const CALLS_MAX: i64 = 1 + 2 * OWN_PAGES_MAX as i64 + 1 + 3 * 2;

/// Sends one approved reply.
#[derive(Serialize, Deserialize)]
pub struct SendReply {
    pub reply: ReplyId,
}

impl Job for SendReply {
    const KIND: &'static str = "send_reply";
    const LEASE: i64 = CALLS_MAX * X_TIMEOUT_SECONDS_MAX as i64 * SECOND;

    fn run(&self, app: &App) -> Result<Next> {
        send(app, self.reply)
    }
}

/// What stands in the row when a job comes to it.
enum Begin {
    Nothing,
    /// It may have gone out, and nobody can look before: its network is switched off, another worker
    /// may be at it, or what a killed process sent may still be on its way.
    Later(Moment),
    Try(Box<Attempt>),
}

/// One attempt: only the one that stands in the row may change it.
struct Attempt {
    reply: Reply,
    /// Which attempt it is.
    number: i64,
    mention: Mention,
    handle: Option<Handle>,
    to: ReplyTo,
    /// An earlier attempt may have reached the network.
    look_first: bool,
}

fn send(app: &App, id: ReplyId) -> Result<Next> {
    let attempt = match app.db.write(|tx| begin(tx, app, id, app.now()))? {
        Begin::Nothing => return Ok(Next::Done),
        Begin::Later(at) => return Ok(Next::Again(at)),
        Begin::Try(attempt) => attempt,
    };
    let Some(connector) = app.connector(attempt.mention.network) else {
        return Ok(Next::Again(app.now().plus(BUDGET_AGAIN)));
    };
    let body = &attempt.reply.body;
    if attempt.look_first {
        match connector.find_reply(&attempt.to, body) {
            Ok(Some(sent)) => return note_sent(app, &attempt.reply, &sent),
            Ok(None) if !is_still_wanted(app, &attempt)? => return Ok(Next::Done),
            Ok(None) => {}
            Err(error) => return put_off(app, &attempt, &error),
        }
    }
    match connector.reply(&attempt.to, body) {
        Ok(sent) => note_sent(app, &attempt.reply, &sent),
        Err(error) => match error {
            NetworkError::Refused { .. } | NetworkError::BadRequest { .. } => {
                fail(app, &attempt, &error.to_string(), true)
            }
            NetworkError::Gone => fail(app, &attempt, &error.to_string(), false),
            _ => put_off(app, &attempt, &error),
        },
    }
}

/// How long after it began a send may still be under way (µs): the time-out of a call, and as much
/// again for the network to show what it took.
fn settled_after(app: &App) -> i64 {
    let timeout = i64::try_from(app.config.x.timeout_seconds).unwrap_or(i64::MAX);
    timeout.saturating_mul(2 * SECOND)
}

fn begin(tx: &mut Conn, app: &App, id: ReplyId, now: Moment) -> Result<Begin> {
    lock(tx, Lock::Reply(id.0))?;
    let Some(reply) = store::reply(tx, id)? else {
        return Ok(Begin::Nothing);
    };
    let waits = match reply.state {
        ReplyState::Approved => !reply.handoff,
        ReplyState::Sending | ReplyState::Unknown => true,
        ReplyState::Draft | ReplyState::Sent | ReplyState::Failed | ReplyState::Discarded => false,
    };
    let Some(mention) = store::mention(tx, reply.mention)?.filter(|_| waits) else {
        return Ok(Begin::Nothing);
    };
    let handle = match mention.handle {
        Some(id) => handles::handle(tx, id)?,
        None => None,
    };
    let settled = reply.sending_since.map(|at| at.plus(settled_after(app)));
    if let Some(at) = settled.filter(|at| reply.state == ReplyState::Sending && now < *at) {
        return Ok(Begin::Later(at));
    }
    let look_first = !reply.is_unsent();
    if !look_first && let Some(objection) = objection(tx, app, &reply, &mention, handle.as_ref())? {
        set_aside(tx, now, &reply, &objection)?;
        return Ok(Begin::Nothing);
    }
    if app.connector(mention.network).is_none() {
        let why = format!("{} is not connected", mention.network.label());
        if look_first {
            store::set_unknown(tx, id, &why)?;
            return Ok(Begin::Later(now.plus(BUDGET_AGAIN)));
        }
        set_failed(tx, now, &reply, &why, true)?;
        return Ok(Begin::Nothing);
    }
    let mut to = acknowledge::reply_to(&mention, handle.as_ref());
    if let Some(target) = &reply.target_post_id {
        to.post_id.clone_from(target);
    }
    store::set_sending(tx, id, &to.post_id, now)?;
    Ok(Begin::Try(Box::new(Attempt {
        number: reply.attempts + 1,
        reply,
        mention,
        handle,
        to,
        look_first,
    })))
}

/// Why an approved reply is not to be sent now.
enum Objection {
    /// Nobody is there to answer.
    Gone,
    /// A person has to look at it again.
    Hold(String),
}

fn objection(
    tx: &mut Conn,
    app: &App,
    reply: &Reply,
    mention: &Mention,
    handle: Option<&Handle>,
) -> Result<Option<Objection>> {
    let now = app.now();
    if mention.deleted_at.is_some() {
        return Ok(Some(Objection::Gone));
    }
    let hold = |why: &str| Ok(Some(Objection::Hold(why.to_owned())));
    if reply
        .approved_at
        .is_some_and(|at| now.since(at) > APPROVAL_LIFE)
    {
        return hold("it was approved more than three days ago; what it says may no longer be so");
    }
    let is_outdated = match close_loop::thread_of_key(&reply.dedupe_key) {
        Some(thread) => !store::public_threads(tx, &[thread.0])?
            .get(&thread.0)
            .is_some_and(|t| t.is_solved),
        None => acknowledge::is_outdated(tx, app, reply)?,
    };
    if is_outdated {
        return hold("it says that the thread is solved, which it is not any more");
    }
    if !reply.automatic {
        return Ok(None);
    }
    if handle.is_some_and(|h| h.opted_out_at.is_some()) {
        return hold("asked for quiet: only a person may answer");
    }
    if acknowledge::was_said(tx, mention.network, &reply.body, Some(reply.id), now)? {
        return hold(acknowledge::SAID_BEFORE);
    }
    Ok(None)
}

fn set_aside(tx: &mut Conn, now: Moment, reply: &Reply, objection: &Objection) -> Result<()> {
    let (why, summary) = match objection {
        Objection::Gone => {
            let why = "the post was deleted by its author";
            return set_failed(tx, now, reply, why, false);
        }
        Objection::Hold(why) => (why, "The reply was not sent; a person decides anew"),
    };
    store::set_held(tx, reply.id, why)?;
    told(tx, now, reply, summary, why)
}

/// The attempt's row, while it is the one that was begun; held until the transaction ends.
fn own(tx: &mut Conn, attempt: &Attempt) -> Result<Option<Reply>> {
    lock(tx, Lock::Reply(attempt.reply.id.0))?;
    Ok(store::reply(tx, attempt.reply.id)?
        .filter(|row| row.state == ReplyState::Sending && row.attempts == attempt.number))
}

/// Asked again when a look has shown that it does not stand yet.
fn is_still_wanted(app: &App, attempt: &Attempt) -> Result<bool> {
    let now = app.now();
    app.db.write(|tx| {
        let Some(row) = own(tx, attempt)? else {
            return Ok(false);
        };
        let handle = attempt.handle.as_ref();
        match objection(tx, app, &row, &attempt.mention, handle)? {
            None => {
                // The look took its time; what goes out now is given time to arrive from now on.
                store::set_sending_since(tx, row.id, now)?;
                Ok(true)
            }
            Some(objection) => {
                set_aside(tx, now, &row, &objection)?;
                Ok(false)
            }
        }
    })
}

/// The actor in whose name it is said.
fn said_by(reply: &Reply) -> Actor {
    if reply.automatic {
        Actor::rule("auto_acknowledge")
    } else {
        Actor::rule("send_reply")
    }
}

fn note_sent(app: &App, reply: &Reply, sent: &Sent) -> Result<Next> {
    let now = app.now();
    app.db.write(|tx| {
        lock_with_case(tx, reply)?;
        if store::reply(tx, reply.id)?.is_none_or(|r| r.state == ReplyState::Sent) {
            return Ok(());
        }
        let (url, by) = (sent.url.as_deref(), said_by(reply));
        sent_now(tx, app, now, reply, &sent.id, url, &by)
    })?;
    tracing::info!(reply = %reply.id, case = %reply.case, "sent a reply");
    Ok(Next::Done)
}

/// Holds the case that the reply speaks in, then the reply: in this order everywhere, so that two
/// can't wait for each other.
fn lock_with_case(tx: &mut Conn, reply: &Reply) -> Result<()> {
    cases::hold_successor(tx, reply.case)?;
    lock(tx, Lock::Reply(reply.id.0))
}

/// Notes that the reply stands on the network, and lets the case know whose turn it is.
pub(super) fn sent_now(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    reply: &Reply,
    network_post_id: &str,
    url: Option<&str>,
    by: &Actor,
) -> Result<()> {
    store::set_sent(tx, reply.id, network_post_id, now)?;
    let Some(case) = cases::store::case_or_successor(tx, reply.case)? else {
        return Ok(());
    };
    let step = match reply.purpose {
        Purpose::CloseLoop => Step::CloseLoop,
        Purpose::Acknowledge | Purpose::Answer => Step::Acknowledge,
    };
    cases::record_event(
        tx,
        now,
        case.id,
        Event {
            step,
            by,
            mention: Some(reply.mention),
            summary: "The reply stands in public",
            reasons: vec![],
            data: json!({"reply": reply.id, "post": network_post_id, "url": url}),
        },
    )?;
    let spoke = match reply.approved_event {
        Some(seen) => cases::store::customer_spoke_since(tx, case.id, seen)?,
        None => false,
    };
    let what = if spoke {
        // It answers what was said before; what they said since waits for us.
        Happening::Acknowledged
    } else {
        match reply.purpose {
            Purpose::Acknowledge => acknowledge::whose_turn(tx, app, reply)?,
            Purpose::Answer => Happening::StaffAnswered,
            // The case was resolved with the thread; saying so changes nothing.
            Purpose::CloseLoop => Happening::Acknowledged,
        }
    };
    states::happen(tx, now, by, case.id, what, "answered in public")?;
    Ok(())
}

fn fail(app: &App, attempt: &Attempt, why: &str, handoff: bool) -> Result<Next> {
    let now = app.now();
    app.db.write(|tx| match own(tx, attempt)? {
        Some(row) => set_failed(tx, now, &row, why, handoff),
        None => Ok(()),
    })?;
    Ok(Next::Done)
}

fn set_failed(tx: &mut Conn, now: Moment, reply: &Reply, why: &str, handoff: bool) -> Result<()> {
    store::set_reply_failed(tx, reply.id, why, handoff)?;
    let summary = if handoff {
        "The reply was not sent; a person can post it by hand"
    } else {
        "The reply was not sent"
    };
    tracing::warn!(reply = %reply.id, case = %reply.case, why, "a reply was not sent");
    told(tx, now, reply, summary, why)
}

fn told(tx: &mut Conn, now: Moment, reply: &Reply, summary: &str, why: &str) -> Result<()> {
    cases::record_event(
        tx,
        now,
        reply.case,
        Event {
            step: Step::Acknowledge,
            by: &said_by(reply),
            mention: Some(reply.mention),
            summary,
            reasons: vec![why.to_owned()],
            data: json!({"reply": reply.id}),
        },
    )
}

/// Nobody's fault: the row waits, and the job comes again. It is unsent as before only when this
/// was the first attempt and the network surely took nothing.
fn put_off(app: &App, attempt: &Attempt, error: &NetworkError) -> Result<Next> {
    let took_nothing = matches!(
        error,
        NetworkError::RateLimited { .. }
            | NetworkError::CreditsDepleted
            | NetworkError::NeedsReconnect { .. }
            | NetworkError::NotPermitted { .. }
            | NetworkError::Unavailable { .. }
            | NetworkError::Budget { .. }
    );
    let why = error.to_string();
    app.db.write(|tx| match own(tx, attempt)? {
        Some(row) if took_nothing && !attempt.look_first => store::set_unsent(tx, row.id, &why),
        Some(row) => store::set_unknown(tx, row.id, &why),
        None => Ok(()),
    })?;
    tracing::info!(reply = %attempt.reply.id, error = error.name(), "a reply waits");
    let attempts = u32::try_from(attempt.number - 1).unwrap_or(u32::MAX);
    Ok(Next::Again(again_at(app, error, attempts)))
}

/// When the network may be asked again, after `attempts` that failed before in a row.
pub(super) fn again_at(app: &App, error: &NetworkError, attempts: u32) -> Moment {
    let now = app.now();
    let micros = |d: std::time::Duration| i64::try_from(d.as_micros()).unwrap_or(LOOK_AGAIN);
    // Up to a tenth more, so that nodes do not come back together.
    let jitter = |micros: i64| {
        let tenth = u64::try_from(micros / 10).unwrap_or(0);
        micros.saturating_add(i64::try_from(app.random.below(tenth)).unwrap_or(0))
    };
    match (error, error.retry(attempts)) {
        (NetworkError::Budget { opens, .. }, _) => match opens {
            Opens::Tomorrow | Opens::NextMonth => now.plus(BUDGET_AGAIN),
        },
        (_, Retry::At(at)) => at.max(now.plus(SECOND)),
        (_, Retry::BackOff(d)) => now.plus(jitter(micros(d))),
        (_, Retry::LookFirst(d) | Retry::Person(d)) => now.plus(micros(d)),
        (_, Retry::Never) => now.plus(LOOK_AGAIN),
    }
}
