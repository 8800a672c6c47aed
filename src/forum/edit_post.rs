//! An author or a moderator changes a post; every state of it is kept.

use serde_json::json;

use super::store::{self, NewRevision};
use super::{Place, policy, typed};
use crate::app::App;
use crate::error::{Problem, Result};
use crate::ids::PostId;
use crate::people::CurrentUser;
use crate::text::{language, markdown, slug};

/// A changed post as typed.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub body: String,
    /// Only of an opening post.
    pub title: String,
    pub tags: String,
    pub reason: String,
    /// How often the post had been edited when the form was rendered.
    pub edit_count: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Saved(Place),
    /// It says what it said.
    Unchanged(Place),
    Refused(Vec<Problem>),
    /// The sentence says why.
    NotAllowed(&'static str),
    NotFound,
}

pub fn edit_post(app: &App, by: &CurrentUser, post: PostId, typed: &Typed) -> Result<Outcome> {
    let now = app.now();
    let mut problems = Vec::new();
    let body = typed::body(&typed.body, &mut problems);
    let html = markdown::render(&body).into_string();
    let reason = typed::reason(&typed.reason);
    app.db.write(|tx| {
        let Some((thread, post)) = store::post_to_change(tx, post)? else {
            return Ok(Outcome::NotFound);
        };
        if !policy::can_see(Some(by), &thread) || post.deleted_at.is_some() {
            return Ok(Outcome::NotFound);
        }
        if !policy::can_edit(by, &thread, &post) {
            return Ok(Outcome::NotAllowed(policy::ONLY_AUTHOR));
        }
        let mut title = None;
        let mut tags = Vec::new();
        if post.is_opening() {
            title = Some(typed::title(&typed.title, &mut problems));
            tags = typed::tags(&typed.tags, &mut problems);
        }
        if typed.edit_count != post.edit_count {
            problems.push(Problem::new(
                "body",
                "Somebody changed this post since you opened the form. Your text is kept here; \
                 compare it with the post and save again.",
            ));
        }
        if !problems.is_empty() {
            return Ok(Outcome::Refused(problems));
        }
        let mut tags_before: Vec<String> = store::tags_of(tx, thread.id)?
            .into_iter()
            .map(|t| t.slug)
            .collect();
        tags_before.sort();
        let mut tags_after = tags.clone();
        tags_after.sort();
        let retagged = post.is_opening() && tags_before != tags_after;
        let retitled = title.as_ref().is_some_and(|t| *t != thread.title);
        let mut place = Place {
            post: post.number,
            ..thread.place()
        };
        if post.body == body && !retitled && !retagged {
            return Ok(Outcome::Unchanged(place));
        }
        if post.body != body || retitled {
            if post.edit_count == 0 {
                let first = NewRevision {
                    post: post.id,
                    number: 1,
                    editor: post.author,
                    title: post.is_opening().then_some(thread.title.as_str()),
                    body: &post.body,
                    reason: "",
                    at: post.created_at,
                };
                store::insert_revision(tx, &first)?;
            }
            let edit_count = post.edit_count + 1;
            let revision = NewRevision {
                post: post.id,
                number: edit_count + 1,
                editor: by.id,
                title: title.as_deref(),
                body: &body,
                reason: &reason,
                at: now,
            };
            store::insert_revision(tx, &revision)?;
            store::set_body(tx, post.id, &body, &html, edit_count, now)?;
        }
        if let Some(title) = &title {
            place.slug = slug::slug(title);
            let plain = markdown::to_plain(&body);
            let language = language::detect(&format!("{title}. {plain}"));
            store::set_title(tx, thread.id, title, &place.slug, language, now)?;
        }
        if retagged {
            store::set_tags(tx, &thread, &tags)?;
        }
        if post.author != by.id {
            let data = json!({ "post": post.number });
            super::record(tx, now, by, "post_edited", thread.id, &reason, data)?;
        }
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Saved(place))
    })
}
