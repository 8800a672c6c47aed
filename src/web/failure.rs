//! What can go wrong for whoever asked for a page, and the pages that say so.

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError};
use askama::Template;

use super::Page;
use crate::app::App;
use crate::error::Error;
use crate::text::counted;

/// Why a request is not answered with what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("not found")]
    NotFound,
    /// Known, but not for this person. The text says what they may do.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// Only for people who are logged in; they come back to `next` afterwards.
    #[error("log-in needed")]
    LogInNeeded { next: String },
    #[error("too many requests")]
    TooMany { retry_seconds: u64 },
    /// So much is being sent that there is no room for more now.
    #[error("busy")]
    Busy { retry_seconds: u64 },
    #[error("too large: {0}")]
    TooLarge(String),
    /// The request makes no sense; the text says what would. `kept` is what was typed.
    #[error("bad request: {text}")]
    Bad {
        text: String,
        kept: Vec<(String, String)>,
    },
    /// The address exists, for another method.
    #[error("method not allowed")]
    WrongMethod { allow: &'static str },
    #[error(transparent)]
    Internal(#[from] Error),
}

impl Failure {
    pub fn bad(text: impl Into<String>) -> Failure {
        Failure::Bad {
            text: text.into(),
            kept: Vec::new(),
        }
    }

    pub fn forbidden(text: impl Into<String>) -> Failure {
        Failure::Forbidden(text.into())
    }

    /// Whoever sent a form and is logged out gets back what was typed: a log-in page would drop it.
    pub fn logged_out(kept: Vec<(String, String)>) -> Failure {
        if kept.is_empty() {
            // After a button there is nothing to come back to by address.
            return Failure::LogInNeeded { next: "/".into() };
        }
        Failure::Bad {
            text: "You are logged out, so nothing was saved. Log in and send it again: copy what \
                   you typed from here first."
                .into(),
            kept,
        }
    }

    /// Title, text and what to do next, for a person.
    fn words(&self) -> (&'static str, String, String) {
        match self {
            Failure::NotFound => (
                "There is nothing here",
                "The page may have been moved or removed, or the address has a typo.".into(),
                "Search for it, or start from the forum's front page.".into(),
            ),
            Failure::Forbidden(text) => {
                ("This page is not open to you", text.clone(), String::new())
            }
            Failure::LogInNeeded { .. } => (
                "Please log in",
                "This page is for people who are logged in.".into(),
                String::new(),
            ),
            Failure::TooMany { retry_seconds } => (
                "A little too fast",
                format!(
                    "You can try again in {}.",
                    counted(*retry_seconds, "second")
                ),
                "This limit keeps automatic requests away; nothing is wrong with yours.".into(),
            ),
            Failure::Busy { retry_seconds } => (
                "Many files are arriving right now",
                "There is no room for yours at this moment, so nothing was saved.".into(),
                format!(
                    "Send it again in {}, or leave the files out.",
                    counted(*retry_seconds, "second")
                ),
            ),
            Failure::TooLarge(text) => ("That is too large", text.clone(), String::new()),
            Failure::Bad { text, .. } => ("That did not work", text.clone(), String::new()),
            Failure::WrongMethod { .. } => (
                "That did not work",
                "This address can't be used that way.".into(),
                String::new(),
            ),
            Failure::Internal(e) => match e.store_trouble() {
                Some(_) => (
                    "We can't save anything right now",
                    "This is our fault, and we know about it.".into(),
                    "Please try again in a few minutes.".into(),
                ),
                None => (
                    "Something went wrong on our side",
                    "The error has been noted in the log.".into(),
                    "Please try again; if it happens again, tell us by the contact form.".into(),
                ),
            },
        }
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self {
            Failure::NotFound => StatusCode::NOT_FOUND,
            Failure::Forbidden(_) => StatusCode::FORBIDDEN,
            Failure::LogInNeeded { .. } => StatusCode::SEE_OTHER,
            Failure::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Failure::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Failure::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Failure::Bad { .. } => StatusCode::BAD_REQUEST,
            Failure::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Failure::Internal(e) if e.store_trouble().is_some() => StatusCode::SERVICE_UNAVAILABLE,
            Failure::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// `pages` makes a page of it; this is what remains when a request never got that far.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status_code());
        match self {
            Failure::LogInNeeded { next } => {
                let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
                response.insert_header((header::LOCATION, format!("/login?next={next}")));
            }
            Failure::TooMany { retry_seconds } | Failure::Busy { retry_seconds } => {
                response.insert_header((header::RETRY_AFTER, retry_seconds.to_string()));
            }
            Failure::WrongMethod { allow } => {
                response.insert_header((header::ALLOW, *allow));
            }
            _ => {}
        }
        response
            .content_type("text/plain; charset=utf-8")
            .body(self.to_string())
    }
}

/// The service for what no route takes: an address that is not there, or another method than its.
pub async fn not_found(req: HttpRequest) -> Result<HttpResponse, Failure> {
    if !req.resource_map().has_resource(req.path()) {
        return Err(Failure::NotFound);
    }
    // Routes are for reading or for forms: what one is asked in vain, it takes the other way.
    let allow = match *req.method() {
        Method::GET | Method::HEAD => "POST",
        Method::POST => "GET, HEAD",
        _ => "GET, HEAD, POST",
    };
    Err(Failure::WrongMethod { allow })
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    page: Page,
    status: u16,
    title: &'static str,
    text: String,
    next: String,
    kept: Vec<(String, String)>,
    back: String,
}

/// Middleware: errors become pages, and what the last answer said once is cleared.
pub async fn pages<B: MessageBody + 'static>(
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let app = req
        .app_data::<actix_web::web::Data<App>>()
        .map(|a| a.get_ref().clone());
    // No copy of the request may be held here: the router needs the only one.
    let mut response = next.call(req).await?;
    let Some(app) = app else {
        return Ok(response.map_into_left_body());
    };
    let late = response
        .request()
        .extensions_mut()
        .remove::<super::LateCookie>();
    if let Some(super::LateCookie(cookie)) = late
        && !response
            .response()
            .cookies()
            .any(|set| set.name() == cookie.name())
    {
        let _ = response.response_mut().add_cookie(&cookie);
    }
    if response.status().is_client_error() || response.status().is_server_error() {
        let has_page = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.starts_with("text/html") || v.contains("json"));
        if !has_page {
            let (req, res) = response.into_parts();
            let mut plain = HttpResponse::build(res.status());
            for (name, value) in res.headers() {
                plain.append_header((name.clone(), value.clone()));
            }
            let failure = res.error().and_then(|e| e.as_error::<Failure>());
            let page = error_page(&app, &req, plain.finish(), failure);
            return Ok(ServiceResponse::new(req, page).map_into_right_body());
        }
    }
    // Whoever was told once is not told again: pages show the sentence, redirects pass it on.
    if super::has_flash(&app, response.request())
        && response.status().is_success()
        && is_html(&response)
    {
        let _ = response
            .response_mut()
            .add_cookie(&super::clear_flash(&app));
    }
    Ok(response.map_into_left_body())
}

