//! What staff do on a case's page. Each action checks the policy again inside its transaction,
//! does one thing through the slice whose thing it is, and leads back to the case.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde::Deserialize;
use serde_json::json;

use super::case::{self, Stop, Typed};
use crate::app::App;
use crate::cases::links::{self, LinkState, NewLink, Target};
use crate::cases::states::{self, Happening};
use crate::cases::{self, Case, MergeOutcome, Severity, Step};
use crate::db::{Conn, Lock, lock};
use crate::error::Problem;
use crate::error::Result;
use crate::escalations::approve_reply::{self, Shown};
use crate::escalations::draft_thread::{self, Drafted};
use crate::escalations::{self, acknowledge, answer_in_public, close_loop, handoff, separate};
use crate::forum;
use crate::ids::{CaseId, HandleId, LinkId, MentionId, ProductId, ReplyId, ThreadId, UserId};
use crate::people::{self, CurrentUser, Staff, handles};
use crate::tickets;
use crate::tickets::resolve::{Resolved, resolve};
use crate::web::{After, Answer, Failure, Form, FormWithFiles, blocking, redirect_saying};

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

/// The case of an action, and what goes along with the form.
struct On {
    staff: Staff,
    id: CaseId,
    /// Another case that the action changes, held still too.
    other: Option<CaseId>,
    /// The newest event on the page, when it is decided by the customer's words.
    seen: Option<i64>,
    /// Shown again when nothing was done.
    typed: Typed,
}

impl On {
    fn the(staff: Staff, id: i64) -> On {
        On {
            staff,
            id: CaseId(id),
            other: None,
            seen: None,
            typed: Typed::default(),
        }
    }

    fn seen(self, seen: i64) -> On {
        On {
            seen: Some(seen),
            ..self
        }
    }

    fn typed(self, typed: Typed) -> On {
        On { typed, ..self }
    }

    /// Does `act` on the case in one transaction, if this person may work on it and has seen what
    /// they decide by.
    async fn act(
        self,
        app: &App,
        act: impl FnOnce(&App, &mut Conn, &CurrentUser, &Case) -> Result<Said> + Send + 'static,
    ) -> Answer {
        let (id, seen, user) = (self.id, self.seen, self.staff.user.clone());
        // In the order of ids, so that two who hold the same can't wait for each other.
        let mut held = vec![id];
        held.extend(self.other);
        held.sort_unstable();
        let said = blocking(app, move |app| {
            app.db.write(|tx| {
                for case in held {
                    lock(tx, Lock::Case(case.0))?;
                }
                let case = match case::open(tx, &user, id)? {
                    Ok(case) => case,
                    Err(stop) => return Ok(Err(Refused::Stop(stop))),
                };
                if let Some(seen) = seen
                    && cases::store::customer_wrote_since(tx, id, seen)?
                {
                    return Ok(Err(Refused::Words(CUSTOMER_WROTE.to_owned())));
                }
                Ok(Ok(act(app, tx, &user, &case)?))
            })
        })
        .await?;
        self.answer(app, said).await
    }

    /// Leads back to the case; or shows it with what was typed, when nothing was done.
    async fn answer(self, app: &App, said: std::result::Result<Said, Refused>) -> Answer {
        let (id, notice) = match said {
            Ok(said) => {
                let to = said.to.unwrap_or_else(|| format!("/desk/case/{}", self.id));
                return Ok(redirect_saying(app, &to, said.kind, &said.text));
            }
            Err(Refused::Words(notice)) => (self.id, notice),
            Err(Refused::Stop(Stop::Moved(into))) => {
                let text =
                    format!("The case goes on here, in case {into}. Nothing was done; look first.");
                if self.typed == Typed::default() {
                    let to = format!("/desk/case/{into}");
                    return Ok(redirect_saying(app, &to, "warning", &text));
                }
                (into, format!("{text} What you typed is kept."))
            }
            Err(Refused::Stop(stop)) => return stop.answer(),
        };
        let typed = Typed {
            notice,
            ..self.typed
        };
        case::show(
            app,
            self.staff,
            id,
            StatusCode::CONFLICT,
            String::new(),
            typed,
        )
        .await
    }
}

