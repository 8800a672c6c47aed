//! What staff do on a case's page. Each action checks the policy again inside its transaction,
//! does one thing through the slice whose thing it is, and leads back to the case.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Deserialize;

use super::case::{self, Stop, Typed};
use crate::app::App;
use crate::cases::links::{self, LinkState, NewLink, Target};
use crate::cases::states::{self, Happening};
use crate::cases::{self, Case, MergeOutcome, Severity, Step};
use crate::db::Conn;
use crate::error::Result;
use crate::forum;
use crate::ids::{CaseId, LinkId, ProductId, UserId};
use crate::people::{self, CurrentUser, Staff};
use crate::web::{Answer, Failure, Form, blocking, redirect_saying};

/// Longest reason that is kept (characters).
const WHY_CHARS_MAX: usize = 500;

/// What an action says on the page it leads to.
struct Said {
    kind: &'static str,
    text: String,
    /// Elsewhere than the case itself.
    to: Option<String>,
}

impl Said {
    fn done(text: impl Into<String>) -> Said {
        Said {
            kind: "success",
            text: text.into(),
            to: None,
        }
    }

    fn info(text: impl Into<String>) -> Said {
        Said {
            kind: "info",
            text: text.into(),
            to: None,
        }
    }

    fn refused(text: impl Into<String>) -> Said {
        Said {
            kind: "error",
            text: text.into(),
            to: None,
        }
    }
}

/// Does `act` on the case in one transaction, if this person may work on it.
async fn on_case(
    app: &App,
    user: CurrentUser,
    id: i64,
    act: impl FnOnce(&App, &mut Conn, &CurrentUser, &Case) -> Result<Said> + Send + 'static,
) -> Answer {
    let id = CaseId(id);
    let said = blocking(app, move |app| {
        app.db.write(|tx| {
            Ok(match case::open(tx, &user, id)? {
                Ok(case) => Ok(act(app, tx, &user, &case)?),
                Err(stop) => Err(stop),
            })
        })
    })
    .await?;
    answer(app, id, said)
}

fn answer(app: &App, id: CaseId, said: Result<Said, Stop>) -> Answer {
    match said {
        Ok(said) => {
            let to = said.to.unwrap_or_else(|| format!("/desk/case/{id}"));
            Ok(redirect_saying(app, &to, said.kind, &said.text))
        }
        Err(Stop::Moved(into)) => Ok(moved(app, into)),
        Err(stop) => stop.answer(),
    }
}

fn moved(app: &App, into: CaseId) -> HttpResponse {
    let text = format!("The case goes on here, in case {into}. Nothing was done; look first.");
    redirect_saying(app, &format!("/desk/case/{into}"), "warning", &text)
}

fn why(typed: &str) -> String {
    let line = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(WHY_CHARS_MAX).collect()
}

/// Who else of ours answered the customer or changed the case's state since the event `seen`:
/// their name, if anybody did.
pub(super) fn answered_since(
    conn: &mut Conn,
    user: &CurrentUser,
    case: CaseId,
    seen: i64,
) -> Result<Option<String>> {
    let answers = [Step::Acknowledge, Step::Ticket, Step::State, Step::Claim];
    let newer = cases::store::events(conn, case)?
        .into_iter()
        .filter(|event| event.id > seen && event.actor_kind == "user")
        .filter(|event| answers.contains(&event.step) && event.actor_name != user.name);
    Ok(newer.last().map(|event| event.actor_name))
}

#[derive(Deserialize)]
pub struct NoteForm {
    #[serde(default)]
    note: String,
    #[serde(default)]
    key: String,
}

/// `POST /desk/case/{id}/note`
pub async fn note(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<NoteForm>) -> Answer {
    let NoteForm { note, key } = form.fields;
    let text = note.trim().to_owned();
    if text.is_empty() {
        let typed = Typed {
            notice: "The note is empty. Write what your colleagues should know.".into(),
            ..Typed::default()
        };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let id = CaseId(id.into_inner());
        return case::show(&app, staff, id, status, String::new(), typed).await;
    }
    on_case(&app, staff.user, *id, move |app, tx, user, case| {
        let key = format!("{}:{}:{}", user.id, case.id, why(&key));
        let added = cases::add_note(tx, app.now(), case.id, user.id, &text, &key)?;
        Ok(if added {
            Said::done("Note added. Only staff see it.")
        } else {
            Said::info("This note was there already.")
        })
    })
    .await
}

