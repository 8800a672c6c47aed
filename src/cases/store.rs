//! Queries of cases. Their story is in `store/events.rs`, their links in `store/links.rs`, what the
//! desk asks for in `store/desk.rs`.

mod events;
mod links;

use diesel::prelude::*;

pub use events::*;
pub use links::*;

use super::satisfaction::Verdict;
use super::{Case, NewCase, Severity, State};
use crate::clock::Moment;
use crate::db::changes::{self, Subject};
use crate::db::schema::{case_events, cases};
use crate::db::{Conn, Mismatch};
use crate::error::Result;
use crate::ids::{CaseId, HandleId, ProductId, TopicId, UserId};
use crate::text::names;

#[derive(Queryable)]
struct Row {
    id: i64,
    state: String,
    severity: String,
    channel: String,
    summary: String,
    product_id: Option<i64>,
    topic_id: Option<i64>,
    user_id: Option<i64>,
    handle_id: Option<i64>,
    email: Option<String>,
    customer_name: String,
    assignee_id: Option<i64>,
    opened_at: i64,
    waiting_since: Option<i64>,
    first_response_at: Option<i64>,
    resolved_at: Option<i64>,
    closed_at: Option<i64>,
    reopened_count: i64,
    merged_into_id: Option<i64>,
    satisfaction: Option<String>,
    version: i64,
}

/// The columns of a case, in the order of `Row`.
macro_rules! columns {
    () => {
        (
            cases::id,
            cases::state,
            cases::severity,
            cases::channel,
            cases::summary,
            cases::product_id,
            cases::topic_id,
            cases::user_id,
            cases::handle_id,
            cases::email,
            cases::customer_name,
            cases::assignee_id,
            cases::opened_at,
            cases::waiting_since,
            cases::first_response_at,
            cases::resolved_at,
            cases::closed_at,
            cases::reopened_count,
            cases::merged_into_id,
            cases::satisfaction,
            cases::version,
        )
    };
}

// After the macro it uses.
pub mod desk;

impl Row {
    fn case(self) -> Result<Case> {
        Ok(Case {
            id: CaseId(self.id),
            state: self.state.parse()?,
            severity: self.severity.parse()?,
            channel: self.channel.parse()?,
            summary: self.summary,
            product: self.product_id.map(ProductId),
            topic: self.topic_id.map(TopicId),
            user: self.user_id.map(UserId),
            handle: self.handle_id.map(HandleId),
            email: self.email,
            customer_name: self.customer_name,
            assignee: self.assignee_id.map(UserId),
            opened_at: Moment(self.opened_at),
            waiting_since: Moment(self.waiting_since.unwrap_or(self.opened_at)),
            first_response_at: self.first_response_at.map(Moment),
            resolved_at: self.resolved_at.map(Moment),
            closed_at: self.closed_at.map(Moment),
            reopened_count: self.reopened_count,
            merged_into: self.merged_into_id.map(CaseId),
            satisfaction: self.satisfaction,
            version: self.version,
        })
    }
}

pub fn case(conn: &mut Conn, id: CaseId) -> Result<Option<Case>> {
    let row: Option<Row> = cases::table
        .find(id.0)
        .select(columns!())
        .first(conn)
        .optional()?;
    row.map(Row::case).transpose()
}

/// Where the case goes on: itself, or the one it was merged into.
pub fn case_or_successor(conn: &mut Conn, id: CaseId) -> Result<Option<Case>> {
    let Some(found) = case(conn, id)? else {
        return Ok(None);
    };
    match found.merged_into {
        Some(into) => case(conn, into),
        None => Ok(Some(found)),
    }
}

