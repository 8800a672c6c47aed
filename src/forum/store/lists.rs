//! Lists of threads: by key, newest activity first, public ones only.

use std::collections::HashMap;

use diesel::dsl::not;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::word;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{posts, products, tags, thread_tags, threads, topics, users};
use crate::error::Result;
use crate::forum::{Place, ThreadKind, ThreadState, Visibility, thread_path};
use crate::ids::{ProductId, TagId, ThreadId, TopicId, UserId};

/// Counts on the front page end here: what is more is shown as `1,000+`.
pub const COUNT_MAX: i64 = 1_000;

/// A place in a list, between two threads: what comes after it is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub active_at: i64,
    pub id: i64,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.active_at, self.id)
    }
}

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(s: &str) -> Result<Cursor, ()> {
        let (active_at, id) = s.split_once('.').ok_or(())?;
        Ok(Cursor {
            active_at: active_at.parse().map_err(|_| ())?,
            id: id.parse().map_err(|_| ())?,
        })
    }
}

/// Which threads a list shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    pub product: Option<ProductId>,
    pub topic: Option<TopicId>,
    pub kind: Option<ThreadKind>,
    pub state: Option<ThreadState>,
    /// Only pinned ones, or only others.
    pub pinned: Option<bool>,
}

/// A thread as a list shows it.
#[derive(Clone, Debug)]
pub struct ThreadLine {
    pub id: ThreadId,
    pub slug: String,
    pub title: String,
    pub kind: ThreadKind,
    pub state: ThreadState,
    pub pinned: bool,
    pub official: bool,
    pub version: i64,
    pub reply_count: i64,
    pub me_too_count: i64,
    pub fixed_in: Option<String>,
    pub created_at: Moment,
    pub active_at: Moment,
    pub author: UserId,
    pub author_name: String,
    pub product_slug: String,
    pub product_name: String,
    pub topic_slug: Option<String>,
    pub topic_name: Option<String>,
    /// Slugs.
    pub tags: Vec<String>,
}

impl ThreadLine {
    pub fn path(&self) -> String {
        thread_path(self.id, &self.slug)
    }

    pub fn cursor(&self) -> Cursor {
        Cursor {
            active_at: self.active_at.0,
            id: self.id.0,
        }
    }
}

#[derive(Queryable)]
struct Row {
    id: i64,
    slug: String,
    title: String,
    kind: String,
    state: String,
    pinned: bool,
    official: bool,
    version: i64,
    reply_count: i64,
    me_too_count: i64,
    fixed_in: Option<String>,
    created_at: i64,
    active_at: i64,
    author_id: i64,
    author_name: String,
    product_slug: String,
    product_name: String,
    topic_slug: Option<String>,
    topic_name: Option<String>,
}

macro_rules! lines {
    () => {
        threads::table
            .inner_join(users::table)
            .inner_join(products::table)
            .left_join(topics::table)
            .filter(threads::visibility.eq(Visibility::Public.as_str()))
            .select((
                threads::id,
                threads::slug,
                threads::title,
                threads::kind,
                threads::state,
                threads::pinned,
                threads::official,
                threads::version,
                threads::reply_count,
                threads::me_too_count,
                threads::fixed_in,
                threads::created_at,
                threads::active_at,
                threads::author_id,
                users::name,
                products::slug,
                products::name,
                topics::slug.nullable(),
                topics::name.nullable(),
            ))
    };
}

/// Public threads after `before`, newest activity first.
pub fn threads(
    conn: &mut Conn,
    filter: Filter,
    before: Option<Cursor>,
    limit: i64,
) -> Result<Vec<ThreadLine>> {
    let mut query = lines!()
        .order((threads::active_at.desc(), threads::id.desc()))
        .limit(limit)
        .into_boxed();
    match (filter.topic, filter.product) {
        // A topic belongs to one product.
        (Some(topic), _) => query = query.filter(threads::topic_id.eq(topic.0)),
        (None, Some(product)) => query = query.filter(threads::product_id.eq(product.0)),
        (None, None) => {}
    }
    if let Some(kind) = filter.kind {
        query = query.filter(threads::kind.eq(kind.as_str()));
    }
    if let Some(state) = filter.state {
        query = query.filter(threads::state.eq(state.as_str()));
    }
    // Bare, so that the index of pinned threads is seen to serve.
    match filter.pinned {
        Some(true) => query = query.filter(threads::pinned),
        Some(false) => query = query.filter(not(threads::pinned)),
        None => {}
    }
    if let Some(before) = before {
        query = query
            .filter(threads::active_at.le(before.active_at))
            .filter(
                threads::active_at
                    .lt(before.active_at)
                    .or(threads::id.lt(before.id)),
            );
    }
    let rows: Vec<Row> = query.load(conn)?;
    with_tags(conn, rows)
}

/// Public threads with a tag, newest activity first.
pub fn threads_of_tag(
    conn: &mut Conn,
    tag: TagId,
    before: Option<Cursor>,
    limit: i64,
) -> Result<Vec<ThreadLine>> {
    let before = before.unwrap_or(Cursor {
        active_at: i64::MAX,
        id: i64::MAX,
    });
    let ids: Vec<i64> = thread_tags::table
        .inner_join(threads::table)
        .filter(thread_tags::tag_id.eq(tag.0))
        .filter(threads::visibility.eq(Visibility::Public.as_str()))
        .filter(thread_tags::active_at.le(before.active_at))
        .filter(
            thread_tags::active_at
                .lt(before.active_at)
                .or(thread_tags::thread_id.lt(before.id)),
        )
        .order((thread_tags::active_at.desc(), thread_tags::thread_id.desc()))
        .limit(limit)
        .select(thread_tags::thread_id)
        .load(conn)?;
    threads_by_ids(conn, &ids)
}

