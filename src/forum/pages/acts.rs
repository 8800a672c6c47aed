//! Buttons: answers, me too, follow, and what moderators and staff do to a thread.

use actix_web::web;

use super::outcome_answer;
use crate::app::App;
use crate::forum::{
    Outcome, ThreadKind, accept_answer, close_thread, delete_post, draft_thread, follow,
    hide_revision, me_too, move_thread, pin, restore_post, set_kind, warn,
};
use crate::ids::PostId;
use crate::limits::Limit;
use crate::people::{CurrentUser, Member, Moderator};
use crate::web::{Answer, Failure, Form, blocking, redirect, redirect_saying};

/// Fields of all buttons; each reads what it needs.
#[derive(serde::Deserialize, Default, Clone)]
#[serde(default)]
pub struct ActFields {
    /// Take it back.
    undo: String,
    /// Make it the answer shown first.
    primary: String,
    reason: String,
    /// `product/topic`.
    place: String,
    kind: String,
    fixed_in: String,
}

impl ActFields {
    fn yes(&self) -> bool {
        self.undo.is_empty()
    }
}

/// Runs a verb off the request's thread, and says what was done: `done`, or `undone` when it was
/// taken back.
async fn act<Id>(
    app: &App,
    member: Member,
    path: &str,
    form: Form<ActFields>,
    verb: impl FnOnce(&App, &CurrentUser, Id, &ActFields) -> crate::error::Result<Outcome>
    + Send
    + 'static,
    [done, undone]: [&str; 2],
) -> Answer
where
    Id: std::str::FromStr + Send + 'static,
{
    let id: Id = path.parse().map_err(|_| Failure::NotFound)?;
    member.user.check_limit(app, Limit::Act)?;
    let fields = form.fields;
    let said = if fields.yes() { done } else { undone };
    let outcome = blocking(app, move |app| verb(app, &member.user, id, &fields)).await?;
    outcome_answer(app, outcome, said)
}

