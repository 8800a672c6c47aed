//! Simulated staff of a headless demo: what people would do on the desk.

use super::feed::Progress;
use super::people::acting;
use crate::app::App;
use crate::cases::links::{self, LinkState};
use crate::cases::states::{self, Happening};
use crate::cases::{self, State, queue};
use crate::error::{Error, Result};
use crate::escalations::approve_reply::{Shown, approve_reply};
use crate::escalations::{ReplyState, acknowledge, store};
use crate::ids::CaseId;
use crate::people::CurrentUser;
use crate::tickets::reply::{Written, reply};
use crate::tickets::{self, Direction};

/// Proposals confirmed; the others wait for a person, as on a real desk.
const CONFIRM_ONE_IN: i64 = 2;
/// Replies looked at in one round.
const REPLIES_MAX: i64 = 100;
/// What staff ask in their first answer to a ticket; customers answer mails that hold it.
pub const ANSWER: &str = "could you try again?";

pub struct Staff<'a> {
    app: &'a App,
    user: CurrentUser,
}

impl<'a> Staff<'a> {
    pub fn new(app: &'a App, progress: &Progress) -> Result<Self> {
        let name = super::content::load()
            .map_err(Error::other)?
            .users
            .into_iter()
            .find(|u| u.role == "admin")
            .map(|u| u.name)
            .unwrap_or_default();
        Ok(Staff {
            app,
            user: acting(app, progress, &name)?,
        })
    }

    /// One look at everything that waits for staff.
    pub fn work(&self) -> Result<()> {
        let (waiting, _) = self
            .app
            .db
            .read(|c| queue::page(c, &queue::Filter::default()))?;
        for case in waiting {
            self.confirm(case.id)?;
            self.answer(case.id)?;
        }
        self.approve()?;
        self.close()
    }

    fn confirm(&self, case: CaseId) -> Result<()> {
        if case.0 % CONFIRM_ONE_IN != 0 {
            return Ok(());
        }
        let (app, by) = (self.app, self.user.actor());
        let now = app.now();
        app.db.write(|tx| {
            let known = cases::store::links_of(tx, case)?;
            if known.iter().any(|l| l.state == LinkState::Confirmed) {
                return Ok(());
            }
            let best = known.into_iter().find(|l| {
                l.state == LinkState::Proposed && matches!(l.target, links::Target::Thread(_))
            });
            if let Some(best) = best {
                links::decide(
                    tx,
                    now,
                    &by,
                    best.id,
                    LinkState::Confirmed,
                    "it is the same",
                )?;
                acknowledge::redraft(tx, app, now, case)?;
            }
            Ok(())
        })
    }

    /// First answers, and word that a problem is solved.
    fn approve(&self) -> Result<()> {
        let waiting = self
            .app
            .db
            .read(|c| store::desk::replies_to_send(c, None, REPLIES_MAX))?;
        for waiting in waiting {
            let (replies, event) = self.app.db.read(|c| {
                let event = cases::store::desk::newest_event(c, waiting.case)?;
                Ok((store::replies_of(c, waiting.case)?, event))
            })?;
            for reply in replies {
                if reply.state == ReplyState::Draft && !reply.handoff {
                    let shown = Shown {
                        version: reply.version,
                        event,
                    };
                    approve_reply(self.app, &self.user, reply.id, &reply.body, shown)?;
                }
            }
        }
        Ok(())
    }

    /// Answers a ticket whose customer waits; once they have answered that, it is resolved.
    fn answer(&self, case: CaseId) -> Result<()> {
        let app = self.app;
        let ticket = app.db.read(|c| tickets::store::ticket_of(c, case))?;
        let Some(ticket) = ticket else {
            return Ok(());
        };
        let (messages, seen) = app.db.read(|c| {
            let seen = cases::store::desk::newest_event(c, case)?;
            Ok((tickets::store::messages(c, ticket.id)?, seen))
        })?;
        // A ticket by claim begins with what the customer said in public.
        if messages
            .last()
            .is_some_and(|last| last.direction != Direction::In)
        {
            return Ok(());
        }
        if messages.iter().any(|m| m.direction == Direction::Out) {
            let by = self.user.actor();
            return app.db.write(|tx| {
                tickets::resolve::resolve(tx, app, &by, case, "the customer says it works")?;
                Ok(())
            });
        }
        reply(
            app,
            &self.user,
            case,
            &Written {
                body: &format!(
                    "Thank you for writing. We have looked into it and put it right; {ANSWER}"
                ),
                key: &format!("demo-answer-{case}"),
                seen,
                ..Written::default()
            },
        )?;
        Ok(())
    }

    /// What the customer calls solved is done.
    fn close(&self) -> Result<()> {
        let solved = queue::Filter {
            state: Some(State::Resolved),
            ..queue::Filter::default()
        };
        for case in self.app.db.read(|c| queue::page(c, &solved))?.0 {
            if case.satisfaction.as_deref() == Some("solved") && case.id.0 % CONFIRM_ONE_IN == 0 {
                let (now, by) = (self.app.now(), self.user.actor());
                let why = "the customer says it is solved";
                self.app
                    .db
                    .write(|tx| states::happen(tx, now, &by, case.id, Happening::Closed, why))?;
            }
        }
        Ok(())
    }
}
