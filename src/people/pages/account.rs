//! `/account`: profile, address, password, devices, handles.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;
use serde::Deserialize;

use super::door::{Nothing, Try, add_session, check_limit};
use super::user_agent;
use crate::app::App;
use crate::ids::{HandleId, SessionId};
use crate::limits::Limit;
use crate::people::change_profile::{self, BIO_CHARS_MAX};
use crate::people::handles::{self, Withdrawn};
use crate::people::{
    CurrentUser, Member, change_email, change_password, device, end_session, log_in, passwords,
    store, withdraw_handle,
};
use crate::web::{
    Answer, Failure, Form, Page, Problems, When, blocking, html, html_with, redirect_saying,
};

/// Sessions listed at most.
const SESSIONS_MAX: i64 = 50;

struct Device {
    id: i64,
    words: String,
    last_used: When,
    since: When,
    is_this: bool,
}

struct ProvedHandle {
    id: i64,
    network: &'static str,
    username: String,
    proved: When,
    consents: Vec<GivenConsent>,
}

struct GivenConsent {
    wording: String,
    email: String,
    given: When,
    withdrawn: Option<When>,
}

#[derive(Template)]
#[template(path = "people/account.html")]
struct AccountPage {
    page: Page,
    id: i64,
    name: String,
    bio: String,
    bio_chars_max: usize,
    email: String,
    has_password: bool,
    new_email: String,
    devices: Vec<Device>,
    handles: Vec<ProvedHandle>,
    problems: Problems,
}

/// What was typed into one of the page's forms, to be shown again.
#[derive(Default)]
struct Typed {
    name: Option<String>,
    bio: Option<String>,
    new_email: String,
    problems: Problems,
}

async fn show(app: &App, user: CurrentUser, page: Page, typed: Typed) -> Answer {
    let has_problems = !typed.problems.is_empty();
    let now = app.now();
    let (row, sessions, proved) = blocking(app, move |app| {
        app.db.read(|c| {
            let row = store::user(c, user.id)?;
            let sessions = store::sessions(c, user.id, now, SESSIONS_MAX)?;
            let mut proved = Vec::new();
            for handle in handles::of_user(c, user.id)? {
                let consents = handles::consents_of(c, handle.id)?;
                proved.push((handle, consents));
            }
            Ok((row, sessions, proved))
        })
    })
    .await?;
    let row = row.ok_or(Failure::NotFound)?;
    let account = AccountPage {
        page,
        id: row.id.0,
        name: typed.name.unwrap_or(row.name),
        bio: typed.bio.unwrap_or(row.bio),
        bio_chars_max: BIO_CHARS_MAX,
        email: row.email.unwrap_or_default(),
        has_password: row.password_hash.is_some(),
        new_email: typed.new_email,
        devices: sessions
            .into_iter()
            .map(|s| Device {
                id: s.id,
                words: device::words(&s.user_agent),
                last_used: When::new(s.last_used_at, now),
                since: When::new(s.created_at, now),
                is_this: s.id == user.session.0,
            })
            .collect(),
        handles: proved
            .into_iter()
            .map(|(handle, consents)| ProvedHandle {
                id: handle.id.0,
                network: handle.network.label(),
                username: handle.username,
                proved: When::new(handle.proved_at.map_or(0, |at| at.0), now),
                consents: consents
                    .into_iter()
                    .filter(|c| c.user == Some(user.id))
                    .map(|c| GivenConsent {
                        wording: c.wording,
                        email: c.email,
                        given: When::new(c.given_at, now),
                        withdrawn: c.withdrawn_at.map(|at| When::new(at, now)),
                    })
                    .collect(),
            })
            .collect(),
        problems: typed.problems,
    };
    if has_problems {
        html_with(StatusCode::UNPROCESSABLE_ENTITY, &account)
    } else {
        html(&account)
    }
}

