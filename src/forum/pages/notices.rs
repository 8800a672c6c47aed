//! What a member was told.

use actix_web::web;
use askama::Template;

use crate::app::App;
use crate::forum::notify::NoticeKind;
use crate::forum::store::followers::{self, NoticeLine};
use crate::limits::Limit;
use crate::people::Member;
use crate::web::{Answer, Form, Page, Query, When, blocking, html, redirect};

/// Notices on one page.
const PER_PAGE: i64 = 30;

struct Notice {
    line: NoticeLine,
    when: When,
    /// What happened, after the name of who did it.
    text: &'static str,
    who: String,
}

#[derive(Template)]
#[template(path = "forum/notices.html")]
struct NoticesPage {
    page: Page,
    notices: Vec<Notice>,
    unread: bool,
    newer: Option<String>,
    older: Option<String>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct NoticesQuery {
    before: String,
}

/// `GET /notifications`
pub async fn notices(app: web::Data<App>, member: Member, query: Query<NoticesQuery>) -> Answer {
    let before: Option<i64> = query.0.before.parse().ok();
    let page = blocking(&app, move |app| {
        let now = app.now();
        let mut lines = app
            .db
            .read(|conn| followers::notices(conn, member.user.id, before, PER_PAGE + 1))?;
        let limit = usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
        let more = lines.len() > limit;
        lines.truncate(limit);
        let older = lines
            .last()
            .filter(|_| more)
            .map(|l| format!("/notifications?before={}", l.id));
        let notices = lines.into_iter().map(|line| Notice {
            when: When::new(line.created_at.0, now),
            text: match line.kind {
                NoticeKind::Replied => "replied to",
                NoticeKind::Accepted => "accepted your answer to",
                NoticeKind::Solved => "solved",
                NoticeKind::Fixed => "fixed",
                NoticeKind::Published => "published what you wrote:",
                NoticeKind::KnownIssue => "warns of a known issue:",
            },
            who: line.actor_name.clone().unwrap_or_else(|| "Somebody".into()),
            line,
        });
        Ok(NoticesPage {
            unread: member.page.viewer.as_ref().is_some_and(|v| v.unread > 0),
            page: member.page,
            notices: notices.collect(),
            newer: before.map(|_| "/notifications".to_owned()),
            older,
        })
    })
    .await?;
    html(&page)
}

#[derive(serde::Deserialize)]
pub struct ReadFields {}

/// `POST /notifications/read`: all of them.
pub async fn mark_read(app: web::Data<App>, member: Member, form: Form<ReadFields>) -> Answer {
    let _ = form;
    member.user.check_limit(&app, Limit::Act)?;
    blocking(&app, move |app| {
        let now = app.now();
        app.db
            .write(|tx| followers::mark_read(tx, member.user.id, None, now))
    })
    .await?;
    Ok(redirect("/notifications"))
}
