//! Coming in and going out: register, verify, log in, log out, reset.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::{Notice, user_agent};
use crate::app::App;
use crate::error::Problem;
use crate::limits::Limit;
use crate::people::log_in::{self, LogIn};
use crate::people::register::{self, Registration};
use crate::people::reset_password::{self, Asked, Set};
use crate::people::verify_email::{self, Link};
use crate::people::{Viewer, log_out, passwords, store};
use crate::web::{
    Answer, Failure, Form, Page, Problems, Query, blocking, client_ip, html, html_with,
    is_local_path, redirect, redirect_saying, session_cookie, session_token,
};

/// One account may be tried this many times as often from everywhere together as from one
/// network: nobody locks another out from one place, and many places together don't get far.
const FROM_ANYWHERE: u32 = 10;

/// A counted try at a password or a token.
pub(super) struct Try {
    keys: Vec<(String, u32)>,
}

impl Try {
    /// Counts one try from this network, and at this account when there is one to name.
    pub fn count(app: &App, req: &HttpRequest, account: &str) -> Result<Try, Failure> {
        let from = client_ip(app, req);
        let mut keys = Vec::new();
        if !account.is_empty() {
            keys.push((format!("at {account} from {from}"), 1));
            keys.push((format!("at {account}"), FROM_ANYWHERE));
        }
        keys.push((format!("from {from}"), 1));
        let mut taken = Try { keys: Vec::new() };
        for (key, times) in keys {
            if let Err(retry_seconds) = app.limits.take_try(&key, times) {
                taken.was_right(app);
                return Err(Failure::TooMany { retry_seconds });
            }
            taken.keys.push((key, times));
        }
        Ok(taken)
    }

    /// Only failures count.
    pub fn was_right(self, app: &App) {
        for (key, times) in self.keys {
            app.limits.give_back_try(&key, times);
        }
    }
}

/// Counts one act from this network, and one at this account when there is one to name.
pub(super) fn check_limit(
    app: &App,
    req: &HttpRequest,
    limit: Limit,
    account: &str,
) -> Result<(), Failure> {
    let from = format!("from {}", client_ip(app, req));
    let to = format!("to {account}");
    let keys = [Some(from), (!account.is_empty()).then_some(to)];
    for key in keys.into_iter().flatten() {
        app.limits
            .check(limit, &key)
            .map_err(|retry_seconds| Failure::TooMany { retry_seconds })?;
    }
    Ok(())
}

fn local_or_home(next: &str) -> String {
    if is_local_path(next) { next } else { "/" }.to_owned()
}

#[derive(Template)]
#[template(path = "people/register.html")]
struct RegisterPage {
    page: Page,
    typed: Registration,
    problems: Problems,
}

pub async fn register_page(viewer: Viewer) -> Answer {
    if viewer.user.is_some() {
        return Ok(redirect("/account"));
    }
    html(&RegisterPage {
        page: viewer.page,
        typed: Registration::default(),
        problems: Problems::default(),
    })
}

pub async fn register(
    app: web::Data<App>,
    viewer: Viewer,
    req: HttpRequest,
    form: Form<Registration>,
) -> Answer {
    let typed = form.fields;
    check_limit(
        &app,
        &req,
        Limit::Register,
        &log_in::account_key(&typed.email),
    )?;
    let tried = typed.clone();
    match blocking(&app, move |app| register::register(app, &tried)).await? {
        register::Outcome::MailSent { email } => html(&Notice {
            page: viewer.page,
            title: "Look into your mail",
            text: format!("We sent a mail to {email}. Open its link to finish."),
            more: "Nothing there after a few minutes? Look among the spam, or register again: \
                   the newest mail works.",
            link: "/",
            label: "To the forum",
        }),
        register::Outcome::Problems(problems) => html_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &RegisterPage {
                page: viewer.page,
                typed,
                problems: Problems(problems),
            },
        ),
    }
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct Token {
    token: String,
}

#[derive(Template)]
#[template(path = "people/verify.html")]
struct VerifyPage {
    page: Page,
    token: String,
    email: String,
    is_registration: bool,
    /// As registered; it may be changed once more.
    name: String,
    problems: Problems,
}

