//! Queries of the desk: what waits for a person on the public side of cases.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::Mention;
use crate::cases::Step;
use crate::cases::store::desk::by_head;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{case_events, cases, mentions, replies, triages};
use crate::error::Result;
use crate::escalations::{Label, Purpose, ReplyState, Stage};
use crate::ids::{CaseId, MentionId, ProductId};
use crate::networks::Network;

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

/// Which of the posts without a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// Those at which nobody has looked, and those that could not be judged.
    #[default]
    ToLookAt,
    Unjudged,
    All,
}

/// The posts without a case that are asked for.
#[derive(Clone, Debug, Default)]
pub struct Aside {
    pub part: Part,
    /// Those of these products and those that name none; `None` for all.
    pub products: Option<Vec<ProductId>>,
    pub network: Option<Network>,
    /// What they were judged to be.
    pub label: Option<Label>,
    /// Those alone that are named here.
    pub among: Option<Vec<MentionId>>,
}

/// Posts without a case are counted up to here.
pub const ASIDE_COUNT_MAX: i64 = 1_000;

/// Posts that stand and are in no case, the newest first, behind `before`: judged to want nothing,
/// or not judged because that failed.
pub fn without_case(
    conn: &mut Conn,
    asked: &Aside,
    before: Option<MentionId>,
    limit: i64,
) -> Result<Vec<Mention>> {
    ids_without_case(conn, asked, before, limit)?
        .into_iter()
        .filter_map(|id| super::mention(conn, id).transpose())
        .collect()
}

/// How many there are; one more than `ASIDE_COUNT_MAX` when there are more than that.
pub fn count_without_case(conn: &mut Conn, asked: &Aside) -> Result<i64> {
    let ids = ids_without_case(conn, asked, None, ASIDE_COUNT_MAX + 1)?;
    Ok(ids.len() as i64)
}

/// As `without_case`, their ids.
pub fn ids_without_case(
    conn: &mut Conn,
    asked: &Aside,
    before: Option<MentionId>,
    limit: i64,
) -> Result<Vec<MentionId>> {
    let stages = match asked.part {
        Part::Unjudged => vec![Stage::Failed.as_str()],
        Part::ToLookAt | Part::All => vec![Stage::Failed.as_str(), Stage::Done.as_str()],
    };
    let mut query = mentions::table
        .filter(mentions::stage.eq_any(stages))
        .filter(mentions::case_id.is_null())
        .filter(mentions::deleted_at.is_null())
        .order(mentions::id.desc())
        .limit(limit)
        .select(mentions::id)
        .into_boxed();
    if asked.part == Part::ToLookAt {
        query = query.filter(mentions::looked_at.is_null());
    }
    if let Some(before) = before {
        query = query.filter(mentions::id.lt(before.0));
    }
    if let Some(among) = &asked.among {
        let ids: Vec<i64> = among.iter().map(|m| m.0).collect();
        query = query.filter(mentions::id.eq_any(ids));
    }
    if let Some(network) = asked.network {
        query = query.filter(mentions::network.eq(network.as_str()));
    }
    if let Some(label) = asked.label {
        let later = diesel::alias!(triages as later);
        let is_superseded = diesel::dsl::exists(
            later
                .filter(later.field(triages::mention_id).eq(mentions::id))
                .filter(later.field(triages::id).gt(triages::id)),
        );
        let so_judged = triages::table
            .filter(triages::mention_id.eq(mentions::id))
            .filter(triages::label.eq(label.as_str()))
            .filter(diesel::dsl::not(is_superseded));
        // A judgement from before an edit does not hold while the new text could not be judged.
        query = query
            .filter(mentions::stage.eq(Stage::Done.as_str()))
            .filter(diesel::dsl::exists(so_judged));
    }
    if let Some(products) = &asked.products {
        let ids: Vec<i64> = products.iter().map(|p| p.0).collect();
        let elsewhere = triages::table
            .filter(triages::mention_id.eq(mentions::id))
            .filter(triages::product_id.is_not_null())
            .filter(triages::product_id.assume_not_null().ne_all(ids));
        query = query.filter(diesel::dsl::not(diesel::dsl::exists(elsewhere)));
    }
    let ids: Vec<i64> = query.load(conn)?;
    Ok(ids.into_iter().map(MentionId).collect())
}

/// Notes that a person has looked at these posts and leaves them without a case. Which it is of:
/// those that were judged, are in none, and at which nobody had looked.
pub fn set_looked_at(tx: &mut Conn, posts: &[MentionId], now: Moment) -> Result<Vec<MentionId>> {
    let ids: Vec<i64> = posts.iter().map(|m| m.0).collect();
    let judged = mentions::table
        .filter(mentions::id.eq_any(ids))
        .filter(mentions::case_id.is_null())
        .filter(mentions::looked_at.is_null())
        .filter(mentions::stage.eq(Stage::Done.as_str()));
    let looked: Vec<i64> = diesel::update(judged)
        .set(mentions::looked_at.eq(now.0))
        .returning(mentions::id)
        .get_results(tx)?;
    Ok(looked.into_iter().map(MentionId).collect())
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
