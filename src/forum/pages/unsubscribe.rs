//! The end of a thread's mails: a page for people, one click for mail programs (RFC 8058).

use actix_web::web;
use askama::Template;

use crate::app::App;
use crate::forum::{Outcome, letters, unsubscribe, warn};
use crate::ids::{ProductId, ThreadId, UserId};
use crate::people::Viewer;
use crate::web::{Answer, Failure, Page, blocking, html};

/// What no more mail comes about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Thread,
    /// The known issues of a product.
    Issues,
}

#[derive(Template)]
#[template(path = "forum/unsubscribe.html")]
struct UnsubscribePage {
    page: Page,
    about: About,
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
        about: About::Thread,
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
            about: About::Thread,
            action: String::new(),
            done: true,
        }),
        Outcome::NotAllowed(_) | Outcome::NotFound => Err(Failure::NotFound),
    }
}

fn product_and_user(path: Path) -> Result<(ProductId, UserId, String), Failure> {
    let (product, user, signature) = path.into_inner();
    match (product.parse(), user.parse()) {
        (Ok(product), Ok(user)) => Ok((product, user, signature)),
        _ => Err(Failure::NotFound),
    }
}

/// `GET /unsubscribe/product/{product}/{user}/{signature}`: asks, because mail scanners open links.
pub async fn ask_of_product(app: web::Data<App>, viewer: Viewer, path: Path) -> Answer {
    let (product, user, signature) = product_and_user(path)?;
    if !letters::may_warn_no_more(&app, product, user, &signature) {
        return Err(Failure::NotFound);
    }
    html(&UnsubscribePage {
        page: viewer.page,
        about: About::Issues,
        action: letters::warn_no_more_path(&app, product, user),
        done: false,
    })
}

/// `POST /unsubscribe/product/{product}/{user}/{signature}`: the signature is the permission.
pub async fn end_of_product(app: web::Data<App>, viewer: Viewer, path: Path) -> Answer {
    let (product, user, signature) = product_and_user(path)?;
    let is_ours = blocking(&app, move |app| {
        warn::warn_no_more(app, product, user, &signature)
    })
    .await?;
    if !is_ours {
        return Err(Failure::NotFound);
    }
    html(&UnsubscribePage {
        page: viewer.page,
        about: About::Issues,
        action: String::new(),
        done: true,
    })
}
