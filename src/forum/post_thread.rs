//! A member opens a thread.

use serde_json::json;

use super::store::{self, followers};
use super::{Place, ThreadKind, Visibility, deflections, policy, typed, warn};
use crate::app::App;
use crate::db::{Lock, lock};
use crate::error::{Problem, Result};
use crate::people::CurrentUser;
use crate::text::{language, markdown, slug};

/// A thread as typed.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// Slugs; the topic may be empty.
    pub product: String,
    pub topic: String,
    pub kind: String,
    pub title: String,
    pub body: String,
    pub tags: String,
    /// Drawn when the form was rendered: the same form makes one thread, however often it comes.
    pub request_key: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Posted(Place),
    Refused(Vec<Problem>),
    /// The form has already posted another text; this one is not posted.
    FormUsed,
    /// The sentence says why.
    NotAllowed(&'static str),
}

pub fn post_thread(app: &App, by: &CurrentUser, typed: &Typed) -> Result<Outcome> {
    let now = app.now();
    let mut problems = Vec::new();
    let title = typed::title(&typed.title, &mut problems);
    let body = typed::body(&typed.body, &mut problems);
    let tags = typed::tags(&typed.tags, &mut problems);
    let kind = typed.kind.parse::<ThreadKind>().unwrap_or_else(|_| {
        problems.push(Problem::new("kind", "Choose what kind of thread it is."));
        ThreadKind::Question
    });
    let html = markdown::render(&body).into_string();
    let plain = markdown::to_plain(&body);
    let key = typed::request_key(by.id, &typed.request_key);
    app.db.write(|tx| {
        lock(tx, Lock::User(by.id.0))?;
        if let Some(key) = &key
            && let Some((place, post)) = store::thread_of_request(tx, key)?
        {
            let first = store::as_first_posted(tx, post)?;
            return Ok(
                if first.is_some_and(|f| f.body == body && f.title.as_ref() == Some(&title)) {
                    Outcome::Posted(place)
                } else {
                    Outcome::FormUsed
                },
            );
        }
        match store::is_verified(tx, by.id)? {
            Some(true) => {}
            _ => return Ok(Outcome::NotAllowed(policy::UNVERIFIED)),
        }
        let product = store::product_by_slug(tx, &typed.product)?;
        let topics = match &product {
            Some(product) => store::topics(tx, product.id)?,
            None => Vec::new(),
        };
        let topic = topics.iter().find(|t| t.slug == typed.topic);
        if product.is_none() {
            problems.push(Problem::new("product", "Choose the product it is about."));
        } else if topic.is_none() && !typed.topic.is_empty() {
            problems.push(Problem::new(
                "product",
                "This product has no such topic; choose another or none.",
            ));
        }
        let Some(product) = product.filter(|_| problems.is_empty()) else {
            return Ok(Outcome::Refused(problems));
        };
        if !policy::can_open(by, product.id, kind) {
            return Ok(Outcome::NotAllowed(policy::STAFF_KIND));
        }
        let slug = slug::slug(&title);
        let new = store::NewThread {
            product: product.id,
            topic: topic.map(|t| t.id),
            author: by.id,
            kind,
            visibility: Visibility::Public,
            title: &title,
            slug: &slug,
            language: language::detect(&format!("{title}. {plain}")),
            official: kind.is_of_staff(),
            from: None,
            request_key: key.as_deref(),
            tags: &tags,
            body: &body,
            body_html: &html,
        };
        let id = store::insert_thread(tx, &new, now)?;
        followers::follow(tx, id, by.id, now)?;
        if kind.is_of_staff() {
            super::record(
                tx,
                now,
                by,
                "thread_opened",
                id,
                "",
                json!({ "kind": kind.as_str() }),
            )?;
        }
        if kind == ThreadKind::KnownIssue {
            warn::of_issue(tx, now, by, id)?;
        }
        deflections::written(tx, &typed.request_key, now)?;
        store::changed(tx, id, now)?;
        Ok(Outcome::Posted(Place {
            thread: id,
            slug,
            post: 1,
        }))
    })
}
