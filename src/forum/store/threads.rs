//! Queries of threads: one at a time, and the writes that verbs are made of.

use std::collections::HashMap;

use diesel::dsl::max;
use diesel::prelude::*;

use super::{NewPost, count_tags, insert_post, set_tags, word};
use crate::clock::Moment;
use crate::db::changes::{self, Subject};
use crate::db::schema::{post_revisions, posts, thread_tags, threads};
use crate::db::{Conn, Lock, lock};
use crate::error::{Error, Result};
use crate::forum::{
    Place, Thread, ThreadKind, ThreadState, Visibility, import_threads, policy, thread_path,
};
use crate::ids::{CaseId, MentionId, PostId, ProductId, ThreadId, TopicId, UserId};
use crate::people::CurrentUser;

#[derive(Queryable)]
struct ThreadRow {
    id: i64,
    product_id: i64,
    topic_id: Option<i64>,
    author_id: i64,
    kind: String,
    state: String,
    visibility: String,
    title: String,
    slug: String,
    created_at: i64,
    active_at: i64,
    solved_at: Option<i64>,
    closed_at: Option<i64>,
    pinned: bool,
    reply_count: i64,
    me_too_count: i64,
    follower_count: i64,
    accepted_count: i64,
    primary_answer_id: Option<i64>,
    official: bool,
    fixed_in: Option<String>,
    version: i64,
}

macro_rules! thread_columns {
    () => {
        (
            threads::id,
            threads::product_id,
            threads::topic_id,
            threads::author_id,
            threads::kind,
            threads::state,
            threads::visibility,
            threads::title,
            threads::slug,
            threads::created_at,
            threads::active_at,
            threads::solved_at,
            threads::closed_at,
            threads::pinned,
            threads::reply_count,
            threads::me_too_count,
            threads::follower_count,
            threads::accepted_count,
            threads::primary_answer_id,
            threads::official,
            threads::fixed_in,
            threads::version,
        )
    };
}

impl TryFrom<ThreadRow> for Thread {
    type Error = Error;

    fn try_from(row: ThreadRow) -> Result<Thread> {
        Ok(Thread {
            id: ThreadId(row.id),
            product: ProductId(row.product_id),
            topic: row.topic_id.map(TopicId),
            author: UserId(row.author_id),
            kind: word(&row.kind)?,
            state: word(&row.state)?,
            visibility: word(&row.visibility)?,
            title: row.title,
            slug: row.slug,
            created_at: Moment(row.created_at),
            active_at: Moment(row.active_at),
            solved_at: row.solved_at.map(Moment),
            closed_at: row.closed_at.map(Moment),
            pinned: row.pinned,
            reply_count: row.reply_count,
            me_too_count: row.me_too_count,
            follower_count: row.follower_count,
            accepted_count: row.accepted_count,
            primary_answer: row.primary_answer_id.map(PostId),
            official: row.official,
            fixed_in: row.fixed_in,
            version: row.version,
        })
    }
}

pub fn thread(conn: &mut Conn, id: ThreadId) -> Result<Option<Thread>> {
    let row: Option<ThreadRow> = threads::table
        .find(id.0)
        .select(thread_columns!())
        .first(conn)
        .optional()?;
    row.map(Thread::try_from).transpose()
}

/// The case that a thread was drafted for.
pub fn drafted_for(conn: &mut Conn, id: ThreadId) -> Result<Option<CaseId>> {
    let case: Option<Option<i64>> = threads::table
        .find(id.0)
        .select(threads::from_case_id)
        .first(conn)
        .optional()?;
    Ok(case.flatten().map(CaseId))
}

/// The thread, held still until the transaction ends, for whoever holds an address that we signed.
pub fn thread_unchecked(tx: &mut Conn, id: ThreadId) -> Result<Option<Thread>> {
    lock(tx, Lock::Thread(id.0))?;
    thread(tx, id)
}

/// The thread, held still until the transaction ends, if this person may see it.
pub fn thread_for(tx: &mut Conn, by: &CurrentUser, id: ThreadId) -> Result<Option<Thread>> {
    Ok(thread_unchecked(tx, id)?.filter(|t| policy::can_see(Some(by), t)))
}

/// What a thread was drafted from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    pub case: CaseId,
    /// The post whose words it holds; none when they are the case's own.
    pub mention: Option<MentionId>,
}

/// A thread to be written, with its opening post.
pub struct NewThread<'a> {
    pub product: ProductId,
    pub topic: Option<TopicId>,
    pub author: UserId,
    pub kind: ThreadKind,
    pub visibility: Visibility,
    pub title: &'a str,
    pub slug: &'a str,
    pub language: Option<&'a str>,
    pub official: bool,
    pub from: Option<Origin>,
    pub request_key: Option<&'a str>,
    pub tags: &'a [String],
    pub body: &'a str,
    pub body_html: &'a str,
}

