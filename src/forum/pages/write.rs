//! Forms: a new thread, a reply, an edit. Whatever is wrong, the form comes back filled.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use askama::Template;

use super::thread::{PlaceOption, places};
use crate::app::App;
use crate::db::Conn;
use crate::error::{Problem, Result};
use crate::forum::deflections;
use crate::forum::similar_threads::{self, Similar};
use crate::forum::store::{self, reading};
use crate::forum::{
    Place, Thread, ThreadKind, ThreadState, edit_post, policy, post_reply, post_thread, typed,
};
use crate::ids::{PostId, ThreadId};
use crate::limits::Limit;
use crate::people::{CurrentUser, Member};
use crate::text::{counted, markdown};
use crate::web::{
    Answer, Failure, Form, Page, Problems, Query, blocking, html, html_with, redirect,
};

/// Said when a question is sent to which there may be an answer.
const MAYBE_ANSWERED: &str = "Does one of these threads answer it? If not, post it anyway.";

/// Said when a post was changed while somebody else edited it.
const CHANGED: &str = "Somebody changed this post since you opened the form. Your text is kept here; \
    compare it with the post and save again.";

/// Said when a form that already posted comes with another text.
const USED: &str = "This form has already posted another text, which is kept as it is. Your text is \
    not posted yet: send it again to post it as well.";

/// How a form comes back to whoever sent it.
struct Back {
    status: StatusCode,
    problems: Problems,
    /// With the text as it will look.
    preview: bool,
}

impl Back {
    fn new(status: StatusCode, problems: Vec<Problem>) -> Back {
        Back {
            status,
            problems: Problems(problems),
            preview: false,
        }
    }

    fn refused(problems: Vec<Problem>) -> Back {
        Back::new(StatusCode::UNPROCESSABLE_ENTITY, problems)
    }

    fn not_allowed(why: &str) -> Back {
        Back::new(StatusCode::FORBIDDEN, vec![Problem::new("", why)])
    }

    /// Told once: the form comes back so that the next try counts.
    fn conflict(field: &'static str, text: &str) -> Back {
        Back::new(StatusCode::CONFLICT, vec![Problem::new(field, text)])
    }

    fn preview_of(&self, body: &str) -> Option<String> {
        self.preview.then(|| preview_of(body))
    }
}

/// Every form comes through here, whichever of its buttons was pressed: a preview counts as an act,
/// what is stored as a post, and the form comes back when that was too fast.
async fn send<T: Send + 'static>(
    app: &App,
    by: &CurrentUser,
    wants_preview: bool,
    store: impl FnOnce(&App, &CurrentUser) -> Result<T> + Send + 'static,
) -> std::result::Result<std::result::Result<T, Back>, Failure> {
    let limit = if wants_preview {
        Limit::Act
    } else {
        Limit::Post
    };
    if let Err(seconds) = by.count(app, limit) {
        let text = format!(
            "A little too fast: please send it again in {}. It is kept here.",
            counted(seconds, "second")
        );
        let problems = vec![Problem::new("", text)];
        return Ok(Err(Back::new(StatusCode::TOO_MANY_REQUESTS, problems)));
    }
    if wants_preview {
        let shown = Back::new(StatusCode::OK, Vec::new());
        return Ok(Err(Back {
            preview: true,
            ..shown
        }));
    }
    let by = by.clone();
    Ok(Ok(blocking(app, move |app| store(app, &by)).await?))
}

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
    similar: Vec<Similar>,
    /// The form's key in the ledger of deflections.
    showing: String,
}

/// `GET /new`
pub async fn new(app: web::Data<App>, member: Member, query: Query<NewFields>) -> Answer {
    let mut fields = query.0;
    fields.request_key = app.random.token();
    if fields.kind.is_empty() {
        fields.kind = ThreadKind::Question.as_str().to_owned();
    }
    let back = Back::new(StatusCode::OK, Vec::new());
    new_page(&app, member, fields, back, None).await
}

