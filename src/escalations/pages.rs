//! `/claim/…`: a customer proves a handle and leaves an address. Private pages: nothing on them
//! is told before the proof but the handle that stood in public anyway.

use actix_web::cookie::time::Duration;
use actix_web::{HttpRequest, HttpResponse, web::Data, web::Path};
use askama::Template;
use serde::Deserialize;

use super::ClaimState;
use super::claim::{self, Begun, Browser, Completed, SignedIn};
use super::store::{self, Claim};
use crate::app::App;
use crate::error::{Error, Problem};
use crate::limits::Limit;
use crate::people::Viewer;
use crate::people::handles;
use crate::web::{
    Answer, Failure, Form, Page, Query, blocking, client_ip, cookie, cookie_name, html, html_with,
    redirect, redirect_saying,
};

/// The cookie that ties a proof to the browser it was made in.
const COOKIE: &str = "claim";
/// How long a visitor may take from the first look to the last button.
const COOKIE_AGE: Duration = Duration::days(2);
/// The cookie that holds, sealed, the sign-in that this browser has begun.
const SIGN_IN_COOKIE: &str = "claim_sign_in";
/// How long a sign-in at the network may take.
const SIGN_IN_AGE: Duration = Duration::minutes(30);

#[derive(Template)]
#[template(path = "escalations/claim.html")]
struct ClaimPage {
    page: Page,
    key: String,
    handle: String,
    network: &'static str,
    brand: String,
    code: String,
    can_sign_in: bool,
    proved: bool,
    completed: bool,
    email: String,
    wording: &'static str,
    problems: Vec<Problem>,
}

impl ClaimPage {
    fn problem(&self, field: &str) -> Option<String> {
        let found = self.problems.iter().find(|p| p.field == field);
        found.map(|p| p.text.clone())
    }
}

#[derive(Template)]
#[template(path = "escalations/claim_code.html")]
struct CodePage {
    page: Page,
    code: String,
    unknown: bool,
}

fn browser_of(app: &App, req: &HttpRequest) -> Option<Browser> {
    let cookie = req.cookie(&cookie_name(app, COOKIE))?;
    Browser::from_cookie(app, cookie.value())
}

/// The browser of this visitor for this claim, made at the first look.
fn known_or_new(app: &App, req: &HttpRequest, claim: &Claim) -> Browser {
    browser_of(app, req)
        .filter(|b| b.claim == claim.id)
        .unwrap_or_else(|| Browser::new(app, claim.id))
}

fn with_cookie(app: &App, browser: &Browser, mut answer: HttpResponse) -> Answer {
    let cookie = cookie(app, COOKIE, browser.to_cookie(app), Some(COOKIE_AGE));
    answer.add_cookie(&cookie).map_err(Error::other)?;
    Ok(answer)
}