/// The public ones among `ids`, in that order.
pub fn threads_by_ids(conn: &mut Conn, ids: &[i64]) -> Result<Vec<ThreadLine>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = lines!().filter(threads::id.eq_any(ids)).load(conn)?;
    let mut lines = with_tags(conn, rows)?;
    lines.sort_by_key(|line| ids.iter().position(|id| *id == line.id.0));
    Ok(lines)
}

fn with_tags(conn: &mut Conn, rows: Vec<Row>) -> Result<Vec<ThreadLine>> {
    let ids: Vec<i64> = rows.iter().map(|r| r.id).collect();
    let mut tags = tag_slugs(conn, &ids)?;
    rows.into_iter()
        .map(|row| {
            Ok(ThreadLine {
                id: ThreadId(row.id),
                slug: row.slug,
                title: row.title,
                kind: word(&row.kind)?,
                state: word(&row.state)?,
                pinned: row.pinned,
                official: row.official,
                version: row.version,
                reply_count: row.reply_count,
                me_too_count: row.me_too_count,
                fixed_in: row.fixed_in,
                created_at: Moment(row.created_at),
                active_at: Moment(row.active_at),
                author: UserId(row.author_id),
                author_name: row.author_name,
                product_slug: row.product_slug,
                product_name: row.product_name,
                topic_slug: row.topic_slug,
                topic_name: row.topic_name,
                tags: tags.remove(&row.id).unwrap_or_default(),
            })
        })
        .collect()
}

/// Slugs of the tags of each of these threads.
pub fn tag_slugs(conn: &mut Conn, threads: &[i64]) -> Result<HashMap<i64, Vec<String>>> {
    let mut of: HashMap<i64, Vec<String>> = HashMap::new();
    if threads.is_empty() {
        return Ok(of);
    }
    let rows: Vec<(i64, String)> = thread_tags::table
        .inner_join(tags::table)
        .filter(thread_tags::thread_id.eq_any(threads))
        .order(tags::slug)
        .select((thread_tags::thread_id, tags::slug))
        .load(conn)?;
    for (thread, slug) in rows {
        of.entry(thread).or_default().push(slug);
    }
    Ok(of)
}

/// The tags that most public threads carry.
pub fn popular_tags(conn: &mut Conn, limit: i64) -> Result<Vec<(String, i64)>> {
    Ok(tags::table
        .filter(tags::thread_count.gt(0))
        .order((tags::thread_count.desc(), tags::slug))
        .limit(limit)
        .select((tags::slug, tags::thread_count))
        .load(conn)?)
}

/// Figures of one product on the front page, each counted up to [`COUNT_MAX`] + 1.
#[derive(QueryableByName)]
pub struct ProductCounts {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub threads: i64,
    #[diesel(sql_type = BigInt)]
    pub unsolved: i64,
}

/// Public threads and unsolved questions of each product. Counting ends early, so that the
/// front page costs the same however large the forum is.
pub fn product_counts(conn: &mut Conn) -> Result<Vec<ProductCounts>> {
    let counted = |condition: &str| {
        format!(
            "(SELECT count(*) FROM (SELECT 1 FROM threads t WHERE t.product_id = p.id \
             AND t.visibility = 'public'{condition} LIMIT {}) counted)",
            COUNT_MAX + 1
        )
    };
    let query = format!(
        "SELECT p.id AS id, {} AS threads, {} AS unsolved FROM products p",
        counted(""),
        counted(" AND t.kind = 'question' AND t.state = 'open'")
    );
    Ok(diesel::sql_query(query).load(conn)?)
}

/// A line of a profile: a post and the thread it stands in.
#[derive(Clone, Debug)]
pub struct Contribution {
    pub post: i64,
    pub place: Place,
    pub title: String,
    pub kind: ThreadKind,
    pub product_name: String,
    pub created_at: Moment,
    pub accepted: bool,
    pub official: bool,
    /// Markdown.
    pub body: String,
}

/// Posts of a user in public threads, newest first, before the post `before`.
pub fn contributions(
    conn: &mut Conn,
    user: UserId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Contribution>> {
    #[derive(Queryable)]
    struct Row {
        post: i64,
        number: i64,
        thread: i64,
        slug: String,
        title: String,
        kind: String,
        product_name: String,
        created_at: i64,
        accepted_at: Option<i64>,
        official: bool,
        body: String,
    }
    let rows: Vec<Row> = posts::table
        .inner_join(threads::table.inner_join(products::table))
        .filter(posts::author_id.eq(user.0))
        .filter(posts::id.lt(before.unwrap_or(i64::MAX)))
        .filter(posts::deleted_at.is_null())
        .filter(threads::visibility.eq(Visibility::Public.as_str()))
        .order(posts::id.desc())
        .limit(limit)
        .select((
            posts::id,
            posts::number,
            threads::id,
            threads::slug,
            threads::title,
            threads::kind,
            products::name,
            posts::created_at,
            posts::accepted_at,
            posts::official,
            posts::body,
        ))
        .load(conn)?;
    rows.into_iter()
        .map(|row| {
            Ok(Contribution {
                post: row.post,
                place: Place {
                    thread: ThreadId(row.thread),
                    slug: row.slug,
                    post: row.number,
                },
                title: row.title,
                kind: word(&row.kind)?,
                product_name: row.product_name,
                created_at: Moment(row.created_at),
                accepted: row.accepted_at.is_some(),
                official: row.official,
                body: row.body,
            })
        })
        .collect()
}
