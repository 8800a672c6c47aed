//! Draft a thread: what a case is about, as a thread that a person edits and
//! publishes from the case or on the page of the thread.

use super::{acknowledge, link, store};
use crate::app::App;
use crate::cases::links::{self, Link, LinkState, NewLink, Target};
use crate::cases::{self, Case};
use crate::clock::Moment;
use crate::db::Conn;
use crate::error::Result;
use crate::forum::draft_thread::{self, Draft};
use crate::forum::store::Origin;
use crate::forum::{self, Outcome, ThreadKind, Visibility};
use crate::ids::{CaseId, ThreadId};
use crate::people::CurrentUser;

/// Why somebody who may publish a draft may not link it.
const OF_ANOTHER_PRODUCT: &str =
    "This draft was made for a case of another product. Whoever works on that case publishes it.";

/// What came of drafting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drafted {
    New(ThreadId),
    /// One waits to be published; its address.
    Already(String),
    /// Nobody has said whose forum gets the thread.
    NoProduct,
}

/// Drafts a thread from the oldest post that stands, in the caller's transaction, which holds the
/// case. What came by mail or form is private: of it only the line that staff see is taken along.
pub fn draft(tx: &mut Conn, now: Moment, by: &CurrentUser, case: &Case) -> Result<Drafted> {
    let family = cases::store::desk::family(tx, case.id)?;
    for known in cases::store::links_of_any(tx, &family)? {
        if let (LinkState::Proposed, Target::Thread(id)) = (known.state, known.target)
            && let Some(thread) = forum::store::thread(tx, id)?
            && thread.is_waiting_draft()
        {
            return Ok(Drafted::Already(thread.path()));
        }
    }
    let Some(product) = case.product else {
        return Ok(Drafted::NoProduct);
    };
    let mention = store::oldest_standing_mention(tx, &family)?;
    let (title, body) = match &mention {
        Some(mention) => {
            let suggested = link::suggest_thread(mention, case.product, case.topic);
            (suggested.title, suggested.body)
        }
        None => (case.summary.clone(), String::new()),
    };
    let draft = Draft {
        product,
        topic: case.topic,
        author: by.id,
        kind: ThreadKind::Question,
        title: &title,
        body: &body,
        from: Origin {
            case: case.id,
            mention: mention.map(|m| m.id),
        },
    };
    let thread = draft_thread::draft_thread(tx, now, &draft)?;
    let new = NewLink {
        target: Target::Thread(thread),
        score: 1.0,
        reasons: vec![format!("{} drafts it from this case", by.name)],
        rule: String::new(),
    };
    links::propose(tx, now, &by.actor(), case.id, &new)?;
    Ok(Drafted::New(thread))
}

/// Shows a thread that was drafted from the case to everybody and links it, in the caller's
/// transaction, which holds the case. False when it can't be published here any more.
pub fn publish(
    tx: &mut Conn,
    app: &App,
    by: &CurrentUser,
    case: &Case,
    thread: ThreadId,
) -> Result<bool> {
    let now = app.now();
    let Some(known) = link_to(tx, case.id, thread)? else {
        return Ok(false);
    };
    draft_thread::publish(tx, now, by, thread)?;
    let published = forum::store::thread(tx, thread)?;
    if !published.is_some_and(|t| t.visibility == Visibility::Public) {
        return Ok(false);
    }
    link_published(tx, app, now, by, &known, "published from this case")?;
    Ok(true)
}

/// Shows a drafted thread to everybody, from its own page, and links the case that it was drafted
/// for, which is told then; whoever may not work on that case leaves both as they are.
pub fn publish_with_its_case(
    app: &App,
    by: &CurrentUser,
    thread: ThreadId,
) -> Result<(Outcome, Option<CaseId>)> {
    let now = app.now();
    app.db.write(|tx| {
        let case = match forum::store::drafted_for(tx, thread)? {
            Some(case) => cases::hold_successor(tx, case)?,
            None => None,
        };
        let known = match &case {
            Some(case) => link_to(tx, case.id, thread)?,
            None => None,
        };
        // What staff refused for the case stays refused.
        let known = known.filter(|link| link.state == LinkState::Proposed);
        let may_link = case.is_none_or(|case| cases::policy::can_work_on(by, &case));
        if known.is_some() && !may_link {
            let outcome = match forum::store::thread_for(tx, by, thread)? {
                Some(_) => Outcome::NotAllowed(OF_ANOTHER_PRODUCT),
                None => Outcome::NotFound,
            };
            return Ok((outcome, None));
        }
        let outcome = draft_thread::publish(tx, now, by, thread)?;
        let linked = match (&outcome, known) {
            (Outcome::Done(_), Some(known)) => {
                link_published(tx, app, now, by, &known, "its draft was published")?;
                Some(known.case)
            }
            _ => None,
        };
        Ok((outcome, linked))
    })
}

/// Links a published thread to the case of `known`, whose first answer follows.
fn link_published(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    by: &CurrentUser,
    known: &Link,
    why: &str,
) -> Result<()> {
    links::decide(tx, now, &by.actor(), known.id, LinkState::Confirmed, why)?;
    acknowledge::redraft(tx, app, now, known.case)
}

/// The link by which the case, or one that it took in, is bound to the thread.
fn link_to(conn: &mut Conn, case: CaseId, thread: ThreadId) -> Result<Option<Link>> {
    let family = cases::store::desk::family(conn, case)?;
    let mut links = cases::store::links_of_any(conn, &family)?.into_iter();
    Ok(links.find(|link| link.target == Target::Thread(thread)))
}
