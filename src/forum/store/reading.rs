//! What the page of one thread shows: a fixed number of queries whatever its length.

use std::collections::HashMap;

use diesel::dsl::max;
use diesel::prelude::*;

use super::posts::{PostRow, post_columns};
use super::{tags_of, thread};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{
    me_toos, post_revisions, posts, products, subscriptions, threads, topics, users,
};
use crate::error::{Error, Result};
use crate::forum::{POSTS_PER_PAGE, Post, Tag, Thread};
use crate::ids::{PostId, ThreadId, UserId};
use crate::people::Role;

/// What decides whether a kept page may be sent: read by primary key.
#[derive(Clone, Debug, Queryable)]
pub struct ThreadKey {
    pub version: i64,
    pub visibility: String,
    pub slug: String,
}

pub fn key(conn: &mut Conn, id: ThreadId) -> Result<Option<ThreadKey>> {
    Ok(threads::table
        .find(id.0)
        .select((threads::version, threads::visibility, threads::slug))
        .first(conn)
        .optional()?)
}

/// A thread with the names around it.
#[derive(Clone, Debug)]
pub struct ThreadHead {
    pub thread: Thread,
    pub product_slug: String,
    pub product_name: String,
    pub topic_slug: Option<String>,
    pub topic_name: Option<String>,
    pub author_name: String,
    /// ISO 639-1, as far as its text told.
    pub language: Option<String>,
    pub tags: Vec<Tag>,
    /// The number of its last post.
    pub last_number: i64,
}

impl ThreadHead {
    pub fn pages(&self) -> i64 {
        crate::forum::page_of(self.last_number)
    }
}

/// Three queries.
pub fn head(conn: &mut Conn, id: ThreadId) -> Result<Option<ThreadHead>> {
    let Some(thread) = thread(conn, id)? else {
        return Ok(None);
    };
    type Names = (
        String,
        String,
        Option<String>,
        Option<String>,
        String,
        Option<String>,
    );
    let names: Names = threads::table
        .inner_join(users::table)
        .inner_join(products::table)
        .left_join(topics::table)
        .filter(threads::id.eq(id.0))
        .select((
            products::slug,
            products::name,
            topics::slug.nullable(),
            topics::name.nullable(),
            users::name,
            threads::language,
        ))
        .first(conn)?;
    let tags = tags_of(conn, id)?;
    let last: Option<i64> = posts::table
        .filter(posts::thread_id.eq(id.0))
        .select(max(posts::number))
        .first(conn)?;
    Ok(Some(ThreadHead {
        thread,
        product_slug: names.0,
        product_name: names.1,
        topic_slug: names.2,
        topic_name: names.3,
        author_name: names.4,
        language: names.5,
        tags,
        last_number: last.unwrap_or(1),
    }))
}

/// A post as the page shows it.
#[derive(Clone, Debug)]
pub struct PostLine {
    pub post: Post,
    pub author_name: String,
    pub author_role: Role,
    /// Out of `text::markdown`: may stand in a page as it is.
    pub body_html: String,
    pub edited_at: Option<Moment>,
    /// The number of the post in this thread that it answers.
    pub reply_to: Option<i64>,
}

#[derive(Queryable)]
struct Row {
    post: PostRow,
    author_name: String,
    author_role: String,
    body_html: String,
    edited_at: Option<i64>,
    reply_to_id: Option<i64>,
}

impl TryFrom<Row> for PostLine {
    type Error = Error;

    fn try_from(row: Row) -> Result<PostLine> {
        Ok(PostLine {
            post: row.post.into(),
            author_name: row.author_name,
            author_role: row.author_role.parse().map_err(Error::Data)?,
            body_html: row.body_html,
            edited_at: row.edited_at.map(Moment),
            reply_to: None,
        })
    }
}

macro_rules! post_lines {
    () => {
        posts::table.inner_join(users::table).select((
            post_columns!(),
            users::name,
            users::role,
            posts::body_html,
            posts::edited_at,
            posts::reply_to_id,
        ))
    };
}

