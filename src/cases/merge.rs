//! Merging: a case found to be the same problem of the same person goes on in another.

use serde_json::json;

use super::links::{LinkState, Target};
use super::states::{Happening, free_of_strangers, happen};
use super::{Case, Event, State, Step, record_event, store};
use crate::clock::Moment;
use crate::db::audit::{self, Act, Actor};
use crate::db::{Conn, Lock, lock};
use crate::error::Result;
use crate::ids::CaseId;

/// What came of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeOutcome {
    Merged,
    NoSuchCase,
    /// A case can't go on in itself, nor in one that itself went on elsewhere.
    NotPossible,
    /// Nobody would look at it there.
    TargetClosed,
}

/// `from` goes on in `into`: `from` is closed and says where it went, and so does whatever went on
/// in `from` before. If `from` waits for staff, `into` waits from then on too, in the older place.
/// It takes over the worse severity, and what it did not know yet: product and customer. What hangs on `from` (mentions, ticket, links) stays there and is shown with `into`.
pub fn merge(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    from: CaseId,
    into: CaseId,
    why: &str,
) -> Result<MergeOutcome> {
    // In the order of ids, so that two merges can't wait for each other.
    lock(tx, Lock::Case(from.0.min(into.0)))?;
    lock(tx, Lock::Case(from.0.max(into.0)))?;
    let (Some(old), Some(kept)) = (store::case(tx, from)?, store::case(tx, into)?) else {
        return Ok(MergeOutcome::NoSuchCase);
    };
    if from == into || old.merged_into.is_some() || kept.merged_into.is_some() {
        return Ok(MergeOutcome::NotPossible);
    }
    if kept.state == State::Closed {
        return Ok(MergeOutcome::TargetClosed);
    }
    happen(
        tx,
        now,
        by,
        from,
        Happening::Closed,
        &format!("it goes on in case {into}"),
    )?;
    store::set_merged(tx, from, into, now)?;
    settle_proposals(tx, now, by, into)?;
    if old.state.waits_for_staff() {
        wait_on(tx, now, by, &old, into)?;
    }
    let taken_over = take_over(tx, now, by, &old, &kept)?;
    let took_in = match taken_over.as_slice() {
        [] => format!("Took in case {from}"),
        these => format!("Took in case {from}, and from it: {}", these.join(", ")),
    };
    let told = [
        (
            from,
            format!("Goes on in case {into}"),
            "case_merged",
            json!({"into": into}),
        ),
        (
            into,
            took_in,
            "case_took_in",
            json!({"from": from, "taken_over": taken_over}),
        ),
    ];
    for (case, summary, act, data) in told {
        tell(tx, now, by, (case, &summary, act), why, data)?;
    }
    Ok(MergeOutcome::Merged)
}

/// What `kept` has from `old` from now on, in words.
fn take_over(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    old: &Case,
    kept: &Case,
) -> Result<Vec<String>> {
    let mut taken_over = Vec::new();
    if old.severity.is_worse_than(kept.severity) {
        store::set_severity(tx, kept.id, old.severity)?;
        taken_over.push(format!("severity {}", old.severity.label()));
    }
    if kept.product.is_none() && old.product.is_some() {
        store::set_product(tx, kept.id, old.product, old.topic)?;
        free_of_strangers(tx, now, by, kept.id)?;
        taken_over.push("the product".to_owned());
    }
    let user = old.user.filter(|_| kept.user.is_none());
    let email = old.email.as_deref().filter(|_| kept.email.is_none());
    let handle = old.handle.filter(|_| kept.handle.is_none());
    store::set_customer(tx, kept.id, user, email)?;
    if let Some(handle) = handle {
        store::set_handle(tx, kept.id, handle)?;
    }
    for (is_new, words) in [
        (user.is_some(), "the member"),
        (email.is_some(), "the address"),
        (handle.is_some(), "the handle"),
    ] {
        if is_new {
            taken_over.push(words.to_owned());
        }
    }
    Ok(taken_over)
}

/// That two cases are one problem was proposed, perhaps: now somebody has said so.
fn settle_proposals(tx: &mut Conn, now: Moment, by: &Actor, into: CaseId) -> Result<()> {
    let family = store::desk::family(tx, into)?;
    for link in store::links_of_any(tx, &family)? {
        let is_settled = matches!(link.target, Target::Case(other) if family.contains(&other));
        if is_settled && link.state == LinkState::Proposed {
            store::set_link_state(tx, link.id, LinkState::Confirmed, now, by.user_id())?;
        }
    }
    Ok(())
}

/// The wait of `old` goes on in `into`, whatever state that is in: nobody falls out of the queue.
fn wait_on(tx: &mut Conn, now: Moment, by: &Actor, old: &Case, into: CaseId) -> Result<()> {
    let why = format!("case {}, which waits for us, goes on here", old.id);
    happen(tx, now, by, into, Happening::CustomerWrote, &why)?;
    if let Some(kept) = store::case(tx, into)? {
        store::set_place(tx, into, old.waiting_since.min(kept.waiting_since))?;
    }
    Ok(())
}

fn tell(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    (case, summary, act): (CaseId, &str, &'static str),
    why: &str,
    data: serde_json::Value,
) -> Result<()> {
    let reasons = if why.is_empty() {
        vec![]
    } else {
        vec![why.to_owned()]
    };
    record_event(
        tx,
        now,
        case,
        Event {
            step: Step::Merge,
            by,
            mention: None,
            summary,
            reasons,
            data: data.clone(),
        },
    )?;
    audit::record(
        tx,
        now,
        Act {
            by,
            act,
            subject: ("case", case.0),
            reason: why,
            data,
        },
    )
}

/// The case in which `id` goes on (itself, unless it was merged), held still until the transaction
/// ends and read after that: what is decided by its state holds.
pub fn hold_successor(tx: &mut Conn, id: CaseId) -> Result<Option<Case>> {
    let mut at = id;
    loop {
        lock(tx, Lock::Case(at.0))?;
        match store::case(tx, at)? {
            // Merged while we waited for it.
            Some(Case {
                merged_into: Some(into),
                ..
            }) => at = into,
            found => return Ok(found),
        }
    }
}
