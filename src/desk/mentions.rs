//! `/desk/mentions`: posts that no case was opened for, because they could not be judged, or were
//! judged to want nothing. A person who sees it otherwise says so, and the case is opened; what a
//! person has looked at and leaves so is put away.

use actix_web::web::{Data, Path};
use askama::Template;
use serde::Deserialize;

use super::queue::{Choice, choices};
use super::story::{self, MentionView};
use super::{Paged, actions, bound_to, one_more, paged};
use crate::app::App;
use crate::cases::{self, Severity};
use crate::db::Conn;
use crate::error::Result;
use crate::escalations::correct_triage::{Called, Outcome, correct_triage};
use crate::escalations::look_at::look_at;
use crate::escalations::store::desk::{ASIDE_COUNT_MAX, Aside, Part};
use crate::escalations::{Label, Stage, Standing, store};
use crate::ids::{CaseId, MentionId, TriageId};
use crate::networks::Network;
use crate::people::{CurrentUser, Staff};
use crate::text::counted;
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

/// A part of the posts, with its address.
struct Tab {
    href: String,
    label: &'static str,
    is_current: bool,
    count: Option<String>,
}

#[derive(Template)]
#[template(path = "desk/mentions.html")]
struct MentionsPage {
    page: Page,
    tabs: Vec<Tab>,
    asked: Asked,
    networks: Vec<Choice>,
    judged: Vec<Choice>,
    is_filtered: bool,
    lines: Vec<Line>,
    /// The posts on this page that may be put away as they are: `post:judgement`, with commas between.
    to_put_away: String,
    labels: &'static [Label],
    severities: Vec<Choice>,
    standings: Vec<Choice>,
    older: Option<String>,
    newer: Option<String>,
}

/// What is asked for, as an address has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    before: String,
    /// `failed`, `all`, or empty for those at which nobody has looked.
    only: String,
    /// The network.
    channel: String,
    label: String,
}

impl Asked {
    /// The first page of a part, with the filters that are set.
    fn part(&self, only: &str) -> String {
        let fields = [
            ("only", only),
            ("channel", &self.channel),
            ("label", &self.label),
        ];
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields.iter().filter(|(_, value)| !value.is_empty()))
            .finish();
        match query.as_str() {
            "" => PATH.to_owned(),
            query => format!("{PATH}?{query}"),
        }
    }

    fn aside(&self, staff: &CurrentUser) -> Result<Aside, Failure> {
        let part = match self.only.as_str() {
            "" => Part::ToLookAt,
            "failed" => Part::Unjudged,
            "all" => Part::All,
            _ => return Err(Failure::bad("Choose one of the views above the posts.")),
        };
        Ok(Aside {
            part,
            products: bound_to(staff),
            network: chosen(&self.channel)?,
            label: chosen(&self.label)?,
            among: None,
        })
    }
}

/// The choice of a list; `None` when there is none.
fn chosen<T: std::str::FromStr>(word: &str) -> Result<Option<T>, Failure> {
    if word.is_empty() {
        return Ok(None);
    }
    let choice = word.parse().map(Some);
    choice.map_err(|_| Failure::bad("Choose the channel and the judgement from the lists."))
}

/// A number of posts without a case, which are not all counted.
pub(super) fn figure(posts: i64) -> String {
    if posts > ASIDE_COUNT_MAX {
        "1,000+".to_owned()
    } else {
        posts.to_string()
    }
}

/// What a correction may say; unless a person chooses, as it is judged.
pub(super) fn as_judged_or<T: Copy + PartialEq + std::fmt::Display>(
    all: &[T],
    label: fn(T) -> &'static str,
) -> Vec<Choice> {
    let mut list = vec![Choice {
        value: String::new(),
        label: "As judged".to_owned(),
        is_chosen: true,
    }];
    list.extend(choices(all, None, label));
    list
}

