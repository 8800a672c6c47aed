//! Queries of the desk: what waits for a person on the public side of cases.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::db::Conn;
use crate::db::schema::{mentions, replies};
use crate::error::Result;
use crate::escalations::ReplyState;
use crate::ids::{CaseId, MentionId};

/// How many replies of these cases wait for a person: drafts, and those to be posted by hand.
/// Cases with none are left out.
pub fn waiting_replies(conn: &mut Conn, cases: &[CaseId]) -> Result<HashMap<CaseId, i64>> {
    let ids: Vec<i64> = cases.iter().map(|c| c.0).collect();
    let by_hand = replies::handoff
        .eq(true)
        .and(replies::state.eq(ReplyState::Approved.as_str()));
    let rows: Vec<(i64, i64)> = replies::table
        .filter(replies::case_id.eq_any(ids))
        .filter(
            replies::state
                .eq_any([ReplyState::Draft.as_str(), ReplyState::Failed.as_str()])
                .or(by_hand),
        )
        .group_by(replies::case_id)
        .select((replies::case_id, count_star()))
        .load(conn)?;
    Ok(rows.into_iter().map(|(id, n)| (CaseId(id), n)).collect())
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
