//! Queries of spikes: the reports they are found in, and what was found.

use std::collections::HashMap;

use diesel::dsl::{count_star, min};
use diesel::prelude::*;

use super::GONE_SUMMARY;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::functions::substr;
use crate::db::schema::{cases, spike_members, spikes, ticket_messages, tickets};
use crate::each;
use crate::error::{Error, Result};
use crate::escalations::spikes::{MemberState, Spike, SpikeState, words::Word};
use crate::ids::{CaseId, ProductId, SpikeId, ThreadId, UserId};

/// How much of a message is read (characters): more than the words that are counted.
const TEXT_CHARS_READ: i32 = 2_000;
/// Cases whose messages are read in one query.
const CHUNK: usize = 500;

/// What somebody reported, as stored.
#[derive(Clone, Debug)]
pub struct Report {
    pub case: CaseId,
    /// When it was written.
    pub at: Moment,
    /// Whoever wrote it, as far as that is sure: the same for two cases of one person.
    pub author: String,
    pub product: Option<ProductId>,
    pub text: String,
}

type ReportRow = (
    i64,
    i64,
    Option<i64>,
    String,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<i64>,
);

/// The newest reports that were opened and written in this time, at most `limit`, the newest first.
/// What came late, from a file or after an outage, is older than it looks and is left out.
pub fn reports(conn: &mut Conn, from: Moment, to: Moment, limit: i64) -> Result<Vec<Report>> {
    let rows: Vec<ReportRow> = report_columns()
        .filter(cases::opened_at.ge(from.0).and(cases::opened_at.lt(to.0)))
        .filter(cases::summary.ne(GONE_SUMMARY))
        .order((cases::opened_at.desc(), cases::id.desc()))
        .limit(limit)
        .load(conn)?;
    let found = with_messages(conn, rows)?;
    Ok(found
        .into_iter()
        .filter(|report| report.at >= from)
        .collect())
}

/// The reports that these cases are about.
pub fn reports_of(conn: &mut Conn, of: &[CaseId]) -> Result<Vec<Report>> {
    let ids: Vec<i64> = of.iter().map(|case| case.0).collect();
    let mut rows: Vec<ReportRow> = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        rows.extend(
            report_columns()
                .filter(cases::id.eq_any(chunk))
                .load::<ReportRow>(conn)?,
        );
    }
    with_messages(conn, rows)
}

#[diesel::dsl::auto_type]
fn report_columns() -> _ {
    cases::table.select((
        cases::id,
        cases::opened_at,
        cases::waiting_since,
        cases::summary,
        cases::user_id,
        cases::handle_id,
        cases::email_key,
        cases::product_id,
    ))
}

/// Adds what was written in tickets: of a mail, the subject alone says little.
fn with_messages(conn: &mut Conn, rows: Vec<ReportRow>) -> Result<Vec<Report>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
    let mut first: HashMap<i64, String> = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let said: Vec<(i64, String)> = ticket_messages::table
            .inner_join(tickets::table)
            .filter(tickets::case_id.eq_any(chunk))
            .filter(ticket_messages::direction.eq("in"))
            .order(ticket_messages::id)
            .select((
                tickets::case_id,
                substr(ticket_messages::body, 1, TEXT_CHARS_READ),
            ))
            .load(conn)?;
        for (case, body) in said {
            first.entry(case).or_insert(body);
        }
    }
    Ok(rows
        .into_iter()
        .map(
            |(id, opened, waits, summary, user, handle, email, product)| {
                let author = match (user, handle, email) {
                    (Some(user), _, _) => format!("user {user}"),
                    (_, Some(handle), _) => format!("handle {handle}"),
                    (_, _, Some(email)) => format!("mail {email}"),
                    _ => format!("case {id}"),
                };
                let text = match first.remove(&id) {
                    Some(body) => format!("{summary}\n{body}"),
                    None => summary,
                };
                Report {
                    case: CaseId(id),
                    at: Moment(waits.unwrap_or(opened).min(opened)),
                    author,
                    product: product.map(ProductId),
                    text,
                }
            },
        )
        .collect())
}

