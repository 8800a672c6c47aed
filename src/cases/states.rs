//! The states of a case and what moves it from one to another; nothing else sets a state.

use serde_json::json;

use super::{Case, Event, Severity, State, Step, record_event, store};
use crate::clock::Moment;
use crate::db::audit::{self, Act, Actor};
use crate::db::{Conn, Lock, lock};
use crate::error::Result;
use crate::ids::{CaseId, ProductId, TopicId, UserId};
use crate::people;

/// What happens to a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The customer wrote again, on any channel.
    CustomerWrote,
    /// We answered, in public or by mail, and it is the customer's turn.
    StaffAnswered,
    /// We said that we heard it, and nothing more: it waits for us as before.
    Acknowledged,
    /// We asked for what only the customer can give: their turn, but their place is kept.
    AskedCustomer,
    /// What the customer was pointed to came to nothing: our turn again, in the old place.
    CameToNothing,
    /// It is solved: by staff, or by the thread it is linked to.
    Resolved,
    /// The customer says it is still broken, or staff take it up again.
    Reopened,
    /// Nothing more is expected.
    Closed,
}

impl State {
    /// Where a case stands after `what`; the same state when it changes nothing.
    pub fn after(self, what: Happening) -> State {
        use Happening::*;
        match (self, what) {
            // A follow-up of somebody who already waits changes nothing, least of all the place.
            (State::New, CustomerWrote) => State::New,
            (State::WaitingStaff | State::WaitingCustomer, CustomerWrote) => State::WaitingStaff,
            (State::Resolved, CustomerWrote) => State::WaitingStaff,
            // What is closed stays closed to follow-ups; the caller opens another case.
            (State::Closed, CustomerWrote) => State::Closed,
            (State::Resolved | State::Closed, StaffAnswered | AskedCustomer) => self,
            (_, StaffAnswered | AskedCustomer) => State::WaitingCustomer,
            (_, Acknowledged) => self,
            (State::WaitingCustomer, CameToNothing) => State::WaitingStaff,
            (_, CameToNothing) => self,
            (State::Closed, Resolved) => State::Closed,
            (_, Resolved) => State::Resolved,
            (State::Resolved | State::Closed, Reopened) => State::WaitingStaff,
            (_, Reopened) => self,
            (_, Closed) => State::Closed,
        }
    }
}

/// Lets `what` happen to the case, says why in its story and in the audit log. A case that went on
/// in another is left as it is: what happens, happens there.
/// Returns the case as it was and the state it is in now.
pub fn happen(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    id: CaseId,
    what: Happening,
    why: &str,
) -> Result<Option<(Case, State)>> {
    lock(tx, Lock::Case(id.0))?;
    let Some(case) = store::case(tx, id)? else {
        return Ok(None);
    };
    if case.merged_into.is_some() {
        let state = case.state;
        return Ok(Some((case, state)));
    }
    let state = case.state.after(what);
    let is_response = matches!(
        what,
        Happening::StaffAnswered | Happening::Acknowledged | Happening::AskedCustomer
    );
    let answered = is_response && case.first_response_at.is_none();
    if state == case.state {
        if answered {
            store::set_first_response(tx, id, now)?;
            store::touch(tx, id, now)?;
        }
        return Ok(Some((case, state)));
    }
    // The place in the queue: a customer who answers our answer starts to wait then. A follow-up
    // keeps its place, a case that reopens has its old one, and so has a customer whom we only
    // asked for something.
    let waits_anew = what == Happening::CustomerWrote
        && case.state == State::WaitingCustomer
        && !store::was_asked(tx, id)?;
    store::set_state(
        tx,
        &case,
        state,
        now,
        waits_anew,
        what == Happening::Reopened
            || (case.state == State::Resolved && state == State::WaitingStaff),
    )?;
    if answered {
        store::set_first_response(tx, id, now)?;
    }
    record_event(
        tx,
        now,
        id,
        Event {
            step: Step::State,
            by,
            mention: None,
            summary: &format!("{} → {}", case.state.label(), state.label()),
            reasons: if why.is_empty() {
                vec![]
            } else {
                vec![why.to_owned()]
            },
            data: json!({
                "from": case.state, "to": state, "asked": what == Happening::AskedCustomer,
            }),
        },
    )?;
    audit::record(
        tx,
        now,
        Act {
            by,
            act: "case_state_changed",
            subject: ("case", id.0),
            reason: why,
            data: json!({"from": case.state, "to": state}),
        },
    )?;
    Ok(Some((case, state)))
}

