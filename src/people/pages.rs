//! Handlers of the account pages.

pub mod account;
pub mod admin;
pub mod door;

use actix_web::HttpRequest;
use actix_web::http::header;

use super::Viewer;
use crate::web::{Answer, Page};

/// A page that says one thing and has one way on.
#[derive(askama::Template)]
#[template(path = "people/notice.html")]
struct Notice {
    page: Page,
    title: &'static str,
    text: String,
    more: &'static str,
    link: &'static str,
    label: &'static str,
}

/// The service for what no route takes, with the frame of whoever asks.
pub async fn not_found(_viewer: Option<Viewer>, req: HttpRequest) -> Answer {
    crate::web::not_found(req).await
}

fn user_agent(req: &HttpRequest) -> String {
    req.headers()
        .get(header::USER_AGENT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}
