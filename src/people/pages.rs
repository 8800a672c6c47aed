//! Handlers of the account pages.

pub mod account;
pub mod admin;
pub mod door;

use actix_web::HttpRequest;
use actix_web::http::header;

use crate::error::Problem;
use crate::web::Page;

/// What was typed wrong, for a template: a summary on top and a word beside each field.
#[derive(Clone, Debug, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// What is said beside the field.
    pub fn of(&self, field: &str) -> Option<String> {
        self.0
            .iter()
            .find(|p| p.field == field)
            .map(|p| p.text.clone())
    }

    pub fn has(&self, field: &str) -> bool {
        self.0.iter().any(|p| p.field == field)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Problems {
        Problems(vec![problem])
    }
}

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

fn user_agent(req: &HttpRequest) -> String {
    req.headers()
        .get(header::USER_AGENT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}
