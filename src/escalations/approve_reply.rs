//! What a person does with a drafted reply: approve it, perhaps in other words, or discard it.

use serde_json::json;

use super::acknowledge::{self, Said};
use super::store::{self, NewReply, Reply};
use super::{ReplyState, send_reply::SendReply};
use crate::app::App;
use crate::cases::{self, Case, Event, Step, policy};
use crate::clock::Moment;
use crate::db::audit::{self, Act};
use crate::db::{Conn, Lock, lock};
use crate::error::{Problem, Result};
use crate::ids::{CaseId, ReplyId};
use crate::jobs;
use crate::people::handles;
use crate::people::{self, CurrentUser};
use crate::text::{personal_data, storable};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It stands so already; nothing was done twice.
    Already,
    /// Somebody changed it meanwhile: show what it says now.
    Changed,
    /// Somebody approved it in other words; nothing of what was typed is said.
    ApprovedOtherwise {
        who: String,
    },
    /// A colleague answered the customer since the page was shown; nothing was approved.
    SomebodyElseAnswered {
        who: String,
    },
    /// The customer wrote since the page was shown; nothing was approved.
    CustomerWrote,
    NotAllowed,
    NoSuchReply,
    /// Shown beside what was typed.
    Problems(Vec<Problem>),
}

/// Why a reply can't be decided about.
pub(super) enum Stop {
    NoSuchReply,
    NotAllowed,
}

impl From<Stop> for Outcome {
    fn from(stop: Stop) -> Outcome {
        match stop {
            Stop::NoSuchReply => Outcome::NoSuchReply,
            Stop::NotAllowed => Outcome::NotAllowed,
        }
    }
}

/// A reply that the user may decide about, with the case in which its own goes on: both held still,
/// the case first, in this order everywhere.
pub(super) fn load(
    tx: &mut Conn,
    by: &CurrentUser,
    id: ReplyId,
) -> Result<Result<(Reply, Case), Stop>> {
    let Some(reply) = store::reply(tx, id)? else {
        return Ok(Err(Stop::NoSuchReply));
    };
    let case = cases::hold_successor(tx, reply.case)?;
    lock(tx, Lock::Reply(id.0))?;
    let (Some(reply), Some(case)) = (store::reply(tx, id)?, case) else {
        return Ok(Err(Stop::NoSuchReply));
    };
    if !policy::can_work_on(by, &case) {
        return Ok(Err(Stop::NotAllowed));
    }
    Ok(Ok((reply, case)))
}

/// What the page showed on which a reply is decided.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// The version of the draft.
    pub version: i64,
    /// The newest event of the case and of those it took in.
    pub event: i64,
}

/// Approves a draft in the words of `body`; a job says it. A reply that only a person may post is
/// approved too, and waits to be posted by hand. Nothing is approved over words that were not shown.
pub fn approve_reply(
    app: &App,
    by: &CurrentUser,
    id: ReplyId,
    body: &str,
    shown: Shown,
) -> Result<Outcome> {
    let now = app.now();
    let body = body.trim();
    app.db.write(|tx| {
        let (reply, case) = match load(tx, by, id)? {
            Ok(found) => found,
            Err(stop) => return Ok(stop.into()),
        };
        match reply.state {
            ReplyState::Draft => {}
            ReplyState::Discarded => return Ok(Outcome::Changed),
            _ if reply.body == storable(body) => return Ok(Outcome::Already),
            _ => {
                let who = match reply.approved_by {
                    Some(id) => people::store::name_of(tx, id)?,
                    None => None,
                };
                return Ok(Outcome::ApprovedOtherwise {
                    who: who.unwrap_or_else(|| "A rule".to_owned()),
                });
            }
        }
        if reply.version != shown.version {
            return Ok(Outcome::Changed);
        }
        if cases::store::customer_wrote_since(tx, case.id, shown.event)? {
            return Ok(Outcome::CustomerWrote);
        }
        if let Some(who) = cases::store::answered_since(tx, case.id, by.id, shown.event)? {
            return Ok(Outcome::SomebodyElseAnswered { who });
        }
        let Some(mention) = store::mention(tx, reply.mention)? else {
            return Ok(Outcome::NoSuchReply);
        };
        let handle = match mention.handle {
            Some(id) => handles::handle(tx, id)?,
            None => None,
        };
        let to = acknowledge::reply_to(&mention, handle.as_ref());
        let draft = acknowledge::weigh(app, mention.network, &to, body);
        let mut problems = Vec::new();
        if body.is_empty() {
            problems.push(Problem::new("body", "Write what the reply is to say."));
        }
        if !draft.fits() {
            problems.push(Problem::new(
                "body",
                format!(
                    "The reply weighs {} characters as the network counts; {} fit. Shorten it.",
                    draft.length, draft.length_max
                ),
            ));
        }
        if Said::load(tx, mention.network, Some(id), now)?.has_exactly(body) {
            problems.push(Problem::new(
                "body",
                "Somebody else got these very words within a day, and the network refuses a text \
                 it has seen. Change a few of them.",
            ));
        }
        if let Some(found) =
            personal_data::find(&without_ours(&app.config.site.url, reply.case, body)).first()
        {
            problems.push(Problem::new(
                "body",
                format!(
                    "There is a {} in it, and everybody will read this. Take it out.",
                    found.kind.words()
                ),
            ));
        }
        if !problems.is_empty() {
            return Ok(Outcome::Problems(problems));
        }
        let edited = body != reply.body;
        store::set_draft(
            tx,
            id,
            &NewReply {
                case: reply.case,
                mention: reply.mention,
                purpose: reply.purpose,
                body,
                has_link: draft.has_link,
                weighted_length: draft.length,
                cost_micros: draft.cost_micros,
                handoff: draft.handoff_reason.is_some(),
                automatic: false,
                dedupe_key: &reply.dedupe_key,
                drafted_by: edited.then_some(by.id).or(reply.drafted_by),
            },
        )?;
        let newest = cases::store::desk::newest_event(tx, case.id)?;
        let by_hand_because = draft.handoff_reason.as_deref();
        store::set_approved(tx, id, Some(by.id), newest, by_hand_because, now)?;
        let by_hand = draft.handoff_reason.is_some();
        tell(
            tx,
            now,
            by,
            (case.id, &reply),
            "reply_approved",
            match (by_hand, edited) {
                (true, _) => "Approved the reply; a person posts it by hand",
                (false, true) => "Edited and approved the reply",
                (false, false) => "Approved the reply",
            },
            draft.handoff_reason.as_deref().unwrap_or(""),
        )?;
        if !by_hand {
            jobs::enqueue(tx, now, &SendReply { reply: id })?;
        }
        Ok(Outcome::Done)
    })
}

