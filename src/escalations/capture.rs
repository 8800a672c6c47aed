//! Capture: what a network shows us is kept, raw first, then as mentions, each once.

use std::collections::HashMap;

use serde_json::json;

use super::Stage;
use super::judge::JudgeMentions;
use super::store::{self, Known};
use crate::app::App;
use crate::cases::{self, Event, Step};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::db::intake::{self, Arrived};
use crate::error::Result;
use crate::ids::IntakeId;
use crate::jobs;
use crate::keys;
use crate::networks::{Author, Network, Page, PostKind, Problem, PublicPost, compare_ids};
use crate::people::handles;
use crate::text::storable;

/// Mentions stored in one transaction.
pub const BATCH_MENTIONS_MAX: usize = 200;

/// What became of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Captured {
    /// New, and on their way to be judged.
    pub stored: usize,
    /// Our own posts and reposts: new, kept, not judged.
    pub ignored: usize,
    /// There before, with the same text.
    pub known: usize,
    /// There before; the newest text is kept.
    pub edited: usize,
}

impl Captured {
    pub fn add(&mut self, other: Captured) {
        self.stored += other.stored;
        self.ignored += other.ignored;
        self.known += other.known;
        self.edited += other.edited;
    }
}

/// Keeps a page as a connector read it. `source` says how it came: `mentions`, `search`, …
pub fn capture_page(app: &App, network: Network, page: &Page, source: &str) -> Result<Captured> {
    capture(
        app,
        network,
        &page.posts,
        source,
        page.raw.as_bytes(),
        &page.problems,
    )
}

/// Keeps the raw page, then its posts. A page of which something could not be read stays in the
/// intake with the reasons, to be replayed by a version that can.
pub fn capture(
    app: &App,
    network: Network,
    posts: &[PublicPost],
    source: &str,
    raw: &[u8],
    problems: &[Problem],
) -> Result<Captured> {
    if posts.is_empty() && problems.is_empty() {
        return Ok(Captured::default());
    }
    let now = app.now();
    let digest = keys::digest(raw);
    let arrived = Arrived {
        channel: network.as_str(),
        source,
        body: raw,
        digest: &digest,
        state: store::INTAKE_NEW,
    };
    let (id, _) = app.db.write(|tx| intake::keep(tx, now, &arrived))?;
    let captured = store_posts(app, posts, source, Some(id))?;
    let error: Vec<String> = problems.iter().map(ToString::to_string).collect();
    app.db.write(|tx| match error.as_slice() {
        [] => store::set_intake(tx, id, store::INTAKE_DONE, None, now),
        some => store::set_intake(tx, id, store::INTAKE_FAILED, Some(&some.join("; ")), now),
    })?;
    tracing::info!(%network, source, stored = captured.stored, known = captured.known, "captured a page");
    Ok(captured)
}

/// Stores posts that come from an intake row.
pub fn store_posts(
    app: &App,
    posts: &[PublicPost],
    source: &str,
    intake: Option<IntakeId>,
) -> Result<Captured> {
    let mut all = Captured::default();
    for batch in posts.chunks(BATCH_MENTIONS_MAX) {
        let now = app.now();
        all.add(
            app.db
                .write(|tx| store_batch(tx, now, batch, source, intake))?,
        );
    }
    Ok(all)
}

fn store_batch(
    tx: &mut Conn,
    now: Moment,
    batch: &[PublicPost],
    source: &str,
    intake: Option<IntakeId>,
) -> Result<Captured> {
    let mut captured = Captured::default();
    let mut networks: Vec<Network> = batch.iter().map(|p| p.network).collect();
    networks.sort_unstable();
    networks.dedup();
    for network in networks {
        let known_before = captured.known;
        let posts: Vec<&PublicPost> = batch.iter().filter(|p| p.network == network).collect();
        let first_ids: Vec<&str> = posts.iter().map(|p| p.first_id.as_str()).collect();
        let mut known = store::known(tx, network, &first_ids)?;
        let authors: Vec<&Author> = posts.iter().filter_map(|p| p.author.as_ref()).collect();
        let handles = handles::seen(tx, network, &authors, now)?;
        for post in posts {
            let handle = post
                .author
                .as_ref()
                .and_then(|a| handles.get(&a.id))
                .copied();
            if let Some(before) = known.get(&post.first_id).cloned() {
                if take_again(tx, now, &before, post)? {
                    captured.edited += 1;
                    remember(&mut known, post, before);
                } else {
                    captured.known += 1;
                }
                continue;
            }
            let quiet = post.ours || post.kind == PostKind::Repost;
            let stage = if quiet {
                Stage::Ignored
            } else {
                Stage::Captured
            };
            match store::insert_mention(tx, post, handle, stage, source, intake, now)? {
                Some(id) => {
                    if quiet {
                        captured.ignored += 1;
                    } else {
                        captured.stored += 1;
                    }
                    let fresh = Known {
                        id,
                        post_id: post.id.clone(),
                        text: post.text.clone(),
                        summoned: post.summoned,
                        case: None,
                        deleted: false,
                    };
                    known.insert(post.first_id.clone(), fresh);
                }
                None => captured.known += 1,
            }
        }
        if captured.known > known_before {
            store::add_known_posts(tx, network, captured.known - known_before, now)?;
        }
    }
    if captured.stored > 0 {
        jobs::enqueue(tx, now, &JudgeMentions::default())?;
    }
    Ok(captured)
}

fn remember(known: &mut HashMap<String, Known>, post: &PublicPost, before: Known) {
    let newer = Known {
        post_id: post.id.clone(),
        text: post.text.clone(),
        ..before
    };
    known.insert(post.first_id.clone(), newer);
}

/// A post that is stored came again; true when it brought a newer text.
fn take_again(tx: &mut Conn, now: Moment, before: &Known, post: &PublicPost) -> Result<bool> {
    if before.deleted {
        return Ok(false);
    }
    if post.summoned && !before.summoned {
        store::set_summoned(tx, before.id)?;
    }
    let newer = compare_ids(&post.id, &before.post_id).is_gt();
    if !newer || storable(&post.text) == before.text {
        return Ok(false);
    }
    store::set_edited(tx, before.id, post, now)?;
    if before.case.is_none() {
        store::judge_again(tx, before.id)?;
        jobs::enqueue(tx, now, &JudgeMentions::default())?;
    }
    if let Some(case) = before.case {
        let begins = store::is_first_of(tx, before.id, case)?;
        if begins && !store::desk::was_joined(tx, &[case], before.id)? {
            let handle = cases::store::case(tx, case)?.and_then(|c| c.handle);
            let summary = cases::summary_of(&super::summary_of(&post.text));
            store::set_summary(tx, case, handle, &storable(&summary))?;
        }
        cases::record_event(
            tx,
            now,
            case,
            Event {
                step: Step::Capture,
                by: &Actor::rule("capture"),
                mention: Some(before.id),
                summary: "The author edited the post; the newest text is shown",
                reasons: vec![],
                data: json!({"post": post.id, "before": before.post_id}),
            },
        )?;
    }
    Ok(true)
}
