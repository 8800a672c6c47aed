//! Identify: who wrote it, whether the handle is proved to be a user, what else they have open.

use serde_json::json;

use super::store::{self, Mention};
use super::triage;
use crate::cases::links::{self, NewLink, Target};
use crate::cases::{self, Case, Event, Step};
use crate::clock::{DAY, Moment};
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::people::handles::Handle;

/// Other open cases that are looked at.
const OTHERS_MAX: i64 = 10;
/// How far back a case may have been opened to be the same problem (µs).
const SAME_PROBLEM_WINDOW: i64 = 7 * DAY;
/// From this likeness two texts of one person are perhaps about the same.
const SAME_PROBLEM_LIKENESS_MIN: f64 = 0.25;

/// Notes on a new case who its customer is, and proposes the cases of the same person, or of
/// somebody who may be the same, that could be the same problem. Nothing is merged here.
pub fn identify(
    tx: &mut Conn,
    now: Moment,
    case: &Case,
    mention: &Mention,
    handle: Option<&Handle>,
) -> Result<()> {
    let by = Actor::rule("identify");
    let mut reasons = Vec::new();
    let mut found = Vec::new();
    match handle {
        None => reasons.push("the author is not known".to_owned()),
        Some(handle) => {
            match (handle.user, handle.proved_at) {
                (Some(_), Some(at)) => {
                    reasons.push(format!("the handle was proved on {}", at.readable()));
                }
                _ => reasons.push("nobody has proved that this handle is theirs".to_owned()),
            }
            if handle.opted_out_at.is_some() {
                reasons.push("asked us not to write by ourselves".to_owned());
            }
            let others = cases::store::others_of(tx, case, OTHERS_MAX)?;
            for other in others.into_iter().filter(|c| c.state.is_open()) {
                found.push((other, 0.3, format!("{} has it open too", handle.label())));
            }
            if handle.user.is_none() && !handle.username.is_empty() {
                found.extend(guesses(tx, case, handle)?);
            }
        }
    }
    let mut proposed = Vec::new();
    for (other, trust, why) in found {
        let near = case.opened_at.since(other.opened_at).abs() <= SAME_PROBLEM_WINDOW;
        let text = store::newest_text_of(tx, other.id)?.unwrap_or_else(|| other.summary.clone());
        let like = triage::likeness(&text, &mention.text);
        if !near || like < SAME_PROBLEM_LIKENESS_MIN || other.merged_into.is_some() {
            continue;
        }
        let link = NewLink {
            target: Target::Case(other.id),
            score: (trust + like / 2.0).min(1.0),
            reasons: vec![why, format!("similar words ({like:.2})")],
            rule: "same_person".to_owned(),
        };
        if links::propose(tx, now, &by, case.id, &link)? {
            proposed.push(other.id);
        }
    }
    cases::record_event(
        tx,
        now,
        case.id,
        Event {
            step: Step::Identify,
            by: &by,
            mention: Some(mention.id),
            summary: &match handle {
                Some(handle) if handle.user.is_some() => {
                    format!("{}, a user of ours", handle.label())
                }
                Some(handle) => format!("{}, known by the handle only", handle.label()),
                None => "Nobody we know".to_owned(),
            },
            reasons,
            data: json!({"handle": case.handle, "user": case.user, "proposed_cases": proposed}),
        },
    )
}

/// Open cases of a user who has the same name as the handle: a guess, good for a proposal only.
fn guesses(tx: &mut Conn, case: &Case, handle: &Handle) -> Result<Vec<(Case, f64, String)>> {
    let Some(user) = crate::people::store::by_name(tx, &handle.username)? else {
        return Ok(Vec::new());
    };
    let alike = Case {
        user: Some(user.id),
        handle: None,
        email: None,
        ..case.clone()
    };
    let others = cases::store::others_of(tx, &alike, OTHERS_MAX)?;
    let why = format!(
        "a user is called {} too; not proved to be the same",
        handle.username
    );
    Ok(others
        .into_iter()
        .filter(|c| c.state.is_open())
        .map(|c| (c, 0.1, why.clone()))
        .collect())
}
