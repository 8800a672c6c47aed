//! Queries of posts, their history, and which of them answer.

use diesel::dsl::max;
use diesel::prelude::*;

use super::thread_for;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{post_revisions, posts, threads, users};
use crate::error::Result;
use crate::forum::{Place, Post, Thread};
use crate::ids::{PostId, ThreadId, UserId};
use crate::people::CurrentUser;

/// The post and its thread, held still until the transaction ends, if this person may see the
/// thread. The post may be deleted.
pub fn post_for(tx: &mut Conn, by: &CurrentUser, id: PostId) -> Result<Option<(Thread, Post)>> {
    let Some(found) = post(tx, id)? else {
        return Ok(None);
    };
    let Some(thread) = thread_for(tx, by, found.thread)? else {
        return Ok(None);
    };
    // Again: it may have changed while we waited.
    Ok(post(tx, id)?.map(|post| (thread, post)))
}

/// The post with this number in a thread.
pub fn post_at(conn: &mut Conn, thread: ThreadId, number: i64) -> Result<Option<PostId>> {
    let id: Option<i64> = posts::table
        .filter(posts::thread_id.eq(thread.0).and(posts::number.eq(number)))
        .select(posts::id)
        .first(conn)
        .optional()?;
    Ok(id.map(PostId))
}

/// The columns of which a `Post` is made.
#[derive(Queryable)]
pub(super) struct PostRow {
    id: i64,
    thread_id: i64,
    author_id: i64,
    number: i64,
    body: String,
    created_at: i64,
    edit_count: i64,
    official: bool,
    accepted_at: Option<i64>,
    deleted_at: Option<i64>,
}

macro_rules! post_columns {
    () => {
        (
            posts::id,
            posts::thread_id,
            posts::author_id,
            posts::number,
            posts::body,
            posts::created_at,
            posts::edit_count,
            posts::official,
            posts::accepted_at,
            posts::deleted_at,
        )
    };
}
pub(super) use post_columns;

impl From<PostRow> for Post {
    fn from(row: PostRow) -> Post {
        Post {
            id: PostId(row.id),
            thread: ThreadId(row.thread_id),
            author: UserId(row.author_id),
            number: row.number,
            body: row.body,
            created_at: Moment(row.created_at),
            edit_count: row.edit_count,
            official: row.official,
            accepted_at: row.accepted_at.map(Moment),
            deleted_at: row.deleted_at.map(Moment),
        }
    }
}

pub fn post(conn: &mut Conn, id: PostId) -> Result<Option<Post>> {
    let row: Option<PostRow> = posts::table
        .find(id.0)
        .select(post_columns!())
        .first(conn)
        .optional()?;
    Ok(row.map(Post::from))
}

/// A post to be written.
pub struct NewPost<'a> {
    pub thread: ThreadId,
    pub author: UserId,
    pub number: i64,
    pub body: &'a str,
    pub body_html: &'a str,
    pub official: bool,
    pub reply_to: Option<PostId>,
    pub request_key: Option<&'a str>,
}

/// The number the next post of a thread gets. Hold the thread still first.
pub fn next_number(tx: &mut Conn, thread: ThreadId) -> Result<i64> {
    let last: Option<i64> = posts::table
        .filter(posts::thread_id.eq(thread.0))
        .select(max(posts::number))
        .first(tx)?;
    Ok(last.unwrap_or(0) + 1)
}

/// Writes a post and counts it for its author and, as a reply, for its thread.
pub fn insert_post(tx: &mut Conn, new: &NewPost<'_>, now: Moment) -> Result<PostId> {
    let id: i64 = diesel::insert_into(posts::table)
        .values((
            posts::thread_id.eq(new.thread.0),
            posts::author_id.eq(new.author.0),
            posts::number.eq(new.number),
            posts::body.eq(new.body),
            posts::body_html.eq(new.body_html),
            posts::created_at.eq(now.0),
            posts::official.eq(new.official),
            posts::reply_to_id.eq(new.reply_to.map(|p| p.0)),
            posts::request_key.eq(new.request_key),
        ))
        .returning(posts::id)
        .get_result(tx)?;
    count_post(tx, new.thread, new.author, new.number, 1)?;
    Ok(PostId(id))
}

fn count_post(tx: &mut Conn, thread: ThreadId, author: UserId, number: i64, by: i64) -> Result<()> {
    diesel::update(users::table.find(author.0))
        .set(users::post_count.eq(users::post_count + by))
        .execute(tx)?;
    if number > 1 {
        diesel::update(threads::table.find(thread.0))
            .set(threads::reply_count.eq(threads::reply_count + by))
            .execute(tx)?;
    }
    Ok(())
}

/// The reply that this form already made.
pub fn post_of_request(tx: &mut Conn, key: &str) -> Result<Option<(Place, PostId)>> {
    let row: Option<(i64, i64, i64, String)> = posts::table
        .inner_join(threads::table)
        .filter(posts::request_key.eq(key))
        .select((posts::id, posts::number, threads::id, threads::slug))
        .first(tx)
        .optional()?;
    Ok(row.map(|(id, number, thread, slug)| {
        let place = Place {
            thread: ThreadId(thread),
            slug,
            post: number,
        };
        (place, PostId(id))
    }))
}

/// What a post said before any edit.
#[derive(Queryable)]
pub struct FirstText {
    /// Of opening posts.
    pub title: Option<String>,
    pub body: String,
}

