//! Queries of mentions.

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;

use crate::cases::Step;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{case_events, cases, links, mentions, replies, triages};
use crate::each;
use crate::error::{Error, Result};
use crate::escalations::Stage;
use crate::escalations::store::Drafts;
use crate::forum;
use crate::ids::{CaseId, HandleId, IntakeId, MentionId};
use crate::networks::{Network, PublicPost};
use crate::text::storable;

/// A mention as the steps need it.
#[derive(Clone, Debug)]
pub struct Mention {
    pub id: MentionId,
    pub network: Network,
    pub post_id: String,
    pub first_post_id: String,
    pub conversation_id: String,
    pub in_reply_to: Option<String>,
    pub in_reply_to_user: Option<String>,
    pub ours: bool,
    pub summoned: bool,
    pub handle: Option<HandleId>,
    pub text: String,
    pub language: Option<String>,
    pub url: Option<String>,
    pub posted_at: Moment,
    pub stage: Stage,
    pub case: Option<CaseId>,
    pub attempts: i64,
    pub error: Option<String>,
    pub deleted_at: Option<Moment>,
}

type MentionRow = (
    (i64, String, String, String, String),
    (Option<String>, Option<String>, bool, bool, Option<i64>),
    (String, Option<String>, Option<String>, i64, String),
    (Option<i64>, i64, Option<String>, Option<i64>),
);

macro_rules! mention_columns {
    () => {
        (
            (
                mentions::id,
                mentions::network,
                mentions::network_post_id,
                mentions::first_post_id,
                mentions::conversation_id,
            ),
            (
                mentions::in_reply_to_post_id,
                mentions::in_reply_to_user_id,
                mentions::ours,
                mentions::summoned,
                mentions::handle_id,
            ),
            (
                mentions::body_text,
                mentions::language,
                mentions::url,
                mentions::posted_at,
                mentions::stage,
            ),
            (
                mentions::case_id,
                mentions::attempts,
                mentions::error,
                mentions::deleted_at,
            ),
        )
    };
}

fn mention_of(row: MentionRow) -> Result<Mention> {
    let (
        (id, network, post_id, first_post_id, conversation_id),
        (in_reply_to, in_reply_to_user, ours, summoned, handle),
        (text, language, url, posted_at, stage),
        (case, attempts, error, deleted_at),
    ) = row;
    Ok(Mention {
        id: MentionId(id),
        network: network.parse().map_err(|e| Error::Data(format!("{e}")))?,
        post_id,
        first_post_id,
        conversation_id,
        in_reply_to,
        in_reply_to_user,
        ours,
        summoned,
        handle: handle.map(HandleId),
        text,
        language,
        url,
        posted_at: Moment(posted_at),
        stage: stage.parse()?,
        case: case.map(CaseId),
        attempts,
        error,
        deleted_at: deleted_at.map(Moment),
    })
}

/// What is stored of a post already.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: MentionId,
    pub post_id: String,
    pub text: String,
    pub summoned: bool,
    pub case: Option<CaseId>,
    pub deleted: bool,
}

/// What of these is stored, by first id.
pub fn known(
    conn: &mut Conn,
    network: Network,
    first_ids: &[&str],
) -> Result<HashMap<String, Known>> {
    type Row = (i64, String, String, String, bool, Option<i64>, Option<i64>);
    let rows: Vec<Row> = mentions::table
        .filter(mentions::network.eq(network.as_str()))
        .filter(mentions::first_post_id.eq_any(first_ids))
        .select((
            mentions::id,
            mentions::first_post_id,
            mentions::network_post_id,
            mentions::body_text,
            mentions::summoned,
            mentions::case_id,
            mentions::deleted_at,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, first, post_id, text, summoned, case, deleted)| {
            let known = Known {
                id: MentionId(id),
                post_id,
                text,
                summoned,
                case: case.map(CaseId),
                deleted: deleted.is_some(),
            };
            (first, known)
        })
        .collect())
}

