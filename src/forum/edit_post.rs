//! An author or a moderator changes a post; every state of it that others could read is kept.

use serde_json::json;

use super::store::{self, NewRevision};
use super::{Place, Post, Thread, Visibility, policy, typed};
use crate::app::App;
use crate::db::Conn;
use crate::error::{Problem, Result};
use crate::ids::PostId;
use crate::keys;
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
    /// What the form showed when it was rendered: [`Editable::seen`].
    pub seen: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Saved(Place),
    /// It says what it said.
    Unchanged(Place),
    Refused(Vec<Problem>),
    /// Somebody changed what the form showed; nothing was written.
    Conflict,
    /// The sentence says why.
    NotAllowed(&'static str),
    NotFound,
}

/// What an edit may change, as it is stored.
#[derive(Clone, Debug, Default)]
pub struct Editable {
    pub body: String,
    /// Empty for a reply, as are the tags.
    pub title: String,
    /// Slugs, in order.
    pub tags: Vec<String>,
}

impl Editable {
    pub fn load(conn: &mut Conn, thread: &Thread, post: &Post) -> Result<Editable> {
        let mut editable = Editable {
            body: post.body.clone(),
            ..Editable::default()
        };
        if post.is_opening() {
            let tags = store::tags_of(conn, thread.id)?;
            editable.title = thread.title.clone();
            editable.tags = tags.into_iter().map(|t| t.slug).collect();
            editable.tags.sort();
        }
        Ok(editable)
    }

    /// A mark of this state: a form that carries another one was rendered before a change.
    pub fn seen(&self) -> String {
        let text = format!("{}\n{}\n{}", self.title, self.tags.join(" "), self.body);
        keys::digest(text.as_bytes())
    }
}

pub fn edit_post(app: &App, by: &CurrentUser, post: PostId, typed: &Typed) -> Result<Outcome> {
    let now = app.now();
    let mut problems = Vec::new();
    let body = typed::body(&typed.body, &mut problems);
    let html = markdown::render(&body).into_string();
    let reason = typed::reason(&typed.reason);
    let mut opening_problems = Vec::new();
    let title = typed::title(&typed.title, &mut opening_problems);
    let mut tags = typed::tags(&typed.tags, &mut opening_problems);
    tags.sort();
    app.db.write(|tx| {
        let Some((thread, post)) = store::post_for(tx, by, post)? else {
            return Ok(Outcome::NotFound);
        };
        if post.deleted_at.is_some() {
            return Ok(Outcome::NotFound);
        }
        if !policy::can_edit(by, &thread, &post) {
            return Ok(Outcome::NotAllowed(policy::ONLY_AUTHOR));
        }
        let before = Editable::load(tx, &thread, &post)?;
        if typed.seen != before.seen() {
            return Ok(Outcome::Conflict);
        }
        if post.is_opening() {
            problems.append(&mut opening_problems);
        }
        if !problems.is_empty() {
            return Ok(Outcome::Refused(problems));
        }
        let title = post.is_opening().then_some(title);
        let retagged = post.is_opening() && before.tags != tags;
        let retitled = title.as_ref().is_some_and(|t| *t != before.title);
        let reworded = post.body != body || retitled;
        let mut place = Place {
            post: post.number,
            ..thread.place()
        };
        if !reworded && !retagged {
            return Ok(Outcome::Unchanged(place));
        }
        // What staff take out of a draft before others see it is in no history.
        let is_public_yet = thread.visibility != Visibility::Draft;
        if reworded && is_public_yet {
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
            store::set_edited(tx, post.id, edit_count, now)?;
        }
        if reworded {
            store::set_body(tx, post.id, &body, &html)?;
        }
        if let Some(title) = &title {
            place.slug = slug::slug(title);
            let plain = markdown::to_plain(&body);
            let language = language::detect(&format!("{title}. {plain}"));
            store::set_title(tx, thread.id, title, &place.slug, language)?;
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