/// Counts one look or try of this visitor.
fn counted(app: &App, req: &HttpRequest) -> Result<(), Failure> {
    app.limits
        .check(Limit::Claim, &client_ip(app, req))
        .map_err(|retry_seconds| Failure::TooMany { retry_seconds })
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct CodeQuery {
    code: String,
}

/// `GET /claim`: for those whose reply carried a code in place of an address.
pub async fn by_code(
    app: Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    query: Query<CodeQuery>,
) -> Answer {
    counted(&app, &req)?;
    let code = query.0.code.trim().to_owned();
    let key = code.clone();
    let found = blocking(&app, move |app| match key.is_empty() {
        true => Ok(None),
        false => claim::find(app, &key),
    })
    .await?;
    match found {
        Some(claim) => Ok(redirect(&format!("/claim/{}", claim.code))),
        None => html(&CodePage {
            page: viewer.page,
            unknown: !code.is_empty(),
            code,
        }),
    }
}

async fn found(app: &App, key: &str) -> Result<Claim, Failure> {
    let key = key.to_owned();
    blocking(app, move |app| claim::find(app, &key))
        .await?
        .ok_or(Failure::NotFound)
}

async fn page(
    app: &App,
    viewer: Viewer,
    key: String,
    claim: &Claim,
    browser: &Browser,
    email: String,
    problems: Vec<Problem>,
) -> Result<ClaimPage, Failure> {
    let id = claim.handle;
    let handle = blocking(app, move |app| app.db.read(|c| handles::handle(c, id)))
        .await?
        .ok_or(Failure::NotFound)?;
    let proved = browser.has_proved(claim);
    let brand = &app.config.x.username;
    Ok(ClaimPage {
        page: viewer.page,
        key,
        handle: handle.label(),
        network: handle.network.label(),
        brand: brand.clone(),
        code: browser.code.clone(),
        can_sign_in: app.connector(handle.network).is_some() && !app.config.x.client_id.is_empty(),
        proved,
        completed: proved && claim.state == ClaimState::Completed,
        email,
        wording: claim::WORDING,
        problems,
    })
}

/// `GET /claim/{key}`
pub async fn claim(app: Data<App>, viewer: Viewer, path: Path<String>, req: HttpRequest) -> Answer {
    counted(&app, &req)?;
    let key = path.into_inner();
    let claim = found(&app, &key).await?;
    let browser = known_or_new(&app, &req, &claim);
    let page = page(&app, viewer, key, &claim, &browser, String::new(), vec![]).await?;
    with_cookie(&app, &browser, html(&page)?)
}

#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /claim/{key}/sign-in`: on to the network.
pub async fn sign_in(
    app: Data<App>,
    path: Path<String>,
    _form: Form<Nothing>,
    req: HttpRequest,
) -> Answer {
    counted(&app, &req)?;
    let key = path.into_inner();
    let claim = found(&app, &key).await?;
    let browser = known_or_new(&app, &req, &claim);
    let begun = blocking(&app, move |app| claim::begin_sign_in(app, &claim)).await?;
    let answer = match begun {
        Some((url, begun)) => {
            let mut answer = redirect(&url);
            let kept = begun.to_cookie(&app)?;
            let kept = cookie(&app, SIGN_IN_COOKIE, kept, Some(SIGN_IN_AGE));
            answer.add_cookie(&kept).map_err(Error::other)?;
            answer
        }
        None => redirect_saying(
            &app,
            &format!("/claim/{key}"),
            "warning",
            "The network offers no sign-in at the moment. Please post the code instead.",
        ),
    };
    with_cookie(&app, &browser, answer)
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct CallbackQuery {
    state: String,
    code: String,
    error: String,
}

/// `GET /claim/callback`: back from the network.
pub async fn callback(app: Data<App>, query: Query<CallbackQuery>, req: HttpRequest) -> Answer {
    let Some(browser) = browser_of(&app, &req) else {
        return Err(Failure::bad(
            "This sign-in was begun in another browser, or too long ago. Open the private \
             address from our reply once more.",
        ));
    };
    let id = browser.claim;
    let claim = blocking(&app, move |app| app.db.read(|c| store::claim(c, id)))
        .await?
        .ok_or(Failure::NotFound)?;
    let back = format!("/claim/{}", claim.code);
    let fields = query.0;
    if fields.code.is_empty() {
        tracing::info!(error = %fields.error, "a sign-in at the network was not completed");
        let text = "You did not sign in. You can try again, or post the code instead.";
        return Ok(redirect_saying(&app, &back, "warning", text));
    }
    let begun = req
        .cookie(&cookie_name(&app, SIGN_IN_COOKIE))
        .and_then(|kept| Begun::from_cookie(&app, kept.value()));
    let outcome = blocking(&app, move |app| {
        claim::finish_sign_in(app, &browser, begun.as_ref(), &fields.state, &fields.code)
    })
    .await?;
    let (kind, text) = match outcome {
        SignedIn::Proved(_) => (
            "success",
            "Thank you, the account is yours. One more step.".to_owned(),
        ),
        SignedIn::OtherHandle { signed_in, wanted } => (
            "error",
            format!(
                "You signed in as {signed_in}, but the post was written by {wanted}. Sign in as \
                 {wanted} to go on."
            ),
        ),
        SignedIn::Unknown => (
            "error",
            "This sign-in was used before or has run out. Please try again.".to_owned(),
        ),
        SignedIn::Failed(why) => {
            tracing::warn!(why, "a sign-in at the network failed");
            (
                "error",
                "The network did not confirm the sign-in. Please try again in a moment, or post \
                 the code instead."
                    .to_owned(),
            )
        }
    };
    let mut answer = redirect_saying(&app, &back, kind, &text);
    let used = cookie(&app, SIGN_IN_COOKIE, String::new(), Some(Duration::ZERO));
    answer.add_cookie(&used).map_err(Error::other)?;
    Ok(answer)
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct CompleteFields {
    email: String,
    agreed: String,
}

/// `POST /claim/{key}`: the address, and the yes to use it.
pub async fn complete(
    app: Data<App>,
    viewer: Viewer,
    path: Path<String>,
    form: Form<CompleteFields>,
    req: HttpRequest,
) -> Answer {
    counted(&app, &req)?;
    let key = path.into_inner();
    let claim = found(&app, &key).await?;
    let browser = known_or_new(&app, &req, &claim);
    let (email, agreed) = (form.fields.email, !form.fields.agreed.is_empty());
    let (typed, user, asking) = (email.clone(), viewer.user_id(), browser.clone());
    let outcome = blocking(&app, move |app| {
        claim::complete(app, &asking, user, &typed, agreed)
    })
    .await?;
    let back = format!("/claim/{key}");
    match outcome {
        Completed::Done | Completed::Already => Ok(redirect(&back)),
        Completed::NotProved => Ok(redirect_saying(
            &app,
            &back,
            "warning",
            "Please show first that the account is yours.",
        )),
        Completed::Problems(problems) => {
            let page = page(&app, viewer, key, &claim, &browser, email, problems).await?;
            html_with(actix_web::http::StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
