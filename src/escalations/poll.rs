//! Polling: mentions and search are read at our own pace, with a cursor that moves only after the
//! posts are stored.

use serde::{Deserialize, Serialize};

use super::{capture, send_reply};
use crate::app::App;
use crate::clock::{Moment, SECOND};
use crate::error::Result;
use crate::jobs::{Job, Next};
use crate::networks::{Connector, Cursor, Network, NetworkError, Page, store as state};

/// How often it is looked whether a poll is due (µs); the configuration says how often it is.
pub const LOOK_EVERY: i64 = 10 * SECOND;

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
        for connector in &app.connectors {
            for reading in Reading::ALL {
                if is_due(app, connector.network(), reading)? {
                    poll(app, connector.as_ref(), reading)?;
                }
            }
        }
        Ok(Next::Done)
    }
}

fn name(part: &str, reading: Reading) -> String {
    format!("{part}:{}", reading.as_str())
}

fn is_due(app: &App, network: Network, reading: Reading) -> Result<bool> {
    let now = app.now();
    app.db.read(|c| {
        if let Some(text) = state::state(c, network, &name("trouble", reading))?
            && let Ok(trouble) = serde_json::from_str::<Trouble>(&text)
            && now < trouble.again_at
        {
            return Ok(false);
        }
        let last = state::state(c, network, &name("polled", reading))?;
        let last = last.and_then(|text| text.parse::<i64>().ok());
        Ok(last.is_none_or(|at| now.since(Moment(at)) >= reading.every(app)))
    })
}

/// Reads up to the configured number of pages, whether due or not. Answers what kept it from
/// reading, which is stored for staff too.
pub fn poll(
    app: &App,
    connector: &dyn Connector,
    reading: Reading,
) -> Result<Option<NetworkError>> {
    let network = connector.network();
    for _ in 0..app.config.x.pages_max.max(1) {
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
            Ok(None) => return Ok(None),
            Err(error) => {
                let trouble = Trouble {
                    name: error.name().to_owned(),
                    text: error.to_string(),
                    at: now,
                    again_at: send_reply::again_at(now, &error),
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
