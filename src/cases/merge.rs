//! Merging: a case found to be the same problem of the same person goes on in another.

use serde_json::json;

use super::{Event, State, Step, record_event, store};
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
}

/// `from` goes on in `into`: `from` is closed and says where it went. The older place in the
/// queue is kept. What hangs on `from` (mentions, ticket, links) stays there and is shown with
/// `into`, so that nothing is rewritten and the merge can be read in the audit log.
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
    store::set_merged(tx, from, into, now)?;
    store::set_state(tx, &old, State::Closed, now, false, false)?;
    if kept.state.waits_for_staff() && old.state.waits_for_staff() {
        store::set_place(tx, into, old.waiting_since.min(kept.waiting_since))?;
    }
    for (case, words) in [
        (from, format!("Goes on in case {into}")),
        (into, format!("Took in case {from}")),
    ] {
        let data = json!({"from": from, "into": into});
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
                summary: &words,
                reasons,
                data,
            },
        )?;
    }
    let data = json!({"into": into});
    audit::record(
        tx,
        now,
        Act {
            by,
            act: "case_merged",
            subject: ("case", from.0),
            reason: why,
            data,
        },
    )?;
    Ok(MergeOutcome::Merged)
}
