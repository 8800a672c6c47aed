//! The front page, a product's forum, a topic, a tag: lists by key.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::{Line, Shown, bucket, find_kept, finish, lines_of};
use crate::app::App;
use crate::db::{Conn, changes};
use crate::error::Result;
use crate::forum::store::lists::{self, COUNT_MAX};
use crate::forum::store::{self, Cursor, Filter, followers};
use crate::forum::{Product, THREADS_PER_PAGE, ThreadKind, ThreadState, Topic};
use crate::people::Viewer;
use crate::text::counted;
use crate::web::{Answer, Page, Query, blocking};

/// Newest threads on the front page.
const NEWEST: i64 = 15;
/// Known issues on the front page and beside a product's list.
const KNOWN_ISSUES: i64 = 5;
/// Tags beside a list.
const TAGS: i64 = 15;
/// Pinned threads on top of a product's list.
const PINNED: i64 = 5;

struct ProductCard {
    product: Product,
    threads: String,
    unsolved: String,
}

#[derive(Template)]
#[template(path = "forum/front.html")]
struct Front {
    page: Page,
    base: String,
    products: Vec<ProductCard>,
    newest: Vec<Line>,
    known_issues: Vec<Line>,
    tags: Vec<(String, i64)>,
    older: Option<String>,
    is_first: bool,
    newer: Option<String>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct FrontQuery {
    before: String,
}

/// `GET /`
pub async fn front(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    query: Query<FrontQuery>,
) -> Answer {
    let before: Option<Cursor> = query.0.before.parse().ok();
    blocking(&app, move |app| {
        let now = app.now();
        let is_visitor = viewer.is_visitor();
        app.db.read(|conn| {
            let key = format!(
                "/ {before:?} {} {}",
                changes::newest_listed(conn)?,
                bucket(now)
            );
            if let Some(kept) = find_kept(app, is_visitor, &key) {
                return Ok(kept);
            }
            let mut newest = lists::threads(conn, Filter::default(), before, NEWEST + 1)?;
            let older = cut(&mut newest, NEWEST).map(|c| format!("/?before={c}"));
            let page = Front {
                page: viewer.page,
                base: app.config.site.url.clone(),
                products: cards(conn)?,
                newest: lines_of(newest, now),
                known_issues: lines_of(known_issues(conn, None)?, now),
                tags: lists::popular_tags(conn, TAGS)?,
                older,
                is_first: before.is_none(),
                newer: before.map(|_| "/".to_owned()),
            };
            finish(app, is_visitor, key, &page)
        })
    })
    .await?
    .answer(&req)
}

fn cards(conn: &mut Conn) -> Result<Vec<ProductCard>> {
    let counts = lists::product_counts(conn)?;
    Ok(store::products(conn)?
        .into_iter()
        .map(|product| {
            let counted = counts.iter().find(|c| c.id == product.id.0);
            ProductCard {
                threads: count_text(counted.map_or(0, |c| c.threads), "thread"),
                unsolved: count_text(counted.map_or(0, |c| c.unsolved), "unsolved question"),
                product,
            }
        })
        .collect())
}

/// `1 thread`, `12 threads`, `1,000+ threads`.
fn count_text(n: i64, word: &str) -> String {
    match n {
        n if n > COUNT_MAX => format!("1,000+ {word}s"),
        n => counted(n, word),
    }
}

fn known_issues(
    conn: &mut Conn,
    product: Option<crate::ids::ProductId>,
) -> Result<Vec<store::ThreadLine>> {
    let filter = Filter {
        product,
        kind: Some(ThreadKind::KnownIssue),
        state: Some(ThreadState::Open),
        ..Filter::default()
    };
    lists::threads(conn, filter, None, KNOWN_ISSUES)
}

/// Cuts a list that was asked for one more; the place after it when there is more.
fn cut(lines: &mut Vec<store::ThreadLine>, limit: i64) -> Option<Cursor> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = lines.len() > limit;
    lines.truncate(limit);
    lines.last().filter(|_| more).map(store::ThreadLine::cursor)
}

/// What a product's list shows: a word in the address, a name, and the filter.
const TABS: [(&str, &str, Option<ThreadKind>, Option<ThreadState>); 6] = [
    ("", "All", None, None),
    ("questions", "Questions", Some(ThreadKind::Question), None),
    (
        "unsolved",
        "Unsolved",
        Some(ThreadKind::Question),
        Some(ThreadState::Open),
    ),
    (
        "known-issues",
        "Known issues",
        Some(ThreadKind::KnownIssue),
        None,
    ),
    ("articles", "Articles", Some(ThreadKind::Article), None),
    (
        "discussions",
        "Discussions",
        Some(ThreadKind::Discussion),
        None,
    ),
];

struct Tab {
    name: &'static str,
    url: String,
    is_current: bool,
}

