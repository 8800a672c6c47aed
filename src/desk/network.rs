//! `/admin/network`: whether the networks are reached, what they cost, and what could not be read.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;
use serde::{Deserialize, Serialize};

use super::dollars;
use crate::app::App;
use crate::clock::{MINUTE, Moment};
use crate::db::audit::{self, Act};
use crate::error::Result;
use crate::escalations::{self, poll, recheck};
use crate::networks::budget::{Meter, Tariff};
use crate::networks::x::client::names;
use crate::networks::{Network, SignInPurpose, store as state};
use crate::people::Admin;
use crate::web::{Answer, Failure, Form, Page, Query, When, blocking, html, redirect_saying};

/// Rows of the intake that the page lists.
const INTAKE_MAX: i64 = 50;
/// How long a begun sign-in may take (µs).
const SIGN_IN_LASTS: i64 = 15 * MINUTE;
/// Under this name the begun sign-in waits for its end.
const SIGN_IN: &str = "connecting";
/// Where X sends the admin back to.
const BACK: &str = "/admin/network/connected";

struct Trouble {
    what: String,
    words: String,
    at: When,
    /// From when on the same succeeds again.
    over: Option<When>,
}

struct Wait {
    what: String,
    until: When,
}

struct Group {
    label: &'static str,
    spent: String,
    cap: Option<String>,
    /// Of the cap, 0 to 100.
    percent: i64,
    alarm: bool,
    stopped: bool,
}

struct Unread {
    id: i64,
    channel: String,
    source: String,
    state: String,
    error: String,
    attempts: i64,
}

#[derive(Template)]
#[template(path = "desk/network.html")]
struct NetworkPage {
    page: Page,
    /// Whether X is switched on in the configuration.
    is_on: bool,
    can_connect: bool,
    is_connected: bool,
    account: String,
    last_success: Option<When>,
    last_error: Option<Trouble>,
    troubles: Vec<Trouble>,
    waits: Vec<Wait>,
    groups: Vec<Group>,
    /// Nothing at all, this month.
    is_unspent: bool,
    month_spent: String,
    month_cap: String,
    month_percent: i64,
    month_alarm: bool,
    /// Posts that could not be looked up within the day that X's terms give.
    overdue: i64,
    unread: Vec<Unread>,
    /// Posts that could not be judged; reading again judges them again.
    unjudged: i64,
}

/// What the connector keeps of its last failure.
#[derive(Deserialize)]
struct LastError {
    at: String,
    call: String,
    words: String,
    #[serde(default)]
    over: Option<String>,
}

/// `GET /admin/network`
pub async fn page(app: Data<App>, admin: Admin) -> Answer {
    let template = blocking(&app, move |app| gather(app, admin.page)).await?;
    html(&template)
}

fn gather(app: &App, page: Page) -> Result<NetworkPage> {
    let now = app.now();
    let connector = app.connector(Network::X);
    let channels = escalations::store::page_channels();
    let (success, error, tokens, waits, unread, unjudged) = app.db.read(|conn| {
        Ok((
            state::states(conn, Network::X, names::LAST_SUCCESS)?,
            state::state(conn, Network::X, names::LAST_ERROR)?,
            state::state(conn, Network::X, names::TOKENS)?,
            state::states(conn, Network::X, names::RATE_UNTIL)?,
            escalations::store::open_intake(conn, &channels, 0, INTAKE_MAX)?,
            escalations::store::count_failed(conn)?,
        ))
    })?;
    let troubles = poll::troubles(app)?
        .into_iter()
        .map(|(_, what, trouble)| Trouble {
            what: what.trim_start_matches("trouble:").to_owned(),
            words: trouble.text,
            at: When::new(trouble.at.0, now),
            over: None,
        })
        .collect();
    let meter = Meter::new(
        app.db.clone(),
        app.clock.clone(),
        Network::X,
        Tariff::of_x(&app.config.x),
    );
    let report = meter.report().map_err(crate::error::Error::other)?;
    let last_error = error
        .and_then(|text| serde_json::from_str::<LastError>(&text).ok())
        .map(|error| Trouble {
            what: error.call,
            words: error.words,
            at: When::new(Moment::parse(&error.at).unwrap_or(now).0, now),
            over: error
                .over
                .and_then(|at| Some(When::new(Moment::parse(&at)?.0, now))),
        });
    Ok(NetworkPage {
        page,
        is_on: connector.is_some(),
        can_connect: connector.is_some_and(|c| {
            c.begin_sign_in(SignInPurpose::Connect, &app.url(BACK))
                .is_some()
        }),
        is_connected: tokens.is_some(),
        account: app.config.x.username.clone(),
        last_success: success.first().map(|(_, _, at)| When::new(at.0, now)),
        last_error,
        troubles,
        waits: waits
            .into_iter()
            .filter_map(|(name, until, _)| {
                let until = Moment(until.parse().ok()?);
                (until > now).then(|| Wait {
                    what: name.trim_start_matches(names::RATE_UNTIL).replace('_', " "),
                    until: When::new(until.0, now),
                })
            })
            .collect(),
        groups: report
            .groups
            .iter()
            .map(|group| Group {
                label: group.group.label(),
                spent: dollars(group.today_cost_micros),
                cap: group.today_cap_micros.map(dollars),
                percent: percent(group.today_cost_micros, group.today_cap_micros.unwrap_or(0)),
                alarm: group.alarm,
                stopped: group.stopped,
            })
            .collect(),
        is_unspent: report.month_cost_micros == 0,
        month_spent: dollars(report.month_cost_micros),
        month_cap: dollars(report.month_cap_micros),
        month_percent: percent(report.month_cost_micros, report.month_cap_micros),
        month_alarm: report.month_alarm,
        unjudged,
        overdue: recheck::overdue(app, Network::X)?,
        unread: unread
            .into_iter()
            .map(|row| Unread {
                id: row.id,
                channel: row.channel,
                source: row.source,
                state: row.state,
                error: row.error.unwrap_or_default(),
                attempts: row.attempts,
            })
            .collect(),
    })
}

