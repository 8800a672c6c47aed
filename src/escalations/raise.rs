//! Raise: what the customer writes later may make a case more severe, never less.

use serde_json::json;

use super::Label;
use super::triage::Triage;
use crate::cases::{self, Event, State, Step, states};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::ids::{CaseId, MentionId};

/// Takes over a worse severity that further words of the customer tell of, in a transaction that
/// holds the case. Thanks raise nothing, nor does anything in a closed case; what a person set
/// stands, and the story says what the customer told.
pub(super) fn raise(
    tx: &mut Conn,
    now: Moment,
    case: CaseId,
    mention: Option<MentionId>,
    judged: &Triage,
) -> Result<()> {
    let Some(case) = cases::store::case(tx, case)? else {
        return Ok(());
    };
    let raises = judged.severity.is_worse_than(case.severity)
        && judged.label != Label::Praise
        && case.state != State::Closed;
    if !raises {
        return Ok(());
    }
    let by = Actor::rule("triage");
    let why = format!("the customer wrote again: {}", judged.why_severe);
    if !cases::store::decided_by_person(tx, case.id, Step::Severity)? {
        return states::set_severity(tx, now, &by, case.id, judged.severity, &why);
    }
    let told = judged.severity.label();
    cases::record_event(
        tx,
        now,
        case.id,
        Event {
            step: Step::Severity,
            by: &by,
            mention,
            summary: &format!(
                "{} as a person set it, but {told} is told",
                case.severity.label()
            ),
            reasons: vec![why],
            data: json!({"told": judged.severity}),
        },
    )
}
