//! Queries of cases, their events, links and notes.

use diesel::prelude::*;

use super::links::{Link, LinkState, NewLink, Target};
use super::satisfaction::Verdict;
use super::{Case, NewCase, Severity, State, Step};
use crate::clock::Moment;
use crate::db::audit::Actor;
use crate::db::changes::{self, Subject};
use crate::db::schema::{case_events, case_notes, cases, links};
use crate::db::{Conn, Mismatch};
use crate::each;
use crate::error::{Error, Result};
use crate::ids::{CaseId, HandleId, LinkId, MentionId, ProductId, ThreadId, TopicId, UserId};
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

/// A part of a case's story.
pub struct Event<'a> {
    pub step: Step,
    pub by: &'a Actor,
    pub mention: Option<MentionId>,
    /// One line that says what happened.
    pub summary: &'a str,
    /// Why, in words a person can read.
    pub reasons: Vec<String>,
    pub data: serde_json::Value,
}

/// An event as stored.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    pub id: i64,
    pub step: Step,
    pub actor_kind: String,
    pub actor_name: String,
    pub mention: Option<MentionId>,
    pub summary: String,
    pub reasons: Vec<String>,
    pub data: serde_json::Value,
    pub at: Moment,
}

/// Adds to the story; the case gets a new version.
pub fn record_event(tx: &mut Conn, now: Moment, case: CaseId, event: Event<'_>) -> Result<()> {
    let reasons = serde_json::to_string(&event.reasons).map_err(Error::other)?;
    diesel::insert_into(case_events::table)
        .values((
            case_events::case_id.eq(case.0),
            case_events::mention_id.eq(event.mention.map(|m| m.0)),
            case_events::step.eq(event.step.as_str()),
            case_events::actor_kind.eq(event.by.kind()),
            case_events::actor_id.eq(event.by.user_id().map(|u| u.0)),
            case_events::actor_name.eq(event.by.name()),
            case_events::summary.eq(event.summary),
            case_events::reasons.eq(reasons),
            case_events::data.eq(event.data.to_string()),
            case_events::created_at.eq(now.0),
        ))
        .execute(tx)?;
    touch(tx, case, now)
}

/// Whether the newest change of state was that we asked the customer for something.
pub fn was_asked(conn: &mut Conn, case: CaseId) -> Result<bool> {
    let data: Option<String> = case_events::table
        .filter(
            case_events::case_id
                .eq(case.0)
                .and(case_events::step.eq(Step::State.as_str())),
        )
        .order(case_events::id.desc())
        .select(case_events::data)
        .first(conn)
        .optional()?;
    let data: Option<serde_json::Value> = data.and_then(|text| serde_json::from_str(&text).ok());
    Ok(data.is_some_and(|d| d["asked"] == serde_json::Value::Bool(true)))
}

/// The newest part of the story, oldest first.
pub fn events(conn: &mut Conn, case: CaseId) -> Result<Vec<StoredEvent>> {
    type Row = (
        i64,
        String,
        String,
        String,
        Option<i64>,
        String,
        String,
        String,
        i64,
    );
    let mut rows: Vec<Row> = case_events::table
        .filter(case_events::case_id.eq(case.0))
        .order(case_events::id.desc())
        .limit(EVENTS_MAX)
        .select((
            case_events::id,
            case_events::step,
            case_events::actor_kind,
            case_events::actor_name,
            case_events::mention_id,
            case_events::summary,
            case_events::reasons,
            case_events::data,
            case_events::created_at,
        ))
        .load(conn)?;
    rows.reverse();
    rows.into_iter()
        .map(
            |(id, step, actor_kind, actor_name, mention, summary, reasons, data, at)| {
                Ok(StoredEvent {
                    id,
                    step: step.parse()?,
                    actor_kind,
                    actor_name,
                    mention: mention.map(MentionId),
                    summary,
                    reasons: serde_json::from_str(&reasons).unwrap_or_default(),
                    data: serde_json::from_str(&data).unwrap_or_default(),
                    at: Moment(at),
                })
            },
        )
        .collect()
}

/// Whether a person, not a rule, took this step.
pub fn decided_by_person(conn: &mut Conn, case: CaseId, step: Step) -> Result<bool> {
    let theirs = case_events::table
        .filter(case_events::case_id.eq(case.0))
        .filter(case_events::step.eq(step.as_str()))
        .filter(case_events::actor_kind.eq("user"));
    Ok(diesel::select(diesel::dsl::exists(theirs)).get_result(conn)?)
}

