//! The button on the page of a drafted thread: the desk knows both the thread and its case.

use actix_web::web::{Data, Path};

use super::actions::ButtonForm;
use crate::app::App;
use crate::escalations::draft_thread::publish_with_its_case;
use crate::forum::Outcome;
use crate::ids::ThreadId;
use crate::limits::Limit;
use crate::people::Member;
use crate::web::{Answer, Failure, Form, blocking, redirect, redirect_saying};

/// `POST /t/{id}/publish`: does what "Publish and link" does on the page of the case.
pub async fn publish(
    app: Data<App>,
    member: Member,
    path: Path<String>,
    _form: Form<ButtonForm>,
) -> Answer {
    let thread: ThreadId = path.parse().map_err(|_| Failure::NotFound)?;
    member.user.check_limit(&app, Limit::Act)?;
    let (outcome, case) = blocking(&app, move |app| {
        publish_with_its_case(app, &member.user, thread)
    })
    .await?;
    match outcome {
        Outcome::Done(place) => {
            let words = match case {
                Some(case) => format!("The thread is public now, and linked to case {case}."),
                None => "The thread is public now.".to_owned(),
            };
            Ok(redirect_saying(&app, &place.path(), "success", &words))
        }
        Outcome::Unchanged(place) => Ok(redirect(&place.path())),
        Outcome::NotAllowed(why) => Err(Failure::forbidden(why)),
        Outcome::NotFound => Err(Failure::NotFound),
    }
}