/// Stores a mention; `None` when it is there already.
pub fn insert_mention(
    tx: &mut Conn,
    post: &PublicPost,
    handle: Option<HandleId>,
    stage: Stage,
    source: &str,
    intake: Option<IntakeId>,
    now: Moment,
) -> Result<Option<MentionId>> {
    let row = (
        (
            mentions::network.eq(post.network.as_str()),
            mentions::network_post_id.eq(&post.id),
            mentions::first_post_id.eq(&post.first_id),
            mentions::conversation_id.eq(&post.conversation_id),
            mentions::in_reply_to_post_id.eq(post.in_reply_to_post_id.as_deref()),
            mentions::in_reply_to_user_id.eq(post.in_reply_to_user_id.as_deref()),
            mentions::quoted_post_id.eq(post.quoted_post_id.as_deref()),
            mentions::kind.eq(post.kind.as_str()),
            mentions::ours.eq(post.ours),
            mentions::summoned.eq(post.summoned),
        ),
        (
            mentions::handle_id.eq(handle.map(|h| h.0)),
            mentions::body_text.eq(storable(&post.text)),
            mentions::language.eq(post.language.as_deref()),
            mentions::url.eq(post.url.as_deref()),
            mentions::posted_at.eq(post.posted_at.0),
            mentions::received_at.eq(now.0),
            mentions::intake_id.eq(intake.map(|i| i.0)),
            mentions::raw.eq(storable(&post.raw)),
            mentions::source.eq(source),
            mentions::stage.eq(stage.as_str()),
            mentions::checked_at.eq(now.0),
        ),
    );
    let id: Option<i64> = each!(tx, c => diesel::insert_into(mentions::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(mentions::id)
        .get_result(c)
        .optional())?;
    Ok(id.map(MentionId))
}

/// The author changed the post: the newest version is kept.
pub fn set_edited(tx: &mut Conn, id: MentionId, post: &PublicPost, now: Moment) -> Result<()> {
    diesel::update(mentions::table.find(id.0))
        .set((
            mentions::network_post_id.eq(&post.id),
            mentions::body_text.eq(storable(&post.text)),
            mentions::raw.eq(storable(&post.raw)),
            mentions::url.eq(post.url.as_deref()),
            mentions::summoned.eq(post.summoned),
            mentions::checked_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// The text that was judged is no more: a mention without a case is judged again.
pub fn judge_again(tx: &mut Conn, id: MentionId) -> Result<()> {
    let judged = [Stage::Done.as_str(), Stage::Failed.as_str()];
    diesel::update(
        mentions::table
            .filter(mentions::id.eq(id.0).and(mentions::case_id.is_null()))
            .filter(mentions::stage.eq_any(judged)),
    )
    .set((
        mentions::stage.eq(Stage::Captured.as_str()),
        mentions::attempts.eq(0),
        mentions::retry_at.eq(None::<i64>),
        mentions::looked_at.eq(None::<i64>),
    ))
    .execute(tx)?;
    Ok(())
}

/// A later copy says more: the post turned out to address us.
pub fn set_summoned(tx: &mut Conn, id: MentionId) -> Result<()> {
    diesel::update(mentions::table.find(id.0))
        .set(mentions::summoned.eq(true))
        .execute(tx)?;
    Ok(())
}

pub fn mention(conn: &mut Conn, id: MentionId) -> Result<Option<Mention>> {
    let row: Option<MentionRow> = mentions::table
        .find(id.0)
        .select(mention_columns!())
        .first(conn)
        .optional()?;
    row.map(mention_of).transpose()
}

/// Whether a post that is stored under this id is not ours.
pub fn is_post_of_others(conn: &mut Conn, network: Network, post_id: &str) -> Result<bool> {
    let theirs = mentions::table
        .filter(mentions::network.eq(network.as_str()))
        .filter(mentions::network_post_id.eq(post_id))
        .filter(mentions::ours.eq(false));
    Ok(diesel::select(diesel::dsl::exists(theirs)).get_result(conn)?)
}

/// Mentions of a case, oldest first.
pub fn mentions_of(conn: &mut Conn, case: CaseId, limit: i64) -> Result<Vec<Mention>> {
    let rows: Vec<MentionRow> = mentions::table
        .filter(mentions::case_id.eq(case.0))
        .order(mentions::id)
        .limit(limit)
        .select(mention_columns!())
        .load(conn)?;
    rows.into_iter().map(mention_of).collect()
}

/// The oldest post of a case, and of those it took in, that still stands: the one to be answered.
pub fn standing_mention_of(conn: &mut Conn, case: CaseId) -> Result<Option<Mention>> {
    let family = crate::cases::store::desk::family(conn, case)?;
    oldest_standing_mention(conn, &family)
}

/// The oldest post of these cases that still stands.
pub fn oldest_standing_mention(conn: &mut Conn, of: &[CaseId]) -> Result<Option<Mention>> {
    let of: Vec<i64> = of.iter().map(|c| c.0).collect();
    let row: Option<MentionRow> = mentions::table
        .filter(mentions::case_id.eq_any(of))
        .filter(mentions::deleted_at.is_null())
        .order(mentions::id)
        .select(mention_columns!())
        .first(conn)
        .optional()?;
    row.map(mention_of).transpose()
}

/// The accounts whose posts are in a case or in those it took in.
pub fn handles_of_case(conn: &mut Conn, case: CaseId) -> Result<Vec<HandleId>> {
    let ids: Vec<Option<i64>> = mentions::table
        .filter(mentions::case_id.eq_any(with_merged(conn, case)?))
        .filter(mentions::handle_id.is_not_null())
        .select(mentions::handle_id)
        .distinct()
        .load(conn)?;
    Ok(ids.into_iter().flatten().map(HandleId).collect())
}

fn with_merged(conn: &mut Conn, case: CaseId) -> Result<Vec<i64>> {
    let family = crate::cases::store::desk::family(conn, case)?;
    Ok(family.into_iter().map(|c| c.0).collect())
}

/// The newest mentions of these cases, newest first.
pub fn newest_mentions_of(conn: &mut Conn, of: &[CaseId], limit: i64) -> Result<Vec<Mention>> {
    let of: Vec<i64> = of.iter().map(|c| c.0).collect();
    let rows: Vec<MentionRow> = mentions::table
        .filter(mentions::case_id.eq_any(of))
        .order(mentions::id.desc())
        .limit(limit)
        .select(mention_columns!())
        .load(conn)?;
    rows.into_iter().map(mention_of).collect()
}

/// The newest text that a case's customer wrote on a network.
pub fn newest_text_of(conn: &mut Conn, case: CaseId) -> Result<Option<String>> {
    Ok(mentions::table
        .filter(mentions::case_id.eq(case.0))
        .order(mentions::id.desc())
        .select(mentions::body_text)
        .first(conn)
        .optional()?)
}

/// Those that wait to be judged and whose time has come, oldest first.
pub fn captured(
    conn: &mut Conn,
    after: MentionId,
    now: Moment,
    limit: i64,
) -> Result<Vec<Mention>> {
    let due = mentions::retry_at
        .is_null()
        .or(mentions::retry_at.le(now.0));
    let rows: Vec<MentionRow> = mentions::table
        .filter(mentions::stage.eq(Stage::Captured.as_str()).and(due))
        .filter(mentions::id.gt(after.0))
        .order(mentions::id)
        .limit(limit)
        .select(mention_columns!())
        .load(conn)?;
    rows.into_iter().map(mention_of).collect()
}

/// When the first of those that failed before is judged again.
pub fn next_retry(conn: &mut Conn) -> Result<Option<Moment>> {
    let at: Option<i64> = mentions::table
        .filter(mentions::stage.eq(Stage::Captured.as_str()))
        .select(diesel::dsl::min(mentions::retry_at))
        .first(conn)?;
    Ok(at.map(Moment))
}

/// Takes a captured mention through; false when somebody else did or gave it a case, and when its
/// author edited it since it was read: then it waits for the next batch.
pub fn take_captured(tx: &mut Conn, mention: &Mention) -> Result<bool> {
    let (post_id, case): (String, Option<i64>) = mentions::table
        .find(mention.id.0)
        .select((mentions::network_post_id, mentions::case_id))
        .first(tx)?;
    if post_id != mention.post_id {
        return Ok(false);
    }
    Ok(set_judged(tx, mention.id, Stage::Captured)? && case.is_none())
}

/// A mention that was in this stage is judged; whether it was.
pub fn set_judged(tx: &mut Conn, id: MentionId, from: Stage) -> Result<bool> {
    let n = diesel::update(
        mentions::table.filter(mentions::id.eq(id.0).and(mentions::stage.eq(from.as_str()))),
    )
    .set((
        mentions::stage.eq(Stage::Done.as_str()),
        mentions::error.eq(None::<String>),
    ))
    .execute(tx)?;
    Ok(n == 1)
}

pub fn set_case(tx: &mut Conn, id: MentionId, case: CaseId) -> Result<()> {
    diesel::update(mentions::table.find(id.0))
        .set(mentions::case_id.eq(case.0))
        .execute(tx)?;
    Ok(())
}

/// Notes a failed attempt, unless the mention was judged meanwhile; set aside when there is no
/// moment at which it is tried again.
pub fn set_failed(
    tx: &mut Conn,
    mention: &Mention,
    error: &str,
    again_at: Option<Moment>,
) -> Result<()> {
    let stage = match again_at {
        None => Stage::Failed,
        Some(_) => Stage::Captured,
    };
    let waits = mentions::stage.eq(Stage::Captured.as_str());
    diesel::update(mentions::table.filter(mentions::id.eq(mention.id.0).and(waits)))
        .set((
            mentions::stage.eq(stage.as_str()),
            mentions::attempts.eq(mention.attempts + 1),
            mentions::retry_at.eq(again_at.map(|at| at.0)),
            mentions::error.eq(storable(error)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Failed mentions wait to be judged again; how many there were.
pub fn retry_failed(tx: &mut Conn) -> Result<usize> {
    Ok(
        diesel::update(mentions::table.filter(mentions::stage.eq(Stage::Failed.as_str())))
            .set((
                mentions::stage.eq(Stage::Captured.as_str()),
                mentions::attempts.eq(0),
                mentions::retry_at.eq(None::<i64>),
            ))
            .execute(tx)?,
    )
}

/// The case to which this person's other posts of the conversation belong, newest first.
pub fn case_of_conversation(
    conn: &mut Conn,
    network: Network,
    conversation: &str,
    handle: HandleId,
) -> Result<Option<CaseId>> {
    let id: Option<Option<i64>> = mentions::table
        .filter(mentions::network.eq(network.as_str()))
        .filter(mentions::conversation_id.eq(conversation))
        .filter(mentions::handle_id.eq(handle.0))
        .filter(mentions::case_id.is_not_null())
        .order(mentions::id.desc())
        .select(mentions::case_id)
        .first(conn)
        .optional()?;
    Ok(id.flatten().map(CaseId))
}

/// The case in which our post `post_id` was the reply, when it answered this handle.
pub fn case_of_our_reply(
    conn: &mut Conn,
    network: Network,
    post_id: &str,
    handle: HandleId,
) -> Result<Option<CaseId>> {
    let id: Option<i64> = replies::table
        .inner_join(mentions::table)
        .filter(replies::network_post_id.eq(post_id))
        .filter(mentions::network.eq(network.as_str()))
        .filter(mentions::handle_id.eq(handle.0))
        .select(replies::case_id)
        .first(conn)
        .optional()?;
    Ok(id.map(CaseId))
}

/// A post that is to be looked up again.
#[derive(Clone, Debug)]
pub struct Due {
    pub id: MentionId,
    pub post_id: String,
    pub checked_at: Moment,
}

/// Mentions whose last look is older than `before`, the longest ago first, behind `after`.
pub fn due_for_recheck(
    conn: &mut Conn,
    network: Network,
    before: Moment,
    (checked_at, id): (Moment, MentionId),
    limit: i64,
) -> Result<Vec<Due>> {
    let behind = mentions::checked_at
        .gt(checked_at.0)
        .or(mentions::checked_at
            .eq(checked_at.0)
            .and(mentions::id.gt(id.0)));
    let rows: Vec<(i64, String, i64)> = mentions::table
        .filter(mentions::deleted_at.is_null())
        .filter(mentions::checked_at.lt(before.0).and(behind))
        .filter(mentions::network.eq(network.as_str()))
        .order((mentions::checked_at, mentions::id))
        .limit(limit)
        .select((
            mentions::id,
            mentions::network_post_id,
            mentions::checked_at,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, post_id, checked_at)| Due {
            id: MentionId(id),
            post_id,
            checked_at: Moment(checked_at),
        })
        .collect())
}

/// How many standing posts of a network were last looked at before `before`.
pub fn unchecked_since(conn: &mut Conn, network: Network, before: Moment) -> Result<i64> {
    Ok(mentions::table
        .filter(mentions::deleted_at.is_null())
        .filter(mentions::checked_at.lt(before.0))
        .filter(mentions::network.eq(network.as_str()))
        .select(count_star())
        .first(conn)?)
}

pub fn set_checked(tx: &mut Conn, id: MentionId, now: Moment) -> Result<()> {
    diesel::update(mentions::table.find(id.0))
        .set(mentions::checked_at.eq(now.0))
        .execute(tx)?;
    Ok(())
}

/// What is told of a case whose first post is gone.
pub(super) const GONE_SUMMARY: &str = "(the post was deleted by its author)";

/// Whether a case begins with this post.
pub fn is_first_of(conn: &mut Conn, id: MentionId, case: CaseId) -> Result<bool> {
    let first: Option<i64> = mentions::table
        .filter(mentions::case_id.eq(case.0))
        .select(diesel::dsl::min(mentions::id))
        .first(conn)?;
    Ok(first == Some(id.0))
}

/// Another beginning of a case's first post, also for a case that was opened beside it for a claim
/// of the handle and begins with the same words. The cases that had them.
pub fn set_summary(
    tx: &mut Conn,
    case: CaseId,
    handle: Option<HandleId>,
    summary: &str,
) -> Result<Vec<CaseId>> {
    let said: String = cases::table.find(case.0).select(cases::summary).first(tx)?;
    let mut with_it = vec![case.0];
    if let Some(handle) = handle {
        let beside: Vec<i64> = cases::table
            .filter(cases::handle_id.eq(handle.0).and(cases::id.ne(case.0)))
            .filter(cases::summary.eq(said))
            .select(cases::id)
            .load(tx)?;
        with_it.extend(beside);
    }
    diesel::update(cases::table.filter(cases::id.eq_any(&with_it)))
        .set(cases::summary.eq(summary))
        .execute(tx)?;
    Ok(with_it.into_iter().map(CaseId).collect())
}

/// Takes out every copy of a post's words. Drafts that answer it, or that were made from it, are
/// discarded.
pub fn erase_mention(tx: &mut Conn, mention: &Mention, now: Moment) -> Result<()> {
    let id = mention.id.0;
    diesel::update(mentions::table.find(id))
        .set((
            mentions::body_text.eq(""),
            mentions::raw.eq(""),
            mentions::deleted_at.eq(now.0),
            mentions::checked_at.eq(now.0),
        ))
        .execute(tx)?;
    // There is nothing left to be judged.
    let waits = [Stage::Captured.as_str(), Stage::Failed.as_str()];
    diesel::update(
        mentions::table
            .find(id)
            .filter(mentions::stage.eq_any(waits)),
    )
    .set((
        mentions::stage.eq(Stage::Done.as_str()),
        mentions::error.eq(None::<String>),
        mentions::retry_at.eq(None::<i64>),
    ))
    .execute(tx)?;
    let post_ids = [mention.post_id.as_str(), mention.first_post_id.as_str()];
    super::strip_pages(tx, &post_ids)?;
    diesel::update(triages::table.filter(triages::mention_id.eq(id)))
        .set(triages::reasons.eq("[]"))
        .execute(tx)?;
    diesel::update(case_events::table.filter(case_events::mention_id.eq(id)))
        .set((case_events::reasons.eq("[]"), case_events::data.eq("{}")))
        .execute(tx)?;
    super::discard_drafts(tx, Drafts::To(mention.id))?;
    let mut summed_up = Vec::new();
    if let Some(case) = mention.case
        && is_first_of(tx, mention.id, case)?
    {
        summed_up = set_summary(tx, case, mention.handle, GONE_SUMMARY)?;
        // Why a rule linked the case quotes the post ("shares …").
        diesel::update(links::table.filter(links::case_id.eq(case.0).and(links::rule.ne(""))))
            .set(links::reasons.eq("[]"))
            .execute(tx)?;
        diesel::update(
            case_events::table
                .filter(case_events::case_id.eq(case.0))
                .filter(case_events::step.eq(Step::Link.as_str()))
                .filter(case_events::actor_kind.eq("rule")),
        )
        .set(case_events::reasons.eq("[]"))
        .execute(tx)?;
    }
    forum::draft_thread::erase_drafts_of(tx, now, mention.id, &summed_up)
}
