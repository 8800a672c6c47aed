//! The end of a thread's mails: a page for people, one click for mail programs (RFC 8058).

use actix_web::web;
use askama::Template;

use crate::app::App;
use crate::forum::{Outcome, letters, unsubscribe};
use crate::ids::{ThreadId, UserId};
use crate::people::Viewer;
use crate::web::{Answer, Failure, Page, blocking, html};

#[derive(Template)]
#[template(path = "forum/unsubscribe.html")]
struct UnsubscribePage {
    page: Page,
    action: String,
    done: bool,
}

type Path = web::Path<(String, String, String)>;

fn parts(path: Path) -> Result<(ThreadId, UserId, String), Failure> {
    let (thread, user, signature) = path.into_inner();
    match (thread.parse(), user.parse()) {
        (Ok(thread), Ok(user)) => Ok((thread, user, signature)),
        _ => Err(Failure::NotFound),
    }
}

/// `GET /unsubscribe/{thread}/{user}/{signature}`: asks, because mail scanners open links.
pub async fn ask(app: web::Data<App>, viewer: Viewer, path: Path) -> Answer {
    let (thread, user, signature) = parts(path)?;
    if !letters::may_unsubscribe(&app, thread, user, &signature) {
        return Err(Failure::NotFound);
    }
    html(&UnsubscribePage {
        page: viewer.page,
        action: letters::unsubscribe_path(&app, thread, user),
        done: false,
    })
}

/// `POST /unsubscribe/{thread}/{user}/{signature}`: the signature is the permission.
pub async fn end(app: web::Data<App>, viewer: Viewer, path: Path) -> Answer {
    let (thread, user, signature) = parts(path)?;
    let outcome = blocking(&app, move |app| {
        unsubscribe::unsubscribe(app, thread, user, &signature)
    })
    .await?;
    match outcome {
        Outcome::Done(_) | Outcome::Unchanged(_) => html(&UnsubscribePage {
            page: viewer.page,
            action: String::new(),
            done: true,
        }),
        Outcome::NotAllowed(_) | Outcome::NotFound => Err(Failure::NotFound),
    }
}