/// Whether the customer wrote after the event `seen`, in this case or one that it took in (which
/// brings words along that were not seen here before).
pub fn customer_wrote_since(conn: &mut Conn, case: CaseId, seen: i64) -> Result<bool> {
    Ok(!words_since(conn, case, seen)?.is_empty())
}

/// As [`customer_wrote_since`], but praise, which asks for nothing, does not count.
pub fn customer_spoke_since(conn: &mut Conn, case: CaseId, seen: i64) -> Result<bool> {
    let rows = words_since(conn, case, seen)?;
    Ok(rows.into_iter().any(|(step, data)| {
        let data: serde_json::Value = serde_json::from_str(&data).unwrap_or_default();
        step != Step::Join.as_str() || data["label"] != "praise"
    }))
}

/// The events after `seen` by which words of the customer came to the case, as step and data. Ids
/// count, not times: who writes such an event holds the case, so that they rise in the order of the
/// commits, and a time may be from long before.
fn words_since(conn: &mut Conn, case: CaseId, seen: i64) -> Result<Vec<(String, String)>> {
    let of = cases::table
        .filter(
            cases::id
                .eq(case.0)
                .or(cases::merged_into_id.assume_not_null().eq(case.0)),
        )
        .select(cases::id);
    let steps = [Step::Capture, Step::Join, Step::Merge].map(Step::as_str);
    Ok(case_events::table
        .filter(case_events::case_id.eq_any(of))
        .filter(case_events::id.gt(seen))
        .filter(
            case_events::actor_kind
                .eq("customer")
                .or(case_events::step.eq_any(steps)),
        )
        .order(case_events::id)
        .limit(EVENTS_MAX)
        .select((case_events::step, case_events::data))
        .load(conn)?)
}

/// Who else of the staff answered the customer after the event `seen`, by mail or in public, in this
/// case or one that it took in.
pub fn answered_since(
    conn: &mut Conn,
    case: CaseId,
    except: UserId,
    seen: i64,
) -> Result<Option<String>> {
    let of = desk::family(conn, case)?;
    let of: Vec<i64> = of.into_iter().map(|c| c.0).collect();
    let steps = [Step::Ticket, Step::Acknowledge].map(Step::as_str);
    let rows: Vec<(String, String)> = case_events::table
        .filter(case_events::case_id.eq_any(of))
        .filter(case_events::id.gt(seen))
        .filter(case_events::step.eq_any(steps))
        .filter(case_events::actor_kind.eq("user"))
        .filter(case_events::actor_id.ne(except.0))
        .order(case_events::id.desc())
        .limit(EVENTS_MAX)
        .select((case_events::actor_name, case_events::data))
        .load(conn)?;
    Ok(rows.into_iter().find_map(|(name, data)| {
        let data: serde_json::Value = serde_json::from_str(&data).unwrap_or_default();
        (data["act"] != "reply_discarded").then_some(name)
    }))
}

/// Most events of one case that a page shows.
pub const EVENTS_MAX: i64 = 1_000;

pub fn insert_note(
    tx: &mut Conn,
    now: Moment,
    case: CaseId,
    author: UserId,
    body: &str,
    request_key: &str,
) -> Result<bool> {
    let row = (
        case_notes::case_id.eq(case.0),
        case_notes::author_id.eq(author.0),
        case_notes::body.eq(body),
        case_notes::created_at.eq(now.0),
        case_notes::request_key.eq(request_key),
    );
    let n = each!(tx, c => diesel::insert_into(case_notes::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(n == 1)
}

/// An internal note as stored.
#[derive(Clone, Debug, Queryable)]
pub struct Note {
    pub id: i64,
    pub author_id: i64,
    pub body: String,
    pub created_at: i64,
}

pub fn notes(conn: &mut Conn, case: CaseId) -> Result<Vec<Note>> {
    let mut newest: Vec<Note> = case_notes::table
        .filter(case_notes::case_id.eq(case.0))
        .order(case_notes::id.desc())
        .limit(EVENTS_MAX)
        .select((
            case_notes::id,
            case_notes::author_id,
            case_notes::body,
            case_notes::created_at,
        ))
        .load(conn)?;
    newest.reverse();
    Ok(newest)
}

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
