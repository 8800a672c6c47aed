//! Rechecking: what its author deleted is gone from here within a day, and what they edited is
//! read anew.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{capture, store};
use crate::app::App;
use crate::cases::{self, Event, Step};
use crate::clock::{HOUR, Moment, SECOND};
use crate::config::X_TIMEOUT_SECONDS_MAX;
use crate::db::Conn;
use crate::db::audit::{self, Act, Actor};
use crate::error::Result;
use crate::ids::MentionId;
use crate::jobs::{Job, Next};
use crate::networks::Network;

/// How often the oldest looked-at mentions are looked up again (µs).
pub const EVERY: i64 = HOUR;
/// A mention is looked up when the last look is older than this (µs): a day less what the
/// schedule, a waiting queue and a network that is away for a while may take.
const LOOK_AFTER: i64 = 18 * HOUR;
/// Posts asked for at once: the largest lookup that networks take.
const LOOKUP_POSTS_MAX: i64 = 100;
/// Lookups of one run.
const LOOKUPS_A_RUN: usize = 50;

/// Calls of one run at most: the lookups, and who we are with a renewal of the sign-in.
const CALLS_MAX: i64 = LOOKUPS_A_RUN as i64 + 3;

/// What X's terms allow between an author's deletion and ours (µs).
pub const GONE_WITHIN: i64 = 24 * HOUR;

/// Stored posts of a network whose last look is older than the terms allow: it can't be said of
/// them whether they still stand. A post must be looked at however old it is, as long as its
/// words are kept.
pub fn overdue(app: &App, network: Network) -> Result<i64> {
    let before = app.now().plus(-GONE_WITHIN);
    app.db.read(|c| store::unchecked_since(c, network, before))
}

/// Asks the networks which of the stored posts still stand.
#[derive(Default, Serialize, Deserialize)]
pub struct Recheck {}

impl Job for Recheck {
    const KIND: &'static str = "recheck_mentions";
    const LEASE: i64 = CALLS_MAX * X_TIMEOUT_SECONDS_MAX as i64 * SECOND;

    fn dedupe_key(&self) -> Option<String> {
        Some("all".to_owned())
    }

    fn run(&self, app: &App) -> Result<Next> {
        for connector in &app.connectors {
            // Those of which the network says nothing stay due; this run goes on behind them.
            let mut after = (Moment(i64::MIN), MentionId(0));
            for _ in 0..LOOKUPS_A_RUN {
                let now = app.now();
                let before = now.plus(-LOOK_AFTER);
                let network = connector.network();
                // What the budget still allows, down to a single post.
                let at_once = match connector.lookups_affordable() {
                    Ok(posts) => posts.min(LOOKUP_POSTS_MAX),
                    Err(error) => {
                        tracing::warn!(%network, %error, "stored posts are not looked up now");
                        break;
                    }
                };
                let due = app
                    .db
                    .read(|c| store::due_for_recheck(c, network, before, after, at_once))?;
                let Some(last) = due.last() else { break };
                after = (last.checked_at, last.id);
                let ids: Vec<String> = due.iter().map(|one| one.post_id.clone()).collect();
                let looked = match connector.standing(&ids) {
                    Ok(looked) => looked,
                    Err(error) => {
                        // The budget or the network: the next run goes on with the same posts.
                        tracing::warn!(%network, %error, "stored posts could not be looked up");
                        break;
                    }
                };
                capture::store_posts(app, &looked.found, "recheck", None)?;
                let (gone, rest): (Vec<_>, Vec<_>) = due
                    .iter()
                    .partition(|one| looked.gone.contains(&one.post_id));
                // Each for itself: it holds its case.
                for one in gone {
                    app.db.write(|tx| erase(tx, now, one.id))?;
                }
                app.db.write(|tx| {
                    for one in rest {
                        if !looked.unknown.contains(&one.post_id) {
                            store::set_checked(tx, one.id, now)?;
                        }
                    }
                    Ok(())
                })?;
            }
        }
        Ok(Next::Done)
    }
}

/// Forgets what a post said: its text, its raw form, the page it came in, and what was quoted
/// from it. That there was one, and what was decided, stays.
pub fn erase(tx: &mut Conn, now: Moment, id: MentionId) -> Result<()> {
    // Who drafts a thread from the post meanwhile holds its case too.
    if let Some(case) = store::mention(tx, id)?.and_then(|mention| mention.case) {
        cases::hold_successor(tx, case)?;
    }
    let Some(mention) = store::mention(tx, id)? else {
        return Ok(());
    };
    if mention.deleted_at.is_some() {
        return Ok(());
    }
    store::erase_mention(tx, &mention, now)?;
    audit::record(
        tx,
        now,
        Act {
            by: &Actor::rule("recheck"),
            act: "mention_erased",
            subject: ("mention", id.0),
            reason: "the network no longer shows the post",
            data: json!({}),
        },
    )?;
    if let Some(case) = mention.case {
        cases::record_event(
            tx,
            now,
            case,
            Event {
                step: Step::Deleted,
                by: &Actor::rule("recheck"),
                mention: Some(id),
                summary: "The post is gone from the network, and its text from here",
                reasons: vec![],
                data: json!({}),
            },
        )?;
    }
    tracing::info!(mention = %id, "erased a mention that its author deleted");
    Ok(())
}
