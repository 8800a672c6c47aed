//! Polling: mentions and search are read at our own pace, with a cursor that moves only after the
//! posts are stored.

use serde::{Deserialize, Serialize};

use super::{capture, send_reply};
use crate::app::App;
use crate::clock::{Moment, SECOND};
use crate::db::Conn;
use crate::error::Result;
use crate::jobs::{self, Job, Next};
use crate::networks::{Connector, Cursor, Network, NetworkError, Page, store as state};

/// How often it is looked whether a poll is due (µs); the configuration says how often it is.
pub const LOOK_EVERY: i64 = 10 * SECOND;
/// Calls that one page may take: itself, a renewal of the sign-in, and itself once more.
const CALLS_A_PAGE: i64 = 3;

/// What is read of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Mentions,
    Search,
}

impl Reading {
    pub const ALL: [Reading; 2] = [Reading::Mentions, Reading::Search];

    pub fn as_str(self) -> &'static str {
        match self {
            Reading::Mentions => "mentions",
            Reading::Search => "search",
        }
    }

    fn every(self, app: &App) -> i64 {
        let seconds = match self {
            Reading::Mentions => app.config.x.poll_seconds,
            Reading::Search => app.config.x.search_poll_seconds,
        };
        i64::try_from(seconds).unwrap_or(60).saturating_mul(SECOND)
    }
}

/// What went wrong last, for staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The error's short name.
    pub name: String,
    pub text: String,
    pub at: Moment,
    /// Nothing is asked before.
    pub again_at: Moment,
    /// How often it failed in a row.
    #[serde(default)]
    pub attempts: u32,
}

/// Reads what is due.
#[derive(Default, Serialize, Deserialize)]
pub struct Poll {}

impl Job for Poll {
    const KIND: &'static str = "poll_networks";

    fn dedupe_key(&self) -> Option<String> {
        Some("all".to_owned())
    }

    fn run(&self, app: &App) -> Result<Next> {
        let until = app.now().plus(run_lasts(app));
        for connector in &app.connectors {
            let network = connector.network();
            for reading in Reading::ALL {
                let holder = app.random.token();
                if app.live.is_closed() || !begin(app, network, reading, &holder)? {
                    continue;
                }
                let polled = poll_until(app, connector.as_ref(), reading, until);
                let lease = lease(network, reading);
                app.db.write(|tx| jobs::free_lease(tx, &lease, &holder))?;
                polled?;
            }
        }
        Ok(Next::Done)
    }
}

fn name(part: &str, reading: Reading) -> String {
    format!("{part}:{}", reading.as_str())
}

/// The lease under which a reading is done by one run at a time.
fn lease(network: Network, reading: Reading) -> String {
    format!("reading:{network}:{}", reading.as_str())
}

/// How long one run may begin pages (µs): the last one's calls, a renewal of the sign-in among
/// them, end within the job's lease.
fn run_lasts(app: &App) -> i64 {
    let timeout = i64::try_from(app.config.x.timeout_seconds).unwrap_or(60);
    (jobs::LEASE - CALLS_A_PAGE * timeout * SECOND).max(0)
}

/// Takes the reading's lease when a poll is due: another run, here or on another node, leaves it
/// alone meanwhile, however long the network takes.
fn begin(app: &App, network: Network, reading: Reading, holder: &str) -> Result<bool> {
    let now = app.now();
    let lease = lease(network, reading);
    app.db.write(|tx| {
        Ok(is_due(tx, app, network, reading)?
            && jobs::take_lease(tx, &lease, holder, now, jobs::LEASE)?)
    })
}

fn trouble(conn: &mut Conn, network: Network, reading: Reading) -> Result<Option<Trouble>> {
    let text = state::state(conn, network, &name("trouble", reading))?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

fn is_due(c: &mut Conn, app: &App, network: Network, reading: Reading) -> Result<bool> {
    let now = app.now();
    if trouble(c, network, reading)?.is_some_and(|trouble| now < trouble.again_at) {
        return Ok(false);
    }
    let last = state::state(c, network, &name("polled", reading))?;
    let last = last.and_then(|text| text.parse::<i64>().ok());
    Ok(last.is_none_or(|at| now.since(Moment(at)) >= reading.every(app)))
}

/// Reads up to the configured number of pages, whether due or not. Answers what kept it from
/// reading, which is stored for staff too.
pub fn poll(
    app: &App,
    connector: &dyn Connector,
    reading: Reading,
) -> Result<Option<NetworkError>> {
    poll_until(app, connector, reading, app.now().plus(run_lasts(app)))
}

/// As `poll`; after `until`, or when the server stops, no further page is begun. The cursor keeps the place.
fn poll_until(
    app: &App,
    connector: &dyn Connector,
    reading: Reading,
    until: Moment,
) -> Result<Option<NetworkError>> {
    let network = connector.network();
    for page_number in 0..app.config.x.pages_max.max(1) {
        if page_number > 0 && (app.now() > until || app.live.is_closed()) {
            break;
        }
        let cursor = app
            .db
            .read(|c| state::state(c, network, &name("cursor", reading)))?
            .map(|text| Cursor::from_text(&text))
            .unwrap_or_default();
        let page: Result<Option<Page>, NetworkError> = match reading {
            Reading::Mentions => connector.mentions(&cursor).map(Some),
            Reading::Search => connector.search(&cursor),
        };
        let now = app.now();
        let page = match page {
            Ok(Some(page)) => page,
            Ok(None) => {
                // Nothing is to be read; that it was looked counts as a poll.
                app.db.write(|tx| {
                    let polled = name("polled", reading);
                    state::set_state(tx, network, &polled, &now.0.to_string(), now)
                })?;
                return Ok(None);
            }
            Err(error) => {
                let before = app.db.read(|c| trouble(c, network, reading))?;
                let attempts = before.map_or(0, |trouble| trouble.attempts);
                let trouble = Trouble {
                    name: error.name().to_owned(),
                    text: error.to_string(),
                    at: now,
                    again_at: send_reply::again_at(app, &error, attempts),
                    attempts: attempts.saturating_add(1),
                };
                tracing::warn!(%network, reading = reading.as_str(), %error, "reading was put off");
                let text = serde_json::to_string(&trouble).unwrap_or_default();
                app.db.write(|tx| {
                    state::set_state(tx, network, &name("trouble", reading), &text, now)
                })?;
                return Ok(Some(error));
            }
        };
        capture::capture_page(app, network, &page, reading.as_str())?;
        app.db.write(|tx| {
            let cursor = page.next_cursor.to_text();
            state::set_state(tx, network, &name("cursor", reading), &cursor, now)?;
            state::set_state(
                tx,
                network,
                &name("polled", reading),
                &now.0.to_string(),
                now,
            )?;
            state::remove_state(tx, network, &name("trouble", reading))
        })?;
        if !page.more {
            break;
        }
    }
    Ok(None)
}

/// What keeps us from reading a network now, for staff.
pub fn troubles(app: &App) -> Result<Vec<(Network, String, Trouble)>> {
    let mut list = Vec::new();
    for connector in &app.connectors {
        let network = connector.network();
        for (name, text, _) in app.db.read(|c| state::states(c, network, "trouble:"))? {
            if let Ok(trouble) = serde_json::from_str(&text) {
                list.push((network, name, trouble));
            }
        }
    }
    Ok(list)
}
