//! Merging: a case found to be the same problem of the same person goes on in another.

use serde_json::json;

use super::states::{Happening, happen};
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
/// What hangs on `from` (mentions, ticket, links) stays there and is shown with `into`.
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
    if old.state.waits_for_staff() {
        wait_on(tx, now, by, &old, into)?;
    }
    let told = [
        (
            from,
            format!("Goes on in case {into}"),
            "case_merged",
            json!({"into": into}),
        ),
        (
            into,
            format!("Took in case {from}"),
            "case_took_in",
            json!({"from": from}),
        ),
    ];
    for (case, summary, act, data) in told {
        tell(tx, now, by, (case, &summary, act), why, data)?;
    }
    Ok(MergeOutcome::Merged)
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
