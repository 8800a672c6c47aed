//! A mail to a customer was not sent, or came back: told in the case's story, and an answer that reached
//! nobody is our turn again.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::notices::ANSWER;
use crate::app::App;
use crate::cases::states::{Happening, happen};
use crate::cases::{self, Event, State, Step, record_event};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::ids::{CaseId, MailId};
use crate::jobs::{Job, Next};
use crate::mail;
use crate::mail::outbox::{TELL_UNSENT, Unsent};

/// Tells it; the outbox puts this down when it holds a mail or gives it up.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct TellUnsent(Unsent);

impl Job for TellUnsent {
    const KIND: &'static str = TELL_UNSENT;

    fn run(&self, app: &App) -> Result<Next> {
        let unsent = &self.0;
        app.db.write(|tx| {
            let now = app.now();
            let by = Actor::rule("send mail");
            record_event(
                tx,
                now,
                unsent.case,
                Event {
                    step: Step::Ticket,
                    by: &by,
                    mention: None,
                    summary: match unsent.is_given_up {
                        true => "A mail to the customer was not sent",
                        false => "A mail to the customer is held and was not sent",
                    },
                    reasons: vec![unsent.why.clone()],
                    data: json!({"mail": unsent.mail}),
                },
            )?;
            our_turn_again(tx, now, &by, unsent.case, unsent.mail)
        })?;
        Ok(Next::Done)
    }
}

/// When the mail that reached nobody was an answer of staff, the case waits for us again, in its old place: else it
/// would wait for a customer who heard nothing.
pub fn our_turn_again(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    case: CaseId,
    mail: MailId,
) -> Result<()> {
    if mail::store::purpose(tx, mail)?.as_deref() != Some(ANSWER) {
        return Ok(());
    }
    let Some(case) = cases::hold_successor(tx, case)? else {
        return Ok(());
    };
    let what = match case.state {
        State::WaitingCustomer => Happening::CameToNothing,
        State::Resolved => Happening::Reopened,
        _ => return Ok(()),
    };
    happen(
        tx,
        now,
        by,
        case.id,
        what,
        "the answer did not reach the customer",
    )?;
    Ok(())
}
