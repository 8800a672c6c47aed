//! Forms: a new thread, a reply, an edit. Whatever is wrong, the form comes back filled.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::thread::{PlaceOption, places};
use super::{Problems, too_fast};
use crate::app::App;
use crate::error::Problem;
use crate::forum::store::{self, RevisionLine, reading};
use crate::forum::{
    Place, ThreadKind, edit_post, policy, post_reply, post_thread, similar_threads, typed,
};
use crate::ids::{PostId, ThreadId};
use crate::people::{CurrentUser, Member, Viewer};
use crate::text::markdown;
use crate::web::{Answer, Failure, Form, Page, Query, When, blocking, html, html_with, redirect};

/// Said when a question is sent to which there may be an answer.
const MAYBE_ANSWERED: &str = "Does one of these threads answer it? If not, post it anyway.";

/// Said when a post was changed while somebody else edited it.
const CHANGED: &str = "Somebody changed this post since you opened the form. Your text is kept here; \
    compare it with the post and save again.";

/// Markdown as it will look, up to the longest text a post may have.
fn preview_of(body: &str) -> String {
    let end = body.char_indices().nth(typed::BODY_CHARS_MAX);
    let body = &body[..end.map_or(body.len(), |(at, _)| at)];
    markdown::render(body).into_string()
}

// A new thread

#[derive(serde::Deserialize, Default, Clone)]
#[serde(default)]
pub struct NewFields {
    /// Slugs of product and topic: `lamp/battery`, or `lamp/` for no topic.
    product: String,
    kind: String,
    title: String,
    body: String,
    tags: String,
    request_key: String,
    /// The button that was pressed, when it was not the one that posts.
    preview: String,
    /// Similar threads were shown.
    seen_similar: String,
}

#[derive(Template)]
#[template(path = "forum/new.html")]
struct NewPage {
    page: Page,
    fields: NewFields,
    places: Vec<PlaceOption>,
    kinds: Vec<ThreadKind>,
    problems: Problems,
    preview: Option<String>,
    similar: Vec<similar_threads::Similar>,
}

/// `GET /new`
pub async fn new(app: web::Data<App>, member: Member, query: Query<NewFields>) -> Answer {
    let mut fields = query.0;
    fields.request_key = app.random.token();
    if fields.kind.is_empty() {
        fields.kind = ThreadKind::Question.as_str().to_owned();
    }
    new_page(
        &app,
        StatusCode::OK,
        member.page,
        member.user,
        fields,
        Problems::default(),
    )
    .await
}

/// `POST /new`
pub async fn post_new(app: web::Data<App>, member: Member, form: Form<NewFields>) -> Answer {
    let fields = form.fields;
    let Member { user, page } = member;
    if !fields.preview.is_empty() {
        let problems = Problems::default();
        return new_page(&app, StatusCode::OK, page, user, fields, problems).await;
    }
    if let Some(text) = too_fast(&app, &user) {
        let problems = Problems(vec![Problem::new("", text)]);
        let status = StatusCode::TOO_MANY_REQUESTS;
        return new_page(&app, status, page, user, fields, problems).await;
    }
    // Shown once before the first question is posted: perhaps it is answered already.
    if fields.seen_similar.is_empty() && fields.kind == ThreadKind::Question.as_str() {
        let asked = fields.clone();
        let similar = blocking(&app, move |app| similar_to(app, &asked)).await?;
        if !similar.is_empty() {
            let problems = Problems(vec![Problem::new("similar", MAYBE_ANSWERED)]);
            return new_page(&app, StatusCode::OK, page, user, fields, problems).await;
        }
    }
    let (product, topic) = fields
        .product
        .split_once('/')
        .unwrap_or((&fields.product, ""));
    let typed = post_thread::Typed {
        product: product.to_owned(),
        topic: topic.to_owned(),
        kind: fields.kind.clone(),
        title: fields.title.clone(),
        body: fields.body.clone(),
        tags: fields.tags.clone(),
        request_key: fields.request_key.clone(),
    };
    let by = user.clone();
    let outcome = blocking(&app, move |app| post_thread::post_thread(app, &by, &typed)).await?;
    let (status, problems) = match outcome {
        post_thread::Outcome::Posted(place) => return Ok(redirect(&place.path())),
        post_thread::Outcome::Refused(problems) => (StatusCode::UNPROCESSABLE_ENTITY, problems),
        post_thread::Outcome::NotAllowed(why) => {
            (StatusCode::FORBIDDEN, vec![Problem::new("", why)])
        }
    };
    new_page(&app, status, page, user, fields, Problems(problems)).await
}

