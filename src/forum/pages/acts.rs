//! Buttons: answers, me too, follow, and what moderators and staff do to a thread.

use actix_web::web;

use super::outcome_answer;
use crate::app::App;
use crate::forum::{
    Outcome, ThreadKind, accept_answer, close_thread, delete_post, draft_thread, follow, me_too,
    move_thread, pin, restore_post, set_kind,
};
use crate::ids::{PostId, ThreadId};
use crate::people::{CurrentUser, Member};
use crate::web::{Answer, Failure, Form, blocking};

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

/// Runs a verb off the request's thread, and says what was done.
async fn act<Id>(
    app: &App,
    member: Member,
    path: &str,
    form: Form<ActFields>,
    verb: impl FnOnce(&App, &CurrentUser, Id, &ActFields) -> crate::error::Result<Outcome>
    + Send
    + 'static,
    done: &str,
) -> Answer
where
    Id: std::str::FromStr + Send + 'static,
{
    let id: Id = path.parse().map_err(|_| Failure::NotFound)?;
    let fields = form.fields;
    let outcome = blocking(app, move |app| verb(app, &member.user, id, &fields)).await?;
    outcome_answer(app, outcome, done)
}

/// `POST /post/{id}/accept`
pub async fn accept(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let done = if form.fields.yes() {
        "Marked as an answer. Thank you: the next person finds it."
    } else {
        "No longer marked as an answer."
    };
    let verb = |app: &App, by: &CurrentUser, post: PostId, fields: &ActFields| {
        if fields.yes() {
            accept_answer::accept_answer(app, by, post, !fields.primary.is_empty())
        } else {
            accept_answer::unaccept(app, by, post)
        }
    };
    act(&app, member, &path, form, verb, done).await
}

/// `POST /t/{id}/me-too`
pub async fn me_too(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let done = if form.fields.yes() {
        "Noted. You will be told when it is solved."
    } else {
        "Taken back."
    };
    let verb = |app: &App, by: &CurrentUser, id: ThreadId, f: &ActFields| {
        me_too::me_too(app, by, id, f.yes())
    };
    act(&app, member, &path, form, verb, done).await
}

/// `POST /t/{id}/follow`
pub async fn follow(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let done = if form.fields.yes() {
        "You follow this thread."
    } else {
        "You no longer follow this thread."
    };
    let verb = |app: &App, by: &CurrentUser, id: ThreadId, f: &ActFields| {
        follow::follow(app, by, id, f.yes())
    };
    act(&app, member, &path, form, verb, done).await
}

/// `POST /t/{id}/close`
pub async fn close(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let verb = |app: &App, by: &CurrentUser, id: ThreadId, f: &ActFields| {
        close_thread::close_thread(app, by, id, &f.reason)
    };
    act(&app, member, &path, form, verb, "The thread is closed.").await
}

/// `POST /t/{id}/reopen`
pub async fn reopen(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let verb = |app: &App, by: &CurrentUser, id: ThreadId, f: &ActFields| {
        close_thread::reopen_thread(app, by, id, &f.reason)
    };
    act(&app, member, &path, form, verb, "The thread is open again.").await
}

/// `POST /t/{id}/pin`
pub async fn pin(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let done = if form.fields.yes() {
        "Pinned."
    } else {
        "No longer pinned."
    };
    let verb =
        |app: &App, by: &CurrentUser, id: ThreadId, f: &ActFields| pin::pin(app, by, id, f.yes());
    act(&app, member, &path, form, verb, done).await
}

/// `POST /t/{id}/move`
pub async fn move_to(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let verb = |app: &App, by: &CurrentUser, id: ThreadId, f: &ActFields| {
        let (product, topic) = f.place.split_once('/').unwrap_or((&f.place, ""));
        move_thread::move_thread(app, by, id, product, topic, &f.reason)
    };
    act(
        &app,
        member,
        &path,
        form,
        verb,
        "The thread was moved. Its address stays.",
    )
    .await
}

/// `POST /t/{id}/kind`
pub async fn kind(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let verb = |app: &App, by: &CurrentUser, id: ThreadId, f: &ActFields| match f
        .kind
        .parse::<ThreadKind>()
    {
        Ok(kind) => set_kind::set_kind(app, by, id, kind),
        Err(_) => Ok(Outcome::NotAllowed("Choose one of the kinds.")),
    };
    act(&app, member, &path, form, verb, "The kind was changed.").await
}

/// `POST /t/{id}/fixed`
pub async fn fixed(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let verb = |app: &App, by: &CurrentUser, id: ThreadId, f: &ActFields| {
        set_kind::mark_fixed(app, by, id, &f.fixed_in)
    };
    let done = "Marked as fixed. Everyone who follows it, or has it too, is being told.";
    act(&app, member, &path, form, verb, done).await
}

/// `POST /t/{id}/publish`
pub async fn publish(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let verb = |app: &App, by: &CurrentUser, id: ThreadId, _: &ActFields| {
        draft_thread::publish_draft(app, by, id)
    };
    act(&app, member, &path, form, verb, "The thread is public now.").await
}

/// `POST /t/{id}/discard`
pub async fn discard(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let verb = |app: &App, by: &CurrentUser, id: ThreadId, f: &ActFields| {
        draft_thread::discard_draft(app, by, id, &f.reason)
    };
    act(&app, member, &path, form, verb, "The draft was discarded.").await
}

/// `POST /post/{id}/delete`
pub async fn delete(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let id: PostId = path.parse().map_err(|_| Failure::NotFound)?;
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

/// `POST /post/{id}/restore`
pub async fn restore(
    app: web::Data<App>,
    member: Member,
    path: web::Path<String>,
    form: Form<ActFields>,
) -> Answer {
    let verb = |app: &App, by: &CurrentUser, post: PostId, f: &ActFields| {
        restore_post::restore_post(app, by, post, &f.reason)
    };
    act(&app, member, &path, form, verb, "It is back.").await
}
