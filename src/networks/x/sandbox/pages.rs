//! The stand-in's own page, where a person posts as a customer, and the same as a small API.

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::state::{NewPost, Post, State};
use super::{Fail, FailKind, Sandbox};
use crate::clock::Moment;
use crate::networks::x::weight;

/// Conversations on the page.
const CONVERSATIONS_MAX: usize = 60;
/// Posts that the API lists.
const LISTED_MAX: usize = 1_000;
/// Replies are moved in by their depth, up to this.
const DEPTH_SHOWN_MAX: usize = 4;

#[derive(Template)]
#[template(path = "sandbox/timeline.html")]
struct TimelinePage<'a> {
    brand: &'a str,
    one: bool,
    conversations: Vec<Vec<PostView>>,
    fails: Vec<(&'static str, &'static str)>,
    ordered: Vec<String>,
    usernames: Vec<String>,
}

struct PostView {
    id: u64,
    depth: usize,
    username: String,
    name: String,
    parts: Vec<Part>,
    when: String,
    when_exact: String,
    ours: bool,
    edited: bool,
    quote: Option<(String, String)>,
    repost: bool,
}

/// A stretch of a text; an address where it is one.
struct Part {
    text: String,
    address: Option<String>,
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut at = 0;
    for (start, end) in weight::find_urls(text) {
        parts.push(Part {
            text: text[at..start].to_owned(),
            address: None,
        });
        let shown = &text[start..end];
        let address = if shown.contains("://") {
            shown.to_owned()
        } else {
            format!("http://{shown}")
        };
        parts.push(Part {
            text: shown.to_owned(),
            address: Some(address),
        });
        at = end;
    }
    parts.push(Part {
        text: text[at..].to_owned(),
        address: None,
    });
    parts.retain(|part| !part.text.is_empty());
    parts
}

#[derive(Template)]
#[template(path = "sandbox/intent.html")]
struct IntentPage<'a> {
    brand: &'a str,
    to: Option<PostView>,
    text: &'a str,
    length: usize,
}

