//! Publish: a person makes a spike a known issue, or says which thread it is, and every member is
//! linked to it by that act; and the way back.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::cluster::is_other_product;
use super::words::informative;
use super::{MemberState, Outcome, Spike, SpikeState, cases_in_words, hold, record};
use crate::app::App;
use crate::cases::links::{self, LinkState, NewLink, Target};
use crate::cases::{self, Case, policy};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::escalations::acknowledge;
use crate::escalations::store::spikes as store;
use crate::forum::draft_thread::{self, Draft};
use crate::forum::store::Origin;
use crate::forum::{self, Thread, ThreadKind, Visibility};
use crate::ids::{CaseId, ProductId, SpikeId, ThreadId};
use crate::jobs::{self, Job, Next};
use crate::people::{self, CurrentUser};

/// The rule by which members are linked.
pub const RULE: &str = "spike";
/// Members linked in one transaction.
const BATCH_MEMBERS: i64 = 25;
/// Words of the spike named in the reasons of a link.
const WORDS_SHOWN: usize = 5;

/// The known issue that a person makes of a spike.
#[derive(Clone, Debug)]
pub enum Issue {
    /// A thread to be published.
    New {
        product: ProductId,
        title: String,
        /// Markdown that everybody will read.
        body: String,
    },
    /// A thread that is there already.
    Known(ThreadId),
}

/// What came of publishing.
#[derive(Clone, Debug)]
pub enum Published {
    Done(Box<Thread>),
    /// A sentence that says what is missing.
    Refused(&'static str),
    Not(Outcome),
}

/// Makes the spike a known issue. Its members are linked by a job, in this person's name.
pub fn publish(app: &App, by: &CurrentUser, id: SpikeId, issue: &Issue) -> Result<Published> {
    let now = app.now();
    app.db.write(|tx| {
        hold(tx)?;
        let Some(spike) = store::spike(tx, id)? else {
            return Ok(Published::Not(Outcome::NoSuchSpike));
        };
        if !spike.is_for(by) {
            return Ok(Published::Not(Outcome::NotAllowed));
        }
        if spike.state == SpikeState::Published {
            return Ok(Published::Not(Outcome::Already));
        }
        let thread = match issue {
            Issue::New {
                product,
                title,
                body,
            } => match open_issue(tx, now, by, &spike, (*product, title, body))? {
                Ok(thread) => thread,
                Err(why) => return Ok(Published::Refused(why)),
            },
            Issue::Known(thread) => *thread,
        };
        let thread = forum::store::thread(tx, thread)?;
        let is_open_to_all = |t: &Thread| t.visibility == Visibility::Public;
        let Some(thread) = thread.filter(is_open_to_all) else {
            return Ok(Published::Refused(
                "There is no such thread that everybody can read.",
            ));
        };
        store::set_spike_state(
            tx,
            id,
            SpikeState::Published,
            Some(thread.id),
            (by.id, now),
            "",
        )?;
        let members = store::count_members(tx, id, MemberState::Counted)?;
        let why = format!("{}: {}", cases_in_words(members), spike.why());
        let data = json!({"thread": thread.id, "cases": members});
        record(tx, now, &by.actor(), "spike_published", id, &why, data)?;
        jobs::enqueue(tx, now, &LinkMembers { spike: id })?;
        Ok(Published::Done(Box::new(thread)))
    })
}

/// Opens the known issue, in the caller's transaction, or says what is missing.
fn open_issue(
    tx: &mut Conn,
    now: Moment,
    by: &CurrentUser,
    spike: &Spike,
    (product, title, body): (ProductId, &str, &str),
) -> Result<Result<ThreadId, &'static str>> {
    if forum::store::product(tx, product)?.is_none() {
        return Ok(Err("Choose the product whose known issue it is."));
    }
    if !forum::policy::can_open(by, product, ThreadKind::KnownIssue) {
        return Ok(Err(
            "Only the product's staff can publish its known issues.",
        ));
    }
    if !forum::typed::TITLE_CHARS.contains(&title.chars().count()) {
        return Ok(Err("Give it a title of 8 to 150 characters."));
    }
    if body.trim().is_empty() {
        return Ok(Err("Say in a sentence or two what is known."));
    }
    let Some(first) = store::members_in(tx, spike.id, MemberState::Counted, 1)?.pop() else {
        return Ok(Err("No case is left in this spike."));
    };
    let draft = Draft {
        product,
        topic: None,
        author: by.id,
        kind: ThreadKind::KnownIssue,
        title,
        body,
        from: Origin {
            case: first,
            mention: None,
        },
    };
    let thread = draft_thread::draft_thread(tx, now, &draft)?;
    draft_thread::publish(tx, now, by, thread)?;
    Ok(Ok(thread))
}

/// Links the members of a published spike, batch by batch, in the name of who published it.
#[derive(Serialize, Deserialize)]
pub struct LinkMembers {
    pub spike: SpikeId,
}

impl Job for LinkMembers {
    const KIND: &'static str = "link_spike_members";

    fn dedupe_key(&self) -> Option<String> {
        Some(self.spike.0.to_string())
    }