/// `GET /desk/mentions`
pub async fn page(app: Data<App>, staff: Staff, Query(asked): Query<Asked>) -> Answer {
    let now = app.now();
    let aside = asked.aside(&staff.user)?;
    let before = chosen::<i64>(&asked.before)?;
    let (networks, judged) = (
        choices(&Network::ALL, aside.network, Network::label),
        choices(Label::ALL, aside.label, Label::label),
    );
    let part = aside.part;
    let (mut heard, to_look_at, unjudged) = blocking(&app, move |app| {
        app.db.read(|conn| {
            let limit = one_more(PAGE_MENTIONS);
            let list = store::desk::without_case(conn, &aside, before.map(MentionId), limit)?;
            let mut count = |part| {
                let asked = Aside {
                    part,
                    ..aside.clone()
                };
                store::desk::count_without_case(conn, &asked)
            };
            let counts = (count(Part::ToLookAt)?, count(Part::Unjudged)?);
            Ok((story::with_judgement(conn, list)?, counts.0, counts.1))
        })
    })
    .await?;
    let list = asked.part(&asked.only);
    let Paged { older, newer } = paged(&mut heard, PAGE_MENTIONS, &list, before, |heard| {
        heard.mention.id.0
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
    let to_put_away: Vec<String> = heard
        .iter()
        .filter(|heard| part == Part::ToLookAt && heard.mention.stage == Stage::Done)
        .filter_map(|heard| {
            Some(format!(
                "{}:{}",
                heard.mention.id,
                heard.triage.as_ref()?.id
            ))
        })
        .collect();
    let tab = |only: &str, label, count: Option<i64>| Tab {
        href: asked.part(only),
        label,
        is_current: asked.only == only,
        count: count.map(figure),
    };
    html(&MentionsPage {
        page: staff.page,
        tabs: vec![
            tab("", "To look at", Some(to_look_at)),
            tab("failed", "Could not be judged", Some(unjudged)),
            tab("all", "All", None),
        ],
        networks,
        judged,
        is_filtered: !(asked.channel.is_empty() && asked.label.is_empty()),
        lines,
        to_put_away: to_put_away.join(","),
        labels: Label::ALL,
        severities: as_judged_or(Severity::ALL, Severity::label),
        standings: as_judged_or(Standing::ALL, Standing::label),
        older,
        newer,
        asked,
    })
}

#[derive(Deserialize)]
pub struct LookedForm {
    /// `post:judgement` for each post as it was shown, with commas between.
    #[serde(default)]
    posts: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    label: String,
}

/// `POST /desk/mentions/looked`: leaves the posts of a page as they were judged.
pub async fn looked(app: Data<App>, staff: Staff, form: Form<LookedForm>) -> Answer {
    let form = form.fields;
    let read: Vec<(MentionId, TriageId)> = form
        .posts
        .split(',')
        .filter_map(|shown| shown.split_once(':'))
        .filter_map(|(post, judgement)| Some((post.parse().ok()?, judgement.parse().ok()?)))
        .take(PAGE_MENTIONS)
        .collect();
    let shown = read.len();
    let looked = blocking(&app, move |app| look_at(app, &staff.user, &read)).await?;
    let mut words = match looked.len() {
        0 => "Nothing was put away.".to_owned(),
        1 => "1 post put away; it stays listed under All.".to_owned(),
        n => format!("{n} posts put away; they stay listed under All."),
    };
    let left = shown.saturating_sub(looked.len());
    if left > 0 {
        words.push_str(&format!(
            " {} changed since this page was shown, or a colleague dealt with it: look again.",
            counted(left, "post")
        ));
    }
    let kind = if left > 0 { "warning" } else { "success" };
    let back = Asked {
        channel: known::<Network>(form.channel),
        label: known::<Label>(form.label),
        ..Asked::default()
    };
    Ok(redirect_saying(&app, &back.part(""), kind, &words))
}

/// The word, when it is one of a list; else none.
fn known<T: std::str::FromStr>(word: String) -> String {
    let is_known = word.parse::<T>().is_ok();
    if is_known { word } else { String::new() }
}

#[derive(Deserialize)]
pub struct TriageForm {
    #[serde(default)]
    label: String,
    /// Empty: as judged.
    #[serde(default)]
    severity: String,
    /// Empty: as judged.
    #[serde(default)]
    standing: String,
    #[serde(default)]
    reason: String,
}

/// The case in which a post is shown.
fn case_of(conn: &mut Conn, id: MentionId) -> Result<Option<CaseId>> {
    let case = match store::mention(conn, id)?.and_then(|m| m.case) {
        Some(case) => cases::store::case_or_successor(conn, case)?,
        None => None,
    };
    Ok(case.map(|case| case.id))
}

/// `POST /desk/mentions/{id}/triage`: calls a post what staff see in it; a complaint or question
/// opens the case it should have had.
pub async fn triage(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<TriageForm>) -> Answer {
    let id = MentionId(*id);
    let form = form.fields;
    let choose =
        |_| Failure::bad("Choose what it is, how severe, and what is left to do, from the lists.");
    let called = Called {
        label: form.label.parse().map_err(choose)?,
        severity: match form.severity.as_str() {
            "" => None,
            word => Some(word.parse::<Severity>().map_err(choose)?),
        },
        standing: match form.standing.as_str() {
            "" => None,
            word => Some(word.parse::<Standing>().map_err(choose)?),
        },
    };
    let reason = actions::why(&form.reason);
    let (outcome, before, case) = blocking(&app, move |app| {
        let before = app.db.read(|conn| case_of(conn, id))?;
        let outcome = correct_triage(app, &staff.user, id, called, &reason)?;
        let after = app.db.read(|conn| case_of(conn, id))?;
        Ok((outcome, before, after))
    })
    .await?;
    let to = case.map_or(PATH.to_owned(), |case| format!("/desk/case/{case}"));
    let (kind, words) = match outcome {
        Outcome::Done if case != before => ("success", "Corrected, and its case is opened."),
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