pub fn insert(tx: &mut Conn, now: Moment, new: &NewCase<'_>, summary: &str) -> Result<CaseId> {
    let email_key = new.email.map(str::to_lowercase);
    let id: i64 = diesel::insert_into(cases::table)
        .values((
            cases::state.eq(State::New.as_str()),
            cases::severity.eq(new.severity.as_str()),
            cases::channel.eq(new.channel.as_str()),
            cases::summary.eq(summary),
            cases::product_id.eq(new.product.map(|p| p.0)),
            cases::topic_id.eq(new.topic.map(|t| t.0)),
            cases::user_id.eq(new.user.map(|u| u.0)),
            cases::handle_id.eq(new.handle.map(|h| h.0)),
            cases::email.eq(new.email),
            cases::email_key.eq(email_key),
            cases::customer_name.eq(new.customer_name),
            cases::customer_name_key.eq(names::key(new.customer_name)),
            cases::opened_at.eq(now.0),
            // A clock of the sender's that runs ahead must not put anybody behind.
            cases::waiting_since.eq(new.written_at.min(now).0),
            cases::last_event_at.eq(now.0),
        ))
        .returning(cases::id)
        .get_result(tx)?;
    Ok(CaseId(id))
}

/// Moves a case to `state`; resets its place to `now` when it waits anew.
pub fn set_state(
    tx: &mut Conn,
    case: &Case,
    state: State,
    now: Moment,
    waits_anew: bool,
    reopened: bool,
) -> Result<()> {
    let place = if waits_anew { now } else { case.waiting_since };
    let resolved_at = match state {
        State::Resolved => Some(now.0),
        State::Closed => case.resolved_at.map(|m| m.0),
        _ => None,
    };
    diesel::update(cases::table.find(case.id.0))
        .set((
            cases::state.eq(state.as_str()),
            cases::waiting_since.eq(place.0),
            cases::resolved_at.eq(resolved_at),
            cases::closed_at.eq((state == State::Closed).then_some(now.0)),
            cases::reopened_count.eq(cases::reopened_count + i64::from(reopened)),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn set_place(tx: &mut Conn, id: CaseId, since: Moment) -> Result<()> {
    diesel::update(cases::table.find(id.0))
        .set(cases::waiting_since.eq(since.0))
        .execute(tx)?;
    Ok(())
}

pub fn set_first_response(tx: &mut Conn, id: CaseId, now: Moment) -> Result<()> {
    diesel::update(cases::table.find(id.0))
        .set(cases::first_response_at.eq(now.0))
        .execute(tx)?;
    Ok(())
}

pub fn set_assignee(tx: &mut Conn, id: CaseId, to: Option<UserId>) -> Result<()> {
    diesel::update(cases::table.find(id.0))
        .set(cases::assignee_id.eq(to.map(|u| u.0)))
        .execute(tx)?;
    Ok(())
}

pub fn set_severity(tx: &mut Conn, id: CaseId, severity: Severity) -> Result<()> {
    diesel::update(cases::table.find(id.0))
        .set(cases::severity.eq(severity.as_str()))
        .execute(tx)?;
    Ok(())
}

pub fn set_product(
    tx: &mut Conn,
    id: CaseId,
    product: Option<ProductId>,
    topic: Option<TopicId>,
) -> Result<()> {
    diesel::update(cases::table.find(id.0))
        .set((
            cases::product_id.eq(product.map(|p| p.0)),
            cases::topic_id.eq(topic.map(|t| t.0)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Ties the case to the person who proved to be the customer.
pub fn set_customer(
    tx: &mut Conn,
    id: CaseId,
    user: Option<UserId>,
    email: Option<&str>,
) -> Result<()> {
    if let Some(user) = user {
        diesel::update(cases::table.find(id.0))
            .set(cases::user_id.eq(user.0))
            .execute(tx)?;
    }
    if let Some(email) = email {
        diesel::update(cases::table.find(id.0))
            .set((
                cases::email.eq(email),
                cases::email_key.eq(email.to_lowercase()),
            ))
            .execute(tx)?;
    }
    Ok(())
}

/// The account on a network by which the customer wrote.
pub fn set_handle(tx: &mut Conn, id: CaseId, handle: HandleId) -> Result<()> {
    diesel::update(cases::table.find(id.0))
        .set(cases::handle_id.eq(handle.0))
        .execute(tx)?;
    Ok(())
}

/// No mail goes to the customer of this case any more.
pub fn forget_email(tx: &mut Conn, id: CaseId) -> Result<()> {
    diesel::update(cases::table.find(id.0))
        .set((
            cases::email.eq(None::<String>),
            cases::email_key.eq(None::<String>),
        ))
        .execute(tx)?;
    Ok(())
}

/// `from`, and every case that went on in it, goes on in `into`: where a case goes on is always one
/// step away.
pub fn set_merged(tx: &mut Conn, from: CaseId, into: CaseId, now: Moment) -> Result<()> {
    let all = cases::id.eq(from.0).or(cases::merged_into_id
        .eq(from.0)
        .and(cases::merged_into_id.is_not_null()));
    diesel::update(cases::table.filter(all))
        .set((
            cases::merged_into_id.eq(into.0),
            cases::last_event_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn set_satisfaction(
    tx: &mut Conn,
    id: CaseId,
    verdict: &str,
    comment: &str,
    now: Moment,
) -> Result<()> {
    diesel::update(cases::table.find(id.0))
        .set((
            cases::satisfaction.eq(verdict),
            cases::satisfaction_comment.eq(comment),
            cases::satisfaction_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// What the customer added to their last verdict.
pub fn satisfaction_comment(conn: &mut Conn, id: CaseId) -> Result<Option<String>> {
    let comment: Option<Option<String>> = cases::table
        .find(id.0)
        .select(cases::satisfaction_comment)
        .first(conn)
        .optional()?;
    Ok(comment.flatten())
}

/// Notes that the case changed: a new version, and a line in the change log for live pages. The page
/// of the case that it went on in shows it too.
pub fn touch(tx: &mut Conn, id: CaseId, now: Moment) -> Result<()> {
    let went_on_in: Option<Option<i64>> = diesel::update(cases::table.find(id.0))
        .set((
            cases::version.eq(cases::version + 1),
            cases::last_event_at.eq(now.0),
        ))
        .returning(cases::merged_into_id)
        .get_result(tx)
        .optional()?;
    changes::append(tx, Subject::Case, id.0, now)?;
    match went_on_in.flatten() {
        Some(into) => changes::append(tx, Subject::Case, into, now),
        None => Ok(()),
    }
}

/// Cases of these people that are not closed, newest first: what else they have open.
pub fn others_of(conn: &mut Conn, case: &Case, limit: i64) -> Result<Vec<Case>> {
    let email_key = case.email.as_deref().map(str::to_lowercase);
    let of_handle = case.handle.map(|h| h.0);
    let of_user = case.user.map(|u| u.0);
    if of_handle.is_none() && of_user.is_none() && email_key.is_none() {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = cases::table
        .filter(cases::id.ne(case.id.0))
        .filter(
            cases::handle_id
                .eq(of_handle)
                .and(cases::handle_id.is_not_null())
                .or(cases::user_id.eq(of_user).and(cases::user_id.is_not_null()))
                .or(cases::email_key
                    .eq(email_key)
                    .and(cases::email_key.is_not_null())),
        )
        .order(cases::id.desc())
        .limit(limit)
        .select(columns!())
        .load(conn)?;
    rows.into_iter().map(Row::case).collect()
}

/// The newest case of a handle that is not closed and has not gone on elsewhere.
pub fn newest_open_of_handle(conn: &mut Conn, handle: HandleId) -> Result<Option<Case>> {
    let row: Option<Row> = cases::table
        .filter(
            cases::handle_id
                .eq(handle.0)
                .and(cases::state.ne(State::Closed.as_str())),
        )
        .filter(cases::merged_into_id.is_null())
        .order(cases::id.desc())
        .select(columns!())
        .first(conn)
        .optional()?;
    row.map(Row::case).transpose()
}

/// Cases by the filters of the queue; see `queue.rs`.
pub fn waiting(
    conn: &mut Conn,
    severity: Severity,
    filter: &super::queue::Filter,
    limit: i64,
) -> Result<Vec<Case>> {
    let mut query = cases::table
        .filter(cases::severity.eq(severity.as_str()))
        .order((cases::waiting_since.asc(), cases::id.asc()))
        .limit(limit)
        .select(columns!())
        .into_boxed();
    let states: Vec<&str> = filter.states().iter().map(|s| s.as_str()).collect();
    query = query
        .filter(cases::state.eq_any(states))
        .filter(cases::merged_into_id.is_null());
    if let Some(channel) = filter.channel {
        query = query.filter(cases::channel.eq(channel.as_str()));
    }
    if let Some(product) = filter.product {
        query = query.filter(cases::product_id.eq(product.0));
    }
    if let Some(products) = &filter.staff_products {
        let ids: Vec<i64> = products.iter().map(|p| p.0).collect();
        query = query.filter(
            cases::product_id
                .is_null()
                .or(cases::product_id.eq_any(ids)),
        );
    }
    match filter.assignee {
        super::queue::Assignee::Anybody => {}
        super::queue::Assignee::Nobody => query = query.filter(cases::assignee_id.is_null()),
        super::queue::Assignee::User(id) => query = query.filter(cases::assignee_id.eq(id.0)),
    }
    if let Some((since, id)) = filter.after {
        query = query.filter(
            cases::waiting_since
                .gt(since.0)
                .or(cases::waiting_since.eq(since.0).and(cases::id.gt(id.0))),
        );
    }
    query
        .load::<Row>(conn)?
        .into_iter()
        .map(Row::case)
        .collect()
}

/// Cases opened since then, by state.
pub fn counts_by_state(conn: &mut Conn, since: Moment) -> Result<Vec<(String, i64)>> {
    Ok(cases::table
        .filter(cases::opened_at.ge(since.0))
        .group_by(cases::state)
        .select((cases::state, diesel::dsl::count_star()))
        .order(cases::state)
        .load(conn)?)
}

/// Customers who gave this verdict since then.
pub fn count_verdicts(conn: &mut Conn, verdict: Verdict, since: Moment) -> Result<i64> {
    Ok(cases::table
        .filter(cases::satisfaction.eq(verdict.as_str()))
        .filter(cases::satisfaction_at.ge(since.0))
        .select(diesel::dsl::count_star())
        .first(conn)?)
}

/// Cases that break a rule: no story, a resolved one without its time, a merge into a case that is
/// not there or itself went on elsewhere.
pub fn inconsistencies(conn: &mut Conn) -> Result<Vec<Mismatch>> {
    use diesel::dsl::{exists, not};
    let mut found = Vec::new();
    let untold: Vec<i64> = cases::table
        .filter(not(exists(
            case_events::table.filter(case_events::case_id.eq(cases::id)),
        )))
        .select(cases::id)
        .load(conn)?;
    for id in untold {
        found.push(Mismatch::new(
            format!("story of case {id}"),
            "at least how it came in",
            "nothing",
        ));
    }
    let resolved: Vec<i64> = cases::table
        .filter(
            cases::state
                .eq(State::Resolved.as_str())
                .and(cases::resolved_at.is_null()),
        )
        .select(cases::id)
        .load(conn)?;
    for id in resolved {
        found.push(Mismatch::new(
            format!("case {id}, resolved"),
            "the time it was resolved",
            "none",
        ));
    }
    let kept = diesel::alias!(cases as kept);
    let lost: Vec<i64> = cases::table
        .filter(cases::merged_into_id.is_not_null())
        .filter(not(exists(
            kept.filter(kept.field(cases::id).nullable().eq(cases::merged_into_id))
                .filter(kept.field(cases::merged_into_id).is_null()),
        )))
        .select(cases::id)
        .load(conn)?;
    for id in lost {
        found.push(Mismatch::new(
            format!("case {id}, merged"),
            "a case in which it goes on",
            "none, or one that went on elsewhere",
        ));
    }
    Ok(found)
}
