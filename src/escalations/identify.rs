//! Identify: who wrote it, whether the handle is proved to be a user, what else they have open.

use serde_json::json;

use super::same_problem::{self, Perhaps, TRUST_NAME};
use super::store::Mention;
use crate::cases::{self, Case, Event, Step};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::people::handles::Handle;

/// Other open cases that are looked at.
const OTHERS_MAX: i64 = 10;
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
    let mut guessed = Vec::new();
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
            if handle.user.is_none() && !handle.username.is_empty() {
                guessed.extend(guesses(tx, case, handle)?);
            }
        }
    }
    let proposed = same_problem::propose(tx, now, &by, case, &mention.text, guessed)?;
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
fn guesses(tx: &mut Conn, case: &Case, handle: &Handle) -> Result<Vec<Perhaps>> {
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
        .map(|other| Perhaps {
            other,
            trust: TRUST_NAME,
            why: why.clone(),
            by_words: true,
        })
        .collect())
}
