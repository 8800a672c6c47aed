//! Queries of the desk: what waits for a person on the public side of cases.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::db::Conn;
use crate::db::schema::{cases, mentions, replies};
use crate::error::Result;
use crate::escalations::{Purpose, ReplyState};
use crate::ids::{CaseId, MentionId, ProductId};

/// Replies that wait for a person: drafts, those that were not sent, and those to be posted by hand.
macro_rules! wait_for_a_person {
    () => {
        replies::state
            .eq_any([ReplyState::Draft.as_str(), ReplyState::Failed.as_str()])
            .or(replies::handoff
                .eq(true)
                .and(replies::state.eq(ReplyState::Approved.as_str())))
    };
}

/// How many replies of these cases wait for a person. Cases with none are left out.
pub fn waiting_replies(conn: &mut Conn, cases: &[CaseId]) -> Result<HashMap<CaseId, i64>> {
    let ids: Vec<i64> = cases.iter().map(|c| c.0).collect();
    let rows: Vec<(i64, i64)> = replies::table
        .filter(replies::case_id.eq_any(ids))
        .filter(wait_for_a_person!())
        .group_by(replies::case_id)
        .select((replies::case_id, count_star()))
        .load(conn)?;
    Ok(rows.into_iter().map(|(id, n)| (CaseId(id), n)).collect())
}

/// A reply that waits for a person, with the case on whose page it stands: the one in which its
/// own goes on, if it was merged.
#[derive(Clone, Copy, Debug)]
pub struct WaitingReply {
    pub case: CaseId,
    pub is_closing: bool,
}

/// Replies that wait for a person, oldest first, whatever state their case is in: word that a
/// problem is solved is drafted when the case has left the queue. Of all products, or of these and
/// cases that have none.
pub fn replies_to_send(
    conn: &mut Conn,
    products: Option<&[ProductId]>,
    limit: i64,
) -> Result<Vec<WaitingReply>> {
    let mut query = replies::table
        .inner_join(cases::table)
        .filter(wait_for_a_person!())
        .order(replies::id)
        .limit(limit)
        .select((replies::case_id, cases::merged_into_id, replies::purpose))
        .into_boxed();
    if let Some(products) = products {
        let ids: Vec<i64> = products.iter().map(|p| p.0).collect();
        query = query.filter(
            cases::product_id
                .is_null()
                .or(cases::product_id.eq_any(ids)),
        );
    }
    let rows: Vec<(i64, Option<i64>, String)> = query.load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(case, merged_into, purpose)| WaitingReply {
            case: CaseId(merged_into.unwrap_or(case)),
            is_closing: purpose == Purpose::CloseLoop.as_str(),
        })
        .collect())
}

/// How many replies wait for a person, of all products, or of these and cases that have none.
pub fn count_replies_to_send(conn: &mut Conn, products: Option<&[ProductId]>) -> Result<i64> {
    let mut query = replies::table
        .inner_join(cases::table)
        .filter(wait_for_a_person!())
        .select(count_star())
        .into_boxed();
    if let Some(products) = products {
        let ids: Vec<i64> = products.iter().map(|p| p.0).collect();
        query = query.filter(
            cases::product_id
                .is_null()
                .or(cases::product_id.eq_any(ids)),
        );
    }
    Ok(query.first(conn)?)
}

/// The newest post of a case that still stands on its network.
pub fn newest_mention_of(conn: &mut Conn, case: CaseId) -> Result<Option<MentionId>> {
    let id: Option<i64> = mentions::table
        .filter(mentions::case_id.eq(case.0))
        .filter(mentions::deleted_at.is_null())
        .order(mentions::id.desc())
        .select(mentions::id)
        .first(conn)
        .optional()?;
    Ok(id.map(MentionId))
}
