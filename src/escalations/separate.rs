//! Separate: a post that was joined to a case is about something else, says a person. It gets its own
//! case, which waits since the post was written. Nothing else is undone.

use serde_json::json;

use super::correct_triage::{Called, consider};
use super::{judge, link, store};
use crate::app::App;
use crate::cases::links::{self, LinkState, Target};
use crate::cases::{self, Case, Event, Step, policy};
use crate::clock::Moment;
use crate::db::audit::{self, Act};
use crate::db::{Conn, lock};
use crate::error::Result;
use crate::ids::{CaseId, MentionId};
use crate::people::CurrentUser;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The post's own case.
    Done(CaseId),
    /// No rule joined it to this case: the case was opened with it.
    NotJoined,
    NotAllowed,
    NoSuchMention,
}

/// Takes a joined post out of the case `from`, or of one that went on in it, and opens its own.
pub fn separate(
    app: &App,
    by: &CurrentUser,
    from: CaseId,
    mention: MentionId,
    why: &str,
) -> Result<Outcome> {
    let now = app.now();
    let (stored, known, catalogue) = app.db.read(|c| {
        let stored = store::mention(c, mention)?;
        let known = store::triage_of(c, mention)?;
        Ok((stored, known, store::catalogue(c)?))
    })?;
    let (Some(stored), Some(known)) = (stored, known) else {
        return Ok(Outcome::NoSuchMention);
    };
    // The judgement that holds stays; the search runs before the transaction.
    let called = Called {
        label: known.label,
        severity: Some(known.severity),
        standing: known.standing,
    };
    let (judged, found) = consider(app, &stored, &catalogue, called)?;
    app.db.write(|tx| {
        // A judge that has a post of the same person in hand would join it to the case it leaves.
        lock(tx, judge::TURN)?;
        let Some(case) = cases::hold_successor(tx, from)? else {
            return Ok(Outcome::NoSuchMention);
        };
        if !policy::can_work_on(by, &case) {
            return Ok(Outcome::NotAllowed);
        }
        let family = cases::store::desk::family(tx, case.id)?;
        let stored = store::mention(tx, mention)?;
        let Some(stored) = stored.filter(|m| m.case.is_some_and(|c| family.contains(&c))) else {
            return Ok(Outcome::NoSuchMention);
        };
        if !store::desk::was_joined(tx, &family, mention)? {
            return Ok(Outcome::NotJoined);
        }
        let candidates = link::candidates(tx, &found)?;
        store::discard_drafts(tx, store::Drafts::To(mention))?;
        let own = judge::open_case_of(tx, app, now, &stored, &judged, &candidates)?;
        // That it is the same problem was just denied.
        if let Some(link) = cases::store::link_to(tx, own, Target::Case(case.id))? {
            links::decide(tx, now, &by.actor(), link.id, LinkState::Rejected, why)?;
        }
        tell(tx, now, by, (&case, own), mention, why)?;
        Ok(Outcome::Done(own))
    })
}

fn tell(
    tx: &mut Conn,
    now: Moment,
    by: &CurrentUser,
    (left, own): (&Case, CaseId),
    mention: MentionId,
    why: &str,
) -> Result<()> {
    let actor = by.actor();
    let sides = [
        (left.id, format!("A post has its own case now: {own}"), own),
        (own, format!("Taken out of case {}", left.id), left.id),
    ];
    for (case, summary, other) in sides {
        let data = json!({"mention": mention, "case": other});
        let event = Event {
            step: Step::Separate,
            by: &actor,
            mention: Some(mention),
            summary: &summary,
            reasons: vec![why.to_owned()],
            data: data.clone(),
        };
        cases::record_event(tx, now, case, event)?;
        let act = Act {
            by: &actor,
            act: "mention_separated",
            subject: ("case", case.0),
            reason: why,
            data,
        };
        audit::record(tx, now, act)?;
    }
    Ok(())
}
