//! Queries of the forum: what exists, and the writes that verbs are made of.
//! Lists are in `store/lists.rs`, the page of a thread in `store/reading.rs`, followers and
//! notices in `store/followers.rs`.

pub mod counters;
pub mod followers;
pub mod lists;
#[cfg(test)]
mod plans;
pub mod reading;
pub mod recipients;
pub mod searching;
pub mod settings;

use std::collections::BTreeSet;

use diesel::dsl::max;
use diesel::prelude::*;

use super::{
    Place, Post, Product, Tag, Thread, ThreadKind, ThreadState, Topic, Visibility, policy,
    thread_path,
};
use crate::clock::Moment;
use crate::db::changes::{self, Subject};
use crate::db::schema::{
    post_revisions, posts, products, tags, thread_tags, threads, topics, users,
};
use crate::db::{Conn, Lock, lock};
use crate::each;
use crate::error::{Error, Result};
use crate::ids::{CaseId, MentionId, PostId, ProductId, TagId, ThreadId, TopicId, UserId};
use crate::people::CurrentUser;

pub use lists::{Cursor, Filter, ThreadLine, contributions};
pub use reading::{PostLine, RevisionLine, ThreadHead};

// Products, topics, tags

type ProductRow = (i64, String, String, String);

fn product_of((id, slug, name, description): ProductRow) -> Product {
    Product {
        id: ProductId(id),
        slug,
        name,
        description,
    }
}

macro_rules! product_columns {
    () => {
        (
            products::id,
            products::slug,
            products::name,
            products::description,
        )
    };
}

/// All products in the order staff gave them.
pub fn products(conn: &mut Conn) -> Result<Vec<Product>> {
    let rows: Vec<ProductRow> = products::table
        .order((products::position, products::id))
        .select(product_columns!())
        .load(conn)?;
    Ok(rows.into_iter().map(product_of).collect())
}

pub fn product_by_slug(conn: &mut Conn, slug: &str) -> Result<Option<Product>> {
    let row: Option<ProductRow> = products::table
        .filter(products::slug.eq(slug))
        .select(product_columns!())
        .first(conn)
        .optional()?;
    Ok(row.map(product_of))
}

pub fn product(conn: &mut Conn, id: ProductId) -> Result<Option<Product>> {
    let row: Option<ProductRow> = products::table
        .find(id.0)
        .select(product_columns!())
        .first(conn)
        .optional()?;
    Ok(row.map(product_of))
}

/// A product to be made.
pub struct NewProduct<'a> {
    pub slug: &'a str,
    pub name: &'a str,
    pub description: &'a str,
    pub position: i64,
    /// Words by which a complaint shows that it is about this product, lower case.
    pub brand_terms: &'a [String],
}

pub fn insert_product(tx: &mut Conn, new: &NewProduct<'_>, now: Moment) -> Result<ProductId> {
    let terms = serde_json::to_string(new.brand_terms).map_err(Error::other)?;
    let id: i64 = diesel::insert_into(products::table)
        .values((
            products::slug.eq(new.slug),
            products::name.eq(new.name),
            products::description.eq(new.description),
            products::position.eq(new.position),
            products::brand_terms.eq(terms),
            products::created_at.eq(now.0),
        ))
        .returning(products::id)
        .get_result(tx)?;
    Ok(ProductId(id))
}

type TopicRow = (i64, i64, String, String, String);

fn topic_of((id, product, slug, name, description): TopicRow) -> Topic {
    Topic {
        id: TopicId(id),
        product: ProductId(product),
        slug,
        name,
        description,
    }
}

macro_rules! topic_columns {
    () => {
        (
            topics::id,
            topics::product_id,
            topics::slug,
            topics::name,
            topics::description,
        )
    };
}

/// The topics of a product in the order staff gave them.
pub fn topics(conn: &mut Conn, product: ProductId) -> Result<Vec<Topic>> {
    let rows: Vec<TopicRow> = topics::table
        .filter(topics::product_id.eq(product.0))
        .order((topics::position, topics::id))
        .select(topic_columns!())
        .load(conn)?;
    Ok(rows.into_iter().map(topic_of).collect())
}

/// The topics of all products.
pub fn all_topics(conn: &mut Conn) -> Result<Vec<Topic>> {
    let rows: Vec<TopicRow> = topics::table
        .order((topics::product_id, topics::position, topics::id))
        .select(topic_columns!())
        .load(conn)?;
    Ok(rows.into_iter().map(topic_of).collect())
}

pub fn insert_topic(
    tx: &mut Conn,
    product: ProductId,
    slug: &str,
    name: &str,
    description: &str,
    position: i64,
) -> Result<TopicId> {
    let id: i64 = diesel::insert_into(topics::table)
        .values((
            topics::product_id.eq(product.0),
            topics::slug.eq(slug),
            topics::name.eq(name),
            topics::description.eq(description),
            topics::position.eq(position),
        ))
        .returning(topics::id)
        .get_result(tx)?;
    Ok(TopicId(id))
}

type TagRow = (i64, String, String, i64);

fn tag_of((id, slug, name, thread_count): TagRow) -> Tag {
    Tag {
        id: TagId(id),
        slug,
        name,
        thread_count,
    }
}

macro_rules! tag_columns {
    () => {
        (tags::id, tags::slug, tags::name, tags::thread_count)
    };
}

