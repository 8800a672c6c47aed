//! A member replies to a thread.

use serde_json::json;

use super::notify::{News, Notify};
use super::store::{self, followers};
use super::{Place, Thread, policy, typed};
use crate::app::App;
use crate::db::Conn;
use crate::error::{Problem, Result};
use crate::ids::{PostId, ThreadId};
use crate::jobs;
use crate::people::CurrentUser;
use crate::text::markdown;

/// A reply as typed.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub body: String,
    /// Ticked: the company's word. Counts only from staff of the product.
    pub official: bool,
    /// The post that was quoted or answered.
    pub reply_to: Option<PostId>,
    /// Drawn when the form was rendered: the same form makes one post, however often it comes.
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
    NotFound,
}

pub fn post_reply(app: &App, by: &CurrentUser, thread: ThreadId, typed: &Typed) -> Result<Outcome> {
    let mut problems = Vec::new();
    let body = typed::body(&typed.body, &mut problems);
    let key = typed::request_key(by.id, &typed.request_key);
    app.db.write(|tx| {
        let Some(thread) = store::thread_for(tx, by, thread)? else {
            return Ok(Outcome::NotFound);
        };
        if let Some(key) = &key
            && let Some((place, post)) = store::post_of_request(tx, key)?
        {
            let first = store::as_first_posted(tx, post)?;
            return Ok(if first.is_some_and(|first| first.body == body) {
                Outcome::Posted(place)
            } else {
                Outcome::FormUsed
            });
        }
        if store::is_verified(tx, by.id)? != Some(true) {
            return Ok(Outcome::NotAllowed(policy::UNVERIFIED));
        }
        if !policy::can_reply(by, &thread) {
            return Ok(Outcome::NotAllowed(policy::CLOSED));
        }
        if !problems.is_empty() {
            return Ok(Outcome::Refused(problems));
        }
        let official = typed.official && policy::can_be_official(by, thread.product);
        let reply_to = match typed.reply_to {
            Some(id) => store::post(tx, id)?
                .filter(|p| p.thread == thread.id)
                .map(|p| p.id),
            None => None,
        };
        let reply = Reply {
            body: &body,
            official,
            reply_to,
            request_key: key.as_deref(),
        };
        insert(tx, app, by, thread, &reply).map(Outcome::Posted)
    })
}

/// A reply that may be written.
pub(super) struct Reply<'a> {
    /// As `typed::body` cleaned it.
    pub body: &'a str,
    pub official: bool,
    pub reply_to: Option<PostId>,
    pub request_key: Option<&'a str>,
}

/// Writes a reply that nothing stands against, and has its readers told.
pub(super) fn insert(
    tx: &mut Conn,
    app: &App,
    by: &CurrentUser,
    thread: Thread,
    reply: &Reply<'_>,
) -> Result<Place> {
    let now = app.now();
    let number = store::next_number(tx, thread.id)?;
    let new = store::NewPost {
        thread: thread.id,
        author: by.id,
        number,
        body: reply.body,
        body_html: &markdown::render(reply.body).into_string(),
        official: reply.official,
        reply_to: reply.reply_to,
        request_key: reply.request_key,
    };
    let post = store::insert_post(tx, &new, now)?;
    store::set_active(tx, thread.id, now)?;
    followers::follow(tx, thread.id, by.id, now)?;
    if reply.official {
        store::set_official(tx, thread.id, true)?;
        let data = json!({ "post": number });
        super::record(tx, now, by, "official_reply_posted", thread.id, "", data)?;
    }
    let news = News::Replied { post };
    jobs::enqueue(tx, now, &Notify::new(thread.id, by.id, now, news))?;
    store::changed(tx, thread.id, now)?;
    Ok(Place {
        thread: thread.id,
        slug: thread.slug,
        post: number,
    })
}