fn similar_to(
    app: &App,
    fields: &NewFields,
) -> crate::error::Result<Vec<similar_threads::Similar>> {
    let product = fields.product.split('/').next().unwrap_or_default();
    let text = format!("{}\n{}", fields.title, fields.body);
    similar_threads::similar_threads(app, &text, Some(product).filter(|p| !p.is_empty()))
}

async fn new_page(
    app: &App,
    status: StatusCode,
    page: Page,
    user: CurrentUser,
    fields: NewFields,
    problems: Problems,
) -> Answer {
    let page = blocking(app, move |app| {
        let places = app.db.read(places)?;
        let staff_somewhere = places
            .iter()
            .any(|p| policy::can_be_official(&user, p.product.id));
        let kinds = ThreadKind::ALL
            .iter()
            .copied()
            .filter(|kind| staff_somewhere || !kind.is_of_staff())
            .collect();
        let similar = if fields.title.trim().is_empty() {
            Vec::new()
        } else {
            similar_to(app, &fields)?
        };
        Ok(NewPage {
            page,
            places,
            kinds,
            problems,
            preview: (!fields.preview.is_empty()).then(|| preview_of(&fields.body)),
            similar,
            fields,
        })
    })
    .await?;
    html_with(status, &page)
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct PreviewFields {
    body: String,
}

/// `POST /preview`: a text as it will look, as a piece of HTML.
pub async fn preview(app: web::Data<App>, member: Member, form: Form<PreviewFields>) -> Answer {
    super::check_act(&app, &member.user)?;
    let html = blocking(&app, move |_| Ok(preview_of(&form.fields.body))).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header(("cache-control", "no-store"))
        .body(html))
}

// A reply