/// `POST /new`
pub async fn post_new(app: web::Data<App>, member: Member, form: Form<NewFields>) -> Answer {
    let mut fields = form.fields;
    let asked = fields.clone();
    let sent = send(
        &app,
        &member.user,
        !fields.preview.is_empty(),
        move |app, by| {
            // Shown once before the first question is posted: perhaps it is answered already.
            if asked.seen_similar.is_empty() && asked.kind == ThreadKind::Question.as_str() {
                let similar = similar_to(app, by, &asked)?;
                if !similar.is_empty() {
                    return Ok(Err(similar));
                }
            }
            post_thread::post_thread(app, by, &asked.into_typed()).map(Ok)
        },
    )
    .await?;
    use post_thread::Outcome;
    let (back, similar) = match sent {
        Ok(Ok(Outcome::Posted(place))) => return Ok(redirect(&place.path())),
        Ok(Ok(Outcome::Refused(problems))) => (Back::refused(problems), None),
        Ok(Ok(Outcome::NotAllowed(why))) => (Back::not_allowed(why), None),
        Ok(Ok(Outcome::FormUsed)) => {
            fields.request_key = app.random.token();
            (Back::conflict("", USED), None)
        }
        Ok(Err(similar)) => {
            let problems = vec![Problem::new("similar", MAYBE_ANSWERED)];
            (Back::new(StatusCode::OK, problems), Some(similar))
        }
        Err(back) => (back, None),
    };
    new_page(&app, member, fields, back, similar).await
}

impl NewFields {
    fn into_typed(self) -> post_thread::Typed {
        let (product, topic) = self.product.split_once('/').unwrap_or((&self.product, ""));
        post_thread::Typed {
            product: product.to_owned(),
            topic: topic.to_owned(),
            kind: self.kind,
            title: self.title,
            body: self.body,
            tags: self.tags,
            request_key: self.request_key,
        }
    }
}

/// Threads like the one in the form; none for whoever searches faster than the limit.
fn similar_to(app: &App, by: &CurrentUser, fields: &NewFields) -> Result<Vec<Similar>> {
    if fields.title.trim().is_empty() || by.count(app, Limit::Search).is_err() {
        return Ok(Vec::new());
    }
    let product = fields.product.split('/').next().unwrap_or_default();
    let text = format!("{}\n{}", fields.title, fields.body);
    similar_threads::similar_threads(app, &text, Some(product).filter(|p| !p.is_empty()))
}