/// Writes thread, opening post and tags, and counts them. The change log is the caller's to call.
pub fn insert_thread(tx: &mut Conn, new: &NewThread<'_>, now: Moment) -> Result<ThreadId> {
    let id: i64 = diesel::insert_into(threads::table)
        .values((
            threads::product_id.eq(new.product.0),
            threads::topic_id.eq(new.topic.map(|t| t.0)),
            threads::author_id.eq(new.author.0),
            threads::kind.eq(new.kind.as_str()),
            threads::state.eq(ThreadState::Open.as_str()),
            threads::visibility.eq(new.visibility.as_str()),
            threads::title.eq(new.title),
            threads::slug.eq(new.slug),
            threads::language.eq(new.language),
            threads::created_at.eq(now.0),
            threads::active_at.eq(now.0),
            threads::official.eq(new.official),
            threads::from_case_id.eq(new.from.map(|from| from.case.0)),
            threads::from_mention_id.eq(new.from.and_then(|from| from.mention).map(|m| m.0)),
            threads::request_key.eq(new.request_key),
        ))
        .returning(threads::id)
        .get_result(tx)?;
    let id = ThreadId(id);
    let post = NewPost {
        thread: id,
        author: new.author,
        number: 1,
        body: new.body,
        body_html: new.body_html,
        official: new.official,
        reply_to: None,
        request_key: None,
    };
    insert_post(tx, &post, now)?;
    let thread = thread(tx, id)?.ok_or_else(|| Error::other("a thread just written is missing"))?;
    set_tags(tx, &thread, new.tags)?;
    Ok(id)
}

/// The thread that this form already made, with its opening post.
pub fn thread_of_request(tx: &mut Conn, key: &str) -> Result<Option<(Place, PostId)>> {
    let row: Option<(i64, i64, String)> = posts::table
        .inner_join(threads::table)
        .filter(threads::request_key.eq(key))
        .filter(posts::number.eq(1))
        .select((posts::id, threads::id, threads::slug))
        .first(tx)
        .optional()?;
    Ok(row.map(|(post, id, slug)| {
        let place = Place {
            thread: ThreadId(id),
            slug,
            post: 1,
        };
        (place, PostId(post))
    }))
}

/// The ids that imported threads had where they came from, by our own.
pub fn external_ids(conn: &mut Conn, of: &[i64]) -> Result<HashMap<i64, String>> {
    let keys: Vec<(i64, Option<String>)> = threads::table
        .filter(threads::id.eq_any(of))
        .select((threads::id, threads::request_key))
        .load(conn)?;
    Ok(keys
        .into_iter()
        .filter_map(|(id, key)| {
            let external = key?.strip_prefix(import_threads::KEY_PREFIX)?.to_owned();
            Some((id, external))
        })
        .collect())
}

/// Raises the version and, last, tells the change log: the end of every write to a thread.
pub fn changed(tx: &mut Conn, thread: ThreadId, now: Moment) -> Result<()> {
    diesel::update(threads::table.find(thread.0))
        .set(threads::version.eq(threads::version + 1))
        .execute(tx)?;
    changes::append(tx, Subject::Thread, thread.0, now)
}

/// The threads drafted from this post, or from how these cases are summed up, that nobody published;
/// discarded ones too.
pub fn drafts_of(conn: &mut Conn, mention: MentionId, cases: &[CaseId]) -> Result<Vec<ThreadId>> {
    let cases: Vec<i64> = cases.iter().map(|c| c.0).collect();
    let of_cases = threads::from_mention_id
        .is_null()
        .and(threads::from_case_id.assume_not_null().eq_any(cases));
    let ids: Vec<i64> = threads::table
        .filter(threads::visibility.eq(Visibility::Draft.as_str()))
        .filter(
            threads::from_mention_id
                .assume_not_null()
                .eq(mention.0)
                .or(of_cases),
        )
        .order(threads::id)
        .select(threads::id)
        .load(conn)?;
    Ok(ids.into_iter().map(ThreadId).collect())
}

/// Takes the words out of a thread: of its title, its posts and their history.
pub fn blank(tx: &mut Conn, thread: ThreadId, title: &str) -> Result<()> {
    diesel::update(threads::table.find(thread.0))
        .set((threads::title.eq(title), threads::slug.eq("")))
        .execute(tx)?;
    let ids: Vec<i64> = posts::table
        .filter(posts::thread_id.eq(thread.0))
        .select(posts::id)
        .load(tx)?;
    diesel::update(posts::table.filter(posts::thread_id.eq(thread.0)))
        .set((posts::body.eq(""), posts::body_html.eq("")))
        .execute(tx)?;
    diesel::delete(post_revisions::table.filter(post_revisions::post_id.eq_any(ids)))
        .execute(tx)?;
    Ok(())
}