fn is_html<B>(response: &ServiceResponse<B>) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.starts_with("text/html"))
}

fn error_page(
    app: &App,
    req: &HttpRequest,
    plain: HttpResponse,
    failure: Option<&Failure>,
) -> HttpResponse {
    let status = plain.status();
    if let Some(Failure::Internal(error)) = failure {
        // The route, not the address: addresses carry tokens.
        let route = req.match_pattern().unwrap_or_default();
        let what_to_do = error.store_trouble().unwrap_or_default();
        tracing::error!(%error, what_to_do, method = %req.method(), route, "a request failed");
    }
    if !status.is_client_error() && !status.is_server_error() {
        return plain;
    }
    let general;
    let failure = match failure {
        Some(failure) => failure,
        None => {
            general = match status {
                StatusCode::NOT_FOUND => Failure::NotFound,
                StatusCode::PAYLOAD_TOO_LARGE => {
                    Failure::TooLarge("What was sent is larger than this page takes.".into())
                }
                s if s.is_client_error() => {
                    Failure::bad("The request could not be understood. Go back and try again.")
                }
                _ => Failure::Internal(Error::other("an error without a name")),
            };
            &general
        }
    };
    let (title, text, next) = failure.words();
    let kept = match failure {
        Failure::Bad { kept, .. } if !kept.is_empty() => kept.clone(),
        _ => {
            let typed = req.extensions_mut().remove::<super::form::Kept>();
            typed.map(|typed| typed.0).unwrap_or_default()
        }
    };
    let page = req
        .extensions()
        .get::<Page>()
        .cloned()
        .unwrap_or_else(|| Page {
            site_name: app.config.site.name.clone(),
            path: req.path().to_owned(),
            ..Page::default()
        });
    let back = req
        .headers()
        .get(header::REFERER)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix(app.config.site.url.as_str()))
        .filter(|path| super::is_local_path(path))
        .unwrap_or_default()
        .to_owned();
    let template = ErrorPage {
        page,
        status: status.as_u16(),
        title,
        text,
        next,
        kept,
        back,
    };
    let body = template.render().unwrap_or_else(|_| title.to_owned());
    let mut response = HttpResponse::build(status);
    // Everything but what told about the body: the page has another.
    for (name, value) in plain.headers() {
        let of_body = [
            header::CONTENT_TYPE,
            header::CONTENT_LENGTH,
            header::CONTENT_ENCODING,
            header::CACHE_CONTROL,
        ];
        if !of_body.contains(name) {
            response.append_header((name.clone(), value.clone()));
        }
    }
    response
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(body)
}
