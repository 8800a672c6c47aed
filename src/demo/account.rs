//! What happened in a run of the demo, counted from the database and compared with the stand-in.
//! What the demo's community had before the run began is left out.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::app::App;
use crate::cases;
use crate::cases::satisfaction::Verdict;
use crate::clock::Moment;
use crate::commands::check::{self, Report};
use crate::db::changes::{self, Subject};
use crate::error::Result;
use crate::escalations::{self, Purpose, ReplyState};
use crate::mail;
use crate::networks::Network;
use crate::networks::x::sandbox::Sandbox;
use crate::tickets;

/// The account; `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Account {
    pub mentions: Mentions,
    /// Cases opened in this run, by state.
    pub cases: BTreeMap<String, i64>,
    /// Links of cases to threads.
    pub links: cases::store::LinkCounts,
    pub tickets: Tickets,
    pub replies: Replies,
    pub loops_closed: Loops,
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
pub struct Tickets {
    /// Opened by customers who proved their handle and left an address.
    pub opened_by_claim: i64,
    /// Messages to customers, and theirs to us.
    pub messages_out: i64,
    pub messages_in: i64,
    /// Customers who said that it is solved.
    pub called_solved: i64,
}

#[derive(Debug, Serialize)]
pub struct Replies {
    pub drafted: i64,
    pub sent: i64,
    /// Replies that stand on the stand-in. More than were sent would be something said twice.
    pub on_the_network: i64,
}

/// Customers who were told that their problem is solved.
#[derive(Debug, Serialize)]
pub struct Loops {
    pub by_reply: i64,
    pub by_mail: i64,
}

/// Counts everything since the run began.
pub fn take(app: &App, x: &Sandbox, since: Moment) -> Result<Account> {
    let counts = app.db.read(escalations::store::counts)?;
    let replies = app
        .db
        .read(|c| escalations::store::replies_since(c, since))?;
    let of_replies = |purpose: Option<Purpose>, state: Option<ReplyState>| {
        replies
            .iter()
            .filter(|(p, _, _)| purpose.is_none_or(|purpose| p == purpose.as_str()))
            .filter(|(_, s, _)| state.is_none_or(|state| s == state.as_str()))
            .map(|(_, _, n)| n)
            .sum()
    };
    let sent = Some(ReplyState::Sent);
    let messages = app.db.read(|c| tickets::store::counts(c, since))?;
    let of_messages = |word: &str| {
        messages
            .iter()
            .find(|(w, _)| w == word)
            .map_or(0, |(_, n)| *n)
    };
    let told = ["close_loop", "ticket_resolved"];
    Ok(Account {
        mentions: Mentions {
            received: counts.mentions,
            duplicates: counts.duplicates,
            lost: lost(app, x)?,
        },
        cases: app
            .db
            .read(|c| cases::store::counts_by_state(c, since))?
            .into_iter()
            .collect(),
        links: app.db.read(|c| cases::store::link_counts(c, since))?,
        tickets: Tickets {
            opened_by_claim: app
                .db
                .read(|c| tickets::store::opened_by(c, tickets::OpenedBy::Claim, since))?,
            messages_out: of_messages("out"),
            messages_in: of_messages("in"),
            called_solved: app
                .db
                .read(|c| cases::store::count_verdicts(c, Verdict::Solved, since))?,
        },
        replies: Replies {
            drafted: of_replies(None, None),
            sent: of_replies(None, sent),
            on_the_network: x.brand_replies().len() as i64,
        },
        loops_closed: Loops {
            by_reply: of_replies(Some(Purpose::CloseLoop), sent),
            by_mail: app.db.read(|c| mail::store::count_sent(c, &told, since))?,
        },
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
    let kinds = crate::boot::registry().kinds();
    Ok(!captured
        && lost(app, x)? == 0
        && !app.db.read(|c| crate::jobs::is_due(c, now, &kinds))?
        && app.index.position()?.is_some_and(|p| p >= newest))
}
