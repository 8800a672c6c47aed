//! Queries of the links of cases.

use diesel::prelude::*;

use crate::cases::links::{Link, LinkState, NewLink, Target};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::links;
use crate::each;
use crate::error::{Error, Result};
use crate::ids::{CaseId, LinkId, ThreadId, UserId};

type LinkRow = (
    i64,
    i64,
    String,
    Option<i64>,
    Option<i64>,
    String,
    f64,
    String,
    String,
    i64,
    Option<i64>,
);

macro_rules! link_columns {
    () => {
        (
            links::id,
            links::case_id,
            links::target,
            links::thread_id,
            links::other_case_id,
            links::state,
            links::score,
            links::reasons,
            links::rule,
            links::created_at,
            links::told_at,
        )
    };
}

fn link_of(row: LinkRow) -> Result<Link> {
    let (id, case, target, thread, other, state, score, reasons, rule, created_at, told_at) = row;
    let target = match (target.as_str(), thread, other) {
        ("thread", Some(t), _) => Target::Thread(ThreadId(t)),
        ("ticket", _, _) => Target::Ticket,
        ("case", _, Some(c)) => Target::Case(CaseId(c)),
        _ => return Err(Error::Data(format!("link {id} has no target"))),
    };
    Ok(Link {
        id: LinkId(id),
        case: CaseId(case),
        target,
        state: state.parse()?,
        score,
        reasons: serde_json::from_str(&reasons).unwrap_or_default(),
        rule,
        created_at: Moment(created_at),
        told_at: told_at.map(Moment),
    })
}