/// The text without the number of the case and the addresses of our own pages: what looks like an
/// order's number in them is none.
fn without_ours(site: &str, case: CaseId, body: &str) -> String {
    let number = format!("C{case}");
    let mut left = String::with_capacity(body.len());
    for word in body.split_inclusive(char::is_whitespace) {
        if word.trim_matches(|c: char| !c.is_alphanumeric()) == number {
            left += &word.replace(&number, "…");
        } else if let Some((before, path)) = word.split_once(site) {
            let is_part = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
            left += before;
            left += path.trim_start_matches(is_part);
            left.push(' ');
        } else {
            left += word;
        }
    }
    left
}

/// Takes a draft, a reply that could not be sent, or one that waits and surely is not out, off the
/// desk.
pub fn discard_reply(app: &App, by: &CurrentUser, id: ReplyId, why: &str) -> Result<Outcome> {
    let now = app.now();
    app.db.write(|tx| {
        let (reply, case) = match load(tx, by, id)? {
            Ok(found) => found,
            Err(stop) => return Ok(stop.into()),
        };
        let by_hand = reply.handoff && reply.state == ReplyState::Approved;
        match reply.state {
            ReplyState::Draft | ReplyState::Failed => {}
            _ if by_hand || reply.is_unsent() => {}
            ReplyState::Discarded => return Ok(Outcome::Already),
            _ => return Ok(Outcome::Changed),
        }
        store::set_reply_state(tx, id, ReplyState::Discarded)?;
        tell(
            tx,
            now,
            by,
            (case.id, &reply),
            "reply_discarded",
            "Discarded the reply",
            why,
        )?;
        Ok(Outcome::Done)
    })
}

/// Tells it in the story of `case`, in which the reply's own goes on.
pub(super) fn tell(
    tx: &mut Conn,
    now: Moment,
    by: &CurrentUser,
    (case, reply): (CaseId, &Reply),
    act: &'static str,
    summary: &str,
    why: &str,
) -> Result<()> {
    let actor = by.actor();
    let reasons = if why.is_empty() {
        vec![]
    } else {
        vec![why.to_owned()]
    };
    cases::record_event(
        tx,
        now,
        case,
        Event {
            step: Step::Acknowledge,
            by: &actor,
            mention: Some(reply.mention),
            summary,
            reasons,
            data: json!({"reply": reply.id, "act": act}),
        },
    )?;
    audit::record(
        tx,
        now,
        Act {
            by: &actor,
            act,
            subject: ("case", case.0),
            reason: why,
            data: json!({"reply": reply.id}),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_numbers_and_addresses_are_no_orders() {
        let site = "https://help.example";
        let finds =
            |body: &str| !personal_data::find(&without_ours(site, CaseId(1000), body)).is_empty();
        assert!(!finds("A person is on it. Your case is C1000."));
        assert!(!finds(
            "We have noted it as case C1000 and come back to you."
        ));
        assert!(!finds(
            "It is followed here: https://help.example/t/7/where-is-order-1234"
        ));
        assert!(finds("Your case is C1001."));
        assert!(finds("Your case is C1000, your order 123456."));
        assert!(finds(
            "See https://help.example/t/7/x or call +49 30 1234567."
        ));
        assert!(finds("See https://elsewhere.example/order-1234."));
    }
}