pub fn as_first_posted(tx: &mut Conn, post: PostId) -> Result<Option<FirstText>> {
    let first: Option<FirstText> = post_revisions::table
        .filter(post_revisions::post_id.eq(post.0))
        .filter(post_revisions::number.eq(1))
        .select((post_revisions::title, post_revisions::body))
        .first(tx)
        .optional()?;
    if first.is_some() {
        return Ok(first);
    }
    Ok(posts::table
        .inner_join(threads::table)
        .filter(posts::id.eq(post.0))
        .select((threads::title.nullable(), posts::body))
        .first(tx)
        .optional()?)
}

/// Replaces a post's text.
pub fn set_body(tx: &mut Conn, post: PostId, body: &str, html: &str) -> Result<()> {
    diesel::update(posts::table.find(post.0))
        .set((posts::body.eq(body), posts::body_html.eq(html)))
        .execute(tx)?;
    Ok(())
}

/// Says that a post was edited; `edit_count` is the new one.
pub fn set_edited(tx: &mut Conn, post: PostId, edit_count: i64, now: Moment) -> Result<()> {
    diesel::update(posts::table.find(post.0))
        .set((posts::edit_count.eq(edit_count), posts::edited_at.eq(now.0)))
        .execute(tx)?;
    Ok(())
}

/// One state of a post's text, kept for its history. Number 1 is the first.
pub struct NewRevision<'a> {
    pub post: PostId,
    pub number: i64,
    pub editor: UserId,
    /// Only of opening posts.
    pub title: Option<&'a str>,
    pub body: &'a str,
    pub reason: &'a str,
    pub at: Moment,
}

pub fn insert_revision(tx: &mut Conn, new: &NewRevision<'_>) -> Result<()> {
    diesel::insert_into(post_revisions::table)
        .values((
            post_revisions::post_id.eq(new.post.0),
            post_revisions::number.eq(new.number),
            post_revisions::editor_id.eq(new.editor.0),
            post_revisions::title.eq(new.title),
            post_revisions::body.eq(new.body),
            post_revisions::reason.eq(new.reason),
            post_revisions::created_at.eq(new.at.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// Hides one state of a post's text from readers, or shows it again.
pub fn set_revision_hidden(
    tx: &mut Conn,
    post: PostId,
    number: i64,
    by: Option<(UserId, Moment)>,
) -> Result<()> {
    let row = post_revisions::table
        .filter(post_revisions::post_id.eq(post.0))
        .filter(post_revisions::number.eq(number));
    diesel::update(row)
        .set((
            post_revisions::hidden_at.eq(by.map(|(_, at)| at.0)),
            post_revisions::hidden_by.eq(by.map(|(user, _)| user.0)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Marks a post deleted, or not, and counts it.
pub fn set_deleted(tx: &mut Conn, post: &Post, by: Option<(UserId, Moment)>) -> Result<()> {
    diesel::update(posts::table.find(post.id.0))
        .set((
            posts::deleted_at.eq(by.map(|(_, at)| at.0)),
            posts::deleted_by.eq(by.map(|(user, _)| user.0)),
        ))
        .execute(tx)?;
    let by = if by.is_some() { -1 } else { 1 };
    count_post(tx, post.thread, post.author, post.number, by)
}

/// Whether the thread has an official reply that is not deleted.
pub fn has_official_post(conn: &mut Conn, thread: ThreadId) -> Result<bool> {
    let official: Option<i64> = posts::table
        .filter(posts::thread_id.eq(thread.0))
        .filter(posts::official.eq(true).and(posts::deleted_at.is_null()))
        .select(posts::id)
        .first(conn)
        .optional()?;
    Ok(official.is_some())
}

/// Marks a reply accepted, or no longer, and counts it for its author.
pub fn set_accepted(tx: &mut Conn, post: &Post, by: Option<(UserId, Moment)>) -> Result<()> {
    diesel::update(posts::table.find(post.id.0))
        .set((
            posts::accepted_at.eq(by.map(|(_, at)| at.0)),
            posts::accepted_by.eq(by.map(|(user, _)| user.0)),
        ))
        .execute(tx)?;
    let by = if by.is_some() { 1 } else { -1 };
    diesel::update(users::table.find(post.author.0))
        .set(users::answer_count.eq(users::answer_count + by))
        .execute(tx)?;
    Ok(())
}

/// Counts the accepted answers of a thread anew and sets the primary one: `wish` when it is
/// accepted, else the one accepted first. Returns how many there are.
pub fn settle_answers(tx: &mut Conn, thread: ThreadId, wish: Option<PostId>) -> Result<i64> {
    let accepted: Vec<i64> = posts::table
        .filter(posts::thread_id.eq(thread.0))
        .filter(posts::accepted_at.is_not_null())
        .filter(posts::deleted_at.is_null())
        .order((posts::accepted_at, posts::id))
        .select(posts::id)
        .load(tx)?;
    let primary = wish
        .map(|p| p.0)
        .filter(|p| accepted.contains(p))
        .or_else(|| accepted.first().copied());
    let count = i64::try_from(accepted.len()).unwrap_or(i64::MAX);
    diesel::update(threads::table.find(thread.0))
        .set((
            threads::accepted_count.eq(count),
            threads::primary_answer_id.eq(primary),
        ))
        .execute(tx)?;
    Ok(count)
}