#[derive(Deserialize)]
pub struct AssignForm {
    /// A user's id, `me`, or empty for nobody.
    #[serde(default)]
    to: String,
}

/// `POST /desk/case/{id}/assign`
pub async fn assign(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<AssignForm>) -> Answer {
    let to = match form.fields.to.as_str() {
        "" => None,
        "me" => Some(staff.user.id),
        other => {
            Some(UserId(other.parse().map_err(|_| {
                Failure::bad("Choose somebody from the list.")
            })?))
        }
    };
    on_case(&app, staff.user, *id, move |app, tx, user, case| {
        if case.assignee == to {
            return Ok(Said::info("It stands so already."));
        }
        let may = people::store::staff_of(tx, case.product)?;
        let to = match to {
            None => None,
            Some(id) => match may.iter().find(|(one, _)| *one == id) {
                Some((id, name)) => Some((*id, name.as_str())),
                None => {
                    return Ok(Said::refused(
                        "They don't work on cases of this product, so nothing was changed.",
                    ));
                }
            },
        };
        states::assign(tx, app.now(), &user.actor(), case.id, to)?;
        Ok(Said::done(match to {
            None => "Given back to everybody.".to_owned(),
            Some((id, _)) if id == user.id => "The case is yours.".to_owned(),
            Some((_, name)) => format!("Given to {name}."),
        }))
    })
    .await
}

#[derive(Deserialize)]
pub struct SeverityForm {
    #[serde(default)]
    severity: String,
    #[serde(default)]
    why: String,
}

/// `POST /desk/case/{id}/severity`
pub async fn severity(
    app: Data<App>,
    staff: Staff,
    id: Path<i64>,
    form: Form<SeverityForm>,
) -> Answer {
    let severity: Severity = form
        .fields
        .severity
        .parse()
        .map_err(|_| Failure::bad("Choose a severity from the list."))?;
    let reason = why(&form.fields.why);
    on_case(&app, staff.user, *id, move |app, tx, user, case| {
        if case.severity == severity {
            return Ok(Said::info("It stands so already."));
        }
        states::set_severity(tx, app.now(), &user.actor(), case.id, severity, &reason)?;
        Ok(Said::done(format!("Severity: {}.", severity.label())))
    })
    .await
}

#[derive(Deserialize)]
pub struct ProductForm {
    /// A product's id, or empty for none.
    #[serde(default)]
    product: String,
}

/// `POST /desk/case/{id}/product`
pub async fn product(
    app: Data<App>,
    staff: Staff,
    id: Path<i64>,
    form: Form<ProductForm>,
) -> Answer {
    let wanted = match form.fields.product.as_str() {
        "" => None,
        id => {
            Some(ProductId(id.parse().map_err(|_| {
                Failure::bad("Choose a product from the list.")
            })?))
        }
    };
    on_case(&app, staff.user, *id, move |app, tx, user, case| {
        if case.product == wanted {
            return Ok(Said::info("It stands so already."));
        }
        let product = match wanted {
            None => None,
            Some(id) => match forum::store::product(tx, id)? {
                Some(product) => Some(product),
                None => return Ok(Said::refused("There is no such product any more.")),
            },
        };
        let named = product.as_ref().map(|p| (p.id, p.name.as_str()));
        states::set_product(tx, app.now(), &user.actor(), case.id, named, None)?;
        let stays = user.is_staff_of(wanted);
        let name = product.map_or("no product".to_owned(), |p| p.name);
        let mut said = Said::done(format!("The case is about {name} now."));
        if !stays {
            said.text = format!("Given to the staff of {name}.");
            said.to = Some("/desk".into());
        }
        Ok(said)
    })
    .await
}

#[derive(Deserialize)]
pub struct StateForm {
    /// `resolve`, `reopen` or `close`.
    #[serde(default)]
    to: String,
    #[serde(default)]
    why: String,
}

/// `POST /desk/case/{id}/state`
pub async fn state(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<StateForm>) -> Answer {
    let happening = match form.fields.to.as_str() {
        "resolve" => Happening::Resolved,
        "reopen" => Happening::Reopened,
        "close" => Happening::Closed,
        _ => return Err(Failure::bad("A case can be resolved, closed or reopened.")),
    };
    let reason = why(&form.fields.why);
    on_case(&app, staff.user, *id, move |app, tx, user, case| {
        let by = user.actor();
        let changed = states::happen(tx, app.now(), &by, case.id, happening, &reason)?;
        Ok(match changed {
            Some((before, now)) if before.state == now => Said::info("It stands so already."),
            Some((_, now)) => Said::done(format!("State: {}.", now.label())),
            None => Said::refused("There is no such case any more."),
        })
    })
    .await
}

