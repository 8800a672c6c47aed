//! Queries that count and compare, for `offramp check` and the account of the demo.

use std::collections::HashSet;

use diesel::dsl::count_star;
use diesel::prelude::*;
use serde::Serialize;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{cases, mentions, replies, triages};
use crate::error::Result;
use crate::escalations::judge::JudgeMentions;
use crate::escalations::send_reply::SendReply;
use crate::escalations::{Label, ReplyState, Stage};
use crate::jobs;
use crate::networks::{Network, store as networks};

/// The name under which posts that arrived again are counted.
const KNOWN_POSTS: &str = "known_posts";

/// Counts posts that were there before.
pub fn add_known_posts(tx: &mut Conn, network: Network, more: usize, now: Moment) -> Result<()> {
    let before = networks::state(tx, network, KNOWN_POSTS)?;
    let before: i64 = before.and_then(|text| text.parse().ok()).unwrap_or(0);
    let sum = before + i64::try_from(more).unwrap_or(0);
    networks::set_state(tx, network, KNOWN_POSTS, &sum.to_string(), now)
}

fn known_posts(conn: &mut Conn) -> Result<i64> {
    let mut sum = 0;
    for network in Network::ALL {
        let counted = networks::state(conn, network, KNOWN_POSTS)?;
        sum += counted
            .and_then(|text| text.parse::<i64>().ok())
            .unwrap_or(0);
    }
    Ok(sum)
}

/// How many there are of what, for the account that the demo gives of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub mentions: i64,
    /// Posts that arrived again and were recognised.
    pub duplicates: i64,
    pub mentions_by_stage: Vec<(String, i64)>,
    pub cases_from_mentions: i64,
    pub triages_by_label: Vec<(String, i64)>,
    pub replies_by_state: Vec<(String, i64)>,
}

pub fn counts(conn: &mut Conn) -> Result<Counts> {
    Ok(Counts {
        duplicates: known_posts(conn)?,
        mentions: mentions::table.select(count_star()).first(conn)?,
        mentions_by_stage: mentions::table
            .group_by(mentions::stage)
            .select((mentions::stage, count_star()))
            .order(mentions::stage)
            .load(conn)?,
        cases_from_mentions: cases::table
            .filter(
                cases::id.eq_any(
                    mentions::table
                        .filter(mentions::case_id.is_not_null())
                        .select(mentions::case_id.assume_not_null()),
                ),
            )
            .select(count_star())
            .first(conn)?,
        triages_by_label: triages::table
            .group_by(triages::label)
            .select((triages::label, count_star()))
            .order(triages::label)
            .load(conn)?,
        replies_by_state: replies::table
            .group_by(replies::state)
            .select((replies::state, count_star()))
            .order(replies::state)
            .load(conn)?,
    })
}

pub fn unknown_stages(conn: &mut Conn) -> Result<Vec<(i64, String)>> {
    let stages: Vec<&str> = Stage::ALL.iter().map(|s| s.as_str()).collect();
    Ok(mentions::table
        .filter(mentions::stage.ne_all(stages))
        .select((mentions::id, mentions::stage))
        .load(conn)?)
}

/// Judged complaints and questions that are in no case.
pub fn complaints_without_case(conn: &mut Conn) -> Result<Vec<i64>> {
    Ok(mentions::table
        .inner_join(triages::table)
        .filter(mentions::case_id.is_null())
        .filter(mentions::stage.eq(Stage::Done.as_str()))
        .filter(triages::label.eq(Label::Complaint.as_str()))
        .filter(triages::by_user_id.is_null())
        .select(mentions::id)
        .distinct()
        .load(conn)?)
}

/// Mentions that could not be judged, with the reason.
pub fn failed_mentions(conn: &mut Conn) -> Result<Vec<(i64, Option<String>)>> {
    Ok(mentions::table
        .filter(mentions::stage.eq(Stage::Failed.as_str()))
        .order(mentions::id)
        .select((mentions::id, mentions::error))
        .load(conn)?)
}

/// How many could not be judged.
pub fn count_failed(conn: &mut Conn) -> Result<i64> {
    Ok(mentions::table
        .filter(mentions::stage.eq(Stage::Failed.as_str()))
        .select(count_star())
        .first(conn)?)
}

/// How many mentions wait to be judged while no job would do it.
pub fn captured_without_job(conn: &mut Conn) -> Result<i64> {
    if !jobs::waiting::<JudgeMentions>(conn)?.is_empty() {
        return Ok(0);
    }
    Ok(mentions::table
        .filter(mentions::stage.eq(Stage::Captured.as_str()))
        .select(count_star())
        .first(conn)?)
}

pub fn sent_without_post(conn: &mut Conn) -> Result<Vec<i64>> {
    Ok(replies::table
        .filter(replies::state.eq(ReplyState::Sent.as_str()))
        .filter(
            replies::network_post_id
                .is_null()
                .or(replies::sent_at.is_null()),
        )
        .select(replies::id)
        .load(conn)?)
}

/// Replies that the network is to get, without a job that brings them there.
pub fn unfinished_without_job(conn: &mut Conn) -> Result<Vec<i64>> {
    let states = [
        ReplyState::Approved.as_str(),
        ReplyState::Sending.as_str(),
        ReplyState::Unknown.as_str(),
    ];
    let waiting: Vec<i64> = replies::table
        .filter(
            replies::state
                .eq_any(states)
                .and(replies::handoff.eq(false)),
        )
        .select(replies::id)
        .load(conn)?;
    let under_way: HashSet<i64> = jobs::waiting::<SendReply>(conn)?
        .iter()
        .map(|job| job.reply.0)
        .collect();
    Ok(waiting
        .into_iter()
        .filter(|id| !under_way.contains(id))
        .collect())
}
