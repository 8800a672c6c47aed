//! Sending a reply: once, whatever happens in between.
//!
//! The row says `sending` before the network is asked. Whoever finds it so later, after a crash
//! or an answer that never came, looks on our own timeline first: networks have no key by which
//! they would recognise a second copy. The look waits until what was sent must have arrived.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::store::{self, Mention, Reply};
use super::{Purpose, ReplyState, acknowledge};
use crate::app::App;
use crate::cases::states::{self, Happening};
use crate::cases::{self, Event, Step};
use crate::clock::{MINUTE, Moment, SECOND};
use crate::db::audit::Actor;
use crate::db::{Conn, Lock, lock};
use crate::error::Result;
use crate::ids::ReplyId;
use crate::jobs::{Job, Next};
use crate::networks::{NetworkError, Opens, Retry, Sent};
use crate::people::handles::{self, Handle};

/// How long a look is put off when the network can't be asked now (µs).
const LOOK_AGAIN: i64 = MINUTE;
/// How often a spent budget is asked for again (µs).
const BUDGET_AGAIN: i64 = 30 * MINUTE;

/// Sends one approved reply.
#[derive(Serialize, Deserialize)]
pub struct SendReply {
    pub reply: ReplyId,
}

impl Job for SendReply {
    const KIND: &'static str = "send_reply";

    fn run(&self, app: &App) -> Result<Next> {
        send(app, self.reply)
    }
}

/// What stands in the row when a job comes to it.
enum Begin {
    Nothing,
    /// Never tried: sending may begin.
    Fresh(Reply, Mention, Option<Handle>),
    /// Tried, with an unknown end: look first.
    LookFirst(Reply, Mention, Option<Handle>),
    /// Another worker may be at it, or what a killed process sent may still be on its way.
    UnderWay(Moment),
}

fn send(app: &App, id: ReplyId) -> Result<Next> {
    let begun = app
        .db
        .write(|tx| begin(tx, id, app.now(), settled_after(app)))?;
    let (reply, mention, handle, look) = match begun {
        Begin::Nothing => return Ok(Next::Done),
        Begin::UnderWay(until) => return Ok(Next::Again(until)),
        Begin::Fresh(r, m, h) => (r, m, h, false),
        Begin::LookFirst(r, m, h) => (r, m, h, true),
    };
    let to = acknowledge::reply_to(&mention, handle.as_ref());
    let Some(connector) = app.connector(mention.network) else {
        let why = format!("{} is not connected", mention.network.label());
        return fail(app, &reply, &why, true);
    };
    if look {
        match connector.find_reply(&to, &reply.body) {
            Ok(Some(sent)) => return note_sent(app, &reply, &sent),
            Ok(None) => {}
            Err(error) => return put_off(app, &reply, &error, ReplyState::Unknown),
        }
    }
    match connector.reply(&to, &reply.body) {
        Ok(sent) => note_sent(app, &reply, &sent),
        Err(error) => match error {
            NetworkError::Refused { .. } | NetworkError::BadRequest { .. } => {
                fail(app, &reply, &error.to_string(), true)
            }
            NetworkError::Gone => fail(app, &reply, &error.to_string(), false),
            NetworkError::Ambiguous { .. } | NetworkError::BadAnswer { .. } => {
                put_off(app, &reply, &error, ReplyState::Unknown)
            }
            // Not accepted, so that it surely does not stand: it may begin anew later.
            _ => put_off(app, &reply, &error, ReplyState::Approved),
        },
    }
}

/// How long after it began a send may still be under way (µs): the time-out of a call, and as much
/// again for the network to show what it took.
fn settled_after(app: &App) -> i64 {
    let timeout = i64::try_from(app.config.x.timeout_seconds).unwrap_or(i64::MAX);
    timeout.saturating_mul(2 * SECOND)
}

fn begin(tx: &mut Conn, id: ReplyId, now: Moment, settled_after: i64) -> Result<Begin> {
    lock(tx, Lock::Reply(id.0))?;
    let Some(reply) = store::reply(tx, id)? else {
        return Ok(Begin::Nothing);
    };
    let Some(mention) = store::mention(tx, reply.mention)? else {
        return Ok(Begin::Nothing);
    };
    let handle = match mention.handle {
        Some(id) => handles::handle(tx, id)?,
        None => None,
    };
    if mention.deleted_at.is_some() && reply.state == ReplyState::Approved {
        store::set_reply_failed(tx, id, "the post was deleted by its author", false)?;
        return Ok(Begin::Nothing);
    }
    match reply.state {
        ReplyState::Approved => {
            store::set_sending(tx, id, now)?;
            Ok(Begin::Fresh(reply, mention, handle))
        }
        ReplyState::Sending | ReplyState::Unknown => {
            let settled = reply.sending_since.map(|at| at.plus(settled_after));
            match settled.filter(|_| reply.state == ReplyState::Sending) {
                Some(at) if now < at => Ok(Begin::UnderWay(at)),
                _ => Ok(Begin::LookFirst(reply, mention, handle)),
            }
        }
        ReplyState::Draft | ReplyState::Sent | ReplyState::Failed | ReplyState::Discarded => {
            Ok(Begin::Nothing)
        }
    }
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
        lock(tx, Lock::Reply(reply.id.0))?;
        if store::reply(tx, reply.id)?.is_none_or(|r| r.state == ReplyState::Sent) {
            return Ok(());
        }
        sent_now(
            tx,
            now,
            reply,
            &sent.id,
            sent.url.as_deref(),
            &said_by(reply),
        )
    })?;
    tracing::info!(reply = %reply.id, case = %reply.case, "sent a reply");
    Ok(Next::Done)
}

/// Notes that the reply stands on the network, and lets the case know.
pub(super) fn sent_now(
    tx: &mut Conn,
    now: Moment,
    reply: &Reply,
    network_post_id: &str,
    url: Option<&str>,
    by: &Actor,
) -> Result<()> {
    store::set_sent(tx, reply.id, network_post_id, now)?;
    let step = match reply.purpose {
        Purpose::CloseLoop => Step::CloseLoop,
        Purpose::Acknowledge | Purpose::Answer => Step::Acknowledge,
    };
    cases::record_event(
        tx,
        now,
        reply.case,
        Event {
            step,
            by,
            mention: Some(reply.mention),
            summary: "The reply stands in public",
            reasons: vec![],
            data: json!({"reply": reply.id, "post": network_post_id, "url": url}),
        },
    )?;
    let why = "answered in public";
    states::happen(tx, now, by, reply.case, Happening::StaffAnswered, why)?;
    Ok(())
}

fn fail(app: &App, reply: &Reply, why: &str, handoff: bool) -> Result<Next> {
    let now = app.now();
    app.db.write(|tx| {
        store::set_reply_failed(tx, reply.id, why, handoff)?;
        let summary = if handoff {
            "The reply was not sent; a person can post it by hand"
        } else {
            "The reply was not sent"
        };
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
    })?;
    tracing::warn!(reply = %reply.id, case = %reply.case, why, "a reply was not sent");
    Ok(Next::Done)
}

/// Nobody's fault: the row waits in `state` and the job comes again.
fn put_off(app: &App, reply: &Reply, error: &NetworkError, state: ReplyState) -> Result<Next> {
    app.db
        .write(|tx| store::set_reply_waiting(tx, reply.id, state, &error.to_string()))?;
    tracing::info!(reply = %reply.id, error = error.name(), "a reply waits");
    let attempts = u32::try_from(reply.attempts.max(1) - 1).unwrap_or(u32::MAX);
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
