//! What the customer says of it: "solved it" or "still broken", counted for the channel by which
//! the case came.

use serde_json::json;

use super::states::{Happening, happen};
use super::{Event, Step, record_event, store};
use crate::clock::Moment;
use crate::db::audit::Actor;
use crate::db::{Conn, Lock, lock};
use crate::error::Result;
use crate::ids::CaseId;

/// The customer's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Solved,
    StillBroken,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Solved => "solved",
            Verdict::StillBroken => "still_broken",
        }
    }

    pub fn parse(word: &str) -> Option<Verdict> {
        match word {
            "solved" => Some(Verdict::Solved),
            "still_broken" => Some(Verdict::StillBroken),
            _ => None,
        }
    }
}

/// Longest comment (characters).
pub const COMMENT_CHARS_MAX: usize = 2_000;

/// Notes the verdict; "still broken" reopens the case in its old place.
pub fn rate(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    case: CaseId,
    verdict: Verdict,
    comment: &str,
) -> Result<()> {
    lock(tx, Lock::Case(case.0))?;
    let comment: String = comment.trim().chars().take(COMMENT_CHARS_MAX).collect();
    store::set_satisfaction(tx, case, verdict.as_str(), &comment, now)?;
    let summary = match verdict {
        Verdict::Solved => "The customer says: solved",
        Verdict::StillBroken => "The customer says: still broken",
    };
    record_event(
        tx,
        now,
        case,
        Event {
            step: Step::Satisfaction,
            by,
            mention: None,
            summary,
            reasons: if comment.is_empty() {
                vec![]
            } else {
                vec![comment]
            },
            data: json!({"verdict": verdict}),
        },
    )?;
    if verdict == Verdict::StillBroken {
        happen(
            tx,
            now,
            by,
            case,
            Happening::Reopened,
            "the customer says it is still broken",
        )?;
    }
    Ok(())
}
