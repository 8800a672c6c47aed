//! What happened in a demo, counted from the database and compared with the stand-in.

use serde::Serialize;

use crate::app::App;
use crate::cases;
use crate::commands::check::{self, Report};
use crate::db::changes::{self, Subject};
use crate::error::Result;
use crate::escalations;
use crate::networks::Network;
use crate::networks::x::sandbox::Sandbox;
use crate::tickets;

/// The account; `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Account {
    pub mentions: Mentions,
    /// Cases by state.
    pub cases: Vec<(String, i64)>,
    pub links: cases::store::LinkCounts,
    pub tickets: i64,
    pub replies: Replies,
    /// Customers who were told that their problem is solved.
    pub loops_closed: i64,
    pub check: Report,
}

#[derive(Debug, Serialize)]
pub struct Mentions {
    /// Stored, each once.
    pub received: i64,
    /// Arrived again and were recognised.
    pub duplicates: i64,
    /// Posts on the stand-in that should have arrived and did not.
    pub lost: i64,
}

#[derive(Debug, Serialize)]
pub struct Replies {
    pub drafted: i64,
    pub sent: i64,
    /// Replies that stand on the stand-in. More than were sent would be something said twice.
    pub on_the_network: i64,
}

/// Counts everything.
pub fn take(app: &App, x: &Sandbox) -> Result<Account> {
    let counts = app.db.read(escalations::store::counts)?;
    let of = |list: &[(String, i64)], word: &str| {
        list.iter().find(|(w, _)| w == word).map_or(0, |(_, n)| *n)
    };
    let links = app.db.read(cases::store::link_counts)?;
    let lost = lost(app, x)?;
    Ok(Account {
        mentions: Mentions {
            received: counts.mentions,
            duplicates: counts.duplicates,
            lost,
        },
        cases: app.db.read(cases::store::counts_by_state)?,
        links,
        tickets: app.db.read(tickets::store::ticket_count)?,
        replies: Replies {
            drafted: counts.replies_by_state.iter().map(|(_, n)| n).sum(),
            sent: of(&counts.replies_by_state, "sent"),
            on_the_network: x.brand_replies().len() as i64,
        },
        loops_closed: links.told,
        check: check::check(app)?,
    })
}

/// Posts that name the brand and are not stored.
fn lost(app: &App, x: &Sandbox) -> Result<i64> {
    let ids: Vec<String> = x.naming_brand().iter().map(u64::to_string).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let known = app
        .db
        .read(|c| escalations::store::known(c, Network::X, &ids))?;
    Ok((ids.len() - known.len()) as i64)
}

/// Whether nothing is on its way any more.
pub fn is_settled(app: &App, x: &Sandbox) -> Result<bool> {
    let now = app.now();
    let counts = app.db.read(escalations::store::counts)?;
    let captured = counts
        .mentions_by_stage
        .iter()
        .any(|(s, n)| s == "captured" && *n > 0);
    let newest = app.db.read(|c| changes::newest_of(c, Subject::Thread))?;
    Ok(!captured
        && lost(app, x)? == 0
        && !app.db.read(|c| crate::jobs::is_due(c, now))?
        && app.index.position()?.is_some_and(|p| p >= newest))
}