/// A template as a page; its failure is a bug, told plainly.
pub fn html(page: &impl Template) -> HttpResponse {
    match page.render() {
        Ok(text) => HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .insert_header((
                "content-security-policy",
                "default-src 'none'; style-src 'self'; form-action *; base-uri 'none'",
            ))
            .body(text),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

fn view(post: &Post, state: &State, depth: usize, brand: u64) -> PostView {
    let user = state.user(post.author_id);
    let quoted = post
        .quote_of
        .or(post.repost_of)
        .and_then(|id| state.get(id));
    let quote = quoted.map(|quoted| {
        let name = state
            .user(quoted.author_id)
            .map(|u| u.username.clone())
            .unwrap_or_default();
        let text = if quoted.deleted {
            "(deleted)".into()
        } else {
            quoted.text.clone()
        };
        (name, text)
    });
    PostView {
        id: post.id,
        depth: depth.min(DEPTH_SHOWN_MAX),
        username: user.map(|u| u.username.clone()).unwrap_or_default(),
        name: user.map(|u| u.name.clone()).unwrap_or_default(),
        parts: parts(&post.text),
        when: ago(state.now(), post.created_at),
        when_exact: post.created_at.rfc3339(),
        ours: post.author_id == brand,
        edited: post.history.len() > 1,
        quote,
        repost: post.repost_of.is_some(),
    }
}

fn ago(now: Moment, then: Moment) -> String {
    let seconds = now.since(then) / crate::clock::SECOND;
    match seconds {
        ..60 => "just now".into(),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// Standing posts of one conversation, each reply below what it answers.
fn conversation(state: &State, id: u64, brand: u64) -> Vec<PostView> {
    let posts: Vec<&Post> = state
        .posts()
        .filter(|post| post.conversation_id == id && !post.deleted && post.edited_to.is_none())
        .collect();
    let mut out = Vec::new();
    let mut waiting: Vec<(&Post, usize)> = Vec::new();
    let answers = |parent: &Post, post: &Post| {
        post.in_reply_to
            .is_some_and(|id| parent.history.contains(&id))
    };
    let orphan = |post: &Post| !posts.iter().any(|parent| answers(parent, post));
    waiting.extend(
        posts
            .iter()
            .rev()
            .filter(|post| orphan(post))
            .map(|post| (*post, 0)),
    );
    while let Some((post, depth)) = waiting.pop() {
        out.push(view(post, state, depth, brand));
        let below = posts.iter().rev().filter(|other| answers(post, other));
        waiting.extend(below.map(|other| (*other, depth + 1)));
    }
    out
}

fn page(sandbox: &Sandbox, only: Option<u64>) -> HttpResponse {
    let inside = sandbox.inside();
    let state = &inside.state;
    let mut ids: Vec<u64> = Vec::new();
    match only {
        Some(id) => ids.extend(state.get(id).map(|post| post.conversation_id)),
        None => {
            for post in state.standing() {
                if !ids.contains(&post.conversation_id) {
                    ids.push(post.conversation_id);
                }
                if ids.len() >= CONVERSATIONS_MAX {
                    break;
                }
            }
        }
    }
    let brand = sandbox.config.brand_id;
    let page = TimelinePage {
        brand: &sandbox.config.brand_username,
        one: only.is_some(),
        conversations: ids
            .into_iter()
            .map(|id| conversation(state, id, brand))
            .collect(),
        fails: FailKind::ALL
            .iter()
            .map(|(_, name, words)| (*name, *words))
            .collect(),
        ordered: inside
            .fails
            .iter()
            .filter_map(|fail| {
                let (_, _, words) = FailKind::ALL.iter().find(|(kind, ..)| *kind == fail.kind)?;
                let endpoint = fail.endpoint.as_deref().unwrap_or("any call");
                Some(format!("{words} (next {} of {endpoint})", fail.count))
            })
            .collect(),
        usernames: state
            .users()
            .map(|user| user.username.clone())
            .take(200)
            .collect(),
    };
    html(&page)
}

pub async fn timeline(sandbox: web::Data<Sandbox>) -> HttpResponse {
    page(&sandbox, None)
}

pub async fn one_post(
    path: web::Path<(String, String)>,
    sandbox: web::Data<Sandbox>,
) -> HttpResponse {
    let id = path.1.parse::<u64>().ok();
    let known = id.filter(|id| {
        sandbox
            .inside()
            .state
            .get(*id)
            .is_some_and(|post| !post.deleted)
    });
    match known {
        Some(id) => page(&sandbox, Some(id)),
        None => HttpResponse::NotFound().body("There is no such post, or it was deleted."),
    }
}

pub async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .body(include_str!("style.css"))
}

/// What the address of a prepared reply carries.
#[derive(Deserialize)]
pub struct Intent {
    #[serde(default)]
    in_reply_to: String,
    #[serde(default)]
    text: String,
}

pub async fn intent(asked: web::Query<Intent>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let inside = sandbox.inside();
    let id = asked.in_reply_to.parse::<u64>().ok();
    let post = id
        .and_then(|id| inside.state.get(id))
        .filter(|post| !post.deleted);
    let to = post.map(|post| view(post, &inside.state, 0, sandbox.config.brand_id));
    let name = to
        .as_ref()
        .map(|to| to.username.clone())
        .unwrap_or_default();
    html(&IntentPage {
        brand: &sandbox.config.brand_username,
        length: weight::weigh_reply(&asked.text, &[&name]),
        to,
        text: &asked.text,
    })
}

fn see(address: String) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((LOCATION, address))
        .finish()
}

pub async fn post_form(form: web::Form<NewPost>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let form = form.into_inner();
    let back_to_all = form.in_reply_to.is_none();
    let username = form.username.trim().trim_start_matches('@').to_owned();
    match sandbox.post(form) {
        Ok(_) if back_to_all => see("/".into()),
        Ok(id) => see(format!("/{username}/status/{id}#p{id}")),
        Err(words) => HttpResponse::BadRequest().body(words),
    }
}

#[derive(Deserialize)]
pub struct ById {
    id: u64,
}

pub async fn delete_form(form: web::Form<ById>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    sandbox.delete(form.id);
    see("/".into())
}

#[derive(Deserialize)]
pub struct FailForm {
    kind: FailKind,
    count: u32,
    #[serde(default)]
    endpoint: String,
}

pub async fn fail_form(form: web::Form<FailForm>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let endpoint = Some(form.endpoint.clone()).filter(|name| !name.is_empty());
    sandbox.fail(Fail {
        kind: form.kind,
        count: form.count,
        endpoint,
    });
    see("/".into())
}

// The same as an API

fn post_address(request: &HttpRequest, username: &str, id: u64) -> String {
    let host = request
        .headers()
        .get("host")
        .and_then(|host| host.to_str().ok());
    format!("http://{}/{username}/status/{id}", host.unwrap_or_default())
}

pub async fn post_json(
    request: HttpRequest,
    body: web::Bytes,
    sandbox: web::Data<Sandbox>,
) -> HttpResponse {
    let new: NewPost = match serde_json::from_slice(&body) {
        Ok(new) => new,
        Err(error) => return HttpResponse::BadRequest().json(json!({"error": error.to_string()})),
    };
    let username = new.username.trim().trim_start_matches('@').to_owned();
    match sandbox.post(new) {
        Ok(id) => HttpResponse::Created().json(json!({
            "id": id.to_string(),
            "url": post_address(&request, &username, id),
        })),
        Err(words) => HttpResponse::BadRequest().json(json!({"error": words})),
    }
}

pub async fn posts_json(request: HttpRequest, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let inside = sandbox.inside();
    let state = &inside.state;
    let text = |id: Option<u64>| id.map(|id| id.to_string());
    let posts: Vec<Value> = state
        .standing()
        .take(LISTED_MAX)
        .map(|post| {
            let username = state
                .user(post.author_id)
                .map_or("", |u| u.username.as_str());
            json!({
                "id": post.id.to_string(),
                "username": username,
                "text": post.text,
                "conversation_id": post.conversation_id.to_string(),
                "in_reply_to": text(post.in_reply_to),
                "quote_of": text(post.quote_of),
                "repost_of": text(post.repost_of),
                "posted_at": post.created_at.rfc3339(),
                "ours": post.author_id == sandbox.config.brand_id,
                "url": post_address(&request, username, post.id),
            })
        })
        .collect();
    HttpResponse::Ok().json(json!({"posts": posts}))
}

pub async fn delete_json(path: web::Path<String>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let deleted = path.parse().is_ok_and(|id| sandbox.delete(id));
    let mut response = if deleted {
        HttpResponse::Ok()
    } else {
        HttpResponse::NotFound()
    };
    response.json(json!({"deleted": deleted}))
}

pub async fn fail_json(body: web::Bytes, sandbox: web::Data<Sandbox>) -> HttpResponse {
    match serde_json::from_slice::<Fail>(&body) {
        Ok(fail) => {
            sandbox.fail(fail);
            HttpResponse::Ok().json(json!({"ordered": true}))
        }
        Err(error) => HttpResponse::BadRequest().json(json!({"error": error.to_string()})),
    }
}

pub async fn log_json(sandbox: web::Data<Sandbox>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"requests": sandbox.log()}))
}
