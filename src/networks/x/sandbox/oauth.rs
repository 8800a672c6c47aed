//! Sign-in of the stand-in: a page on which a person says who they are, and the tokens.

use std::collections::HashMap;

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::pages::html;
use super::state::{ACCESS_SECONDS, NewPost, Token};
use super::{FailKind, LogEntry, Sandbox};
use crate::clock::{Moment, SECOND};
use crate::networks::x::oauth2::{challenge, random_text};

/// Lifetime of a code, in seconds, as X documents it.
const CODE_SECONDS: i64 = 30;

/// Codes given out and not used yet.
#[derive(Default)]
pub struct Codes {
    codes: HashMap<String, Code>,
}

struct Code {
    user_id: u64,
    redirect_uri: String,
    challenge: String,
    scope: String,
    expires_at: Moment,
}

/// What a sign-in page is asked for.
#[derive(Debug, Clone, Deserialize)]
pub struct Asked {
    #[serde(default)]
    response_type: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    code_challenge: String,
    #[serde(default)]
    code_challenge_method: String,
}

impl Asked {
    /// What is wrong with it, as X would say.
    fn fault(&self, sandbox: &Sandbox) -> Option<&'static str> {
        let web =
            self.redirect_uri.starts_with("http://") || self.redirect_uri.starts_with("https://");
        if self.response_type != "code" {
            Some("response_type must be \"code\".")
        } else if self.client_id != sandbox.config.client_id {
            Some("client_id is not that of the app.")
        } else if !web {
            Some("redirect_uri must be a web address.")
        } else if self.state.is_empty() || self.state.len() > 500 {
            Some("state must have 1 to 500 characters.")
        } else if self.code_challenge.is_empty() || self.code_challenge_method != "S256" {
            Some("a code_challenge with the method S256 is needed.")
        } else if self.scope.is_empty() {
            Some("scope is missing.")
        } else {
            None
        }
    }
}

#[derive(Template)]
#[template(path = "sandbox/authorize.html")]
struct AuthorizePage<'a> {
    fault: Option<&'a str>,
    asked: &'a Asked,
    usernames: Vec<String>,
}

pub async fn authorize_page(asked: web::Query<Asked>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let fault = asked.fault(&sandbox);
    let inside = sandbox.inside();
    let usernames = inside
        .state
        .users()
        .map(|user| user.username.clone())
        .collect();
    html(&AuthorizePage {
        fault,
        asked: &asked,
        usernames,
    })
}

/// The answer of the person on the sign-in page.
#[derive(Deserialize)]
pub struct Signed {
    #[serde(flatten)]
    asked: Asked,
    username: String,
    #[serde(default)]
    refuse: String,
}

pub async fn authorize(signed: web::Form<Signed>, sandbox: web::Data<Sandbox>) -> HttpResponse {
    let asked = &signed.asked;
    if let Some(fault) = asked.fault(&sandbox) {
        return html(&AuthorizePage {
            fault: Some(fault),
            asked,
            usernames: Vec::new(),
        });
    }
    let Ok(mut back) = url::Url::parse(&asked.redirect_uri) else {
        return HttpResponse::BadRequest().body("redirect_uri can't be read");
    };
    if signed.refuse.is_empty() {
        let new = NewPost {
            username: signed.username.clone(),
            ..NewPost::default()
        };
        let mut inside = sandbox.inside();
        let user_id = match inside.state.account(&new) {
            Ok(user_id) => user_id,
            Err(words) => return HttpResponse::BadRequest().body(words),
        };
        let code = random_text(&sandbox.config.random);
        let made = Code {
            user_id,
            redirect_uri: asked.redirect_uri.clone(),
            challenge: asked.code_challenge.clone(),
            scope: asked.scope.clone(),
            expires_at: inside.state.now().plus(CODE_SECONDS * SECOND),
        };
        inside.oauth.codes.insert(code.clone(), made);
        back.query_pairs_mut()
            .append_pair("state", &asked.state)
            .append_pair("code", &code);
    } else {
        back.query_pairs_mut()
            .append_pair("state", &asked.state)
            .append_pair("error", "access_denied");
    }
    HttpResponse::SeeOther()
        .insert_header((LOCATION, String::from(back)))
        .finish()
}

