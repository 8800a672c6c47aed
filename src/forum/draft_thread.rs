//! Threads made from cases: drafted for staff, who publish or discard them.

use serde_json::json;

use super::notify::{News, Notify};
use super::store::{self, Origin, followers};
use super::{Outcome, ThreadKind, ThreadState, Visibility, policy, typed, warn};
use crate::app::App;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::{self, Act, Actor};
use crate::error::Result;
use crate::ids::{CaseId, MentionId, ProductId, ThreadId, TopicId, UserId};
use crate::jobs;
use crate::people::CurrentUser;
use crate::text::{language, markdown, slug};

/// Title of a draft whose words are gone.
const GONE_TITLE: &str = "(the post was deleted by its author)";

/// A thread to be drafted. Titles and bodies beyond the forum's limits are cut.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    pub product: ProductId,
    pub topic: Option<TopicId>,
    /// Who stands as the author once it is published.
    pub author: UserId,
    pub kind: ThreadKind,
    pub title: &'a str,
    /// Markdown. Nothing private may stand in it: publishing shows it to everyone.
    pub body: &'a str,
    pub from: Origin,
}

/// Writes the draft in the caller's transaction, which ends with this: it tells the change log.
pub fn draft_thread(tx: &mut Conn, now: Moment, draft: &Draft<'_>) -> Result<ThreadId> {
    let title: String = typed::one_line(draft.title)
        .chars()
        .take(*typed::TITLE_CHARS.end())
        .collect();
    let body: String = typed::body(draft.body, &mut Vec::new())
        .chars()
        .take(typed::BODY_CHARS_MAX)
        .collect();
    let html = markdown::render(&body).into_string();
    let plain = markdown::to_plain(&body);
    let new = store::NewThread {
        product: draft.product,
        topic: draft.topic,
        author: draft.author,
        kind: draft.kind,
        visibility: Visibility::Draft,
        title: &title,
        slug: &slug::slug(&title),
        language: language::detect(&format!("{title}. {plain}")),
        official: draft.kind.is_of_staff(),
        from: Some(draft.from),
        request_key: None,
        tags: &[],
        body: &body,
        body_html: &html,
    };
    let id = store::insert_thread(tx, &new, now)?;
    followers::follow(tx, id, draft.author, now)?;
    store::changed(tx, id, now)?;
    Ok(id)
}

/// Shows the draft to everyone, as if opened now, in the caller's transaction.
pub fn publish(tx: &mut Conn, now: Moment, by: &CurrentUser, thread: ThreadId) -> Result<Outcome> {
    let Some(thread) = store::thread_for(tx, by, thread)? else {
        return Ok(Outcome::NotFound);
    };
    if thread.visibility != Visibility::Draft {
        return Ok(Outcome::Unchanged(thread.place()));
    }
    if !policy::can_publish(by, &thread) {
        return Ok(Outcome::NotAllowed(policy::ONLY_STAFF));
    }
    if !thread.is_waiting_draft() {
        return Ok(Outcome::NotAllowed(policy::DISCARDED));
    }
    store::set_visibility(tx, &thread, Visibility::Public)?;
    store::set_published(tx, thread.id, now)?;
    super::record(tx, now, by, "draft_published", thread.id, "", json!({}))?;
    warn::of_issue(tx, now, by, thread.id)?;
    store::changed(tx, thread.id, now)?;
    if thread.author != by.id {
        jobs::enqueue(
            tx,
            now,
            &Notify::new(thread.id, by.id, now, News::Published),
        )?;
    }
    Ok(Outcome::Done(thread.place()))
}

/// The post that drafts were made from is gone: those that nobody published are closed, and their
/// words with them; so are drafts made from how these `cases` were summed up, which were its words.
/// Call it in the transaction that forgets the post; it tells the change log.
pub fn erase_drafts_of(
    tx: &mut Conn,
    now: Moment,
    mention: MentionId,
    cases: &[CaseId],
) -> Result<()> {
    for thread in store::drafts_of(tx, mention, cases)? {
        store::blank(tx, thread, GONE_TITLE)?;
        store::set_state(tx, thread, ThreadState::Closed, now)?;
        audit::record(
            tx,
            now,
            Act {
                by: &Actor::rule("recheck"),
                act: "draft_discarded",
                subject: ("thread", thread.0),
                reason: "the post it was made from was deleted by its author",
                data: json!({}),
            },
        )?;
        store::changed(tx, thread, now)?;
    }
    Ok(())
}

/// Nobody publishes the draft any more. It stays a draft, closed, that the product's staff can read:
/// it may hold what a customer wrote in private.
pub fn discard_draft(
    app: &App,
    by: &CurrentUser,
    thread: ThreadId,
    reason: &str,
) -> Result<Outcome> {
    let now = app.now();
    let reason = typed::reason(reason);
    app.db.write(|tx| {
        let Some(thread) = store::thread_for(tx, by, thread)? else {
            return Ok(Outcome::NotFound);
        };
        if !thread.is_waiting_draft() {
            return Ok(Outcome::Unchanged(thread.place()));
        }
        if !policy::can_publish(by, &thread) {
            return Ok(Outcome::NotAllowed(policy::ONLY_STAFF));
        }
        store::set_state(tx, thread.id, ThreadState::Closed, now)?;
        super::record(
            tx,
            now,
            by,
            "draft_discarded",
            thread.id,
            &reason,
            json!({}),
        )?;
        store::changed(tx, thread.id, now)?;
        Ok(Outcome::Done(thread.place()))
    })
}
