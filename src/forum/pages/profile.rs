//! `GET /u/{id}`: who somebody is, and what they have contributed.

use actix_web::web;
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::forum::store;
use crate::ids::UserId;
use crate::people::{self, Viewer};
use crate::text::markdown;
use crate::web::{Answer, Failure, Page, Query, When, blocking, html};

/// Contributions of one page.
const PAGE_ROWS: i64 = 20;
/// Words of a contribution shown, in characters.
const EXCERPT_CHARS: usize = 180;

struct Line {
    path: String,
    title: String,
    kind: &'static str,
    product: String,
    at: When,
    accepted: bool,
    official: bool,
    excerpt: String,
}

/// Holds what everybody may see: no address, no session.
#[derive(Template)]
#[template(path = "people/profile.html")]
struct ProfilePage {
    page: Page,
    id: i64,
    name: String,
    role: &'static str,
    bio: String,
    joined: When,
    post_count: i64,
    answer_count: i64,
    lines: Vec<Line>,
    is_own: bool,
    older: Option<String>,
    newer: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Before {
    before: Option<i64>,
}

pub async fn profile(
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<i64>,
    Query(Before { before }): Query<Before>,
) -> Answer {
    let id = UserId(path.into_inner());
    let (user, mut posts) = blocking(&app, move |app| {
        app.db.read(|c| {
            let user = people::store::user(c, id)?;
            let posts = store::contributions(c, id, before, PAGE_ROWS + 1)?;
            Ok((user, posts))
        })
    })
    .await?;
    let user = user.ok_or(Failure::NotFound)?;
    let has_older = posts.len() > PAGE_ROWS as usize;
    posts.truncate(PAGE_ROWS as usize);
    let now = app.now();
    html(&ProfilePage {
        is_own: viewer.user_id() == Some(id),
        page: viewer.page,
        id: id.0,
        name: user.name,
        role: user.role.as_str(),
        bio: user.bio,
        joined: When::new(user.created_at, now),
        post_count: user.post_count,
        answer_count: user.answer_count,
        older: posts
            .last()
            .filter(|_| has_older)
            .map(|last| format!("/u/{id}?before={}", last.post)),
        newer: before.map(|_| format!("/u/{id}")),
        lines: posts
            .into_iter()
            .map(|post| Line {
                path: post.place.path(),
                title: post.title,
                kind: post.kind.as_str(),
                product: post.product_name,
                at: When::new(post.created_at.0, now),
                accepted: post.accepted,
                official: post.official,
                excerpt: markdown::beginning(&post.body, EXCERPT_CHARS),
            })
            .collect(),
    })
}