#[derive(Template)]
#[template(path = "forum/product.html")]
struct ProductPage {
    page: Page,
    base: String,
    path: String,
    product: Product,
    topic: Option<Topic>,
    topic_id: Option<i64>,
    topics: Vec<Topic>,
    tabs: Vec<Tab>,
    tab_name: &'static str,
    pinned: Vec<Line>,
    threads: Vec<Line>,
    known_issues: Vec<Line>,
    /// Whether the member is warned of known issues; `None` for a visitor.
    warned: Option<bool>,
    newer: Option<String>,
    older: Option<String>,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct ListQuery {
    show: String,
    before: String,
}

/// `GET /p/{product}`
pub async fn product(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    path: web::Path<String>,
    query: Query<ListQuery>,
) -> Answer {
    show(app, req, viewer, path.into_inner(), None, query.0).await
}

/// `GET /p/{product}/{topic}`
pub async fn topic(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    query: Query<ListQuery>,
) -> Answer {
    let (product, topic) = path.into_inner();
    show(app, req, viewer, product, Some(topic), query.0).await
}

async fn show(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    product: String,
    topic: Option<String>,
    query: ListQuery,
) -> Answer {
    let before: Option<Cursor> = query.before.parse().ok();
    let tab = TABS
        .iter()
        .position(|(word, ..)| *word == query.show)
        .unwrap_or(0);
    blocking(&app, move |app| {
        let now = app.now();
        let is_visitor = viewer.is_visitor();
        app.db.read(|conn| {
            let Some(product) = store::product_by_slug(conn, &product)? else {
                return Ok(Shown::NotFound);
            };
            let topics = store::topics(conn, product.id)?;
            let chosen = match &topic {
                None => None,
                Some(slug) => match topics.iter().find(|t| t.slug == *slug) {
                    Some(topic) => Some(topic.clone()),
                    None => return Ok(Shown::NotFound),
                },
            };
            let path = match &chosen {
                None => format!("/p/{}", product.slug),
                Some(topic) => format!("/p/{}/{}", product.slug, topic.slug),
            };
            let newest = changes::newest_listed(conn)?;
            let key = format!("{path} {tab} {before:?} {newest} {}", bucket(now));
            if let Some(kept) = find_kept(app, is_visitor, &key) {
                return Ok(kept);
            }
            let (_, tab_name, kind, state) = TABS[tab];
            let filter = Filter {
                product: Some(product.id),
                topic: chosen.as_ref().map(|t| t.id),
                kind,
                state,
                ..Filter::default()
            };
            // Pinned threads stand on top of the first page, and nowhere else in this list.
            let apart = tab == 0;
            let pinned = if apart && before.is_none() {
                let pinned = Filter {
                    pinned: Some(true),
                    ..filter
                };
                lists::threads(conn, pinned, None, PINNED)?
            } else {
                Vec::new()
            };
            let rest = Filter {
                pinned: apart.then_some(false),
                ..filter
            };
            let mut threads = lists::threads(conn, rest, before, THREADS_PER_PAGE + 1)?;
            let address = |query: Vec<(&str, String)>| {
                let query = url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(query.iter().filter(|(_, v)| !v.is_empty()))
                    .finish();
                if query.is_empty() {
                    path.clone()
                } else {
                    format!("{path}?{query}")
                }
            };
            let word = TABS[tab].0.to_owned();
            let older = cut(&mut threads, THREADS_PER_PAGE)
                .map(|c| address(vec![("show", word.clone()), ("before", c.to_string())]));
            let newer = before.map(|_| address(vec![("show", word)]));
            let tabs = TABS
                .iter()
                .enumerate()
                .map(|(i, (word, name, ..))| Tab {
                    name,
                    url: address(vec![("show", (*word).to_owned())]),
                    is_current: i == tab,
                })
                .collect();
            let topic_is_said = chosen.is_some();
            let within = |lines| {
                lines_of(lines, now)
                    .into_iter()
                    .map(move |line| line.within(topic_is_said))
            };
            let warned = match viewer.user_id() {
                Some(user) => Some(followers::is_warned_of(conn, product.id, user)?),
                None => None,
            };
            let page = ProductPage {
                warned,
                page: viewer.page,
                base: app.config.site.url.clone(),
                known_issues: lines_of(known_issues(conn, Some(product.id))?, now),
                path: path.clone(),
                product,
                topic_id: chosen.as_ref().map(|t| t.id.0),
                topic: chosen,
                topics,
                tabs,
                tab_name,
                pinned: within(pinned).map(Line::on_top).collect(),
                threads: within(threads).collect(),
                newer,
                older,
            };
            finish(app, is_visitor, key, &page)
        })
    })
    .await?
    .answer(&req)
}

#[derive(Template)]
#[template(path = "forum/tag.html")]
struct TagPage {
    page: Page,
    base: String,
    name: String,
    slug: String,
    count: String,
    threads: Vec<Line>,
    newer: Option<String>,
    older: Option<String>,
}

/// `GET /tag/{slug}`
pub async fn tag(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    path: web::Path<String>,
    query: Query<ListQuery>,
) -> Answer {
    let slug = path.into_inner();
    let before: Option<Cursor> = query.0.before.parse().ok();
    blocking(&app, move |app| {
        let now = app.now();
        let is_visitor = viewer.is_visitor();
        app.db.read(|conn| {
            let Some(tag) = store::tag_by_slug(conn, &slug)?.filter(|t| t.thread_count > 0) else {
                return Ok(Shown::NotFound);
            };
            let newest = changes::newest_listed(conn)?;
            let key = format!("/tag/{} {before:?} {newest} {}", tag.slug, bucket(now));
            if let Some(kept) = find_kept(app, is_visitor, &key) {
                return Ok(kept);
            }
            let mut threads = lists::threads_of_tag(conn, tag.id, before, THREADS_PER_PAGE + 1)?;
            let path = format!("/tag/{}", tag.slug);
            let older = cut(&mut threads, THREADS_PER_PAGE).map(|c| format!("{path}?before={c}"));
            let page = TagPage {
                page: viewer.page,
                base: app.config.site.url.clone(),
                name: tag.name,
                count: count_text(tag.thread_count, "thread"),
                threads: lines_of(threads, now),
                newer: before.map(|_| path),
                older,
                slug: tag.slug,
            };
            finish(app, is_visitor, key, &page)
        })
    })
    .await?
    .answer(&req)
}