/// The form under a thread, or on a page of its own.
#[derive(Default)]
pub struct ReplyForm {
    pub action: String,
    pub body: String,
    pub official: bool,
    /// Whether the writer is staff of the product.
    pub offers_official: bool,
    pub reply_to: Option<PostId>,
    pub request_key: String,
    pub preview: Option<String>,
    pub problems: Problems,
    /// Under which the browser keeps what is typed.
    pub draft_key: String,
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct ReplyFields {
    body: String,
    official: String,
    reply_to: String,
    request_key: String,
    preview: String,
}

#[derive(Template)]
#[template(path = "forum/reply.html")]
struct ReplyPage {
    page: Page,
    title: String,
    path: String,
    reply: ReplyForm,
}

/// `POST /t/{id}/reply`
pub async fn reply(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ReplyFields>,
) -> Answer {
    let thread: ThreadId = path.parse().map_err(|_| Failure::NotFound)?;
    let fields = form.fields;
    let Member { user, page } = member;
    if !fields.preview.is_empty() {
        let problems = Vec::new();
        return reply_page(&app, StatusCode::OK, page, user, thread, fields, problems).await;
    }
    if let Some(text) = too_fast(&app, &user) {
        let problems = vec![Problem::new("", text)];
        let status = StatusCode::TOO_MANY_REQUESTS;
        return reply_page(&app, status, page, user, thread, fields, problems).await;
    }
    let typed = post_reply::Typed {
        body: fields.body.clone(),
        official: !fields.official.is_empty(),
        reply_to: fields.reply_to.parse().ok(),
        request_key: fields.request_key.clone(),
    };
    let by = user.clone();
    let outcome = blocking(&app, move |app| {
        post_reply::post_reply(app, &by, thread, &typed)
    })
    .await?;
    let (status, problems) = match outcome {
        post_reply::Outcome::Posted(place) => return Ok(redirect(&place.path())),
        post_reply::Outcome::NotFound => return Err(Failure::NotFound),
        post_reply::Outcome::Refused(problems) => (StatusCode::UNPROCESSABLE_ENTITY, problems),
        post_reply::Outcome::NotAllowed(why) => {
            (StatusCode::FORBIDDEN, vec![Problem::new("", why)])
        }
    };
    reply_page(&app, status, page, user, thread, fields, problems).await
}

async fn reply_page(
    app: &App,
    status: StatusCode,
    page: Page,
    user: CurrentUser,
    thread: ThreadId,
    fields: ReplyFields,
    problems: Vec<Problem>,
) -> Answer {
    let page = blocking(app, move |app| {
        let thread = app.db.read(|conn| store::thread(conn, thread))?;
        Ok(thread
            .filter(|t| policy::can_see(Some(&user), t))
            .map(|thread| ReplyPage {
                page,
                path: thread.path(),
                reply: ReplyForm {
                    action: format!("/t/{}/reply", thread.id),
                    official: !fields.official.is_empty(),
                    offers_official: policy::can_be_official(&user, thread.product),
                    reply_to: fields.reply_to.parse().ok(),
                    preview: (!fields.preview.is_empty()).then(|| preview_of(&fields.body)),
                    problems: Problems(problems),
                    draft_key: format!("reply-{}", thread.id),
                    request_key: fields.request_key,
                    body: fields.body,
                },
                title: thread.title,
            }))
    })
    .await?;
    html_with(status, &page.ok_or(Failure::NotFound)?)
}

/// `GET /post/{id}/quote`: the reply form with the post quoted.
pub async fn quote(app: web::Data<App>, member: Member, path: web::Path<String>) -> Answer {
    let post: PostId = path.parse().map_err(|_| Failure::NotFound)?;
    let Member { user, page } = member;
    let page = blocking(&app, move |app| {
        app.db.read(|conn| {
            let Some(line) = reading::post_line(conn, post)? else {
                return Ok(None);
            };
            let thread = store::thread(conn, line.post.thread)?
                .filter(|t| policy::can_see(Some(&user), t) && policy::can_reply(&user, t));
            Ok(thread
                .filter(|_| line.post.deleted_at.is_none())
                .map(|thread| {
                    let official = policy::can_be_official(&user, thread.product);
                    ReplyPage {
                        page,
                        path: thread.path(),
                        reply: ReplyForm {
                            action: format!("/t/{}/reply", thread.id),
                            body: markdown::quote(&line.author_name, &line.post.body),
                            official,
                            offers_official: official,
                            reply_to: Some(post),
                            request_key: app.random.token(),
                            draft_key: format!("quote-{post}"),
                            ..ReplyForm::default()
                        },
                        title: thread.title,
                    }
                }))
        })
    })
    .await?;
    html(&page.ok_or(Failure::NotFound)?)
}

// An edit

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct EditFields {
    body: String,
    title: String,
    tags: String,
    reason: String,
    seen: String,
    preview: String,
}

#[derive(Template)]
#[template(path = "forum/edit.html")]
struct EditPage {
    page: Page,
    action: String,
    path: String,
    thread_title: String,
    is_opening: bool,
    is_own: bool,
    fields: EditFields,
    preview: Option<String>,
    problems: Problems,
}

/// `GET /post/{id}/edit`
pub async fn edit(app: web::Data<App>, member: Member, path: web::Path<String>) -> Answer {
    let post: PostId = path.parse().map_err(|_| Failure::NotFound)?;
    let page = edit_page(&app, member.page, member.user, post, None, Vec::new()).await?;
    html(&page)
}

/// `POST /post/{id}/edit`
pub async fn post_edit(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<EditFields>,
) -> Answer {
    let post: PostId = path.parse().map_err(|_| Failure::NotFound)?;
    let mut fields = form.fields;
    let Member { user, page } = member;
    let (status, problems) = if !fields.preview.is_empty() {
        (StatusCode::OK, Vec::new())
    } else if let Some(text) = too_fast(&app, &user) {
        let problems = vec![Problem::new("", text)];
        (StatusCode::TOO_MANY_REQUESTS, problems)
    } else {
        let typed = edit_post::Typed {
            body: fields.body.clone(),
            title: fields.title.clone(),
            tags: fields.tags.clone(),
            reason: fields.reason.clone(),
            seen: fields.seen.clone(),
        };
        let by = user.clone();
        let outcome = blocking(&app, move |app| {
            edit_post::edit_post(app, &by, post, &typed)
        })
        .await?;
        match outcome {
            edit_post::Outcome::Saved(place) | edit_post::Outcome::Unchanged(place) => {
                return Ok(redirect(&place.path()));
            }
            edit_post::Outcome::NotFound => return Err(Failure::NotFound),
            edit_post::Outcome::NotAllowed(why) => return Err(Failure::forbidden(why)),
            edit_post::Outcome::Refused(problems) => (StatusCode::UNPROCESSABLE_ENTITY, problems),
            edit_post::Outcome::Conflict => {
                // Told once: the page marks the form with what is stored now, so the next save counts.
                fields.seen.clear();
                (StatusCode::CONFLICT, vec![Problem::new("body", CHANGED)])
            }
        }
    };
    let page = edit_page(&app, page, user, post, Some(fields), problems).await?;
    html_with(status, &page)
}

async fn edit_page(
    app: &App,
    page: Page,
    user: CurrentUser,
    post: PostId,
    typed: Option<EditFields>,
    problems: Vec<Problem>,
) -> Result<EditPage, Failure> {
    blocking(app, move |app| {
        app.db.read(|conn| {
            let Some(post) = store::post(conn, post)? else {
                return Ok(Err(Failure::NotFound));
            };
            let Some(thread) =
                store::thread(conn, post.thread)?.filter(|t| policy::can_see(Some(&user), t))
            else {
                return Ok(Err(Failure::NotFound));
            };
            if !policy::can_edit(&user, &thread, &post) {
                return Ok(Err(Failure::forbidden(policy::ONLY_AUTHOR)));
            }
            let is_opening = post.is_opening();
            let stored = edit_post::Editable::load(conn, &thread, &post)?;
            let seen = stored.seen();
            let mut fields = typed.unwrap_or_else(|| EditFields {
                body: stored.body,
                title: thread.title.clone(),
                tags: stored.tags.join(", "),
                ..EditFields::default()
            });
            if fields.seen.is_empty() {
                fields.seen = seen;
            }
            let place = Place {
                post: post.number,
                ..thread.place()
            };
            Ok(Ok(EditPage {
                page,
                action: format!("/post/{}/edit", post.id),
                path: place.path(),
                thread_title: thread.title,
                is_opening,
                is_own: post.author == user.id,
                preview: (!fields.preview.is_empty()).then(|| preview_of(&fields.body)),
                fields,
                problems: Problems(problems),
            }))
        })
    })
    .await?
}

// The history of a post

struct Revision {
    line: RevisionLine,
    when: When,
    /// The difference to the revision before: runs of text, kept, gone or added. None when it is
    /// hidden from this reader.
    runs: Vec<Run>,
    is_hidden: bool,
    can_hide: bool,
}

struct Run {
    /// `same`, `gone` or `added`.
    kind: &'static str,
    text: String,
}

#[derive(Template)]
#[template(path = "forum/history.html")]
struct HistoryPage {
    page: Page,
    title: String,
    path: String,
    action: String,
    revisions: Vec<Revision>,
}

/// `GET /post/{id}/history`
pub async fn history(app: web::Data<App>, viewer: Viewer, path: web::Path<String>) -> Answer {
    let post: PostId = path.parse().map_err(|_| Failure::NotFound)?;
    let page = blocking(&app, move |app| {
        let now = app.now();
        app.db.read(|conn| {
            let Some(post) = store::post(conn, post)? else {
                return Ok(None);
            };
            let user = viewer.user.as_ref();
            let Some(thread) =
                store::thread(conn, post.thread)?.filter(|t| policy::can_see(user, t))
            else {
                return Ok(None);
            };
            let moderates = user.is_some_and(|u| policy::can_moderate(u, thread.product));
            if post.deleted_at.is_some() && !moderates {
                return Ok(None);
            }
            let lines = reading::revisions(conn, post.id)?;
            // The text before, as far as this reader may see it.
            let mut before: Option<String> = None;
            let mut revisions = Vec::new();
            for line in lines {
                let text = match &line.title {
                    Some(title) => format!("{title}\n\n{}", line.body),
                    None => line.body.clone(),
                };
                let is_hidden = line.hidden_at.is_some();
                let text = Some(text).filter(|_| !is_hidden || moderates);
                revisions.push(Revision {
                    when: When::new(line.created_at, now),
                    runs: match (&before, &text) {
                        (_, None) => Vec::new(),
                        (None, Some(text)) => vec![Run {
                            kind: "same",
                            text: text.clone(),
                        }],
                        (Some(before), Some(text)) => difference(before, text),
                    },
                    is_hidden,
                    can_hide: moderates && line.number <= post.edit_count,
                    line,
                });
                before = text;
            }
            revisions.reverse();
            let place = Place {
                post: post.number,
                ..thread.place()
            };
            Ok(Some(HistoryPage {
                page: viewer.page,
                title: thread.title,
                action: format!("/post/{}/history", post.id),
                path: place.path(),
                revisions,
            }))
        })
    })
    .await?;
    html(&page.ok_or(Failure::NotFound)?)
}

/// Longest time one comparison may take; after it the texts are compared coarsely.
const DIFF_TIME: std::time::Duration = std::time::Duration::from_millis(200);

fn difference(before: &str, after: &str) -> Vec<Run> {
    use similar::ChangeTag;
    let diff = similar::TextDiff::configure()
        .timeout(DIFF_TIME)
        .diff_lines(before, after);
    let mut runs: Vec<Run> = Vec::new();
    for change in diff.iter_all_changes() {
        let kind = match change.tag() {
            ChangeTag::Equal => "same",
            ChangeTag::Delete => "gone",
            ChangeTag::Insert => "added",
        };
        match runs.last_mut() {
            Some(run) if run.kind == kind => run.text.push_str(change.value()),
            _ => runs.push(Run {
                kind,
                text: change.value().to_owned(),
            }),
        }
    }
    runs
}