/// When the first case was opened.
pub fn first_report(conn: &mut Conn) -> Result<Option<Moment>> {
    let first: Option<i64> = cases::table.select(min(cases::opened_at)).first(conn)?;
    Ok(first.map(Moment))
}

type SpikeRow = (
    (i64, String, Option<i64>, String, i64, i64, f64, f64),
    (Option<i64>, i64, i64, i64, Option<i64>, Option<i64>, String),
);

#[diesel::dsl::auto_type]
fn spike_columns() -> _ {
    spikes::table.select((
        (
            spikes::id,
            spikes::state,
            spikes::product_id,
            spikes::words,
            spikes::span,
            spikes::author_count,
            spikes::expected,
            spikes::ln_chance,
        ),
        (
            spikes::thread_id,
            spikes::created_at,
            spikes::last_at,
            spikes::looked_to,
            spikes::decided_at,
            spikes::decided_by,
            spikes::reason,
        ),
    ))
}

fn spike_of(row: SpikeRow) -> Result<Spike> {
    let ((id, state, product, words, span, authors, expected, ln_chance), rest) = row;
    let (thread, created_at, last_at, looked_to, decided_at, decided_by, reason) = rest;
    let words: Vec<Word> = serde_json::from_str(&words)
        .map_err(|e| Error::Data(format!("the words of spike {id}: {e}")))?;
    Ok(Spike {
        id: SpikeId(id),
        state: state.parse()?,
        product: product.map(ProductId),
        words,
        span,
        authors,
        expected,
        ln_chance,
        thread: thread.map(ThreadId),
        created_at: Moment(created_at),
        last_at: Moment(last_at),
        looked_to: CaseId(looked_to),
        decided_at: decided_at.map(Moment),
        decided_by: decided_by.map(UserId),
        reason,
    })
}

pub fn spike(conn: &mut Conn, id: SpikeId) -> Result<Option<Spike>> {
    let row: Option<SpikeRow> = spike_columns()
        .filter(spikes::id.eq(id.0))
        .first(conn)
        .optional()?;
    row.map(spike_of).transpose()
}

/// Spikes that are not over: somebody wrote of them since `since`.
pub fn spikes_since(conn: &mut Conn, since: Moment) -> Result<Vec<Spike>> {
    let rows: Vec<SpikeRow> = spike_columns()
        .filter(spikes::last_at.ge(since.0))
        .order(spikes::id.desc())
        .load(conn)?;
    rows.into_iter().map(spike_of).collect()
}

/// Spikes in a state, the newest first; of these products or of none, `None` for all.
pub fn spikes_in(
    conn: &mut Conn,
    state: SpikeState,
    products: Option<&[ProductId]>,
    before: Option<SpikeId>,
    limit: i64,
) -> Result<Vec<Spike>> {
    let mut query = spike_columns()
        .filter(spikes::state.eq(state.as_str()))
        .filter(spikes::id.lt(before.map_or(i64::MAX, |id| id.0)))
        .order(spikes::id.desc())
        .limit(limit)
        .into_boxed();
    if let Some(products) = products {
        let ids: Vec<i64> = products.iter().map(|p| p.0).collect();
        query = query.filter(
            spikes::product_id
                .is_null()
                .or(spikes::product_id.eq_any(ids)),
        );
    }
    let rows: Vec<SpikeRow> = query.load(conn)?;
    rows.into_iter().map(spike_of).collect()
}

/// How many spikes wait for a decision; of these products or of none, `None` for all.
pub fn count_proposed_spikes(conn: &mut Conn, products: Option<&[ProductId]>) -> Result<i64> {
    let mut query = spikes::table
        .filter(spikes::state.eq(SpikeState::Proposed.as_str()))
        .select(count_star())
        .into_boxed();
    if let Some(products) = products {
        let ids: Vec<i64> = products.iter().map(|p| p.0).collect();
        query = query.filter(
            spikes::product_id
                .is_null()
                .or(spikes::product_id.eq_any(ids)),
        );
    }
    Ok(query.first(conn)?)
}

