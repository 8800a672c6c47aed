//! A mail to a customer was not sent, because nothing arrives at their address: told in the case's story.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::cases::{Event, Step, record_event};
use crate::db::audit::Actor;
use crate::error::Result;
use crate::jobs::{Job, Next};
use crate::mail::outbox::{Held, TELL_HELD};

/// Tells it; the outbox puts this down when it holds a mail.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct TellHeld(Held);

impl Job for TellHeld {
    const KIND: &'static str = TELL_HELD;

    fn run(&self, app: &App) -> Result<Next> {
        let held = &self.0;
        app.db.write(|tx| {
            record_event(
                tx,
                app.now(),
                held.case,
                Event {
                    step: Step::Ticket,
                    by: &Actor::rule("send mail"),
                    mention: None,
                    summary: "A mail to the customer is held and was not sent",
                    reasons: vec![held.why.clone()],
                    data: json!({"mail": held.mail}),
                },
            )
        })?;
        Ok(Next::Done)
    }
}