pub fn tag_by_slug(conn: &mut Conn, slug: &str) -> Result<Option<Tag>> {
    let row: Option<TagRow> = tags::table
        .filter(tags::slug.eq(slug))
        .select(tag_columns!())
        .first(conn)
        .optional()?;
    Ok(row.map(tag_of))
}

/// The tags of one thread, by name.
pub fn tags_of(conn: &mut Conn, thread: ThreadId) -> Result<Vec<Tag>> {
    let rows: Vec<TagRow> = thread_tags::table
        .inner_join(tags::table)
        .filter(thread_tags::thread_id.eq(thread.0))
        .order(tags::slug)
        .select(tag_columns!())
        .load(conn)?;
    Ok(rows.into_iter().map(tag_of).collect())
}

/// The tag with this slug; made when missing, with `name` for people.
pub fn ensure_tag(tx: &mut Conn, slug: &str, name: &str) -> Result<TagId> {
    let row = (tags::slug.eq(slug), tags::name.eq(name));
    each!(&mut *tx, c => diesel::insert_into(tags::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    let id: i64 = tags::table
        .filter(tags::slug.eq(slug))
        .select(tags::id)
        .first(tx)?;
    Ok(TagId(id))
}

/// Gives the thread exactly these tags. Counts follow when the thread is public.
///
/// Tags are made in the order of their slugs, then counted in the order of their ids: two threads
/// that take and give the same tags can't wait for each other.
pub fn set_tags(tx: &mut Conn, thread: &Thread, slugs: &[String]) -> Result<()> {
    let slugs: BTreeSet<&String> = slugs.iter().collect();
    let mut after = BTreeSet::new();
    for slug in slugs {
        after.insert(ensure_tag(tx, slug, slug)?.0);
    }
    let before: BTreeSet<i64> = tag_ids(tx, thread.id)?.into_iter().collect();
    let gone: Vec<i64> = before.difference(&after).copied().collect();
    let of_thread = thread_tags::table.filter(thread_tags::thread_id.eq(thread.id.0));
    diesel::delete(of_thread.filter(thread_tags::tag_id.eq_any(gone))).execute(tx)?;
    for tag in after.difference(&before) {
        diesel::insert_into(thread_tags::table)
            .values((
                thread_tags::thread_id.eq(thread.id.0),
                thread_tags::tag_id.eq(tag),
                thread_tags::active_at.eq(thread.active_at.0),
            ))
            .execute(tx)?;
    }
    if thread.visibility == Visibility::Public {
        for tag in before.symmetric_difference(&after) {
            add_to_tag(tx, *tag, if after.contains(tag) { 1 } else { -1 })?;
        }
    }
    Ok(())
}

/// Adds `by` to the count of each tag of a thread that becomes, or stops being, public.
pub fn count_tags(tx: &mut Conn, thread: ThreadId, by: i64) -> Result<()> {
    for tag in tag_ids(tx, thread)? {
        add_to_tag(tx, tag, by)?;
    }
    Ok(())
}

/// The tags of a thread by rising id.
fn tag_ids(conn: &mut Conn, thread: ThreadId) -> Result<Vec<i64>> {
    Ok(thread_tags::table
        .filter(thread_tags::thread_id.eq(thread.0))
        .order(thread_tags::tag_id)
        .select(thread_tags::tag_id)
        .load(conn)?)
}

fn add_to_tag(tx: &mut Conn, tag: i64, by: i64) -> Result<()> {
    diesel::update(tags::table.find(tag))
        .set(tags::thread_count.eq(tags::thread_count + by))
        .execute(tx)?;
    Ok(())
}

// Threads

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

/// A stored word as its enum.
pub(super) fn word<T: std::str::FromStr<Err = String>>(stored: &str) -> Result<T> {
    stored.parse().map_err(Error::Data)
}

pub fn thread(conn: &mut Conn, id: ThreadId) -> Result<Option<Thread>> {
    let row: Option<ThreadRow> = threads::table
        .find(id.0)
        .select(thread_columns!())
        .first(conn)
        .optional()?;
    row.map(Thread::try_from).transpose()
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

// Posts

#[derive(Queryable)]
struct PostRow {
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

pub fn post(conn: &mut Conn, id: PostId) -> Result<Option<Post>> {
    let row: Option<PostRow> = posts::table
        .find(id.0)
        .select((
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
        ))
        .first(conn)
        .optional()?;
    Ok(row.map(|row| Post {
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
    }))
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

// Accepted answers

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

// Who writes

/// Whether this user confirmed their email address; `None` when there is no such user any more.
pub fn is_verified(conn: &mut Conn, user: UserId) -> Result<Option<bool>> {
    let at: Option<Option<i64>> = users::table
        .filter(users::id.eq(user.0).and(users::erased_at.is_null()))
        .select(users::email_verified_at)
        .first(conn)
        .optional()?;
    Ok(at.map(|at| at.is_some()))
}

/// The name of a user.
pub fn user_name(conn: &mut Conn, user: UserId) -> Result<Option<String>> {
    Ok(users::table
        .find(user.0)
        .select(users::name)
        .first(conn)
        .optional()?)
}

// Whole-site figures

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

/// The post with this number in a thread.
pub fn post_at(conn: &mut Conn, thread: ThreadId, number: i64) -> Result<Option<PostId>> {
    let id: Option<i64> = posts::table
        .filter(posts::thread_id.eq(thread.0).and(posts::number.eq(number)))
        .select(posts::id)
        .first(conn)
        .optional()?;
    Ok(id.map(PostId))
}
