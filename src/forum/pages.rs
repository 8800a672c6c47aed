//! The forum's pages. Reading takes a `Viewer`: everyone, without log-in, script or cookie.
//! What visitors without a session see is finished once and kept under the versions it shows.

pub mod acts;
pub mod history;
pub mod lists;
pub mod machine;
pub mod notices;
pub mod profile;
pub mod search;
pub mod thread;
pub mod unsubscribe;
pub mod write;

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::Outcome;
use super::store::ThreadLine;
use crate::app::App;
use crate::clock::{MINUTE, Moment};
use crate::error::{Error, Result};
use crate::limits::Limit;
use crate::people::Viewer;
use crate::web::page_cache::Finished;
use crate::web::{Answer, Failure, When, client_ip, redirect, redirect_saying};

/// A kept page says how long ago things were; after this (µs) it says so anew.
const KEPT_FOR: i64 = 10 * MINUTE;

/// What a reading handler found out.
enum Shown {
    Kept(Arc<Finished>),
    Fresh(String),
    /// Permanently at this address of ours.
    Moved(String),
    NotFound,
}

impl Shown {
    fn answer(self, req: &HttpRequest) -> Answer {
        match self {
            Shown::Kept(page) => Ok(page.answer(req)),
            Shown::Fresh(html) => Ok(HttpResponse::Ok()
                .content_type("text/html; charset=utf-8")
                .insert_header((header::CACHE_CONTROL, "private, no-cache"))
                .body(html)),
            Shown::Moved(to) => Ok(HttpResponse::MovedPermanently()
                .insert_header((header::LOCATION, to))
                // A title may go back to what it was: a browser that kept this would go in circles.
                .insert_header((header::CACHE_CONTROL, "no-cache"))
                .finish()),
            Shown::NotFound => Err(Failure::NotFound),
        }
    }
}

/// The page kept under `key` for whoever may be given one.
fn find_kept(app: &App, is_visitor: bool, key: &str) -> Option<Shown> {
    if !is_visitor {
        return None;
    }
    app.pages.get(key).map(Shown::Kept)
}

/// Renders the page, and keeps it under `key` for the next visitor.
fn finish(app: &App, is_visitor: bool, key: String, page: &impl Template) -> Result<Shown> {
    let html = page.render().map_err(Error::other)?;
    Ok(if is_visitor {
        Shown::Kept(app.pages.put(key, html))
    } else {
        Shown::Fresh(html)
    })
}

/// Part of the key of every kept page.
fn bucket(now: Moment) -> i64 {
    now.0 / KEPT_FOR
}

/// A thread in a list, with its times as they are shown.
pub struct Line {
    pub line: ThreadLine,
    pub active: When,
    /// `answer`, `answers`: what replies are called.
    pub replies_word: &'static str,
    /// Product and topic, as far as the list does not say them already.
    pub place: String,
    /// Shown as pinned.
    pub on_top: bool,
}

impl Line {
    fn new(line: ThreadLine, now: Moment) -> Line {
        let is_question = line.kind == super::ThreadKind::Question;
        let replies_word = match (is_question, line.reply_count) {
            (true, 1) => "answer",
            (true, _) => "answers",
            (false, 1) => "reply",
            (false, _) => "replies",
        };
        Line {
            place: match &line.topic_name {
                Some(topic) => format!("{}: {topic}", line.product_name),
                None => line.product_name.clone(),
            },
            on_top: false,
            active: When::new(line.active_at.0, now),
            replies_word,
            line,
        }
    }

    /// For the list of a product, or of one of its topics.
    fn within(mut self, topic_is_said: bool) -> Line {
        self.place = match &self.line.topic_name {
            Some(topic) if !topic_is_said => topic.clone(),
            _ => String::new(),
        };
        self
    }

    fn on_top(mut self) -> Line {
        self.on_top = true;
        self
    }

    pub fn place_path(&self) -> String {
        match &self.line.topic_slug {
            Some(topic) => format!("/p/{}/{topic}", self.line.product_slug),
            None => format!("/p/{}", self.line.product_slug),
        }
    }
}

fn lines_of(lines: Vec<ThreadLine>, now: Moment) -> Vec<Line> {
    lines.into_iter().map(|line| Line::new(line, now)).collect()
}

/// Counts one search, or what costs as much: of a member, or of a visitor's network.
fn check_search(app: &App, req: &HttpRequest, viewer: &Viewer) -> Result<(), Failure> {
    match &viewer.user {
        Some(user) => user.count(app, Limit::Search),
        None => app.limits.check(Limit::Search, &client_ip(app, req)),
    }
    .map_err(|retry_seconds| Failure::TooMany { retry_seconds })
}

/// Where an act leads, and the sentence that says it was done.
fn outcome_answer(app: &App, outcome: Outcome, done: &str) -> Answer {
    match outcome {
        Outcome::Done(place) => Ok(redirect_saying(app, &place.path(), "success", done)),
        Outcome::Unchanged(place) => Ok(redirect(&place.path())),
        Outcome::NotAllowed(why) => Err(Failure::forbidden(why)),
        Outcome::NotFound => Err(Failure::NotFound),
    }
}