/// Gives the case to somebody, or to nobody.
pub fn assign(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    id: CaseId,
    to: Option<(UserId, &str)>,
) -> Result<()> {
    lock(tx, Lock::Case(id.0))?;
    store::set_assignee(tx, id, to.map(|t| t.0))?;
    let summary = to.map_or("Given back to everybody".to_owned(), |(_, name)| {
        format!("To {name}")
    });
    said(tx, now, by, id, Step::Assign, "case_assigned", &summary, "")
}

/// Changes how bad it is; the reason is kept because it moves the case in the queue.
pub fn set_severity(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    id: CaseId,
    severity: Severity,
    why: &str,
) -> Result<()> {
    lock(tx, Lock::Case(id.0))?;
    store::set_severity(tx, id, severity)?;
    said(
        tx,
        now,
        by,
        id,
        Step::Severity,
        "case_severity_changed",
        severity.label(),
        why,
    )
}

/// Says which product, and which part of it, the case is about. Who does not look after that product
/// does not keep the case.
pub fn set_product(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    id: CaseId,
    product: Option<(ProductId, &str)>,
    topic: Option<TopicId>,
) -> Result<()> {
    lock(tx, Lock::Case(id.0))?;
    store::set_product(tx, id, product.map(|p| p.0), topic)?;
    let name = product.map_or("No product", |p| p.1);
    said(
        tx,
        now,
        by,
        id,
        Step::Product,
        "case_product_changed",
        name,
        "",
    )?;
    free_of_strangers(tx, now, by, id)
}

/// Gives the case back to everybody when it is with somebody who can't open it.
pub(super) fn free_of_strangers(tx: &mut Conn, now: Moment, by: &Actor, id: CaseId) -> Result<()> {
    let Some(case) = store::case(tx, id)? else {
        return Ok(());
    };
    let Some(assignee) = case.assignee else {
        return Ok(());
    };
    let staff = people::store::staff_of(tx, case.product)?;
    if staff.iter().any(|(one, _)| *one == assignee) {
        return Ok(());
    }
    assign(tx, now, by, id, None)
}

#[allow(clippy::too_many_arguments)]
fn said(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    id: CaseId,
    step: Step,
    act: &'static str,
    summary: &str,
    why: &str,
) -> Result<()> {
    let reasons = if why.is_empty() {
        vec![]
    } else {
        vec![why.to_owned()]
    };
    record_event(
        tx,
        now,
        id,
        Event {
            step,
            by,
            mention: None,
            summary,
            reasons,
            data: json!({}),
        },
    )?;
    let data = json!({"to": summary});
    audit::record(
        tx,
        now,
        Act {
            by,
            act,
            subject: ("case", id.0),
            reason: why,
            data,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follow_up_changes_nothing_for_who_already_waits() {
        assert_eq!(State::New.after(Happening::CustomerWrote), State::New);
        assert_eq!(
            State::WaitingStaff.after(Happening::CustomerWrote),
            State::WaitingStaff
        );
    }

    #[test]
    fn still_broken_reopens_what_was_resolved_or_closed() {
        for state in [State::Resolved, State::Closed] {
            assert_eq!(state.after(Happening::Reopened), State::WaitingStaff);
        }
    }

    #[test]
    fn an_acknowledgement_moves_nothing() {
        for state in State::ALL {
            assert_eq!(state.after(Happening::Acknowledged), *state);
        }
    }

    #[test]
    fn an_answer_never_reopens() {
        for state in [State::Resolved, State::Closed] {
            assert_eq!(state.after(Happening::StaffAnswered), state);
        }
    }
}
