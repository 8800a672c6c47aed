//! Staff correct a judgement: kept, and compared with when the next post is judged.

use serde_json::json;

use super::store::{self, Mention, NewTriage, StoredTriage};
use super::triage::{self, Product, Triage};
use super::{Label, Stage, Standing, judge, link};
use crate::app::App;
use crate::cases::{self, Event, Severity, Step, policy, states};
use crate::db::audit::{self, Act};
use crate::db::lock;
use crate::error::Result;
use crate::ids::MentionId;
use crate::people::CurrentUser;
use crate::ranker::{self, Similar};
use crate::search::Likeness;

/// What staff call a post; what is left out stays as it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Called {
    pub label: Label,
    pub severity: Option<Severity>,
    pub standing: Option<Standing>,
}

impl From<Label> for Called {
    fn from(label: Label) -> Called {
        Called {
            label,
            severity: None,
            standing: None,
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It was called so already.
    Already,
    NotAllowed,
    NoSuchMention,
}

/// Judges a mention anew for product, topic and what it needs, but calls it what a person does; and
/// searches for what may answer it.
pub(super) fn consider(
    app: &App,
    mention: &Mention,
    catalogue: &[Product],
    called: Called,
) -> Result<(Triage, Vec<Similar>)> {
    let mut judged = triage::judge(&mention.text, mention.summoned, catalogue, &[]);
    judged.call(called.label, called.standing);
    judged.severity = called.severity.unwrap_or(judged.severity);
    let product = catalogue.iter().find(|p| Some(p.id) == judged.product);
    let found = ranker::similar(
        app,
        &Likeness {
            text: &mention.text,
            product: product.map(|p| p.slug.as_str()),
            limit: link::CANDIDATES_MAX,
            exclude: &[],
            at: Some(mention.posted_at.0),
        },
    )?;
    Ok((judged, found))
}

/// Calls a mention what staff see in it. One that becomes a complaint or question opens the case
/// it should have had; one that was none keeps its case, which staff close with a reason.
pub fn correct_triage(
    app: &App,
    by: &CurrentUser,
    mention: MentionId,
    called: Called,
    why: &str,
) -> Result<Outcome> {
    let label = called.label;
    let now = app.now();
    let (stored, known, catalogue) = app.db.read(|c| {
        let known = store::triage_of(c, mention)?;
        Ok((store::mention(c, mention)?, known, store::catalogue(c)?))
    })?;
    let Some(stored) = stored else {
        return Ok(Outcome::NoSuchMention);
    };
    // A standing that somebody gave stays until another is chosen.
    let called = Called {
        standing: called.standing.or(known.and_then(|k| k.standing)),
        ..called
    };
    let (judged, found) = consider(app, &stored, &catalogue, called)?;
    let actor = by.actor();
    app.db.write(|tx| {
        // A judge that has the same mention in hand would open its case a second time.
        lock(tx, judge::TURN)?;
        let Some(stored) = store::mention(tx, mention)? else {
            return Ok(Outcome::NoSuchMention);
        };
        let case = match stored.case {
            Some(case) => cases::hold_successor(tx, case)?,
            None => None,
        };
        let may = match &case {
            Some(case) => policy::can_work_on(by, case),
            None => by.is_staff_of(judged.product),
        };
        if !may {
            return Ok(Outcome::NotAllowed);
        }
        let before = store::triage_of(tx, mention)?;
        // A judgement of what the post said before an edit does not hold while it waits.
        let is_judged = stored.stage == Stage::Done;
        let is_same = |b: &StoredTriage| {
            (b.label, b.severity, b.standing) == (label, judged.severity, judged.standing)
        };
        if is_judged && before.as_ref().is_some_and(is_same) {
            store::desk::set_looked_at(tx, &[mention], now)?;
            return Ok(Outcome::Already);
        }
        let reasons = vec![if why.is_empty() {
            format!("{} says so", by.name)
        } else {
            format!("{} says: {why}", by.name)
        }];
        let judged = Triage {
            reasons: reasons.clone(),
            ..judged
        };
        let personal: &[&str] = &judged.personal_data;
        store::insert_triage(
            tx,
            &NewTriage {
                mention,
                label,
                p_complaint: if label == Label::Complaint { 1.0 } else { 0.0 },
                severity: judged.severity,
                standing: judged.standing,
                product: judged.product,
                topic: judged.topic,
                language: judged.language,
                needs_account: judged.needs_account,
                personal_data: personal,
                reasons: &reasons,
                by: Some(by.id),
            },
            now,
        )?;
        for from in [Stage::Captured, Stage::Failed] {
            store::set_judged(tx, mention, from)?;
        }
        match case.map(|case| case.id) {
            Some(case) => {
                if before.is_some_and(|b| b.severity != judged.severity) {
                    states::set_severity(tx, now, &actor, case, judged.severity, why)?;
                }
                cases::record_event(
                    tx,
                    now,
                    case,
                    Event {
                        step: Step::Triage,
                        by: &actor,
                        mention: Some(mention),
                        summary: &format!("Corrected: {}", judged.called()),
                        reasons,
                        data: json!({
                            "label": label,
                            "severity": judged.severity,
                            "standing": judged.standing,
                        }),
                    },
                )?;
            }
            None if label.wants_an_answer() => {
                let candidates = link::candidates(tx, &found)?;
                judge::open_case_of(tx, app, now, &stored, &judged, &candidates)?;
            }
            None => {
                store::desk::set_looked_at(tx, &[mention], now)?;
            }
        }
        audit::record(
            tx,
            now,
            Act {
                by: &actor,
                act: "triage_corrected",
                subject: ("mention", mention.0),
                reason: why,
                data: json!({
                    "label": label,
                    "severity": judged.severity,
                    "standing": judged.standing,
                }),
            },
        )?;
        Ok(Outcome::Done)
    })
}
