//! `/desk/mentions`: posts that no case was opened for, because they could not be judged, or were
//! judged to want nothing. A person who sees it otherwise says so, and the case is opened.

use actix_web::web::{Data, Path};
use askama::Template;
use serde::Deserialize;

use super::story::{self, MentionView};
use super::{actions, bound_to};
use crate::app::App;
use crate::cases::Severity;
use crate::escalations::correct_triage::{Outcome, correct_triage};
use crate::escalations::{Label, Stage, store};
use crate::ids::MentionId;
use crate::people::Staff;
use crate::web::{Answer, Failure, Form, Page, Query, blocking, html, redirect_saying};

/// Posts on one page.
const PAGE_MENTIONS: usize = 30;
/// Where the page is.
const PATH: &str = "/desk/mentions";

struct Line {
    mention: MentionView,
    /// Why it could not be judged; of one that was, the reasons of the judgement.
    failed: Option<String>,
    reasons: Vec<String>,
}

#[derive(Template)]
#[template(path = "desk/mentions.html")]
struct MentionsPage {
    page: Page,
    lines: Vec<Line>,
    /// How many could not be judged.
    failed_count: i64,
    only_failed: bool,
    labels: &'static [Label],
    severities: &'static [Severity],
    older: Option<String>,
    newer: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    before: Option<i64>,
    /// `failed` for those alone that could not be judged.
    only: String,
}

/// `GET /desk/mentions`
pub async fn page(app: Data<App>, staff: Staff, Query(asked): Query<Asked>) -> Answer {
    let now = app.now();
    let only_failed = asked.only == "failed";
    let limit = i64::try_from(PAGE_MENTIONS).unwrap_or(i64::MAX) + 1;
    let products = bound_to(&staff.user);
    let before = asked.before.map(MentionId);
    let (mut heard, failed_count) = blocking(&app, move |app| {
        app.db.read(|conn| {
            let list =
                store::desk::without_case(conn, products.as_deref(), only_failed, before, limit)?;
            let failed = store::count_failed(conn)?;
            Ok((story::with_judgement(conn, list)?, failed))
        })
    })
    .await?;
    let more = heard.len() > PAGE_MENTIONS;
    heard.truncate(PAGE_MENTIONS);
    let front = if only_failed {
        format!("{PATH}?only=failed")
    } else {
        PATH.to_owned()
    };
    let older = heard.last().filter(|_| more).map(|last| {
        let only = if only_failed { "&only=failed" } else { "" };
        format!("{PATH}?before={}{only}", last.mention.id)
    });
    let lines = heard
        .iter()
        .map(|heard| Line {
            failed: (heard.mention.stage == Stage::Failed)
                .then(|| heard.mention.error.clone().unwrap_or_default()),
            reasons: heard
                .triage
                .as_ref()
                .map(|t| t.reasons.clone())
                .unwrap_or_default(),
            mention: story::mention_view(heard, now),
        })
        .collect();
    html(&MentionsPage {
        page: staff.page,
        lines,
        failed_count,
        only_failed,
        labels: Label::ALL,
        severities: Severity::ALL,
        older,
        newer: asked.before.map(|_| front),
    })
}

#[derive(Deserialize)]
pub struct TriageForm {
    #[serde(default)]
    label: String,
    /// Empty: as judged.
    #[serde(default)]
    severity: String,
    #[serde(default)]
    reason: String,
}

/// `POST /desk/mentions/{id}/triage`: calls a post what staff see in it; a complaint or question
/// opens the case it should have had.
pub async fn triage(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<TriageForm>) -> Answer {
    let id = MentionId(*id);
    let form = form.fields;
    let choose = |_| Failure::bad("Choose what it is, and how severe, from the lists.");
    let label: Label = form.label.parse().map_err(choose)?;
    let severity = match form.severity.as_str() {
        "" => None,
        word => Some(word.parse::<Severity>().map_err(choose)?),
    };
    let reason = actions::why(&form.reason);
    let (outcome, case) = blocking(&app, move |app| {
        let outcome = correct_triage(app, &staff.user, id, label, severity, &reason)?;
        let case = app.db.read(|c| store::mention(c, id))?.and_then(|m| m.case);
        Ok((outcome, case))
    })
    .await?;
    let to = case.map_or(PATH.to_owned(), |case| format!("/desk/case/{case}"));
    let (kind, words) = match outcome {
        Outcome::Done if case.is_some() => ("success", "Corrected, and its case is opened."),
        Outcome::Done => ("success", "Corrected. The next judgement learns from it."),
        Outcome::Already => ("info", "It was judged so already."),
        Outcome::NotAllowed => {
            return Err(Failure::forbidden(
                "This post is about a product that you don't look after.",
            ));
        }
        Outcome::NoSuchMention => return Err(Failure::NotFound),
    };
    Ok(redirect_saying(&app, &to, kind, words))
}