/// What is found of a spike.
pub struct NewSpike<'a> {
    pub product: Option<ProductId>,
    pub words: &'a [Word],
    pub span: i64,
    pub authors: i64,
    pub expected: f64,
    pub ln_chance: f64,
    /// The newest case that was looked at.
    pub looked_to: CaseId,
}

/// Inserts a proposed spike.
pub fn insert_spike(tx: &mut Conn, new: &NewSpike<'_>, now: Moment) -> Result<SpikeId> {
    let row = (
        spikes::state.eq(SpikeState::Proposed.as_str()),
        spikes::product_id.eq(new.product.map(|p| p.0)),
        spikes::words.eq(serde_json::to_string(new.words).map_err(Error::other)?),
        spikes::span.eq(new.span),
        spikes::author_count.eq(new.authors),
        spikes::expected.eq(new.expected),
        spikes::ln_chance.eq(new.ln_chance),
        spikes::created_at.eq(now.0),
        spikes::last_at.eq(now.0),
        spikes::looked_to.eq(new.looked_to.0),
    );
    let id: i64 = each!(tx, c => diesel::insert_into(spikes::table)
        .values(row)
        .returning(spikes::id)
        .get_result(c))?;
    Ok(SpikeId(id))
}

/// The spike goes on, and is more surprising than when it was found.
pub fn set_spike_count(tx: &mut Conn, id: SpikeId, new: &NewSpike<'_>) -> Result<()> {
    diesel::update(spikes::table.find(id.0))
        .set((
            spikes::span.eq(new.span),
            spikes::author_count.eq(new.authors),
            spikes::expected.eq(new.expected),
            spikes::ln_chance.eq(new.ln_chance),
        ))
        .execute(tx)?;
    Ok(())
}

/// Somebody still writes of it.
pub fn set_spike_seen(tx: &mut Conn, id: SpikeId, now: Moment) -> Result<()> {
    diesel::update(spikes::table.find(id.0))
        .set(spikes::last_at.eq(now.0))
        .execute(tx)?;
    Ok(())
}

/// All cases up to this one were looked at for further members.
pub fn set_looked_to(tx: &mut Conn, id: SpikeId, to: CaseId) -> Result<()> {
    diesel::update(spikes::table.find(id.0))
        .set(spikes::looked_to.eq(to.0))
        .execute(tx)?;
    Ok(())
}

/// A person decided about it: what it is now, the thread it is, and why.
pub fn set_spike_state(
    tx: &mut Conn,
    id: SpikeId,
    state: SpikeState,
    thread: Option<ThreadId>,
    (by, at): (UserId, Moment),
    reason: &str,
) -> Result<()> {
    diesel::update(spikes::table.find(id.0))
        .set((
            spikes::state.eq(state.as_str()),
            spikes::thread_id.eq(thread.map(|t| t.0)),
            spikes::decided_at.eq(at.0),
            spikes::decided_by.eq(by.0),
            spikes::reason.eq(reason),
        ))
        .execute(tx)?;
    Ok(())
}

/// A case that is part of a spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: i64,
    pub case: CaseId,
    pub state: MemberState,
    pub added_at: Moment,
}

/// Members of a spike, by rising id after `after`.
pub fn members(conn: &mut Conn, spike: SpikeId, after: i64, limit: i64) -> Result<Vec<Member>> {
    let rows: Vec<(i64, i64, String, i64)> = spike_members::table
        .filter(spike_members::spike_id.eq(spike.0))
        .filter(spike_members::id.gt(after))
        .order(spike_members::id)
        .limit(limit)
        .select((
            spike_members::id,
            spike_members::case_id,
            spike_members::state,
            spike_members::added_at,
        ))
        .load(conn)?;
    rows.into_iter()
        .map(|(id, case, state, added_at)| {
            Ok(Member {
                id,
                case: CaseId(case),
                state: state.parse()?,
                added_at: Moment(added_at),
            })
        })
        .collect()
}