pub async fn account_page(app: web::Data<App>, member: Member) -> Answer {
    show(&app, member.user, member.page, Typed::default()).await
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
pub struct Profile {
    name: String,
    bio: String,
}

pub async fn change_profile(app: web::Data<App>, member: Member, form: Form<Profile>) -> Answer {
    member.user.check_limit(&app, Limit::Post)?;
    let typed = form.fields;
    let (by, tried) = (member.user.clone(), typed.clone());
    let outcome = blocking(&app, move |app| {
        change_profile::change_profile(app, &by, &tried.name, &tried.bio)
    })
    .await?;
    match outcome {
        change_profile::Outcome::Changed => Ok(redirect_saying(
            &app,
            "/account",
            "success",
            "Your profile is saved.",
        )),
        change_profile::Outcome::Problems(problems) => {
            let typed = Typed {
                name: Some(typed.name),
                bio: Some(typed.bio),
                problems: Problems(problems),
                ..Typed::default()
            };
            show(&app, member.user, member.page, typed).await
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewEmail {
    email: String,
    email_password: String,
}

pub async fn change_email(
    app: web::Data<App>,
    member: Member,
    req: HttpRequest,
    form: Form<NewEmail>,
) -> Answer {
    let counted = Try::count(&app, &req, &format!("user {}", member.user.id))?;
    let NewEmail {
        email,
        email_password,
    } = form.fields;
    check_limit(&app, &req, Limit::Register, &log_in::account_key(&email))?;
    let (by, tried) = (member.user.clone(), email.clone());
    let outcome = passwords::in_turn(&app, move |app| {
        change_email::change_email(app, &by, &tried, &email_password)
    })
    .await?;
    match outcome {
        change_email::Outcome::MailSent { email } => {
            counted.was_right(&app);
            let words =
                format!("We sent a mail to {email}. The address changes when you open its link.");
            Ok(redirect_saying(&app, "/account", "info", &words))
        }
        change_email::Outcome::Problem(problem) => {
            let typed = Typed {
                new_email: email,
                problems: problem.into(),
                ..Typed::default()
            };
            show(&app, member.user, member.page, typed).await
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Passwords {
    present_password: String,
    new_password: String,
}

pub async fn change_password(
    app: web::Data<App>,
    member: Member,
    req: HttpRequest,
    form: Form<Passwords>,
) -> Answer {
    let counted = Try::count(&app, &req, &format!("user {}", member.user.id))?;
    let (by, typed, agent) = (member.user.clone(), form.fields, user_agent(&req));
    let outcome = passwords::in_turn(&app, move |app| {
        let Passwords {
            present_password,
            new_password,
        } = &typed;
        change_password::change_password(app, &by, present_password, new_password, &agent)
    })
    .await?;
    match outcome {
        change_password::Outcome::Changed { session_token } => {
            counted.was_right(&app);
            let words = "Your password is changed, and your other devices are logged out.";
            let mut response = redirect_saying(&app, "/account", "success", words);
            add_session(&app, &mut response, session_token)?;
            Ok(response)
        }
        change_password::Outcome::Problem(problem) => {
            let typed = Typed {
                problems: problem.into(),
                ..Typed::default()
            };
            show(&app, member.user, member.page, typed).await
        }
    }
}

pub async fn end_session(
    app: web::Data<App>,
    member: Member,
    path: web::Path<i64>,
    _form: Form<Nothing>,
) -> Answer {
    member.user.check_limit(&app, Limit::Act)?;
    let session = SessionId(path.into_inner());
    let outcome = blocking(&app, move |app| {
        end_session::end_session(app, &member.user, session)
    })
    .await?;
    let (kind, words) = match outcome {
        end_session::Outcome::Ended => ("success", "That device is logged out."),
        end_session::Outcome::NotFound => ("info", "That device was logged out already."),
    };
    Ok(redirect_saying(&app, "/account#devices", kind, words))
}

pub async fn end_other_sessions(
    app: web::Data<App>,
    member: Member,
    _form: Form<Nothing>,
) -> Answer {
    member.user.check_limit(&app, Limit::Act)?;
    let ended = blocking(&app, move |app| {
        end_session::end_other_sessions(app, &member.user)
    })
    .await?;
    let words = match ended {
        0 => "There was no other device.".to_owned(),
        1 => "One other device is logged out.".to_owned(),
        n => format!("{n} other devices are logged out."),
    };
    Ok(redirect_saying(&app, "/account#devices", "success", &words))
}

pub async fn withdraw_handle(
    app: web::Data<App>,
    member: Member,
    path: web::Path<i64>,
    _form: Form<Nothing>,
) -> Answer {
    member.user.check_limit(&app, Limit::Act)?;
    let handle = HandleId(path.into_inner());
    let outcome = blocking(&app, move |app| {
        withdraw_handle::withdraw_handle(app, &member.user, handle)
    })
    .await?;
    match outcome {
        Withdrawn::Done => {
            let words = "Taken back. The handle is no longer connected with your account.";
            Ok(redirect_saying(&app, "/account#handles", "success", words))
        }
        Withdrawn::NotFound => Err(Failure::NotFound),
    }
}
