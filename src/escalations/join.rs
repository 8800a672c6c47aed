//! Join: a further post of somebody goes to the case it belongs to.

use serde_json::json;

use super::store::{self, Mention};
use super::triage::{self, Triage};
use super::{Label, told_worse::told_worse};
use crate::cases::states::{self, Happening};
use crate::cases::{self, Event, State, Step};
use crate::clock::{DAY, Moment};
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::ids::CaseId;
use crate::people::handles::Handle;

/// How far from the time since which a case waits a post of the same person may be about it (µs).
pub const SAME_PERSON_WINDOW: i64 = 7 * DAY;
/// From this likeness two posts of one person are about the same problem.
pub const SAME_PERSON_LIKENESS_MIN: f64 = 0.35;

/// The case a mention belongs to, with the reason; `None` when it stands for itself.
pub fn find(
    tx: &mut Conn,
    mention: &Mention,
    handle: Option<&Handle>,
) -> Result<Option<(CaseId, String)>> {
    let Some(handle) = handle else {
        return Ok(None);
    };
    if let Some(our_post) = &mention.in_reply_to
        && let Some(case) = store::case_of_our_reply(tx, mention.network, our_post, handle.id)?
        && let Some(case) = open_successor(tx, case)?
    {
        let why = "the same person answers our reply";
        return Ok(Some((case, why.to_owned())));
    }
    let conversation = &mention.conversation_id;
    if let Some(case) = store::case_of_conversation(tx, mention.network, conversation, handle.id)?
        && let Some(case) = open_successor(tx, case)?
    {
        let why = "the same person writes in the same conversation";
        return Ok(Some((case, why.to_owned())));
    }
    let Some(case) = cases::store::newest_open_of_handle(tx, handle.id)? else {
        return Ok(None);
    };
    let recent = mention.posted_at.since(case.waiting_since).abs() <= SAME_PERSON_WINDOW;
    if !recent || !case.state.is_open() {
        return Ok(None);
    }
    let text = store::newest_text_of(tx, case.id)?.unwrap_or_else(|| case.summary.clone());
    let like = triage::likeness(&text, &mention.text);
    if like < SAME_PERSON_LIKENESS_MIN {
        return Ok(None);
    }
    let why = format!("the same person wrote similar words ({like:.2}) within seven days");
    Ok(Some((case.id, why)))
}

/// Where a case goes on, unless that is closed: who writes then has another case.
fn open_successor(tx: &mut Conn, case: CaseId) -> Result<Option<CaseId>> {
    let case = cases::store::case_or_successor(tx, case)?;
    Ok(case.filter(|c| c.state != State::Closed).map(|c| c.id))
}

/// Adds the mention to the case, or where that goes on; which it was. Praise is noted and moves nothing; anything else says that the
/// customer wrote, which gives no better and no worse place to who waits already, but may tell of
/// something worse.
pub fn join(
    tx: &mut Conn,
    now: Moment,
    mention: &Mention,
    judged: &Triage,
    case: CaseId,
    why: &str,
) -> Result<CaseId> {
    // Held before anything is written: who approves an answer meanwhile either sees this post or
    // comes first. It may have gone on elsewhere since it was found.
    let case = cases::hold_successor(tx, case)?.map_or(case, |c| c.id);
    let label = judged.label;
    store::set_case(tx, mention.id, case)?;
    cases::record_event(
        tx,
        now,
        case,
        Event {
            step: Step::Join,
            by: &Actor::rule("join"),
            mention: Some(mention.id),
            summary: &format!("A further post joined: {}", label.label().to_lowercase()),
            reasons: vec![why.to_owned()],
            data: json!({"label": label}),
        },
    )?;
    if label != Label::Praise {
        let by = Actor::rule("join");
        states::happen(tx, now, &by, case, Happening::CustomerWrote, "wrote again")?;
        told_worse(tx, now, case, Some(mention.id), judged)?;
    }
    Ok(case)
}