/// The posts of one page, by number range: no page costs more than the first.
pub fn posts_on_page(conn: &mut Conn, thread: ThreadId, page: i64) -> Result<Vec<PostLine>> {
    let first = (page.clamp(1, i64::MAX / POSTS_PER_PAGE) - 1) * POSTS_PER_PAGE + 1;
    let last = first.saturating_add(POSTS_PER_PAGE - 1);
    let rows: Vec<Row> = post_lines!()
        .filter(posts::thread_id.eq(thread.0))
        .filter(posts::number.between(first, last))
        .order(posts::number)
        .load(conn)?;
    let answered: Vec<i64> = rows.iter().filter_map(|r| r.reply_to_id).collect();
    let numbers: HashMap<i64, i64> = if answered.is_empty() {
        HashMap::new()
    } else {
        let numbers: Vec<(i64, i64)> = posts::table
            .filter(posts::id.eq_any(answered))
            .select((posts::id, posts::number))
            .load(conn)?;
        numbers.into_iter().collect()
    };
    rows.into_iter()
        .map(|row| {
            let reply_to = row.reply_to_id.and_then(|id| numbers.get(&id).copied());
            Ok(PostLine {
                reply_to,
                ..PostLine::try_from(row)?
            })
        })
        .collect()
}

/// One post as a page shows it.
pub fn post_line(conn: &mut Conn, id: PostId) -> Result<Option<PostLine>> {
    let row: Option<Row> = post_lines!()
        .filter(posts::id.eq(id.0))
        .first(conn)
        .optional()?;
    row.map(PostLine::try_from).transpose()
}

/// What this user said about this thread: me too, and whether they follow it.
pub fn relation(conn: &mut Conn, thread: ThreadId, user: UserId) -> Result<(bool, bool)> {
    let me_too: Option<i64> = me_toos::table
        .filter(
            me_toos::thread_id
                .eq(thread.0)
                .and(me_toos::user_id.eq(user.0)),
        )
        .select(me_toos::id)
        .first(conn)
        .optional()?;
    let follows: Option<i64> = subscriptions::table
        .filter(subscriptions::user_id.eq(user.0))
        .filter(subscriptions::subject_kind.eq(super::followers::THREAD))
        .filter(subscriptions::subject_id.eq(thread.0))
        .select(subscriptions::id)
        .first(conn)
        .optional()?;
    Ok((me_too.is_some(), follows.is_some()))
}

/// One state of a post's text.
#[derive(Clone, Debug, Queryable)]
pub struct RevisionLine {
    pub number: i64,
    pub editor_id: i64,
    pub editor_name: String,
    pub title: Option<String>,
    pub body: String,
    pub reason: String,
    pub created_at: i64,
    /// When a moderator took it out of the public history.
    pub hidden_at: Option<i64>,
}

/// Whether this state of a post is hidden from readers; `None` when there is none of this number.
pub fn revision_is_hidden(conn: &mut Conn, post: PostId, number: i64) -> Result<Option<bool>> {
    let hidden_at: Option<Option<i64>> = post_revisions::table
        .filter(post_revisions::post_id.eq(post.0))
        .filter(post_revisions::number.eq(number))
        .select(post_revisions::hidden_at)
        .first(conn)
        .optional()?;
    Ok(hidden_at.map(|at| at.is_some()))
}

/// The newest states of a post's text with a number below `before`, newest first.
pub fn revisions(
    conn: &mut Conn,
    post: PostId,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<RevisionLine>> {
    Ok(post_revisions::table
        .inner_join(users::table)
        .filter(post_revisions::post_id.eq(post.0))
        .filter(post_revisions::number.lt(before.unwrap_or(i64::MAX)))
        .order(post_revisions::number.desc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((
            post_revisions::number,
            post_revisions::editor_id,
            users::name,
            post_revisions::title,
            post_revisions::body,
            post_revisions::reason,
            post_revisions::created_at,
            post_revisions::hidden_at,
        ))
        .load(conn)?)
}
