//! Told worse: what the customer writes later may tell of something worse than the case was judged by.
//! The story says so and a person decides; a follow-up by itself changes no place in the queue.

use serde_json::json;

use super::Label;
use super::triage::Triage;
use crate::cases::{self, Event, State, Step};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::ids::{CaseId, MentionId};

/// Puts a worse severity that further words of the customer tell of into the story, in a transaction
/// that holds the case. Thanks tell of none, nor does anything in a closed case.
pub(super) fn told_worse(
    tx: &mut Conn,
    now: Moment,
    case: CaseId,
    mention: Option<MentionId>,
    judged: &Triage,
) -> Result<()> {
    let Some(case) = cases::store::case(tx, case)? else {
        return Ok(());
    };
    let is_worse = judged.severity.is_worse_than(case.severity)
        && judged.label != Label::Praise
        && case.state != State::Closed;
    if !is_worse {
        return Ok(());
    }
    let (told, is) = (judged.severity.label(), case.severity.label());
    cases::record_event(
        tx,
        now,
        case.id,
        Event {
            step: Step::Severity,
            by: &Actor::rule("triage"),
            mention,
            summary: &format!("{told} is told now: it stays {is} until a person sets it"),
            reasons: vec![format!("the customer wrote again: {}", judged.why_severe)],
            data: json!({"told": judged.severity}),
        },
    )
}
