//! The text of public threads, for search.

use diesel::prelude::*;

use crate::db::Conn;
use crate::db::schema::{posts, products, threads, topics, users};
use crate::error::Result;
use crate::forum::Visibility;
use crate::ids::UserId;

#[derive(Queryable)]
pub struct ThreadText {
    pub id: i64,
    pub version: i64,
    pub product: String,
    pub topic: Option<String>,
    pub kind: String,
    pub state: String,
    pub official: bool,
    pub title: String,
    pub author_key: String,
    pub language: Option<String>,
    pub created_at: i64,
    pub active_at: i64,
    pub me_too_count: i64,
    pub primary_answer: Option<i64>,
}

/// The public ones among `ids`.
pub fn public_threads(conn: &mut Conn, ids: &[i64]) -> Result<Vec<ThreadText>> {
    Ok(threads::table
        .inner_join(users::table)
        .inner_join(products::table)
        .left_join(topics::table)
        .filter(threads::id.eq_any(ids))
        .filter(threads::visibility.eq(Visibility::Public.as_str()))
        .select((
            threads::id,
            threads::version,
            products::slug,
            topics::slug.nullable(),
            threads::kind,
            threads::state,
            threads::official,
            threads::title,
            users::name_key,
            threads::language,
            threads::created_at,
            threads::active_at,
            threads::me_too_count,
            threads::primary_answer_id,
        ))
        .load(conn)?)
}

/// Ids of public threads by rising id after `id`.
pub fn public_ids_after(conn: &mut Conn, id: i64, limit: i64) -> Result<Vec<i64>> {
    Ok(threads::table
        .filter(threads::id.gt(id))
        .filter(threads::visibility.eq(Visibility::Public.as_str()))
        .order(threads::id)
        .limit(limit)
        .select(threads::id)
        .load(conn)?)
}

/// Ids of an author's public threads by rising id after `id`.
pub fn public_ids_of(conn: &mut Conn, author: UserId, id: i64, limit: i64) -> Result<Vec<i64>> {
    Ok(threads::table
        .filter(threads::author_id.eq(author.0))
        .filter(threads::id.gt(id))
        .filter(threads::visibility.eq(Visibility::Public.as_str()))
        .order(threads::id)
        .limit(limit)
        .select(threads::id)
        .load(conn)?)
}

pub struct PostText {
    pub thread: i64,
    pub id: i64,
    pub number: i64,
    pub accepted: bool,
    /// Markdown.
    pub body: String,
}

/// Opening posts, all accepted answers, and the first `replies_max` posts, without deleted ones.
pub fn posts_of(conn: &mut Conn, threads: &[i64], replies_max: i64) -> Result<Vec<PostText>> {
    let rows: Vec<(i64, i64, i64, Option<i64>, String)> = posts::table
        .filter(posts::thread_id.eq_any(threads))
        .filter(posts::deleted_at.is_null())
        .filter(
            posts::number
                .le(replies_max)
                .or(posts::accepted_at.is_not_null()),
        )
        .order((posts::thread_id, posts::number))
        .select((
            posts::thread_id,
            posts::id,
            posts::number,
            posts::accepted_at,
            posts::body,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(thread, id, number, accepted_at, body)| PostText {
            thread,
            id,
            number,
            accepted: accepted_at.is_some(),
            body,
        })
        .collect())
}