    fn run(&self, app: &App) -> Result<Next> {
        while app.db.write_if(|tx| self.batch(tx, app))?.is_some() {}
        Ok(Next::Done)
    }
}

impl LinkMembers {
    /// Links some members; `None` when none is left to be linked.
    fn batch(&self, tx: &mut Conn, app: &App) -> Result<Option<()>> {
        hold(tx)?;
        let Some(spike) = store::spike(tx, self.spike)? else {
            return Ok(None);
        };
        let (Some(thread), Some(by)) = (spike.thread, spike.decided_by) else {
            return Ok(None);
        };
        if spike.state != SpikeState::Published {
            return Ok(None);
        }
        let members = store::members_in(tx, spike.id, MemberState::Counted, BATCH_MEMBERS)?;
        if members.is_empty() {
            return Ok(None);
        }
        let name = people::store::name_of(tx, by)?.unwrap_or_default();
        let by = Actor::User { id: by, name };
        for case in members {
            store::set_member(tx, spike.id, case, MemberState::Linked)?;
            link_member(tx, app, &by, &spike, thread, case, MemberState::Linked)?;
        }
        Ok(Some(()))
    }
}

/// Links the case of a member, or proposes the link, with its reasons, in the caller's transaction.
pub(super) fn link_member(
    tx: &mut Conn,
    app: &App,
    by: &Actor,
    spike: &Spike,
    thread: ThreadId,
    case: CaseId,
    state: MemberState,
) -> Result<()> {
    let now = app.now();
    let Some(case) = cases::hold_successor(tx, case)? else {
        return Ok(());
    };
    if is_other_product(spike.product, case.product) {
        return Ok(());
    }
    let new = NewLink {
        target: Target::Thread(thread),
        score: 1.0,
        reasons: reasons(tx, spike, &case)?,
        rule: RULE.to_owned(),
    };
    if state == MemberState::Offered {
        links::propose(tx, now, by, case.id, &new)?;
        return Ok(());
    }
    // What a person refused for this case stays refused.
    let known = cases::store::link_to(tx, case.id, new.target)?;
    if known.is_none_or(|link| link.state != LinkState::Rejected) {
        links::link(tx, now, by, case.id, &new)?;
        acknowledge::redraft(tx, app, now, case.id)?;
    }
    Ok(())
}

fn reasons(conn: &mut Conn, spike: &Spike, case: &Case) -> Result<Vec<String>> {
    let mut reasons = vec![format!("one of many: {}", spike.why())];
    if let Some(report) = store::reports_of(conn, &[case.id])?.pop() {
        let said = informative(&report.text);
        let shared: Vec<&str> = said
            .iter()
            .filter(|word| spike.words.iter().any(|of| of.root == word.root))
            .take(WORDS_SHOWN)
            .map(|word| word.word.as_str())
            .collect();
        if !shared.is_empty() {
            reasons.push(format!("shares “{}”", shared.join("”, “")));
        }
    }
    Ok(reasons)
}

/// Takes the publication back: members are linked no longer, and the spike is to be decided again. The
/// thread stays; its page is where it is closed or taken away.
pub fn unpublish(app: &App, by: &CurrentUser, id: SpikeId, why: &str) -> Result<Outcome> {
    let now = app.now();
    app.db.write(|tx| {
        hold(tx)?;
        let Some(spike) = store::spike(tx, id)? else {
            return Ok(Outcome::NoSuchSpike);
        };
        if !spike.is_for(by) {
            return Ok(Outcome::NotAllowed);
        }
        let Some(thread) = spike
            .thread
            .filter(|_| spike.state == SpikeState::Published)
        else {
            return Ok(Outcome::Already);
        };
        for state in [MemberState::Linked, MemberState::Offered] {
            for case in store::members_in(tx, id, state, i64::MAX)? {
                unlink(tx, app, by, case, thread, why)?;
            }
        }
        store::unlink_members(tx, id)?;
        store::set_spike_state(tx, id, SpikeState::Proposed, None, (by.id, now), why)?;
        let data = json!({"thread": thread});
        record(tx, now, &by.actor(), "spike_unpublished", id, why, data)?;
        Ok(Outcome::Done)
    })
}

/// Undoes the link of a member to the thread of its spike; other links of the case stay.
pub(super) fn unlink(
    tx: &mut Conn,
    app: &App,
    by: &CurrentUser,
    case: CaseId,
    thread: ThreadId,
    why: &str,
) -> Result<()> {
    let now = app.now();
    let Some(case) = cases::hold_successor(tx, case)? else {
        return Ok(());
    };
    if !policy::can_work_on(by, &case) {
        return Ok(());
    }
    let known = cases::store::link_to(tx, case.id, Target::Thread(thread))?;
    let Some(link) = known.filter(|link| link.rule == RULE) else {
        return Ok(());
    };
    if matches!(link.state, LinkState::Confirmed | LinkState::Proposed) {
        links::decide(tx, now, &by.actor(), link.id, LinkState::Undone, why)?;
        acknowledge::redraft(tx, app, now, case.id)?;
    }
    Ok(())
}
