//! Cases that came by mail or form are judged too: how bad, which product, which threads may help.
//! Nothing is linked here by itself: their ticket is where they are solved; a thread is proposed.
//! What the customer writes later is judged for how bad it is alone.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::link::{self, CANDIDATES_MAX, PROPOSALS_MAX};
use super::told_worse::told_worse;
use super::triage::model::Model;
use super::triage::{self, Knowledge, Post, Product, Triage};
use super::{same_problem, site_models, store};
use crate::app::App;
use crate::cases::links::{LinkState, NewLink, Target};
use crate::cases::{self, Event, Step, states};
use crate::db::audit::{self, Act, Actor};
use crate::db::{Conn, Lock, lock};
use crate::error::Result;
use crate::ids::{CaseId, TicketMessageId};
use crate::jobs::{Job, Next};
use crate::ranker::{self, PROPOSE_FROM};
use crate::search::Likeness;

/// Judges one case by the first message of its ticket, or by a later one.
#[derive(Serialize, Deserialize)]
pub struct JudgeCase {
    pub case: CaseId,
    /// A later message: where it tells of something worse, the story says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<TicketMessageId>,
}

/// Judges a later message for how bad it is. Its case may have gone on in another since.
fn judge_message(app: &App, case: CaseId, message: TicketMessageId) -> Result<()> {
    let Some(text) = app.db.read(|c| store::message_text(c, message))? else {
        return Ok(());
    };
    let known = |c: &mut Conn| Ok((store::catalogue(c)?, site_models::triage_model(c)?));
    let (catalogue, model) = app.db.read(known)?;
    let judged = judge(&text, &catalogue, model.as_deref());
    app.db.write(|tx| match cases::hold_successor(tx, case)? {
        Some(case) => told_worse(tx, app.now(), case.id, None, &judged),
        None => Ok(()),
    })
}

/// Judges what was written to us.
fn judge(text: &str, catalogue: &[Product], model: Option<&Model>) -> Triage {
    let knowledge = Knowledge {
        model,
        catalogue,
        corrections: &[],
    };
    let post = Post {
        text,
        addressed: true,
        language: None,
    };
    triage::judge_post(&knowledge, post)
}

impl Job for JudgeCase {
    const KIND: &'static str = crate::tickets::JUDGE_CASE;

    fn run(&self, app: &App) -> Result<Next> {
        if let Some(message) = self.message {
            judge_message(app, self.case, message)?;
            return Ok(Next::Done);
        }
        let (case, text, catalogue, model) = app.db.read(|c| {
            Ok((
                cases::store::case(c, self.case)?,
                store::ticket_text(c, self.case)?,
                store::catalogue(c)?,
                site_models::triage_model(c)?,
            ))
        })?;
        let Some(case) = case else {
            return Ok(Next::Done);
        };
        let text = match text {
            Some(text) => format!("{}. {text}", case.summary),
            None => case.summary.clone(),
        };
        let judged = judge(&text, &catalogue, model.as_deref());
        let product_id = case.product.or(judged.product);
        let product = catalogue.iter().find(|p| Some(p.id) == product_id);
        let found = ranker::similar(
            app,
            &Likeness {
                text: &text,
                product: product.map(|p| p.slug.as_str()),
                limit: CANDIDATES_MAX,
                exclude: &[],
                at: Some(case.opened_at.0),
            },
        )?;
        let now = app.now();
        let by = Actor::rule("triage");
        app.db.write(|tx| {
            lock(tx, Lock::Case(self.case.0))?;
            let Some(case) = cases::store::case(tx, self.case)? else {
                return Ok(());
            };
            if store::has_step(tx, self.case, Step::Triage)? {
                return Ok(());
            }
            // What staff said meanwhile stands, and what is worse of a case that this one took in.
            if judged.severity.is_worse_than(case.severity)
                && !cases::store::decided_by_person(tx, self.case, Step::Severity)?
            {
                let why = "judged by what it says";
                states::set_severity(tx, now, &by, self.case, judged.severity, why)?;
            }
            if case.product.is_none()
                && !cases::store::decided_by_person(tx, self.case, Step::Product)?
                && let Some(product) = product
            {
                let named = Some((product.id, product.name.as_str()));
                states::set_product(tx, now, &by, self.case, named, judged.topic)?;
            }
            cases::record_event(
                tx,
                now,
                self.case,
                Event {
                    step: Step::Triage,
                    by: &by,
                    mention: None,
                    summary: &format!("{}, {}", judged.called(), judged.severity.label()),
                    reasons: judged.reasons.clone(),
                    data: json!({"label": judged.label, "severity": judged.severity}),
                },
            )?;
            audit::record(
                tx,
                now,
                Act {
                    by: &by,
                    act: "case_judged",
                    subject: ("case", self.case.0),
                    // Reasons quote what the customer wrote; they stand in the story alone.
                    reason: "",
                    data: json!({"label": judged.label, "severity": judged.severity}),
                },
            )?;
            same_problem::propose(tx, now, &Actor::rule("identify"), &case, &text, Vec::new())?;
            let from = product.map_or(PROPOSE_FROM, |p| p.propose_threshold);
            let mut reasons = Vec::new();
            let near = link::candidates(tx, &found)?;
            link::keep_measured(tx, now, self.case, &near)?;
            for candidate in near
                .iter()
                .filter(|c| c.confidence >= from)
                .take(PROPOSALS_MAX)
            {
                let link = NewLink {
                    target: Target::Thread(candidate.thread.id),
                    score: candidate.confidence,
                    reasons: candidate.reasons.clone(),
                    rule: "similar".to_owned(),
                };
                if cases::store::insert_link(tx, now, self.case, &link, LinkState::Proposed, None)?
                    .is_some()
                {
                    reasons.push(format!(
                        "“{}” ({:.2}): {}",
                        candidate.thread.title,
                        candidate.confidence,
                        candidate.reasons.join(", ")
                    ));
                }
            }
            if reasons.is_empty() {
                return Ok(());
            }
            cases::record_event(
                tx,
                now,
                self.case,
                Event {
                    step: Step::Link,
                    by: &Actor::rule("link"),
                    mention: None,
                    summary: "Threads that may help are proposed",
                    reasons,
                    data: json!({}),
                },
            )
        })?;
        Ok(Next::Done)
    }
}
