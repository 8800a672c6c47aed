//! Links: the recorded bond of a case to a thread, its ticket or another case.
//!
//! A link is proposed by a rule or a person and confirmed or rejected; what was confirmed can be
//! undone. At most one link a case and target, so that an answer given once is remembered.

use serde_json::json;

use super::{Event, Step, record_event, store};
use crate::clock::Moment;
use crate::db::audit::{self, Act, Actor};
use crate::db::{Conn, Lock, lock};
use crate::error::{Error, Result};
use crate::ids::{CaseId, LinkId, ThreadId};

/// What a case is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Thread(ThreadId),
    /// The case's own ticket.
    Ticket,
    /// The same problem of the same person, perhaps.
    Case(CaseId),
}

impl Target {
    /// What is unique within a case.
    pub fn key(self) -> String {
        match self {
            Target::Thread(id) => format!("thread:{id}"),
            Target::Ticket => "ticket".to_owned(),
            Target::Case(id) => format!("case:{id}"),
        }
    }

    pub fn kind(self) -> &'static str {
        match self {
            Target::Thread(_) => "thread",
            Target::Ticket => "ticket",
            Target::Case(_) => "case",
        }
    }
}

/// Where a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    Proposed,
    Confirmed,
    Rejected,
    Undone,
}

impl LinkState {
    pub fn as_str(self) -> &'static str {
        match self {
            LinkState::Proposed => "proposed",
            LinkState::Confirmed => "confirmed",
            LinkState::Rejected => "rejected",
            LinkState::Undone => "undone",
        }
    }
}

impl std::str::FromStr for LinkState {
    type Err = Error;

    fn from_str(word: &str) -> Result<LinkState> {
        match word {
            "proposed" => Ok(LinkState::Proposed),
            "confirmed" => Ok(LinkState::Confirmed),
            "rejected" => Ok(LinkState::Rejected),
            "undone" => Ok(LinkState::Undone),
            other => Err(Error::Data(format!("`{other}` is no state of a link"))),
        }
    }
}

/// A link as stored.
#[derive(Clone, Debug)]
pub struct Link {
    pub id: LinkId,
    pub case: CaseId,
    pub target: Target,
    pub state: LinkState,
    /// How sure the proposer was, 0 to 1.
    pub score: f64,
    pub reasons: Vec<String>,
    /// The rule that made it; empty when a person did.
    pub rule: String,
    pub created_at: Moment,
    /// Set when the customer was told that its target is solved.
    pub told_at: Option<Moment>,
}

/// A bond that a rule or a person makes.
#[derive(Clone, Debug)]
pub struct NewLink {
    pub target: Target,
    pub score: f64,
    pub reasons: Vec<String>,
    /// Empty when a person makes it.
    pub rule: String,
}

/// What came of a decision about a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done(CaseId, LinkId),
    /// It stands so already; nothing was done twice.
    Already(CaseId, LinkId),
    NoSuchLink,
}

/// Proposes a link, unless there is one to this target, in whatever state: what a person
/// rejected is not proposed again.
pub fn propose(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    case: CaseId,
    link: &NewLink,
) -> Result<bool> {
    lock(tx, Lock::Case(case.0))?;
    let made = store::insert_link(tx, now, case, link, LinkState::Proposed, None)?;
    if let Some(id) = made {
        story(
            tx,
            now,
            by,
            case,
            id,
            link.target,
            "Proposed",
            &link.reasons,
            link.score,
        )?;
        let why = reason_of(link);
        record(tx, now, by, "link_proposed", case, id, link.target, &why)?;
    }
    Ok(made.is_some())
}

/// What the audit log says of why. A rule's reasons quote the post, which its author may delete;
/// they stand in the story alone, where they can be taken out.
fn reason_of(link: &NewLink) -> String {
    match link.rule.as_str() {
        "" => link.reasons.join("; "),
        rule => rule.to_owned(),
    }
}

/// Links at once: by a rule that is sure enough, or by a person who chose the target.
pub fn link(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    case: CaseId,
    link: &NewLink,
) -> Result<Outcome> {
    lock(tx, Lock::Case(case.0))?;
    if let Some(id) = store::insert_link(tx, now, case, link, LinkState::Confirmed, by.user_id())? {
        story(
            tx,
            now,
            by,
            case,
            id,
            link.target,
            "Linked",
            &link.reasons,
            link.score,
        )?;
        let why = reason_of(link);
        record(tx, now, by, "link_confirmed", case, id, link.target, &why)?;
        return Ok(Outcome::Done(case, id));
    }
    match store::link_to(tx, case, link.target)? {
        Some(known) => decide(tx, now, by, known.id, LinkState::Confirmed, ""),
        None => Ok(Outcome::NoSuchLink),
    }
}

/// Confirms, rejects or undoes a link.
pub fn decide(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    id: LinkId,
    to: LinkState,
    why: &str,
) -> Result<Outcome> {
    let Some(known) = store::link(tx, id)? else {
        return Ok(Outcome::NoSuchLink);
    };
    lock(tx, Lock::Case(known.case.0))?;
    let Some(link) = store::link(tx, id)? else {
        return Ok(Outcome::NoSuchLink);
    };
    let to = match (link.state, to) {
        // Taking back a confirmed link is an undo, whatever the button said.
        (LinkState::Confirmed, LinkState::Rejected) => LinkState::Undone,
        (_, to) => to,
    };
    if link.state == to {
        return Ok(Outcome::Already(link.case, id));
    }
    store::set_link_state(tx, id, to, now, by.user_id())?;
    let (words, act) = match to {
        LinkState::Confirmed => ("Linked", "link_confirmed"),
        LinkState::Rejected => ("Not this", "link_rejected"),
        LinkState::Undone => ("Link undone", "link_undone"),
        LinkState::Proposed => ("Proposed again", "link_proposed"),
    };
    let reasons = if why.is_empty() {
        vec![]
    } else {
        vec![why.to_owned()]
    };
    story(
        tx,
        now,
        by,
        link.case,
        id,
        link.target,
        words,
        &reasons,
        link.score,
    )?;
    record(tx, now, by, act, link.case, id, link.target, why)?;
    Ok(Outcome::Done(link.case, id))
}

#[allow(clippy::too_many_arguments)]
fn story(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    case: CaseId,
    id: LinkId,
    target: Target,
    words: &str,
    reasons: &[String],
    score: f64,
) -> Result<()> {
    let to = match target {
        Target::Thread(t) => format!("thread {t}"),
        Target::Ticket => "an email ticket".to_owned(),
        Target::Case(c) => format!("case {c}"),
    };
    record_event(
        tx,
        now,
        case,
        Event {
            step: Step::Link,
            by,
            mention: None,
            summary: &format!("{words}: {to}"),
            reasons: reasons.to_vec(),
            data: json!({"link": id, "target": target.key(), "score": score}),
        },
    )
}

#[allow(clippy::too_many_arguments)]
fn record(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    act: &'static str,
    case: CaseId,
    id: LinkId,
    target: Target,
    reason: &str,
) -> Result<()> {
    let data = json!({"link": id, "target": target.key()});
    audit::record(
        tx,
        now,
        Act {
            by,
            act,
            subject: ("case", case.0),
            reason,
            data,
        },
    )
}
