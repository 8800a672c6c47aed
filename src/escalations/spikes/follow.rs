//! Follow: who writes of a published spike later joins it. A rule of the product says whether their
//! case is linked at once; else the link is proposed.

use super::cluster::{belongs, is_other_product};
use super::publish::link_member;
use super::words::informative;
use super::{MemberState, Spike, SpikeState, hold};
use crate::app::App;
use crate::cases::links::{LinkState, Target};
use crate::cases::{self, Case};
use crate::clock::DAY;
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::escalations::store::{self as escalations, spikes as store};
use crate::ids::{CaseId, ThreadId};

/// Cases looked at in one transaction.
const BATCH_CASES: i64 = 200;
/// How long after the last one (µs) a published spike still takes members in.
const FOLLOWED: i64 = 7 * DAY;

/// Looks at the cases that were opened since the last look, for each published spike that goes on.
pub(super) fn follow(app: &App) -> Result<()> {
    let since = app.now().plus(-FOLLOWED);
    let spikes = app.db.read(|c| store::spikes_since(c, since))?;
    for spike in spikes
        .into_iter()
        .filter(|s| s.state == SpikeState::Published)
    {
        while one_batch(app, &spike)? {}
    }
    Ok(())
}

/// Looks at some cases; false when there is none left.
fn one_batch(app: &App, spike: &Spike) -> Result<bool> {
    let now = app.now();
    let more = app.db.write_if(|tx| {
        // Before it is read: whoever takes the publication back meanwhile must be seen.
        hold(tx)?;
        let Some(known) = store::spike(tx, spike.id)? else {
            return Ok(None);
        };
        let Some(thread) = known
            .thread
            .filter(|_| known.state == SpikeState::Published)
        else {
            return Ok(None);
        };
        if !is_open(tx, thread)? {
            // Where it was looked to stays: reopened, it takes in who wrote meanwhile; and who writes
            // again of what was solved is counted anew (`detect`).
            return Ok(None);
        }
        let since = known.created_at;
        let cases = store::cases_after(tx, known.looked_to, since, BATCH_CASES)?;
        let Some(last) = cases.last().copied() else {
            return Ok(None);
        };
        let mut joined = false;
        for report in store::reports_of(tx, &cases)? {
            if belongs_to(&known, &report) {
                joined |= join(tx, app, &known, thread, report.case)?;
            }
        }
        if joined {
            store::set_spike_seen(tx, known.id, now)?;
        }
        store::set_looked_to(tx, known.id, last).map(Some)
    })?;
    Ok(more.is_some())
}

/// Whether the known issue is there to be joined: public, and not solved yet.
pub(super) fn is_open(conn: &mut Conn, thread: ThreadId) -> Result<bool> {
    let found = escalations::public_threads(conn, &[thread.0])?;
    Ok(found
        .get(&thread.0)
        .is_some_and(|thread| thread.state == "open"))
}

/// Whether a report has the words of a spike, and is about no other product.
fn belongs_to(spike: &Spike, report: &store::Report) -> bool {
    let words = informative(&report.text);
    let numbers: Vec<u32> = words.iter().map(|word| place(spike, &word.root)).collect();
    let profile: Vec<u32> = (0..).take(spike.words.len()).collect();
    !is_other_product(spike.product, report.product) && belongs(&profile, &numbers)
}

/// The place of a root among the words of a spike; a number beyond them when it is none.
fn place(spike: &Spike, root: &str) -> u32 {
    let at = spike.words.iter().position(|word| word.root == root);
    at.and_then(|at| u32::try_from(at).ok()).unwrap_or(u32::MAX)
}

/// Joins a case: linked if the product's rule links by itself and nothing private is needed.
fn join(tx: &mut Conn, app: &App, spike: &Spike, thread: ThreadId, case: CaseId) -> Result<bool> {
    let Some(case) = cases::hold_successor(tx, case)? else {
        return Ok(false);
    };
    let state = if may_link(tx, thread, &case)? {
        MemberState::Linked
    } else {
        MemberState::Offered
    };
    if !store::add_member(tx, spike.id, case.id, state, app.now())? {
        return Ok(false);
    }
    link_member(
        tx,
        app,
        &Actor::rule("spikes"),
        spike,
        thread,
        case.id,
        state,
    )?;
    Ok(true)
}

/// Whether the rule of the case's product, or of the thread's where that is not known, links by itself.
fn may_link(conn: &mut Conn, thread: ThreadId, case: &Case) -> Result<bool> {
    let threads = escalations::public_threads(conn, &[thread.0])?;
    let of = case.product.or(threads.get(&thread.0).map(|t| t.product));
    let catalogue = escalations::catalogue(conn)?;
    let rule = catalogue.iter().find(|p| Some(p.id) == of);
    let ticket = cases::store::link_to(conn, case.id, Target::Ticket)?;
    let is_private = ticket.is_some_and(|link| link.state == LinkState::Confirmed);
    Ok(rule.is_some_and(|product| product.auto_link) && !is_private)
}
