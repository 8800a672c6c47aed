//! The demo's own page: how to log in, where to look, and the mail that went out. Only the demo
//! serves it; nothing on it is anybody's.

use actix_web::web::{Data, ServiceConfig, get};
use askama::Template;

use super::content::{self, User};
use crate::app::App;
use crate::mail::outbox;
use crate::people::Viewer;
use crate::web::{Answer, Page, When, blocking, html};

pub fn routes(site: &mut ServiceConfig) {
    site.route("/demo", get().to(show));
}

/// Mails shown.
const MAILS_MAX: i64 = 50;

#[derive(Template)]
#[template(path = "demo/show.html")]
struct Show {
    page: Page,
    company: String,
    password: String,
    users: Vec<User>,
    x_url: String,
    mails: Vec<Mail>,
}

struct Mail {
    to: String,
    subject: String,
    text: String,
    state: String,
    at: When,
}

/// `GET /demo`
async fn show(app: Data<App>, viewer: Viewer) -> Answer {
    let community = content::load().map_err(crate::error::Error::other)?;
    let mails = blocking(&app, |app| {
        let now = app.now();
        let rows = app.db.read(|c| outbox::page(c, None, MAILS_MAX))?;
        Ok(rows
            .into_iter()
            .map(|m| Mail {
                to: m.to_email,
                subject: m.subject,
                text: m.text,
                state: m.state,
                at: When::new(m.created_at, now),
            })
            .collect())
    })
    .await?;
    let users = community
        .users
        .into_iter()
        .filter(|u| {
            u.email
                .as_ref()
                .is_some_and(|e| e.ends_with("@demo.example"))
        })
        .collect();
    html(&Show {
        page: viewer.page,
        company: community.company.name,
        password: community.company.demo_password,
        users,
        x_url: app.config.x.base_url.clone(),
        mails,
    })
}