/// The form; `similar` when it was looked for already.
async fn new_page(
    app: &App,
    member: Member,
    fields: NewFields,
    back: Back,
    similar: Option<Vec<Similar>>,
) -> Answer {
    let status = back.status;
    let page = blocking(app, move |app| {
        let Member { user, page } = member;
        let places = app.db.read(places)?;
        let staff_somewhere = places
            .iter()
            .any(|p| policy::can_be_official(&user, p.product.id));
        let kinds = ThreadKind::ALL
            .iter()
            .copied()
            .filter(|kind| staff_somewhere || !kind.is_of_staff())
            .collect();
        let similar = match similar {
            Some(similar) => similar,
            None => similar_to(app, &user, &fields)?,
        };
        if !similar.is_empty() {
            let product = fields.product.split('/').next();
            let product = product.filter(|p| !p.is_empty());
            deflections::shown(
                app,
                &fields.request_key,
                deflections::Place::Ask,
                product,
                Some(user.id),
            );
        }
        Ok(NewPage {
            page,
            places,
            kinds,
            preview: back.preview_of(&fields.body),
            problems: back.problems,
            similar,
            showing: deflections::key_of(&fields.request_key).unwrap_or_default(),
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
    member.user.check_limit(&app, Limit::Act)?;
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
    /// Where to ask anew, for whoever replies to somebody else's thread that is solved.
    pub ask_instead: Option<String>,
}

impl ReplyForm {
    /// The form of `user`, empty, under this thread.
    pub fn of(user: &CurrentUser, thread: &Thread, product_slug: &str) -> ReplyForm {
        let official = policy::can_be_official(user, thread.product);
        let may_ask = thread.state == ThreadState::Solved && thread.author != user.id && !official;
        ReplyForm {
            action: format!("/t/{}/reply", thread.id),
            official,
            offers_official: official,
            draft_key: format!("reply-{}", thread.id),
            ask_instead: may_ask.then(|| format!("/new?product={product_slug}/")),
            ..ReplyForm::default()
        }
    }
}

/// A thread that `user` sees, and the empty form under it.
fn thread_and_form(
    conn: &mut Conn,
    user: &CurrentUser,
    thread: ThreadId,
) -> Result<Option<(Thread, ReplyForm)>> {
    let Some(thread) = store::thread(conn, thread)?.filter(|t| policy::can_see(Some(user), t))
    else {
        return Ok(None);
    };
    let product = store::product(conn, thread.product)?;
    let slug = product.map(|p| p.slug).unwrap_or_default();
    let form = ReplyForm::of(user, &thread, &slug);
    Ok(Some((thread, form)))
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
    let mut fields = form.fields;
    let typed = post_reply::Typed {
        body: fields.body.clone(),
        official: !fields.official.is_empty(),
        reply_to: fields.reply_to.parse().ok(),
        request_key: fields.request_key.clone(),
    };
    let sent = send(
        &app,
        &member.user,
        !fields.preview.is_empty(),
        move |app, by| post_reply::post_reply(app, by, thread, &typed),
    )
    .await?;
    use post_reply::Outcome;
    let back = match sent {
        Ok(Outcome::Posted(place)) => return Ok(redirect(&place.path())),
        Ok(Outcome::NotFound) => return Err(Failure::NotFound),
        Ok(Outcome::Refused(problems)) => Back::refused(problems),
        Ok(Outcome::NotAllowed(why)) => Back::not_allowed(why),
        Ok(Outcome::FormUsed) => {
            fields.request_key = app.random.token();
            Back::conflict("", USED)
        }
        Err(back) => back,
    };
    let status = back.status;
    let page = blocking(&app, move |app| {
        let Member { user, page } = member;
        let found = app.db.read(|conn| thread_and_form(conn, &user, thread))?;
        Ok(found.map(|(thread, form)| ReplyPage {
            page,
            path: thread.path(),
            reply: ReplyForm {
                official: !fields.official.is_empty(),
                reply_to: fields.reply_to.parse().ok(),
                preview: back.preview_of(&fields.body),
                problems: back.problems,
                request_key: fields.request_key,
                body: fields.body,
                ..form
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
            let found = thread_and_form(conn, &user, line.post.thread)?
                .filter(|(thread, _)| policy::can_reply(&user, thread));
            Ok(found
                .filter(|_| line.post.deleted_at.is_none())
                .map(|(thread, form)| ReplyPage {
                    page,
                    path: thread.path(),
                    reply: ReplyForm {
                        body: markdown::quote(&line.author_name, &line.post.body),
                        reply_to: Some(post),
                        request_key: app.random.token(),
                        draft_key: format!("quote-{post}"),
                        ..form
                    },
                    title: thread.title,
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
    let back = Back::new(StatusCode::OK, Vec::new());
    edit_page(&app, member, post, None, back).await
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
    let typed = edit_post::Typed {
        body: fields.body.clone(),
        title: fields.title.clone(),
        tags: fields.tags.clone(),
        reason: fields.reason.clone(),
        seen: fields.seen.clone(),
    };
    let sent = send(
        &app,
        &member.user,
        !fields.preview.is_empty(),
        move |app, by| edit_post::edit_post(app, by, post, &typed),
    )
    .await?;
    use edit_post::Outcome;
    let back = match sent {
        Ok(Outcome::Saved(place) | Outcome::Unchanged(place)) => {
            return Ok(redirect(&place.path()));
        }
        Ok(Outcome::NotFound) => return Err(Failure::NotFound),
        Ok(Outcome::NotAllowed(why)) => return Err(Failure::forbidden(why)),
        Ok(Outcome::Refused(problems)) => Back::refused(problems),
        Ok(Outcome::Conflict) => {
            // The page marks the form with what is stored now.
            fields.seen.clear();
            Back::conflict("body", CHANGED)
        }
        Err(back) => back,
    };
    edit_page(&app, member, post, Some(fields), back).await
}

async fn edit_page(
    app: &App,
    member: Member,
    post: PostId,
    typed: Option<EditFields>,
    back: Back,
) -> Answer {
    let status = back.status;
    let page = blocking(app, move |app| {
        let Member { user, page } = member;
        let preview = typed.as_ref().and_then(|f| back.preview_of(&f.body));
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
                preview,
                fields,
                problems: back.problems,
            }))
        })
    })
    .await??;
    html_with(status, &page)
}