/// Inserts a link; `None` when there is one to this target already.
pub fn insert_link(
    tx: &mut Conn,
    now: Moment,
    case: CaseId,
    new: &NewLink,
    state: LinkState,
    by: Option<UserId>,
) -> Result<Option<LinkId>> {
    let (thread, other) = match new.target {
        Target::Thread(t) => (Some(t.0), None),
        Target::Case(c) => (None, Some(c.0)),
        Target::Ticket => (None, None),
    };
    let decided = (state == LinkState::Confirmed).then_some(now.0);
    let row = (
        links::case_id.eq(case.0),
        links::target.eq(new.target.kind()),
        links::thread_id.eq(thread),
        links::other_case_id.eq(other),
        links::state.eq(state.as_str()),
        links::score.eq(new.score),
        links::reasons.eq(serde_json::to_string(&new.reasons).map_err(Error::other)?),
        links::rule.eq(&new.rule),
        links::created_at.eq(now.0),
        links::decided_at.eq(decided),
        links::decided_by.eq(by.map(|u| u.0)),
        links::target_key.eq(new.target.key()),
    );
    let id: Option<i64> = each!(tx, c => diesel::insert_into(links::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(links::id)
        .get_result(c)
        .optional())?;
    Ok(id.map(LinkId))
}

pub fn link(conn: &mut Conn, id: LinkId) -> Result<Option<Link>> {
    let row: Option<LinkRow> = links::table
        .find(id.0)
        .select(link_columns!())
        .first(conn)
        .optional()?;
    row.map(link_of).transpose()
}

pub fn link_to(conn: &mut Conn, case: CaseId, target: Target) -> Result<Option<Link>> {
    let row: Option<LinkRow> = links::table
        .filter(
            links::case_id
                .eq(case.0)
                .and(links::target_key.eq(target.key())),
        )
        .select(link_columns!())
        .first(conn)
        .optional()?;
    row.map(link_of).transpose()
}

/// Links of a case, the surest first.
pub fn links_of(conn: &mut Conn, case: CaseId) -> Result<Vec<Link>> {
    links_of_any(conn, &[case])
}

/// Links of these cases, the surest first.
pub fn links_of_any(conn: &mut Conn, of: &[CaseId]) -> Result<Vec<Link>> {
    let of: Vec<i64> = of.iter().map(|c| c.0).collect();
    let rows: Vec<LinkRow> = links::table
        .filter(links::case_id.eq_any(of))
        .order((links::score.desc(), links::id))
        .select(link_columns!())
        .load(conn)?;
    rows.into_iter().map(link_of).collect()
}

/// Confirmed links to a thread, after the link `after`.
pub fn links_to(conn: &mut Conn, thread: ThreadId, after: LinkId, limit: i64) -> Result<Vec<Link>> {
    let rows: Vec<LinkRow> = links::table
        .filter(links::thread_id.eq(thread.0).and(links::id.gt(after.0)))
        .filter(links::state.eq(LinkState::Confirmed.as_str()))
        .order(links::id)
        .limit(limit)
        .select(link_columns!())
        .load(conn)?;
    rows.into_iter().map(link_of).collect()
}

/// Confirmed links to a thread whose people were not told yet, after the link `after`.
pub fn untold_links_to(
    conn: &mut Conn,
    thread: ThreadId,
    after: LinkId,
    limit: i64,
) -> Result<Vec<Link>> {
    let rows: Vec<LinkRow> = links::table
        .filter(links::thread_id.eq(thread.0).and(links::id.gt(after.0)))
        .filter(
            links::state
                .eq(LinkState::Confirmed.as_str())
                .and(links::told_at.is_null()),
        )
        .order(links::id)
        .limit(limit)
        .select(link_columns!())
        .load(conn)?;
    rows.into_iter().map(link_of).collect()
}

pub fn set_link_state(
    tx: &mut Conn,
    id: LinkId,
    state: LinkState,
    now: Moment,
    by: Option<UserId>,
) -> Result<()> {
    diesel::update(links::table.find(id.0))
        .set((
            links::state.eq(state.as_str()),
            links::decided_at.eq(now.0),
            links::decided_by.eq(by.map(|u| u.0)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Notes that the link's customer was told; false when they were already.
pub fn set_link_told(tx: &mut Conn, id: LinkId, now: Moment) -> Result<bool> {
    let n = diesel::update(links::table.filter(links::id.eq(id.0).and(links::told_at.is_null())))
        .set(links::told_at.eq(now.0))
        .execute(tx)?;
    Ok(n == 1)
}

/// The thread was taken up again: who was told is to be told of the next solution too.
pub fn forget_told(tx: &mut Conn, thread: ThreadId) -> Result<()> {
    diesel::update(links::table.filter(links::thread_id.eq(thread.0)))
        .set(links::told_at.eq(None::<i64>))
        .execute(tx)?;
    Ok(())
}

/// How links came to be, and how many of their customers were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct LinkCounts {
    /// Confirmed by a rule that was sure.
    pub by_rule: i64,
    /// Confirmed by a person.
    pub by_person: i64,
    /// Waiting for a person.
    pub proposed: i64,
    /// Told that it is solved.
    pub told: i64,
}

/// Counts the links to threads that were made since then, and those told since then.
pub fn link_counts(conn: &mut Conn, since: Moment) -> Result<LinkCounts> {
    use diesel::dsl::count_star;
    let confirmed = LinkState::Confirmed.as_str();
    let threads = || {
        links::table
            .filter(links::target.eq("thread"))
            .filter(links::created_at.ge(since.0))
            .select(count_star())
    };
    Ok(LinkCounts {
        by_rule: threads()
            .filter(links::state.eq(confirmed).and(links::decided_by.is_null()))
            .first(conn)?,
        by_person: threads()
            .filter(
                links::state
                    .eq(confirmed)
                    .and(links::decided_by.is_not_null()),
            )
            .first(conn)?,
        proposed: threads()
            .filter(links::state.eq(LinkState::Proposed.as_str()))
            .first(conn)?,
        told: links::table
            .filter(links::told_at.ge(since.0))
            .select(count_star())
            .first(conn)?,
    })
}