/// Declares the handler of a button for members: the verb behind it, and what it says when the act
/// was done and when it was taken back.
macro_rules! button {
    ($(#[$doc:meta])* $name:ident, $verb:expr, $done:literal) => {
        button!($(#[$doc])* $name, $verb, $done, $done);
    };
    ($(#[$doc:meta])* $name:ident, $verb:expr, $done:literal, $undone:literal) => {
        $(#[$doc])*
        pub async fn $name(
            app: web::Data<App>,
            member: Member,
            path: web::Path<String>,
            form: Form<ActFields>,
        ) -> Answer {
            act(&app, member, &path, form, $verb, [$done, $undone]).await
        }
    };
}

button!(
    /// `POST /post/{id}/accept`
    accept,
    |app, by, post, f| {
        if f.yes() {
            accept_answer::accept_answer(app, by, post, !f.primary.is_empty())
        } else {
            accept_answer::unaccept(app, by, post)
        }
    },
    "Marked as an answer. Thank you: the next person finds it.",
    "No longer marked as an answer."
);
button!(
    /// `POST /t/{id}/me-too`
    me_too,
    |app, by, id, f| me_too::me_too(app, by, id, f.yes()),
    "Noted. If it is not solved yet, you are told when it is.",
    "Taken back."
);
button!(
    /// `POST /t/{id}/follow`
    follow,
    |app, by, id, f| follow::follow(app, by, id, f.yes()),
    "You follow this thread.",
    "You no longer follow this thread."
);
/// `POST /p/{product}/warn`: tells the member of the product's known issues, or (`undo`) no longer.
pub async fn warn(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    member.user.check_limit(&app, Limit::Act)?;
    let (product, yes) = (path.into_inner(), form.fields.yes());
    let to = format!("/p/{product}");
    let is_there = blocking(&app, move |app| {
        warn::warn(app, &member.user, &product, yes)
    })
    .await?;
    let words = match (is_there, yes) {
        (false, _) => return Err(Failure::NotFound),
        (true, true) => "You are told when a new known issue is published.",
        (true, false) => "You are no longer told of new known issues.",
    };
    Ok(redirect_saying(&app, &to, "success", words))
}

button!(
    /// `POST /t/{id}/close`
    close,
    |app, by, id, f| close_thread::close_thread(app, by, id, &f.reason),
    "The thread is closed."
);
button!(
    /// `POST /t/{id}/reopen`
    reopen,
    |app, by, id, f| close_thread::reopen_thread(app, by, id, &f.reason),
    "The thread is open again."
);
button!(
    /// `POST /t/{id}/pin`
    pin,
    |app, by, id, f| pin::pin(app, by, id, f.yes(), &f.reason),
    "Pinned.",
    "No longer pinned."
);
button!(
    /// `POST /t/{id}/move`
    move_to,
    |app, by, id, f| {
        let (product, topic) = f.place.split_once('/').unwrap_or((&f.place, ""));
        move_thread::move_thread(app, by, id, product, topic, &f.reason)
    },
    "The thread was moved. Its address stays."
);
button!(
    /// `POST /t/{id}/kind`
    kind,
    |app, by, id, f| match f.kind.parse::<ThreadKind>() {
        Ok(kind) => set_kind::set_kind(app, by, id, kind, &f.reason),
        Err(_) => Ok(Outcome::NotAllowed("Choose one of the kinds.")),
    },
    "The kind was changed."
);
button!(
    /// `POST /t/{id}/fixed`
    fixed,
    |app, by, id, f| set_kind::mark_fixed(app, by, id, &f.fixed_in, &f.reason),
    "Marked as fixed. Everyone who follows it, or has it too, is being told."
);
button!(
    /// `POST /t/{id}/discard`
    discard,
    |app, by, id, f| draft_thread::discard_draft(app, by, id, &f.reason),
    "The draft was discarded."
);
button!(
    /// `POST /post/{id}/restore`
    restore,
    |app, by, post, f| restore_post::restore_post(app, by, post, &f.reason),
    "It is back."
);

/// `POST /post/{id}/history/{number}`: takes a state of a post out of its public history, or shows
/// it again.
pub async fn hide_revision(
    app: web::Data<App>,
    moderator: Moderator,
    path: web::Path<(String, i64)>,
    form: Form<ActFields>,
) -> Answer {
    let (post, number) = path.into_inner();
    let history = format!("/post/{post}/history");
    let post: PostId = post.parse().map_err(|_| Failure::NotFound)?;
    moderator.user.check_limit(&app, Limit::Act)?;
    let fields = form.fields;
    let outcome = blocking(&app, move |app| {
        let yes = fields.yes();
        hide_revision::hide_revision(app, &moderator.user, post, number, yes, &fields.reason)
    })
    .await?;
    match outcome {
        Outcome::Done(_) | Outcome::Unchanged(_) => Ok(redirect(&history)),
        other => outcome_answer(&app, other, ""),
    }
}

/// `POST /post/{id}/delete`
pub async fn delete(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let id: PostId = path.parse().map_err(|_| Failure::NotFound)?;
    member.user.check_limit(&app, Limit::Act)?;
    let fields = form.fields;
    let by = member.user.clone();
    let (outcome, gone) = blocking(&app, move |app| {
        let outcome = delete_post::delete_post(app, &by, id, &fields.reason)?;
        let thread = match &outcome {
            Outcome::Done(place) => {
                let id = place.thread;
                app.db.read(|c| crate::forum::store::thread(c, id))?
            }
            _ => None,
        };
        // Whoever removed their own thread can't see it any more.
        let gone = thread.is_some_and(|t| !crate::forum::policy::can_see(Some(&by), &t));
        Ok((outcome, gone))
    })
    .await?;
    if gone {
        return Ok(crate::web::redirect_saying(
            &app,
            "/",
            "success",
            "Your thread was removed.",
        ));
    }
    outcome_answer(&app, outcome, "Removed. Moderators can bring it back.")
}