#[derive(Deserialize)]
pub struct DecideForm {
    /// `confirm`, `reject` or `undo`.
    #[serde(default)]
    to: String,
    #[serde(default)]
    why: String,
}

/// `POST /desk/case/{id}/link/{link}`
pub async fn decide(
    app: Data<App>,
    staff: Staff,
    path: Path<(i64, i64)>,
    form: Form<DecideForm>,
) -> Answer {
    let (id, link) = path.into_inner();
    let to = match form.fields.to.as_str() {
        "confirm" => LinkState::Confirmed,
        "reject" => LinkState::Rejected,
        "undo" => LinkState::Undone,
        _ => return Err(Failure::bad("A link can be confirmed, refused or undone.")),
    };
    let reason = why(&form.fields.why);
    on_case(&app, staff.user, id, move |app, tx, user, case| {
        let known = cases::store::link(tx, LinkId(link))?;
        // A link of another case is none of this page.
        if known.is_none_or(|link| link.case != case.id) {
            return Ok(Said::refused("There is no such link any more."));
        }
        let by = user.actor();
        let outcome = links::decide(tx, app.now(), &by, LinkId(link), to, &reason)?;
        Ok(link_said(outcome, to))
    })
    .await
}

fn link_said(outcome: links::Outcome, to: LinkState) -> Said {
    match (outcome, to) {
        (links::Outcome::NoSuchLink, _) => Said::refused("There is no such link any more."),
        (links::Outcome::Already(..), _) => Said::info("It stands so already."),
        (_, LinkState::Confirmed) => Said::done("Linked."),
        (_, LinkState::Rejected) => Said::done("Noted: not this one."),
        _ => Said::done("The link is undone."),
    }
}

#[derive(Deserialize)]
pub struct LinkForm {
    /// A thread's number or address.
    #[serde(default)]
    thread: String,
}

/// `POST /desk/case/{id}/link`
pub async fn link(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<LinkForm>) -> Answer {
    let thread = case::thread_named(&form.fields.thread).ok_or_else(|| {
        Failure::bad("Give the thread's number or its address, or search for it first.")
    })?;
    on_case(&app, staff.user, *id, move |app, tx, user, case| {
        let known = forum::store::thread(tx, thread)?;
        if !known.is_some_and(|thread| forum::policy::can_see(Some(user), &thread)) {
            return Ok(Said::refused("There is no such thread."));
        }
        let new = NewLink {
            target: Target::Thread(thread),
            score: 1.0,
            reasons: vec![format!("{} chose it", user.name)],
            rule: String::new(),
        };
        let outcome = links::link(tx, app.now(), &user.actor(), case.id, &new)?;
        Ok(link_said(outcome, LinkState::Confirmed))
    })
    .await
}

#[derive(Deserialize)]
pub struct MergeForm {
    /// The number of the case that it goes on in.
    #[serde(default)]
    into: String,
    #[serde(default)]
    why: String,
}

/// `POST /desk/case/{id}/merge`
pub async fn merge(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<MergeForm>) -> Answer {
    let into = form.fields.into.trim().trim_start_matches('#');
    let into = CaseId(
        into.parse()
            .map_err(|_| Failure::bad("Give the number of the case in which this one goes on."))?,
    );
    let reason = why(&form.fields.why);
    on_case(&app, staff.user, *id, move |app, tx, user, case| {
        match cases::store::case(tx, into)? {
            Some(other) if cases::policy::can_work_on(user, &other) => {}
            _ => return Ok(Said::refused(format!("There is no case {into} for you."))),
        }
        let by = user.actor();
        Ok(
            match cases::merge(tx, app.now(), &by, case.id, into, &reason)? {
                MergeOutcome::Merged => Said {
                    to: Some(format!("/desk/case/{into}")),
                    ..Said::done(format!("Case {} goes on here.", case.id))
                },
                MergeOutcome::NoSuchCase => Said::refused(format!("There is no case {into}.")),
                MergeOutcome::NotPossible => Said::refused(
                    "That can't be merged: it is the same case, or one that went on elsewhere.",
                ),
            },
        )
    })
    .await
}