/// The app's name and secret, from the header or the body.
fn is_our_app(request: &HttpRequest, form: &HashMap<String, String>, sandbox: &Sandbox) -> bool {
    let config = &sandbox.config;
    let basic = request
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|value| STANDARD.decode(value).ok());
    match basic {
        Some(given) => {
            given == format!("{}:{}", config.client_id, config.client_secret).into_bytes()
        }
        None => config.client_secret.is_empty() && form.get("client_id") == Some(&config.client_id),
    }
}

fn refused(words: &str) -> (u16, Value) {
    (
        400,
        json!({"error": "invalid_request", "error_description": words}),
    )
}

pub async fn token(
    request: HttpRequest,
    form: web::Form<HashMap<String, String>>,
    sandbox: web::Data<Sandbox>,
) -> HttpResponse {
    let mut inside = sandbox.inside();
    let text = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let kind = text("grant_type").to_owned();
    let (status, body) = match inside.take_fail("token") {
        Some(FailKind::RateLimited) => (429, json!({"title": "Too Many Requests"})),
        Some(FailKind::ServerError) => (500, json!({"title": "Internal Server Error"})),
        Some(FailKind::Unauthorized) => refused("The token was not accepted."),
        _ if !is_our_app(&request, &form, &sandbox) => (
            401,
            json!({"error": "unauthorized_client", "error_description": "Not our app."}),
        ),
        _ => {
            let granted = match kind.as_str() {
                "authorization_code" => {
                    let now = inside.state.now();
                    let code = inside.oauth.codes.remove(text("code"));
                    code.filter(|code| code.expires_at > now)
                        .filter(|code| code.redirect_uri == text("redirect_uri"))
                        .filter(|code| code.challenge == challenge(text("code_verifier")))
                        .map(|code| (code.user_id, code.scope))
                }
                "refresh_token" => {
                    let old = inside.state.take_refresh(text("refresh_token"));
                    old.map(|token| (token.user_id, token.scopes))
                }
                _ => None,
            };
            match granted.and_then(|(user, scopes)| {
                let made = [
                    random_text(&sandbox.config.random),
                    random_text(&sandbox.config.random),
                ];
                inside.state.grant(user, &scopes, made)
            }) {
                Some(token) => (200, token_json(&token)),
                None => refused("The value passed for the code or token was invalid."),
            }
        }
    };
    inside.note(LogEntry {
        number: 0,
        method: "POST".into(),
        path: "/2/oauth2/token".into(),
        query: String::new(),
        auth: "none".into(),
        body: json!({"grant_type": kind}),
        status,
    });
    drop(inside);
    let status = actix_web::http::StatusCode::from_u16(status);
    HttpResponse::build(status.unwrap_or(actix_web::http::StatusCode::BAD_REQUEST)).json(body)
}

fn token_json(token: &Token) -> Value {
    let mut out = json!({
        "token_type": "bearer",
        "expires_in": ACCESS_SECONDS,
        "access_token": token.access,
        "scope": token.scopes,
    });
    if let Some(refresh) = &token.refresh {
        out["refresh_token"] = json!(refresh);
    }
    out
}

pub async fn revoke(
    request: HttpRequest,
    form: web::Form<HashMap<String, String>>,
    sandbox: web::Data<Sandbox>,
) -> HttpResponse {
    if !is_our_app(&request, &form, &sandbox) {
        return HttpResponse::Unauthorized().json(json!({"error": "unauthorized_client"}));
    }
    if let Some(token) = form.get("token") {
        sandbox.inside().state.revoke(token);
    }
    HttpResponse::Ok().json(json!({"revoked": true}))
}
