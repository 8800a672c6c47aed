//! The page of a thread.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::write::ReplyForm;
use super::{Shown, bucket, find_kept, finish};
use crate::app::App;
use crate::clock::Moment;
use crate::db::changes::{self, Subject};
use crate::forum::store::{self, PostLine, ThreadHead, followers, reading};
use crate::forum::{
    Post, Product, ThreadKind, ThreadState, Topic, Visibility, policy, thread_path,
};
use crate::ids::ThreadId;
use crate::people::{CurrentUser, Role, Viewer};
use crate::text::markdown;
use crate::web::{Answer, Page, Query, When, blocking};

/// Characters of the accepted answer that stand beside the question.
const ANSWER_CHARS: usize = 260;
/// Characters of the description that search engines are given.
const DESCRIPTION_CHARS: usize = 155;

/// A post with what this reader may do to it.
pub struct PostView {
    pub line: PostLine,
    pub created: When,
    pub edited: Option<When>,
    /// The post it answers: its number and address.
    pub reply_to: Option<(i64, String)>,
    pub is_primary: bool,
    pub is_accepted: bool,
    pub is_deleted: bool,
    /// A deleted post's text is shown to moderators only.
    pub shows_body: bool,
    /// `staff`, `moderator`, `admin`, or nothing for members.
    pub role: &'static str,
    pub can_quote: bool,
    pub can_edit: bool,
    pub can_delete: bool,
    pub can_restore: bool,
    pub can_accept: bool,
    pub item: Option<Item>,
}

/// What a reply is to its thread in schema.org's words, for search engines.
pub struct Item {
    pub property: &'static str,
    pub kind: &'static str,
}

impl Item {
    fn of(thread: &crate::forum::Thread, post: &Post) -> Item {
        let (property, kind) = match thread.kind {
            ThreadKind::Question if post.accepted_at.is_some() => ("acceptedAnswer", "Answer"),
            ThreadKind::Question => ("suggestedAnswer", "Answer"),
            _ => ("comment", "Comment"),
        };
        Item { property, kind }
    }
}

/// What this reader may do to the thread.
#[derive(Default)]
pub struct Rights {
    pub moderate: bool,
    pub reply: bool,
    pub close: bool,
    pub reopen: bool,
    pub me_too: bool,
    pub official: bool,
    pub publish: bool,
}

struct AnswerView {
    author_name: String,
    path: String,
    excerpt: String,
    official: bool,
}

/// A place a thread may be moved to.
pub struct PlaceOption {
    pub product: Product,
    pub topics: Vec<Topic>,
}

#[derive(Template)]
#[template(path = "forum/thread.html")]
struct ThreadPage {
    page: Page,
    head: ThreadHead,
    created: When,
    active: When,
    canonical: String,
    description: String,
    posts: Vec<PostView>,
    answer: Option<AnswerView>,
    page_number: i64,
    pages: Vec<PageLink>,
    prev: Option<String>,
    next: Option<String>,
    rights: Rights,
    said_me_too: bool,
    follows: bool,
    reply: ReplyForm,
    places: Vec<PlaceOption>,
    kinds: &'static [ThreadKind],
    is_question: bool,
    log_in: String,
}

