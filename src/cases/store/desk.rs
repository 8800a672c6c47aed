//! Queries of the desk: counts of the queue, what is prepared for a case, and finding a case again.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::super::links::LinkState;
use super::super::queue::{Assignee, Filter};
use super::super::{Case, State};
use super::Row;
use crate::db::Conn;
use crate::db::schema::{case_events, cases, handles, links, users};
use crate::error::Result;
use crate::ids::{CaseId, ProductId};
use crate::text::names;

/// Cases that one case may have taken in and still shows.
const MERGED_MAX: i64 = 50;

/// Waiting cases of each channel: how many, and since when the longest waits. Of all products, or
/// of these and those that have none.
pub fn waits(
    conn: &mut Conn,
    products: Option<&[ProductId]>,
) -> Result<Vec<(String, i64, Option<i64>)>> {
    let mut query = cases::table
        .filter(cases::state.eq_any([State::New.as_str(), State::WaitingStaff.as_str()]))
        .filter(cases::merged_into_id.is_null())
        .group_by(cases::channel)
        .select((
            cases::channel,
            count_star(),
            diesel::dsl::min(cases::waiting_since),
        ))
        .order(cases::channel)
        .into_boxed();
    if let Some(products) = products {
        let ids: Vec<i64> = products.iter().map(|p| p.0).collect();
        query = query.filter(
            cases::product_id
                .is_null()
                .or(cases::product_id.eq_any(ids)),
        );
    }
    Ok(query.load(conn)?)
}

/// How many cases a filter shows, all severities and pages together.
pub fn count(conn: &mut Conn, filter: &Filter) -> Result<i64> {
    let states: Vec<&str> = filter.states().iter().map(|s| s.as_str()).collect();
    let mut query = cases::table
        .filter(cases::state.eq_any(states))
        .filter(cases::merged_into_id.is_null())
        .select(count_star())
        .into_boxed();
    if let Some(severity) = filter.severity {
        query = query.filter(cases::severity.eq(severity.as_str()));
    }
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
        Assignee::Anybody => {}
        Assignee::Nobody => query = query.filter(cases::assignee_id.is_null()),
        Assignee::User(id) => query = query.filter(cases::assignee_id.eq(id.0)),
    }
    Ok(query.first(conn)?)
}

/// How many of these rows each case has: a case's own, and those of the cases that went on in it.
pub fn by_head(rows: Vec<(i64, Option<i64>)>) -> HashMap<CaseId, i64> {
    let mut counts = HashMap::new();
    for (case, merged_into) in rows {
        *counts
            .entry(CaseId(merged_into.unwrap_or(case)))
            .or_default() += 1;
    }
    counts
}

/// How many links are proposed to each of these cases; those with none are left out.
pub fn proposal_counts(conn: &mut Conn, ids: &[CaseId]) -> Result<HashMap<CaseId, i64>> {
    let ids: Vec<i64> = ids.iter().map(|c| c.0).collect();
    let rows: Vec<(i64, Option<i64>)> = links::table
        .inner_join(cases::table.on(cases::id.eq(links::case_id)))
        .filter(
            cases::id
                .eq_any(ids.clone())
                .or(cases::merged_into_id.assume_not_null().eq_any(ids)),
        )
        .filter(links::state.eq(LinkState::Proposed.as_str()))
        .select((cases::id, cases::merged_into_id))
        .load(conn)?;
    Ok(by_head(rows))
}

/// These cases, in the order of their ids in the list; those that are not there are left out.
pub fn by_ids(conn: &mut Conn, ids: &[CaseId]) -> Result<Vec<Case>> {
    let wanted: Vec<i64> = ids.iter().map(|c| c.0).collect();
    let rows: Vec<Row> = cases::table
        .filter(cases::id.eq_any(wanted))
        .select(columns!())
        .load(conn)?;
    let mut found: Vec<Case> = rows.into_iter().map(Row::case).collect::<Result<_>>()?;
    found.sort_by_key(|case| ids.iter().position(|id| *id == case.id));
    Ok(found)
}

/// A case, and after it those that went on in it, oldest first: together they are one page.
pub fn family(conn: &mut Conn, head: CaseId) -> Result<Vec<CaseId>> {
    let taken_in: Vec<i64> = cases::table
        .filter(cases::merged_into_id.eq(head.0))
        .order(cases::id)
        .limit(MERGED_MAX)
        .select(cases::id)
        .load(conn)?;
    let ids = std::iter::once(head.0).chain(taken_in);
    Ok(ids.map(CaseId).collect())
}

/// The newest event of a case and of those that went on in it; 0 when there is none.
pub fn newest_event(conn: &mut Conn, head: CaseId) -> Result<i64> {
    let of: Vec<i64> = family(conn, head)?.into_iter().map(|c| c.0).collect();
    let newest: Option<i64> = case_events::table
        .filter(case_events::case_id.eq_any(of))
        .select(diesel::dsl::max(case_events::id))
        .first(conn)?;
    Ok(newest.unwrap_or(0))
}

/// The case that `1000` means, also as replies name it: `C1000`.
fn numbered(key: &str) -> i64 {
    key.strip_prefix('c').unwrap_or(key).parse().unwrap_or(0)
}

/// Cases whose id, customer's handle, name or email address holds `words`, newest first.
pub fn search(
    conn: &mut Conn,
    words: &str,
    products: Option<&[ProductId]>,
    limit: i64,
) -> Result<Vec<Case>> {
    let key = words.trim().trim_start_matches(['#', '@']).to_lowercase();
    if key.is_empty() {
        return Ok(Vec::new());
    }
    let pattern = format!("%{}%", escaped(&key));
    let named = match names::key(&key) {
        name if name.is_empty() => return Ok(Vec::new()),
        name => format!("%{}%", escaped(&name)),
    };
    let of_handles = handles::table
        .filter(handles::username_key.like(named.clone()).escape('\\'))
        .select(handles::id.nullable());
    let of_users = users::table
        .filter(users::name_key.like(named.clone()).escape('\\'))
        .select(users::id.nullable());
    let mut query = cases::table
        .filter(
            cases::id
                .eq(numbered(&key))
                .or(cases::email_key.like(pattern.clone()).escape('\\'))
                .or(cases::customer_name_key.like(named).escape('\\'))
                .or(cases::handle_id.eq_any(of_handles))
                .or(cases::user_id.eq_any(of_users)),
        )
        .order(cases::id.desc())
        .limit(limit)
        .select(columns!())
        .into_boxed();
    if let Some(products) = products {
        let ids: Vec<i64> = products.iter().map(|p| p.0).collect();
        query = query.filter(
            cases::product_id
                .is_null()
                .or(cases::product_id.eq_any(ids)),
        );
    }
    query
        .load::<Row>(conn)?
        .into_iter()
        .map(Row::case)
        .collect()
}

/// `text` as a LIKE pattern takes it literally, with `\` as the escape.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}