fn void_link(page: Page) -> Answer {
    html_with(
        StatusCode::GONE,
        &Notice {
            page,
            title: "This link no longer works",
            text: "It was used already, it is too old, or a newer mail replaced it.".into(),
            more: "If you have not finished yet, start again: it takes a minute.",
            link: "/login",
            label: "Log in",
        },
    )
}

pub async fn verify_page(
    app: web::Data<App>,
    viewer: Viewer,
    Query(Token { token }): Query<Token>,
) -> Answer {
    let looked = token.clone();
    let link = blocking(&app, move |app| verify_email::look(app, &looked)).await?;
    let (email, name, is_registration) = match link {
        Link::Registration { email, name } => (email, name, true),
        Link::NewAddress { email } => (email, String::new(), false),
        Link::Void => return void_link(viewer.page),
    };
    html(&VerifyPage {
        page: viewer.page,
        token,
        email,
        is_registration,
        name,
        problems: Problems::default(),
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Verify {
    token: String,
    name: String,
    password: String,
}

pub async fn verify(
    app: web::Data<App>,
    viewer: Viewer,
    req: HttpRequest,
    form: Form<Verify>,
) -> Answer {
    let counted = Try::count(&app, &req, "")?;
    let Verify {
        token,
        name,
        password,
    } = form.fields;
    let agent = user_agent(&req);
    let (tried, wanted) = (token.clone(), name.clone());
    let outcome = passwords::in_turn(&app, move |app| {
        verify_email::verify_email(app, &tried, &wanted, &password, &agent)
    })
    .await?;
    if !matches!(outcome, verify_email::Outcome::Void) {
        counted.was_right(&app);
    }
    match outcome {
        verify_email::Outcome::Registered {
            session_token,
            name,
        } => {
            let words = format!("Welcome, {name}. Your account is ready.");
            let mut response = redirect_saying(&app, "/", "success", &words);
            add_session(&app, &mut response, session_token)?;
            Ok(response)
        }
        verify_email::Outcome::AddressChanged => {
            let to = if viewer.user.is_some() {
                "/account"
            } else {
                "/login"
            };
            let words = "Your account has the new address now.";
            Ok(redirect_saying(&app, to, "success", words))
        }
        verify_email::Outcome::AddressTaken => {
            let words = "This address has an account already. Log in, or set a new password.";
            Ok(redirect_saying(&app, "/login", "info", words))
        }
        verify_email::Outcome::Void => void_link(viewer.page),
        verify_email::Outcome::Problems(problems) => {
            let looked = token.clone();
            let link = blocking(&app, move |app| verify_email::look(app, &looked)).await?;
            let Link::Registration { email, name: first } = link else {
                return void_link(viewer.page);
            };
            html_with(
                StatusCode::UNPROCESSABLE_ENTITY,
                &VerifyPage {
                    page: viewer.page,
                    token,
                    email,
                    is_registration: true,
                    name: if name.is_empty() { first } else { name },
                    problems: Problems(problems),
                },
            )
        }
    }
}

pub(super) fn add_session(
    app: &App,
    response: &mut HttpResponse,
    token: String,
) -> Result<(), Failure> {
    response
        .add_cookie(&session_cookie(app, token, store::SESSION_IDLE))
        .map_err(|e| Failure::Internal(crate::error::Error::other(e)))
}

#[derive(Template)]
#[template(path = "people/login.html")]
struct LogInPage {
    page: Page,
    who: String,
    next: String,
    wrong: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Next {
    next: String,
}

pub async fn log_in_page(viewer: Viewer, Query(Next { next }): Query<Next>) -> Answer {
    let next = local_or_home(&next);
    if viewer.user.is_some() {
        return Ok(redirect(&next));
    }
    html(&LogInPage {
        page: viewer.page,
        who: String::new(),
        next,
        wrong: false,
    })
}

pub async fn log_in(
    app: web::Data<App>,
    viewer: Viewer,
    req: HttpRequest,
    form: Form<LogIn>,
) -> Answer {
    let typed = form.fields;
    let counted = Try::count(&app, &req, &log_in::account_key(&typed.who))?;
    let next = local_or_home(&typed.next);
    let (agent, old_token) = (user_agent(&req), session_token(&app, &req));
    let tried = typed.clone();
    let outcome = passwords::in_turn(&app, move |app| {
        log_in::log_in(app, &tried, &agent, old_token.as_deref())
    })
    .await?;
    match outcome {
        log_in::Outcome::LoggedIn { session_token, .. } => {
            counted.was_right(&app);
            let mut response = redirect(&next);
            add_session(&app, &mut response, session_token)?;
            Ok(response)
        }
        log_in::Outcome::Wrong => html_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &LogInPage {
                page: viewer.page,
                who: typed.who,
                next,
                wrong: true,
            },
        ),
    }
}

#[derive(Deserialize)]
pub struct Nothing {}

pub async fn log_out(
    app: web::Data<App>,
    _viewer: Viewer,
    req: HttpRequest,
    _form: Form<Nothing>,
) -> Answer {
    if let Some(token) = session_token(&app, &req) {
        blocking(&app, move |app| log_out::log_out(app, &token)).await?;
    }
    let mut response = redirect_saying(&app, "/", "success", "You are logged out.");
    add_session(&app, &mut response, String::new())?;
    // Kept pages and drafts are the person's, not the browser's.
    response.headers_mut().insert(
        HeaderName::from_static("clear-site-data"),
        HeaderValue::from_static("\"cache\", \"storage\""),
    );
    Ok(response)
}

#[derive(Template)]
#[template(path = "people/reset.html")]
struct ResetPage {
    page: Page,
    email: String,
    problems: Problems,
}

pub async fn reset_page(viewer: Viewer) -> Answer {
    html(&ResetPage {
        page: viewer.page,
        email: String::new(),
        problems: Problems::default(),
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct AskReset {
    email: String,
}

pub async fn ask_reset(
    app: web::Data<App>,
    viewer: Viewer,
    req: HttpRequest,
    form: Form<AskReset>,
) -> Answer {
    let email = form.fields.email;
    check_limit(&app, &req, Limit::Register, &log_in::account_key(&email))?;
    let asked = email.clone();
    match blocking(&app, move |app| reset_password::ask_reset(app, &asked)).await? {
        Asked::MailSent { email } => html(&Notice {
            page: viewer.page,
            title: "Look into your mail",
            text: format!(
                "If {email} has an account here, a mail with a link is on its way to it."
            ),
            more: "The link is good for one hour. Nothing there after a few minutes? Look among \
                   the spam, and check the address.",
            link: "/login",
            label: "Back to log in",
        }),
        Asked::Problem(problem) => html_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &ResetPage {
                page: viewer.page,
                email,
                problems: problem.into(),
            },
        ),
    }
}

#[derive(Template)]
#[template(path = "people/reset_set.html")]
struct ResetSetPage {
    page: Page,
    token: String,
    problems: Problems,
}

pub async fn reset_set_page(
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<String>,
) -> Answer {
    let token = path.into_inner();
    let looked = token.clone();
    if !blocking(&app, move |app| reset_password::is_good(app, &looked)).await? {
        return void_link(viewer.page);
    }
    html(&ResetSetPage {
        page: viewer.page,
        token,
        problems: Problems::default(),
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewPassword {
    password: String,
}

pub async fn reset_set(
    app: web::Data<App>,
    viewer: Viewer,
    req: HttpRequest,
    path: web::Path<String>,
    form: Form<NewPassword>,
) -> Answer {
    let counted = Try::count(&app, &req, "")?;
    let token = path.into_inner();
    let (tried, password) = (token.clone(), form.fields.password);
    let outcome = passwords::in_turn(&app, move |app| {
        reset_password::set_password(app, &tried, &password)
    })
    .await?;
    match outcome {
        Set::Done => {
            counted.was_right(&app);
            let words = "Your password is set. Log in with it.";
            Ok(redirect_saying(&app, "/login", "success", words))
        }
        Set::Problem(problem) => html_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &ResetSetPage {
                page: viewer.page,
                token,
                problems: Problems(vec![Problem::new("password", problem.text)]),
            },
        ),
        Set::Void => void_link(viewer.page),
    }
}
