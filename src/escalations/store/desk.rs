//! Queries of the desk: what waits for a person on the public side of cases.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::Mention;
use crate::cases::Step;
use crate::cases::store::desk::by_head;
use crate::db::Conn;
use crate::db::schema::{case_events, cases, mentions, replies, triages};
use crate::error::Result;
use crate::escalations::{Purpose, ReplyState, Stage};
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
    let rows: Vec<(i64, Option<i64>)> = replies::table
        .inner_join(cases::table)
        .filter(
            cases::id
                .eq_any(ids.clone())
                .or(cases::merged_into_id.assume_not_null().eq_any(ids)),
        )
        .filter(wait_for_a_person!())
        .select((cases::id, cases::merged_into_id))
        .load(conn)?;
    Ok(by_head(rows))
}

/// Whether the case, or the one in which it goes on, is of these products or of none.
macro_rules! is_of_products {
    ($products:expr) => {{
        let ids: Vec<i64> = $products.iter().map(|p| p.0).collect();
        let heads = diesel::alias!(cases as heads);
        let theirs = heads
            .filter(
                heads
                    .field(cases::product_id)
                    .is_null()
                    .or(heads.field(cases::product_id).eq_any(ids.clone())),
            )
            .select(heads.field(cases::id).nullable());
        let own = cases::product_id
            .is_null()
            .or(cases::product_id.eq_any(ids));
        cases::merged_into_id
            .is_null()
            .and(own)
            .or(cases::merged_into_id.eq_any(theirs))
    }};
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
        query = query.filter(is_of_products!(products));
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
        query = query.filter(is_of_products!(products));
    }
    Ok(query.first(conn)?)
}

/// Posts that stand and are in no case, the newest first, behind `before`: those that could not be
/// judged, and unless only these are asked for, those that were judged to want nothing. Of all
/// products, or of these and what names none.
pub fn without_case(
    conn: &mut Conn,
    products: Option<&[ProductId]>,
    only_failed: bool,
    before: Option<MentionId>,
    limit: i64,
) -> Result<Vec<Mention>> {
    let stages = if only_failed {
        vec![Stage::Failed.as_str()]
    } else {
        vec![Stage::Failed.as_str(), Stage::Done.as_str()]
    };
    let mut query = mentions::table
        .filter(mentions::stage.eq_any(stages))
        .filter(mentions::case_id.is_null())
        .filter(mentions::deleted_at.is_null())
        .order(mentions::id.desc())
        .limit(limit)
        .select(mentions::id)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(mentions::id.lt(before.0));
    }
    if let Some(products) = products {
        let ids: Vec<i64> = products.iter().map(|p| p.0).collect();
        let elsewhere = triages::table
            .filter(triages::mention_id.eq(mentions::id))
            .filter(triages::product_id.is_not_null())
            .filter(triages::product_id.assume_not_null().ne_all(ids));
        query = query.filter(diesel::dsl::not(diesel::dsl::exists(elsewhere)));
    }
    let ids: Vec<i64> = query.load(conn)?;
    ids.into_iter()
        .filter_map(|id| super::mention(conn, MentionId(id)).transpose())
        .collect()
}

/// Whether the mention came to one of these cases by a join.
pub fn was_joined(conn: &mut Conn, of: &[CaseId], mention: MentionId) -> Result<bool> {
    let of: Vec<i64> = of.iter().map(|c| c.0).collect();
    let joins = case_events::table
        .filter(case_events::case_id.eq_any(of))
        .filter(case_events::mention_id.eq(mention.0))
        .filter(case_events::step.eq(Step::Join.as_str()));
    Ok(diesel::select(diesel::dsl::exists(joins)).get_result(conn)?)
}

/// The newest post of these cases that still stands on its network.
pub fn newest_mention_of(conn: &mut Conn, of: &[CaseId]) -> Result<Option<MentionId>> {
    let of: Vec<i64> = of.iter().map(|c| c.0).collect();
    let id: Option<i64> = mentions::table
        .filter(mentions::case_id.eq_any(of))
        .filter(mentions::deleted_at.is_null())
        .order(mentions::id.desc())
        .select(mentions::id)
        .first(conn)
        .optional()?;
    Ok(id.map(MentionId))
}