/// Members in a state, the oldest first.
pub fn members_in(
    conn: &mut Conn,
    spike: SpikeId,
    state: MemberState,
    limit: i64,
) -> Result<Vec<CaseId>> {
    let ids: Vec<i64> = spike_members::table
        .filter(spike_members::spike_id.eq(spike.0))
        .filter(spike_members::state.eq(state.as_str()))
        .order(spike_members::id)
        .limit(limit)
        .select(spike_members::case_id)
        .load(conn)?;
    Ok(ids.into_iter().map(CaseId).collect())
}

/// How many members are in a state.
pub fn count_members(conn: &mut Conn, spike: SpikeId, state: MemberState) -> Result<i64> {
    Ok(spike_members::table
        .filter(spike_members::spike_id.eq(spike.0))
        .filter(spike_members::state.eq(state.as_str()))
        .select(count_star())
        .first(conn)?)
}

/// The spikes of which these cases are members, with each case; also those that it was removed from.
pub fn spikes_of(conn: &mut Conn, of: &[CaseId]) -> Result<Vec<(SpikeId, CaseId)>> {
    let ids: Vec<i64> = of.iter().map(|case| case.0).collect();
    let mut found: Vec<(i64, i64)> = Vec::new();
    for chunk in ids.chunks(CHUNK) {
        found.extend(
            spike_members::table
                .filter(spike_members::case_id.eq_any(chunk))
                .select((spike_members::spike_id, spike_members::case_id))
                .load::<(i64, i64)>(conn)?,
        );
    }
    let found = found.into_iter();
    Ok(found
        .map(|(spike, case)| (SpikeId(spike), CaseId(case)))
        .collect())
}

/// Adds a member; false when it is one, or was removed.
pub fn add_member(
    tx: &mut Conn,
    spike: SpikeId,
    case: CaseId,
    state: MemberState,
    now: Moment,
) -> Result<bool> {
    let row = (
        spike_members::spike_id.eq(spike.0),
        spike_members::case_id.eq(case.0),
        spike_members::state.eq(state.as_str()),
        spike_members::added_at.eq(now.0),
    );
    let added = each!(tx, c => diesel::insert_into(spike_members::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(added == 1)
}

/// Another state of a member; false when it is not a member, or in that state already.
pub fn set_member(tx: &mut Conn, spike: SpikeId, case: CaseId, state: MemberState) -> Result<bool> {
    let member = spike_members::table
        .filter(spike_members::spike_id.eq(spike.0))
        .filter(spike_members::case_id.eq(case.0))
        .filter(spike_members::state.ne(state.as_str()));
    let changed = diesel::update(member)
        .set(spike_members::state.eq(state.as_str()))
        .execute(tx)?;
    Ok(changed == 1)
}

/// Members that were linked, or whose link was proposed, are so no longer.
pub fn unlink_members(tx: &mut Conn, spike: SpikeId) -> Result<()> {
    let states = [MemberState::Linked.as_str(), MemberState::Offered.as_str()];
    let linked = spike_members::table
        .filter(spike_members::spike_id.eq(spike.0))
        .filter(spike_members::state.eq_any(states));
    diesel::update(linked)
        .set(spike_members::state.eq(MemberState::Counted.as_str()))
        .execute(tx)?;
    Ok(())
}

/// The newest case.
pub fn newest_case(conn: &mut Conn) -> Result<CaseId> {
    let newest: Option<i64> = cases::table
        .select(diesel::dsl::max(cases::id))
        .first(conn)?;
    Ok(CaseId(newest.unwrap_or(0)))
}

/// Cases that were opened after this one and after that moment, at most `limit`, the oldest first.
pub fn cases_after(
    conn: &mut Conn,
    after: CaseId,
    since: Moment,
    limit: i64,
) -> Result<Vec<CaseId>> {
    let ids: Vec<i64> = cases::table
        .filter(cases::id.gt(after.0).and(cases::opened_at.ge(since.0)))
        .filter(cases::summary.ne(GONE_SUMMARY))
        .order(cases::id)
        .limit(limit)
        .select(cases::id)
        .load(conn)?;
    Ok(ids.into_iter().map(CaseId).collect())
}