/// Sets the state with its moments: `at` is when it came to be so. A thread that opens again forgets
/// when it was solved.
pub fn set_state(tx: &mut Conn, thread: ThreadId, state: ThreadState, at: Moment) -> Result<()> {
    let row = threads::table.find(thread.0);
    match state {
        ThreadState::Open => diesel::update(row)
            .set((
                threads::state.eq(state.as_str()),
                threads::solved_at.eq(None::<i64>),
                threads::closed_at.eq(None::<i64>),
            ))
            .execute(tx)?,
        ThreadState::Solved => diesel::update(row)
            .set((
                threads::state.eq(state.as_str()),
                threads::solved_at.eq(at.0),
                threads::closed_at.eq(None::<i64>),
            ))
            .execute(tx)?,
        ThreadState::Closed => diesel::update(row)
            .set((
                threads::state.eq(state.as_str()),
                threads::closed_at.eq(at.0),
            ))
            .execute(tx)?,
    };
    Ok(())
}

pub fn set_kind(
    tx: &mut Conn,
    thread: ThreadId,
    kind: ThreadKind,
    fixed_in: Option<&str>,
) -> Result<()> {
    diesel::update(threads::table.find(thread.0))
        .set((
            threads::kind.eq(kind.as_str()),
            threads::fixed_in.eq(fixed_in),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn set_place(
    tx: &mut Conn,
    thread: ThreadId,
    product: ProductId,
    topic: Option<TopicId>,
) -> Result<()> {
    diesel::update(threads::table.find(thread.0))
        .set((
            threads::product_id.eq(product.0),
            threads::topic_id.eq(topic.map(|t| t.0)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn set_pinned(tx: &mut Conn, thread: ThreadId, pinned: bool) -> Result<()> {
    diesel::update(threads::table.find(thread.0))
        .set(threads::pinned.eq(pinned))
        .execute(tx)?;
    Ok(())
}

pub fn set_official(tx: &mut Conn, thread: ThreadId, official: bool) -> Result<()> {
    diesel::update(threads::table.find(thread.0))
        .set(threads::official.eq(official))
        .execute(tx)?;
    Ok(())
}

/// Shows or hides a thread, and counts it with its tags or not.
pub fn set_visibility(tx: &mut Conn, thread: &Thread, visibility: Visibility) -> Result<()> {
    let before = thread.visibility == Visibility::Public;
    let after = visibility == Visibility::Public;
    if before != after {
        count_tags(tx, thread.id, if after { 1 } else { -1 })?;
    }
    diesel::update(threads::table.find(thread.id.0))
        .set(threads::visibility.eq(visibility.as_str()))
        .execute(tx)?;
    Ok(())
}

/// A published draft begins its public life now.
pub fn set_published(tx: &mut Conn, thread: ThreadId, now: Moment) -> Result<()> {
    diesel::update(threads::table.find(thread.0))
        .set(threads::created_at.eq(now.0))
        .execute(tx)?;
    diesel::update(posts::table.filter(posts::thread_id.eq(thread.0)))
        .set(posts::created_at.eq(now.0))
        .execute(tx)?;
    set_active(tx, thread, now)
}

pub fn set_title(
    tx: &mut Conn,
    thread: ThreadId,
    title: &str,
    slug: &str,
    language: Option<&str>,
) -> Result<()> {
    diesel::update(threads::table.find(thread.0))
        .set((
            threads::title.eq(title),
            threads::slug.eq(slug),
            threads::language.eq(language),
        ))
        .execute(tx)?;
    Ok(())
}

/// Notes that something was said: lists sort by it.
pub fn set_active(tx: &mut Conn, thread: ThreadId, at: Moment) -> Result<()> {
    diesel::update(threads::table.find(thread.0))
        .set(threads::active_at.eq(at.0))
        .execute(tx)?;
    diesel::update(thread_tags::table.filter(thread_tags::thread_id.eq(thread.0)))
        .set(thread_tags::active_at.eq(at.0))
        .execute(tx)?;
    Ok(())
}

/// Largest id of a thread; 0 when there is none.
pub fn last_thread_id(conn: &mut Conn) -> Result<i64> {
    Ok(threads::table
        .select(max(threads::id))
        .first::<Option<i64>>(conn)?
        .unwrap_or(0))
}

/// Addresses and last activity of public threads with ids in `from..=to`, for the sitemap.
pub fn sitemap(conn: &mut Conn, from: i64, to: i64) -> Result<Vec<(String, Moment)>> {
    let rows: Vec<(i64, String, i64)> = threads::table
        .filter(threads::id.between(from, to))
        .filter(threads::visibility.eq(Visibility::Public.as_str()))
        .order(threads::id)
        .select((threads::id, threads::slug, threads::active_at))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, slug, at)| (thread_path(ThreadId(id), &slug), Moment(at)))
        .collect())
}