struct PageLink {
    number: i64,
    url: String,
    is_current: bool,
    /// Pages between this and the one before are left out.
    after_gap: bool,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct ThreadQuery {
    page: String,
}

/// `GET /t/{id}`
pub async fn short(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    path: web::Path<String>,
    query: Query<ThreadQuery>,
) -> Answer {
    show(app, req, viewer, path.into_inner(), None, query.0).await
}

/// `GET /t/{id}/{slug}`
pub async fn thread(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    query: Query<ThreadQuery>,
) -> Answer {
    let (id, slug) = path.into_inner();
    show(app, req, viewer, id, Some(slug), query.0).await
}

async fn show(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    id: String,
    slug: Option<String>,
    query: ThreadQuery,
) -> Answer {
    let Ok(id) = id.parse::<ThreadId>() else {
        return Err(crate::web::Failure::NotFound);
    };
    let page_number = query.page.parse::<i64>().unwrap_or(1).max(1);
    blocking(&app, move |app| {
        let now = app.now();
        let is_visitor = viewer.is_visitor();
        let (shown, has_news) = app.db.read(|conn| {
            let Some(key) = reading::key(conn, id)? else {
                return Ok((Shown::NotFound, false));
            };
            if key.visibility != Visibility::Public.as_str() && viewer.user.is_none() {
                return Ok((Shown::NotFound, false));
            }
            let path = thread_path(id, &key.slug);
            let names = changes::newest_of(conn, Subject::Site)?;
            let version = key.version;
            let cache_key = format!("{path} {page_number} {version} {names} {}", bucket(now));
            // Whether the address is right stands before the page: a kept page has one address.
            if slug.as_deref() == Some(key.slug.as_str())
                && let Some(kept) = find_kept(app, is_visitor, &cache_key)
            {
                return Ok((kept, false));
            }
            let Some(head) = reading::head(conn, id)? else {
                return Ok((Shown::NotFound, false));
            };
            if !policy::can_see(viewer.user.as_ref(), &head.thread) {
                return Ok((Shown::NotFound, false));
            }
            if slug.as_deref() != Some(head.thread.slug.as_str()) {
                let page = if page_number > 1 {
                    format!("?page={page_number}")
                } else {
                    String::new()
                };
                return Ok((Shown::Moved(format!("{path}{page}")), false));
            }
            if page_number > head.pages() {
                return Ok((Shown::NotFound, false));
            }
            let has_news = match &viewer.user {
                Some(user) if viewer.page.viewer.as_ref().is_some_and(|v| v.unread > 0) => {
                    followers::unread_of_thread(conn, user.id, id)? > 0
                }
                _ => false,
            };
            let page = page(app, conn, &viewer, head, page_number, now)?;
            Ok((finish(app, is_visitor, cache_key, &page)?, has_news))
        })?;
        if has_news && let Some(user) = &viewer.user {
            let noted = app
                .db
                .write(|tx| followers::mark_read(tx, user.id, Some(id), now));
            // A database that takes no writes at the moment keeps nobody from reading.
            if let Err(error) = noted {
                tracing::warn!(%error, thread = %id, "the notices could not be marked read");
            }
        }
        Ok(shown)
    })
    .await?
    .answer(&req)
}

fn page(
    app: &App,
    conn: &mut crate::db::Conn,
    viewer: &Viewer,
    head: ThreadHead,
    page_number: i64,
    now: Moment,
) -> crate::error::Result<ThreadPage> {
    let user = viewer.user.as_ref();
    let thread = &head.thread;
    let lines = reading::posts_on_page(conn, thread.id, page_number)?;
    let primary = match thread.primary_answer {
        Some(id) if page_number == 1 => match lines.iter().find(|l| l.post.id == id) {
            Some(line) => Some(line.clone()),
            None => reading::post_line(conn, id)?,
        },
        _ => None,
    };
    let (said_me_too, follows) = match user {
        Some(user) => reading::relation(conn, thread.id, user.id)?,
        None => (false, false),
    };
    let rights = rights(user, thread);
    let places = if rights.moderate {
        places(conn)?
    } else {
        Vec::new()
    };
    let path = thread.path();
    let at = |n: i64| {
        if n == 1 {
            path.clone()
        } else {
            format!("{path}?page={n}")
        }
    };
    let last_page = head.pages();
    let canonical = app.url(&at(page_number));
    let description = lines
        .iter()
        .find(|l| l.post.deleted_at.is_none())
        .map_or_else(String::new, |l| {
            markdown::excerpt(&markdown::plain_of(&l.body_html), DESCRIPTION_CHARS)
        });
    // An answer that is the very next post needs no signpost.
    let answer = primary
        .filter(|l| l.post.number > 2)
        .map(|line| AnswerView {
            path: place_path(thread, &line.post),
            excerpt: markdown::excerpt(&markdown::plain_of(&line.body_html), ANSWER_CHARS),
            author_name: line.author_name,
            official: line.post.official,
        });
    let posts = lines
        .into_iter()
        .map(|line| view(line, user, thread, now))
        .collect();
    let reply = match user {
        Some(user) => ReplyForm {
            request_key: app.random.token(),
            ..ReplyForm::of(user, thread, &head.product_slug)
        },
        None => ReplyForm::default(),
    };
    Ok(ThreadPage {
        page: viewer.page.clone(),
        created: When::new(thread.created_at.0, now),
        active: When::new(thread.active_at.0, now),
        canonical,
        description,
        posts,
        answer,
        page_number,
        pages: page_links(page_number, last_page, at),
        prev: (page_number > 1).then(|| at(page_number - 1)),
        next: (page_number < last_page).then(|| at(page_number + 1)),
        rights,
        said_me_too,
        follows,
        reply,
        places,
        kinds: ThreadKind::ALL,
        is_question: thread.kind == ThreadKind::Question,
        log_in: format!(
            "/login?next={}",
            url::form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>()
        ),
        head,
    })
}

fn place_path(thread: &crate::forum::Thread, post: &Post) -> String {
    number_path(thread, post.number)
}

fn number_path(thread: &crate::forum::Thread, number: i64) -> String {
    crate::forum::Place {
        post: number,
        ..thread.place()
    }
    .path()
}

fn rights(user: Option<&CurrentUser>, thread: &crate::forum::Thread) -> Rights {
    let Some(user) = user else {
        return Rights::default();
    };
    Rights {
        moderate: policy::can_moderate(user, thread.product),
        reply: policy::can_reply(user, thread),
        close: policy::can_close(user, thread) && thread.state != ThreadState::Closed,
        reopen: policy::can_reopen(user, thread)
            && (thread.state == ThreadState::Closed
                || (thread.state == ThreadState::Solved && thread.accepted_count == 0)),
        me_too: policy::can_me_too(user, thread),
        official: policy::can_be_official(user, thread.product),
        publish: thread.is_waiting_draft() && policy::can_publish(user, thread),
    }
}

fn view(
    line: PostLine,
    user: Option<&CurrentUser>,
    thread: &crate::forum::Thread,
    now: Moment,
) -> PostView {
    let post = &line.post;
    let is_deleted = post.deleted_at.is_some();
    let moderates = user.is_some_and(|u| policy::can_moderate(u, thread.product));
    let may = |f: fn(&CurrentUser, &crate::forum::Thread, &Post) -> bool| {
        user.is_some_and(|u| f(u, thread, post))
    };
    PostView {
        created: When::new(post.created_at.0, now),
        edited: line.edited_at.map(|at| When::new(at.0, now)),
        reply_to: line
            .reply_to
            .map(|number| (number, number_path(thread, number))),
        is_primary: thread.primary_answer == Some(post.id),
        is_accepted: post.accepted_at.is_some() && !is_deleted,
        is_deleted,
        shows_body: !is_deleted || moderates,
        role: match line.author_role {
            Role::Member => "",
            role => role.as_str(),
        },
        can_quote: !is_deleted && user.is_some_and(|u| policy::can_reply(u, thread)),
        can_edit: may(policy::can_edit),
        can_delete: may(policy::can_delete)
            && !(post.is_opening() && thread.visibility == Visibility::Hidden),
        can_restore: moderates
            && (is_deleted || (post.is_opening() && thread.visibility == Visibility::Hidden)),
        can_accept: !is_deleted
            && !post.is_opening()
            && thread.state != ThreadState::Closed
            && user.is_some_and(|u| policy::can_accept(u, thread)),
        item: (!post.is_opening()).then(|| Item::of(thread, post)),
        line,
    }
}

/// Every product with its topics, for the form that moves a thread.
pub(super) fn places(conn: &mut crate::db::Conn) -> crate::error::Result<Vec<PlaceOption>> {
    let topics = store::all_topics(conn)?;
    Ok(store::products(conn)?
        .into_iter()
        .map(|product| PlaceOption {
            topics: topics
                .iter()
                .filter(|t| t.product == product.id)
                .cloned()
                .collect(),
            product,
        })
        .collect())
}

/// First, last, and those around the current page.
fn page_links(current: i64, last: i64, at: impl Fn(i64) -> String) -> Vec<PageLink> {
    if last == 1 {
        return Vec::new();
    }
    let mut numbers: Vec<i64> = [1, current - 1, current, current + 1, last]
        .into_iter()
        .filter(|n| (1..=last).contains(n))
        .collect();
    numbers.dedup();
    let mut before = 0;
    numbers
        .into_iter()
        .map(|number| {
            let after_gap = number > before + 1;
            before = number;
            PageLink {
                number,
                url: at(number),
                is_current: number == current,
                after_gap,
            }
        })
        .collect()
}