/// Why nothing was done.
enum Refused {
    Stop(Stop),
    /// Shown above the forms, which keep what was typed.
    Words(String),
}

/// Shown when the customer wrote while somebody decided.
const CUSTOMER_WROTE: &str = "The customer wrote, or another case was taken in, since this page was \
     shown. Read that first; then decide again. What you typed is kept.";

fn somebody_answered(who: &str) -> String {
    format!(
        "{who} answered while you wrote. Read that first; if yours is still needed, send it again."
    )
}

/// A typed reason on one line, bounded.
pub(super) fn why(typed: &str) -> String {
    let line = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(WHY_CHARS_MAX).collect()
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
    let typed = Typed {
        note: text.clone(),
        ..Typed::default()
    };
    let on = On::the(staff, *id).typed(typed);
    on.act(&app, move |app, tx, user, case| {
        let key = format!("{}:{}:{}", user.id, case.id, why(&key));
        let by = user.actor();
        let added = cases::add_note(tx, app.now(), case.id, user.id, &by, &text, &key)?;
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
    /// Whom the page showed it with: a user's id, or empty for nobody.
    #[serde(default)]
    with: String,
}

/// `POST /desk/case/{id}/assign`
pub async fn assign(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<AssignForm>) -> Answer {
    let somebody = |word: &str| match word {
        "" => Ok(None),
        "me" => Ok(Some(staff.user.id)),
        other => match other.parse() {
            Ok(id) => Ok(Some(UserId(id))),
            Err(_) => Err(Failure::bad("Choose somebody from the list.")),
        },
    };
    let (to, with) = (somebody(&form.fields.to)?, somebody(&form.fields.with)?);
    let on = On::the(staff, *id);
    on.act(&app, move |app, tx, user, case| {
        if case.assignee == to {
            return Ok(Said::info("It stands so already."));
        }
        if case.assignee != with {
            return Ok(Said::refused(moved_on(tx, case.assignee)?));
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

/// Said to who would have taken a case over a colleague's head.
fn moved_on(tx: &mut Conn, assignee: Option<UserId>) -> Result<String> {
    let name = match assignee {
        Some(id) => people::store::name_of(tx, id)?,
        None => None,
    };
    Ok(match name {
        Some(name) => format!("{name} has the case since you opened it. Nothing was changed."),
        None => "The case was given back since you opened it. Nothing was changed.".to_owned(),
    })
}

#[derive(Deserialize)]
pub struct SeverityForm {
    #[serde(default)]
    severity: String,
    #[serde(default)]
    reason: String,
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
    let reason = why(&form.fields.reason);
    let on = On::the(staff, *id);
    on.act(&app, move |app, tx, user, case| {
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
    let on = On::the(staff, *id);
    on.act(&app, move |app, tx, user, case| {
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
    /// The newest event on the page.
    #[serde(default)]
    seen: i64,
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
    let typed = Typed {
        why: reason.clone(),
        ..Typed::default()
    };
    let on = On::the(staff, *id).seen(form.fields.seen).typed(typed);
    on.act(&app, move |app, tx, user, case| {
        let by = user.actor();
        if happening == Happening::Resolved {
            let resolved = resolve(tx, app, &by, case.id, &reason)?;
            if resolved != Resolved::Already {
                close_loop::forget_first_answer(tx, app.now(), &by, case.id)?;
            }
            return Ok(match resolved {
                Resolved::Told => {
                    Said::done("Resolved. The customer is asked by email whether it works.")
                }
                Resolved::NobodyToTell => Said::info(nobody_told(tx, case)?),
                Resolved::Already => Said::info("It stands so already."),
            });
        }
        let changed = states::happen(tx, app.now(), &by, case.id, happening, &reason)?;
        Ok(match changed {
            Some((before, now)) if before.state == now => Said::info("It stands so already."),
            Some((_, now)) => Said::done(format!("State: {}.", now.label())),
            None => Said::refused("There is no such case any more."),
        })
    })
    .await
}

/// Said to who resolved a case of which the customer does not hear.
fn nobody_told(tx: &mut Conn, case: &Case) -> Result<String> {
    let mut words = "Resolved. Nobody has been told: there is no address".to_owned();
    words += match case.first_response_at {
        Some(_) => ".",
        None => ", and no answer was sent.",
    };
    if escalations::store::standing_mention_of(tx, case.id)?.is_some() {
        words += " Write a public reply if they should know.";
    }
    Ok(words)
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
    let on = On::the(staff, id);
    on.act(&app, move |app, tx, user, case| {
        let family = cases::store::desk::family(tx, case.id)?;
        let known = cases::store::link(tx, LinkId(link))?;
        // A link of another case is none of this page.
        let Some(known) = known.filter(|link| family.contains(&link.case)) else {
            return Ok(Said::refused("There is no such link any more."));
        };
        if to == LinkState::Confirmed && matches!(known.target, Target::Case(_)) {
            return Ok(Said::refused("Two cases become one by a merge."));
        }
        let by = user.actor();
        let outcome = links::decide(tx, app.now(), &by, known.id, to, &reason)?;
        // The first answer names what the case is linked to.
        acknowledge::redraft(tx, app, app.now(), known.case)?;
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
    let on = On::the(staff, *id);
    on.act(&app, move |app, tx, user, case| {
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
        acknowledge::redraft(tx, app, app.now(), case.id)?;
        Ok(link_said(outcome, LinkState::Confirmed))
    })
    .await
}

/// A form that has only its buttons.
#[derive(Deserialize)]
pub struct ButtonForm {
    #[serde(default)]
    key: String,
}

/// `POST /desk/case/{id}/ticket`: to be solved in private. The answer then invites the customer to
/// prove the handle and leave an address, which opens the ticket.
pub async fn ticket(
    app: Data<App>,
    staff: Staff,
    id: Path<i64>,
    _form: Form<ButtonForm>,
) -> Answer {
    let on = On::the(staff, *id);
    on.act(&app, move |app, tx, user, case| {
        let new = NewLink {
            target: Target::Ticket,
            score: 1.0,
            reasons: vec![format!("{} chose it", user.name)],
            rule: String::new(),
        };
        let outcome = links::link(tx, app.now(), &user.actor(), case.id, &new)?;
        acknowledge::redraft(tx, app, app.now(), case.id)?;
        Ok(match outcome {
            links::Outcome::Done(..) => Said::done(
                "To be solved by email. The reply invites the customer to leave an address.",
            ),
            _ => Said::info("It stands so already."),
        })
    })
    .await
}

/// `POST /desk/case/{id}/thread`: drafts a thread from what the customer wrote; a person edits
/// and publishes it.
pub async fn thread(
    app: Data<App>,
    staff: Staff,
    id: Path<i64>,
    _form: Form<ButtonForm>,
) -> Answer {
    let on = On::the(staff, *id);
    on.act(&app, move |app, tx, user, case| {
        Ok(match draft_thread::draft(tx, app.now(), user, case)? {
            Drafted::New(thread) => drafted(
                format!("/t/{thread}"),
                "A draft that only staff see. Edit it, then publish it: the case is linked with it.",
            ),
            Drafted::Already(path) => {
                drafted(path, "There is a draft already: edit it, then publish.")
            }
            Drafted::NoProduct => Said::refused(
                "Say first which product the case is about: its forum gets the thread.",
            ),
        })
    })
    .await
}

fn drafted(path: String, words: &str) -> Said {
    Said {
        to: Some(path),
        ..Said::done(words)
    }
}

/// `POST /desk/case/{id}/publish/{thread}`: shows a drafted thread to everybody and links it.
pub async fn publish(
    app: Data<App>,
    staff: Staff,
    path: Path<(i64, i64)>,
    _form: Form<ButtonForm>,
) -> Answer {
    let (id, thread) = path.into_inner();
    let on = On::the(staff, id);
    on.act(&app, move |app, tx, user, case| {
        let published = draft_thread::publish(tx, app, user, case, ThreadId(thread))?;
        Ok(if published {
            Said::done("Published and linked.")
        } else {
            Said::refused("This draft can't be published here any more.")
        })
    })
    .await
}

#[derive(Deserialize)]
pub struct MessageForm {
    #[serde(default)]
    body: String,
    #[serde(default)]
    key: String,
    /// The newest event on the page.
    #[serde(default)]
    seen: i64,
    /// `resolve`, or empty for no more than the answer.
    #[serde(default)]
    then: String,
}

/// `POST /desk/case/{id}/message`: answers the ticket by mail, and resolves the case if asked to.
pub async fn message(
    app: Data<App>,
    id: Path<i64>,
    After(staff, form): After<Staff, FormWithFiles<MessageForm>>,
) -> Answer {
    use tickets::reply::{Outcome, Written, reply};
    let id = CaseId(id.into_inner());
    let FormWithFiles {
        fields,
        files,
        refused,
        ..
    } = form;
    let user = staff.user.clone();
    let typed = Typed {
        message: fields.body.clone(),
        ..Typed::default()
    };
    let resolves = fields.then == "resolve";
    let again = if files.is_empty() {
        ""
    } else {
        " Files have to be chosen again."
    };
    let (outcome, held) = blocking(&app, move |app| {
        let answer = Written {
            body: &fields.body,
            files: &files,
            refused: &refused,
            key: &fields.key,
            seen: fields.seen,
            resolves,
            when_resolved: Some(close_loop::forget_first_answer),
        };
        let outcome = reply(app, &user, id, &answer)?;
        let held = app.db.read(|c| tickets::held(c, app.now(), id))?;
        Ok((outcome, held))
    })
    .await?;
    let words = |text: String| Err(Refused::Words(text + again));
    let said = match outcome {
        Outcome::Sent(_) | Outcome::SentAndResolved(_) if held.is_some() => Ok(Said::info(
            "Your answer stands here, and its mail is held: mail to this address comes back.",
        )),
        Outcome::SentAndResolved(_) => Ok(Said::done(
            "Answered and resolved. The mail is on its way; it asks the customer whether it works.",
        )),
        Outcome::Sent(_) if resolves => Ok(Said::done(
            "Answered. The mail is on its way. The case was resolved or closed already, and stays so.",
        )),
        Outcome::Sent(_) => Ok(Said::done("Answered. The mail is on its way.")),
        Outcome::Already(_) => Ok(Said::info("This answer was sent already.")),
        Outcome::NotAllowed => Err(Refused::Stop(Stop::NotYours)),
        Outcome::NoSuchCase => Err(Refused::Stop(Stop::NoSuchCase)),
        Outcome::Moved(into) => Err(Refused::Stop(Stop::Moved(into))),
        Outcome::SomebodyElseAnswered { who } => words(somebody_answered(&who)),
        Outcome::CustomerWrote => words(CUSTOMER_WROTE.to_owned()),
        Outcome::NoTicket => {
            words("There is no address to write to: the customer has left none.".to_owned())
        }
        Outcome::Problems(problems) => words(words_of(&problems)),
    };
    On::the(staff, id.0).typed(typed).answer(&app, said).await
}

fn words_of(problems: &[Problem]) -> String {
    let texts: Vec<&str> = problems.iter().map(|p| p.text.as_str()).collect();
    texts.join(" ")
}

#[derive(Deserialize)]
pub struct ReplyForm {
    /// `approve`, `discard` or `posted`.
    #[serde(default)]
    to: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    version: i64,
    /// The newest event on the page.
    #[serde(default)]
    seen: i64,
    /// The address of what a person posted by hand.
    #[serde(default)]
    address: String,
}

/// `POST /desk/case/{id}/reply/{reply}`
pub async fn reply(
    app: Data<App>,
    staff: Staff,
    path: Path<(i64, i64)>,
    form: Form<ReplyForm>,
) -> Answer {
    let (id, reply) = path.into_inner();
    let (reply, form) = (ReplyId(reply), form.fields);
    let typed = Typed {
        reply: (form.to != "posted").then(|| (reply, form.body.clone())),
        address: (form.to == "posted").then(|| (reply, form.address.clone())),
        ..Typed::default()
    };
    let on = On::the(staff, id).typed(typed);
    let user = on.staff.user.clone();
    let said = blocking(&app, move |app| decide_reply(app, &user, reply, &form)).await?;
    on.answer(&app, said).await
}

fn decide_reply(
    app: &App,
    user: &CurrentUser,
    reply: ReplyId,
    form: &ReplyForm,
) -> Result<Result<Said, Refused>> {
    use approve_reply::Outcome;
    let outcome = match form.to.as_str() {
        "approve" => {
            let shown = Shown {
                version: form.version,
                event: form.seen,
            };
            approve_reply::approve_reply(app, user, reply, &form.body, shown)?
        }
        "discard" => approve_reply::discard_reply(app, user, reply, "")?,
        "posted" => {
            return Ok(posted(handoff::posted_by_hand(
                app,
                user,
                reply,
                &form.address,
            )?));
        }
        _ => {
            return Ok(Err(Refused::Words(
                "Choose what is to be done with it.".into(),
            )));
        }
    };
    Ok(match outcome {
        Outcome::Done if form.to == "discard" => Ok(Said::done("The reply is discarded.")),
        Outcome::Done => Ok(Said::done("Approved.")),
        Outcome::Already => Ok(Said::info("It stands so already; nothing was done twice.")),
        Outcome::NotAllowed => Err(Refused::Stop(Stop::NotYours)),
        Outcome::NoSuchReply => Err(Refused::Words("There is no such reply any more.".into())),
        Outcome::Changed => Err(Refused::Words(
            "Somebody changed this reply meanwhile. Below is what it says now, and what you had \
             typed; nothing was sent."
                .into(),
        )),
        Outcome::ApprovedOtherwise { who } => Err(Refused::Words(format!(
            "{who} approved this reply in other words, which stand on this page. Nothing of what \
             you typed was sent; it is kept."
        ))),
        Outcome::SomebodyElseAnswered { who } => Err(Refused::Words(somebody_answered(&who))),
        Outcome::CustomerWrote => Err(Refused::Words(CUSTOMER_WROTE.to_owned())),
        Outcome::Problems(problems) => Err(Refused::Words(words_of(&problems))),
    })
}

fn posted(outcome: handoff::Outcome) -> Result<Said, Refused> {
    use handoff::Outcome;
    match outcome {
        Outcome::Done => Ok(Said::done("Noted as posted.")),
        Outcome::Already => Ok(Said::info("It was noted as posted already.")),
        Outcome::NoAddress => Err(Refused::Words(
            "That is no address of your reply. Open your post, copy its address, paste it here."
                .into(),
        )),
        Outcome::NotOurs => Err(Refused::Words(
            "That is the address of somebody else's post. Open yours, copy its address, paste it \
             here."
                .into(),
        )),
        Outcome::NotForHands => Err(Refused::Words(
            "This reply is not to be posted by hand, or not approved yet.".into(),
        )),
        Outcome::NotAllowed => Err(Refused::Stop(Stop::NotYours)),
        Outcome::NoSuchReply => Err(Refused::Words("There is no such reply any more.".into())),
    }
}

/// `POST /desk/case/{id}/answer`: begins a further public reply to the customer's newest post.
pub async fn answer_in_public(
    app: Data<App>,
    staff: Staff,
    id: Path<i64>,
    form: Form<ButtonForm>,
) -> Answer {
    let key = why(&form.fields.key);
    let on = On::the(staff, *id);
    on.act(&app, move |app, tx, user, case| {
        use answer_in_public::Outcome;
        let outcome = answer_in_public::answer_in_public(tx, app.now(), user, case, &key)?;
        Ok(match outcome {
            Outcome::Begun => Said::info("Write the reply; everybody will be able to read it."),
            Outcome::Already => Said::info("The draft is there already."),
            Outcome::NothingToAnswer => Said::refused("There is no public post to answer."),
        })
    })
    .await
}

#[derive(Deserialize)]
pub struct SeparateForm {
    mention: i64,
    #[serde(default)]
    why: String,
}

/// `POST /desk/case/{id}/separate`: a joined post gets its own case.
pub async fn separate(
    app: Data<App>,
    staff: Staff,
    id: Path<i64>,
    form: Form<SeparateForm>,
) -> Answer {
    use separate::Outcome;
    let mention = MentionId(form.fields.mention);
    let reason = why(&form.fields.why);
    if reason.is_empty() {
        return Err(Failure::bad("Say why it is another problem."));
    }
    let on = On::the(staff, *id);
    let (user, from) = (on.staff.user.clone(), on.id);
    let outcome = blocking(&app, move |app| {
        separate::separate(app, &user, from, mention, &reason)
    })
    .await?;
    let said = match outcome {
        Outcome::Done(own) => Ok(Said::done(format!("The post has its own case now: {own}."))),
        Outcome::NotJoined => Ok(Said::refused(
            "The case was opened with this post; there is nothing to separate it from.",
        )),
        Outcome::NotAllowed => Err(Refused::Stop(Stop::NotYours)),
        Outcome::NoSuchMention => Ok(Said::refused("The post is not in this case any more.")),
    };
    on.answer(&app, said).await
}

#[derive(Deserialize)]
pub struct QuietForm {
    handle: i64,
    #[serde(default)]
    reason: String,
}

/// `POST /desk/case/{id}/quiet`: takes back that somebody asked for quiet.
pub async fn quiet(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<QuietForm>) -> Answer {
    let QuietForm { handle, reason } = form.fields;
    let (handle, reason) = (HandleId(handle), why(&reason));
    let on = On::the(staff, *id);
    on.act(&app, move |app, tx, user, case| {
        let (by, now) = (user.actor(), app.now());
        let writes_here = escalations::store::handles_of_case(tx, case.id)?.contains(&handle);
        if !writes_here || !handles::take_back_opt_out(tx, &by, handle, &reason, now)? {
            return Ok(Said::info("It stands so already."));
        }
        let event = cases::Event {
            step: Step::Triage,
            by: &by,
            mention: None,
            summary: "Rules may write to them again",
            reasons: vec![reason].into_iter().filter(|r| !r.is_empty()).collect(),
            data: json!({"handle": handle}),
        };
        cases::record_event(tx, now, case.id, event)?;
        Ok(Said::done(
            "Rules may write to them again, where they are switched on.",
        ))
    })
    .await
}

#[derive(Deserialize)]
pub struct MergeForm {
    /// The number of the case that it goes on in.
    #[serde(default)]
    into: String,
    /// The newest event on the page.
    #[serde(default)]
    seen: i64,
    #[serde(default)]
    reason: String,
}

/// `POST /desk/case/{id}/merge`
pub async fn merge(app: Data<App>, staff: Staff, id: Path<i64>, form: Form<MergeForm>) -> Answer {
    let into = case::case_named(&form.fields.into)
        .ok_or_else(|| Failure::bad("Give the number of the case in which this one goes on."))?;
    let reason = why(&form.fields.reason);
    let typed = Typed {
        into: into.to_string(),
        ..Typed::default()
    };
    let on = On {
        other: Some(into),
        ..On::the(staff, *id).seen(form.fields.seen).typed(typed)
    };
    on.act(&app, move |app, tx, user, case| {
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
                MergeOutcome::TargetClosed => Said::refused(format!(
                    "Case {into} is closed: nobody would look at this one there. Reopen it first."
                )),
            },
        )
    })
    .await
}