fn percent(part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    (part.saturating_mul(100) / whole).clamp(0, 100)
}

/// A form that has only its button.
#[derive(Deserialize)]
pub struct Nothing {}

/// A sign-in that has begun.
#[derive(Serialize, Deserialize)]
struct Begun {
    state: String,
    verifier: String,
    at: Moment,
}

/// `POST /admin/network/connect`: sends the admin to X, to sign in as the brand's account.
pub async fn connect(app: Data<App>, _admin: Admin, _form: Form<Nothing>) -> Answer {
    let url = blocking(&app, |app| {
        let Some(sign_in) = app
            .connector(Network::X)
            .and_then(|c| c.begin_sign_in(SignInPurpose::Connect, &app.url(BACK)))
        else {
            return Ok(None);
        };
        let now = app.now();
        let begun = Begun {
            state: sign_in.state,
            verifier: sign_in.verifier,
            at: now,
        };
        let text = serde_json::to_string(&begun).map_err(crate::error::Error::other)?;
        app.db
            .write(|tx| state::set_state(tx, Network::X, SIGN_IN, &text, now))?;
        Ok(Some(sign_in.url))
    })
    .await?;
    match url {
        Some(url) => Ok(HttpResponse::SeeOther()
            .insert_header((actix_web::http::header::LOCATION, url))
            .finish()),
        None => Ok(redirect_saying(
            &app,
            "/admin/network",
            "error",
            "X is not switched on, or has no client id. Put x.enabled and x.client_id into the \
             configuration.",
        )),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Returned {
    state: String,
    code: String,
    error: String,
}

/// `GET /admin/network/connected`: X sends the admin back here.
pub async fn connected(app: Data<App>, admin: Admin, Query(back): Query<Returned>) -> Answer {
    if !back.error.is_empty() || back.code.is_empty() {
        let words = "The account was not connected: X was not allowed to. Nothing was changed.";
        return Ok(redirect_saying(&app, "/admin/network", "warning", words));
    }
    let by = admin.user.actor();
    let (kind, words) = blocking(&app, move |app| {
        let now = app.now();
        let begun = app.db.write(|tx| {
            let text = state::state(tx, Network::X, SIGN_IN)?;
            // Whatever comes of it, it can be ended once.
            state::remove_state(tx, Network::X, SIGN_IN)?;
            Ok(text.and_then(|text| serde_json::from_str::<Begun>(&text).ok()))
        })?;
        let fresh = begun
            .filter(|b| now.since(b.at) < SIGN_IN_LASTS)
            .filter(|b| {
                subtle::ConstantTimeEq::ct_eq(b.state.as_bytes(), back.state.as_bytes()).into()
            });
        let (Some(begun), Some(connector)) = (fresh, app.connector(Network::X)) else {
            return Ok((
                "error",
                "This sign-in was not begun here, or took too long. Connect again.".to_owned(),
            ));
        };
        let ended = connector.finish_sign_in(
            SignInPurpose::Connect,
            &app.url(BACK),
            &back.code,
            &begun.verifier,
        );
        Ok(match ended {
            Ok(author) => {
                app.db.write(|tx| {
                    audit::record(
                        tx,
                        now,
                        Act {
                            by: &by,
                            act: "network_connected",
                            subject: ("network", 0),
                            reason: "",
                            data: serde_json::json!({"account": author.username}),
                        },
                    )
                })?;
                ("success", format!("Connected as @{}.", author.username))
            }
            Err(error) => ("error", error.to_string()),
        })
    })
    .await?;
    Ok(redirect_saying(&app, "/admin/network", kind, &words))
}

/// `POST /admin/network/replay`: has everything read again that could not be read.
pub async fn replay(
    app: Data<App>,
    admin: Admin,
    _form: Form<Nothing>,
) -> Result<HttpResponse, Failure> {
    let by = admin.user.actor();
    let stored = blocking(&app, move |app| {
        let imported = escalations::import::replay(app)?;
        app.db.write(|tx| {
            audit::record(
                tx,
                app.now(),
                Act {
                    by: &by,
                    act: "intake_replayed",
                    subject: ("network", 0),
                    reason: "",
                    data: serde_json::json!({}),
                },
            )
        })?;
        Ok(imported)
    })
    .await?;
    let words = match stored.problem_count {
        0 => "Everything was read.".to_owned(),
        1 => "Read again; one thing still can't be read.".to_owned(),
        n => format!("Read again; {n} things still can't be read."),
    };
    Ok(redirect_saying(&app, "/admin/network", "info", &words))
}
