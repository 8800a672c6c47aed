//! Queries of the intake, mentions, handles, triages, replies and claims.

pub mod desk;

use std::collections::HashMap;

use diesel::dsl::count_star;
use diesel::prelude::*;
use serde::Serialize;

use super::triage::{Product, Topic};
use super::{ClaimState, Label, Purpose, ReplyState, Stage};
use crate::cases::{Severity, Step};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{
    case_events, cases, claims, consents, handles, intake, jobs, links, mentions, products,
    replies, threads, ticket_messages, tickets, topics, triages, users,
};
use crate::each;
use crate::error::{Error, Result};
use crate::ids::{
    CaseId, ClaimId, HandleId, IntakeId, LinkId, MentionId, ProductId, ReplyId, ThreadId, TopicId,
    UserId,
};
use crate::networks::{Author, Network, PublicPost, store as networks};

// Intake

/// What came from outside, as it came.
#[derive(Clone, Debug, Queryable)]
pub struct Intake {
    pub id: i64,
    pub channel: String,
    pub source: String,
    pub body: Vec<u8>,
    pub state: String,
    pub error: Option<String>,
    pub attempts: i64,
}

pub const INTAKE_NEW: &str = "new";
pub const INTAKE_DONE: &str = "done";
pub const INTAKE_FAILED: &str = "failed";

/// Stores what came in; `None` when the same bytes are there already.
pub fn insert_intake(
    tx: &mut Conn,
    channel: &str,
    source: &str,
    body: &[u8],
    digest: &str,
    now: Moment,
) -> Result<Option<IntakeId>> {
    let row = (
        intake::channel.eq(channel),
        intake::source.eq(source),
        intake::body.eq(body),
        intake::digest.eq(digest),
        intake::state.eq(INTAKE_NEW),
        intake::received_at.eq(now.0),
    );
    let id: Option<i64> = each!(tx, c => diesel::insert_into(intake::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(intake::id)
        .get_result(c)
        .optional())?;
    Ok(id.map(IntakeId))
}

pub fn intake_by_digest(conn: &mut Conn, channel: &str, digest: &str) -> Result<Option<IntakeId>> {
    let id: Option<i64> = intake::table
        .filter(intake::channel.eq(channel).and(intake::digest.eq(digest)))
        .select(intake::id)
        .first(conn)
        .optional()?;
    Ok(id.map(IntakeId))
}

pub fn set_intake(
    tx: &mut Conn,
    id: IntakeId,
    state: &str,
    error: Option<&str>,
    now: Moment,
) -> Result<()> {
    diesel::update(intake::table.find(id.0))
        .set((
            intake::state.eq(state),
            intake::error.eq(error),
            intake::attempts.eq(intake::attempts + 1),
            intake::done_at.eq((state == INTAKE_DONE).then_some(now.0)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Network pages that are not worked through: failed ones, and new ones of a killed process.
pub fn open_intake(
    conn: &mut Conn,
    channels: &[&str],
    after: i64,
    limit: i64,
) -> Result<Vec<Intake>> {
    Ok(intake::table
        .filter(intake::state.ne(INTAKE_DONE).and(intake::id.gt(after)))
        .filter(intake::channel.eq_any(channels))
        .order(intake::id)
        .limit(limit)
        .select((
            intake::id,
            intake::channel,
            intake::source,
            intake::body,
            intake::state,
            intake::error,
            intake::attempts,
        ))
        .load(conn)?)
}

// Handles

/// An account on a network.
#[derive(Clone, Debug)]
pub struct Handle {
    pub id: HandleId,
    pub network: Network,
    pub network_user_id: String,
    pub username: String,
    pub display_name: String,
    /// Set together with `proved_at`: the user it was proved to belong to, if any.
    pub user: Option<UserId>,
    pub proved_at: Option<Moment>,
    pub opted_out_at: Option<Moment>,
}

impl Handle {
    /// What to call them: `@ada`, or what is known.
    pub fn label(&self) -> String {
        match (self.username.as_str(), self.display_name.as_str()) {
            ("", "") => "somebody".to_owned(),
            ("", name) => name.to_owned(),
            (name, _) => format!("@{name}"),
        }
    }
}

type HandleRow = (
    i64,
    String,
    String,
    String,
    String,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

type HandleColumns = (
    handles::id,
    handles::network,
    handles::network_user_id,
    handles::username,
    handles::display_name,
    handles::user_id,
    handles::proved_at,
    handles::opted_out_at,
);

const HANDLE: HandleColumns = (
    handles::id,
    handles::network,
    handles::network_user_id,
    handles::username,
    handles::display_name,
    handles::user_id,
    handles::proved_at,
    handles::opted_out_at,
);

fn handle_of(row: HandleRow) -> Result<Handle> {
    let (id, network, network_user_id, username, display_name, user, proved, opted) = row;
    Ok(Handle {
        id: HandleId(id),
        network: network.parse().map_err(|e| Error::Data(format!("{e}")))?,
        network_user_id,
        username,
        display_name,
        user: user.map(UserId),
        proved_at: proved.map(Moment),
        opted_out_at: opted.map(Moment),
    })
}

pub fn handle(conn: &mut Conn, id: HandleId) -> Result<Option<Handle>> {
    let row: Option<HandleRow> = handles::table
        .find(id.0)
        .select(HANDLE)
        .first(conn)
        .optional()?;
    row.map(handle_of).transpose()
}

/// These handles, by id.
pub fn handles_by_id(conn: &mut Conn, ids: &[i64]) -> Result<HashMap<i64, Handle>> {
    let rows: Vec<HandleRow> = handles::table
        .filter(handles::id.eq_any(ids))
        .select(HANDLE)
        .load(conn)?;
    rows.into_iter()
        .map(|row| Ok((row.0, handle_of(row)?)))
        .collect()
}

/// Stores who was seen, and what they are called now. Answers the id by the network's own id.
pub fn seen_authors(
    tx: &mut Conn,
    network: Network,
    authors: &[&Author],
    now: Moment,
) -> Result<HashMap<String, HandleId>> {
    let wanted: Vec<&str> = authors.iter().map(|a| a.id.as_str()).collect();
    let known: Vec<(i64, String, String, String, i64)> = handles::table
        .filter(handles::network.eq(network.as_str()))
        .filter(handles::network_user_id.eq_any(&wanted))
        .select((
            handles::id,
            handles::network_user_id,
            handles::username,
            handles::display_name,
            handles::followers,
        ))
        .load(tx)?;
    let mut ids: HashMap<String, HandleId> = HashMap::new();
    let mut stored = HashMap::new();
    for (id, network_id, username, display_name, followers) in known {
        ids.insert(network_id.clone(), HandleId(id));
        stored.insert(network_id, (username, display_name, followers));
    }
    for author in authors {
        let username = clean(&author.username);
        let display_name = clean(&author.display_name);
        match (ids.get(&author.id), stored.get(&author.id)) {
            (Some(id), Some((known_name, known_display, followers))) => {
                let says_nothing = author.username.is_empty();
                let same = *known_name == username
                    && *known_display == display_name
                    && *followers == author.followers;
                if says_nothing || same {
                    continue;
                }
                diesel::update(handles::table.find(id.0))
                    .set((
                        handles::username.eq(&username),
                        handles::username_key.eq(username.to_lowercase()),
                        handles::display_name.eq(&display_name),
                        handles::avatar_url.eq(author.avatar_url.as_deref()),
                        handles::followers.eq(author.followers),
                        handles::verified.eq(author.verified),
                        handles::seen_at.eq(now.0),
                    ))
                    .execute(tx)?;
            }
            _ if ids.contains_key(&author.id) => {}
            _ => {
                let row = (
                    handles::network.eq(network.as_str()),
                    handles::network_user_id.eq(&author.id),
                    handles::username.eq(&username),
                    handles::username_key.eq(username.to_lowercase()),
                    handles::display_name.eq(&display_name),
                    handles::avatar_url.eq(author.avatar_url.as_deref()),
                    handles::followers.eq(author.followers),
                    handles::verified.eq(author.verified),
                    handles::seen_at.eq(now.0),
                );
                let made: Option<i64> = each!(&mut *tx, c => diesel::insert_into(handles::table)
                    .values(row)
                    .on_conflict_do_nothing()
                    .returning(handles::id)
                    .get_result(c)
                    .optional())?;
                let id = match made {
                    Some(id) => id,
                    None => handles::table
                        .filter(handles::network.eq(network.as_str()))
                        .filter(handles::network_user_id.eq(&author.id))
                        .select(handles::id)
                        .first(tx)?,
                };
                ids.insert(author.id.clone(), HandleId(id));
            }
        }
    }
    Ok(ids)
}

pub fn set_opted_out(tx: &mut Conn, id: HandleId, now: Moment) -> Result<()> {
    diesel::update(handles::table.find(id.0))
        .set(handles::opted_out_at.eq(now.0))
        .execute(tx)?;
    Ok(())
}

/// The handle is proved to belong to whoever acts; to this user, when one is logged in.
pub fn set_handle_proved(
    tx: &mut Conn,
    id: HandleId,
    user: Option<UserId>,
    proof: &str,
    now: Moment,
) -> Result<()> {
    diesel::update(handles::table.find(id.0))
        .set((handles::proved_at.eq(now.0), handles::proof.eq(proof)))
        .execute(tx)?;
    if let Some(user) = user {
        diesel::update(handles::table.find(id.0))
            .set(handles::user_id.eq(user.0))
            .execute(tx)?;
    }
    Ok(())
}

/// What somebody agreed to, in the words they saw.
pub fn insert_consent(
    tx: &mut Conn,
    handle: HandleId,
    user: Option<UserId>,
    case: CaseId,
    email: &str,
    wording: &str,
    now: Moment,
) -> Result<()> {
    diesel::insert_into(consents::table)
        .values((
            consents::handle_id.eq(handle.0),
            consents::user_id.eq(user.map(|u| u.0)),
            consents::case_id.eq(case.0),
            consents::email.eq(email),
            consents::purpose.eq("ticket_by_email"),
            consents::wording.eq(wording),
            consents::given_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// The user whose name is the same as a handle's, compared without case.
pub fn user_named(conn: &mut Conn, name_key: &str) -> Result<Option<UserId>> {
    let id: Option<i64> = users::table
        .filter(users::name_key.eq(name_key))
        .select(users::id)
        .first(conn)
        .optional()?;
    Ok(id.map(UserId))
}

// Mentions

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

/// Text as both databases can store it: PostgreSQL takes no NUL.
pub fn clean(text: &str) -> String {
    text.replace('\0', "")
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
            mentions::post_number.eq(post.id.parse::<i64>().unwrap_or(0)),
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
            mentions::body_text.eq(clean(&post.text)),
            mentions::language.eq(post.language.as_deref()),
            mentions::url.eq(post.url.as_deref()),
            mentions::posted_at.eq(post.posted_at.0),
            mentions::received_at.eq(now.0),
            mentions::intake_id.eq(intake.map(|i| i.0)),
            mentions::raw.eq(clean(&post.raw)),
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
            mentions::post_number.eq(post.id.parse::<i64>().unwrap_or(0)),
            mentions::body_text.eq(clean(&post.text)),
            mentions::raw.eq(clean(&post.raw)),
            mentions::url.eq(post.url.as_deref()),
            mentions::summoned.eq(post.summoned),
            mentions::checked_at.eq(now.0),
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

/// The newest text that a case's customer wrote on a network.
pub fn newest_text_of(conn: &mut Conn, case: CaseId) -> Result<Option<String>> {
    Ok(mentions::table
        .filter(mentions::case_id.eq(case.0))
        .order(mentions::id.desc())
        .select(mentions::body_text)
        .first(conn)
        .optional()?)
}

/// Those that wait to be judged, oldest first.
pub fn captured(conn: &mut Conn, limit: i64) -> Result<Vec<Mention>> {
    let rows: Vec<MentionRow> = mentions::table
        .filter(mentions::stage.eq(Stage::Captured.as_str()))
        .order(mentions::id)
        .limit(limit)
        .select(mention_columns!())
        .load(conn)?;
    rows.into_iter().map(mention_of).collect()
}

/// Takes a captured mention through; false when somebody else did.
pub fn take_captured(tx: &mut Conn, id: MentionId) -> Result<bool> {
    let n = diesel::update(
        mentions::table.filter(
            mentions::id
                .eq(id.0)
                .and(mentions::stage.eq(Stage::Captured.as_str())),
        ),
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

/// Notes a failed attempt; set aside when it was the last.
pub fn set_failed(tx: &mut Conn, mention: &Mention, error: &str, aside: bool) -> Result<()> {
    let stage = if aside {
        Stage::Failed
    } else {
        Stage::Captured
    };
    diesel::update(mentions::table.find(mention.id.0))
        .set((
            mentions::stage.eq(stage.as_str()),
            mentions::attempts.eq(mention.attempts + 1),
            mentions::error.eq(clean(error)),
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

// Triage

/// A judgement to be stored.
pub struct NewTriage<'a> {
    pub mention: MentionId,
    pub label: Label,
    pub p_complaint: f64,
    pub severity: Severity,
    pub product: Option<ProductId>,
    pub topic: Option<TopicId>,
    pub language: Option<&'a str>,
    pub needs_account: bool,
    pub personal_data: &'a [&'a str],
    pub reasons: &'a [String],
    pub by: Option<UserId>,
}

pub fn insert_triage(tx: &mut Conn, new: &NewTriage<'_>, now: Moment) -> Result<()> {
    diesel::insert_into(triages::table)
        .values((
            triages::mention_id.eq(new.mention.0),
            triages::label.eq(new.label.as_str()),
            triages::p_complaint.eq(new.p_complaint),
            triages::severity.eq(new.severity.as_str()),
            triages::product_id.eq(new.product.map(|p| p.0)),
            triages::topic_id.eq(new.topic.map(|t| t.0)),
            triages::language.eq(new.language),
            triages::needs_account.eq(new.needs_account),
            triages::personal_data.eq(json(new.personal_data)),
            triages::reasons.eq(json(new.reasons)),
            triages::by_user_id.eq(new.by.map(|u| u.0)),
            triages::created_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// A list as the JSON text of a column.
fn json<T: Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).unwrap_or_else(|_| "[]".to_owned())
}

/// A judgement as stored.
#[derive(Clone, Debug)]
pub struct StoredTriage {
    pub label: Label,
    pub p_complaint: f64,
    pub severity: Severity,
    pub product: Option<ProductId>,
    pub topic: Option<TopicId>,
    pub language: Option<String>,
    pub needs_account: bool,
    pub reasons: Vec<String>,
    pub by: Option<UserId>,
    pub at: Moment,
}

/// The judgement that holds: the newest.
pub fn triage_of(conn: &mut Conn, mention: MentionId) -> Result<Option<StoredTriage>> {
    type Row = (
        (String, f64, String, Option<i64>, Option<i64>),
        (Option<String>, bool, String, Option<i64>, i64),
    );
    let row: Option<Row> = triages::table
        .filter(triages::mention_id.eq(mention.0))
        .order(triages::id.desc())
        .select((
            (
                triages::label,
                triages::p_complaint,
                triages::severity,
                triages::product_id,
                triages::topic_id,
            ),
            (
                triages::language,
                triages::needs_account,
                triages::reasons,
                triages::by_user_id,
                triages::created_at,
            ),
        ))
        .first(conn)
        .optional()?;
    row.map(
        |(
            (label, p_complaint, severity, product, topic),
            (language, needs_account, reasons, by, at),
        )| {
            Ok(StoredTriage {
                label: label.parse()?,
                p_complaint,
                severity: severity.parse()?,
                product: product.map(ProductId),
                topic: topic.map(TopicId),
                language,
                needs_account,
                reasons: serde_json::from_str(&reasons).unwrap_or_default(),
                by: by.map(UserId),
                at: Moment(at),
            })
        },
    )
    .transpose()
}

/// What staff corrected last: the text and what they called it.
pub fn corrections(conn: &mut Conn, limit: i64) -> Result<Vec<(String, Label)>> {
    let rows: Vec<(String, String)> = triages::table
        .inner_join(mentions::table)
        .filter(triages::by_user_id.is_not_null())
        .filter(mentions::deleted_at.is_null())
        .order(triages::id.desc())
        .limit(limit)
        .select((mentions::body_text, triages::label))
        .load(conn)?;
    rows.into_iter()
        .map(|(text, label)| Ok((text, label.parse()?)))
        .collect()
}

/// All products with their words and topics, as the judgement needs them.
pub fn catalogue(conn: &mut Conn) -> Result<Vec<Product>> {
    type Row = (i64, String, String, String, f64, f64, bool, bool);
    let rows: Vec<Row> = products::table
        .order((products::position, products::id))
        .select((
            products::id,
            products::slug,
            products::name,
            products::brand_terms,
            products::link_threshold,
            products::propose_threshold,
            products::auto_link,
            products::auto_acknowledge,
        ))
        .load(conn)?;
    let topic_rows: Vec<(i64, i64, String)> = topics::table
        .order((topics::position, topics::id))
        .select((topics::id, topics::product_id, topics::name))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(
            |(id, slug, name, terms, link, propose, auto_link, auto_acknowledge)| Product {
                id: ProductId(id),
                slug,
                name,
                terms: serde_json::from_str(&terms).unwrap_or_default(),
                link_threshold: link,
                propose_threshold: propose,
                auto_link,
                auto_acknowledge,
                topics: topic_rows
                    .iter()
                    .filter(|(_, product, _)| *product == id)
                    .map(|(topic, _, name)| Topic {
                        id: TopicId(*topic),
                        name: name.clone(),
                    })
                    .collect(),
            },
        )
        .collect())
}

// Threads, as far as links need them

/// A public thread.
#[derive(Clone, Debug)]
pub struct ThreadFacts {
    pub id: ThreadId,
    pub product: ProductId,
    pub title: String,
    pub slug: String,
    pub state: String,
    pub kind: String,
}

/// Those of these threads that everybody may see, by id.
pub fn public_threads(conn: &mut Conn, ids: &[i64]) -> Result<HashMap<i64, ThreadFacts>> {
    let rows: Vec<(i64, i64, String, String, String, String)> = threads::table
        .filter(
            threads::id
                .eq_any(ids)
                .and(threads::visibility.eq("public")),
        )
        .select((
            threads::id,
            threads::product_id,
            threads::title,
            threads::slug,
            threads::state,
            threads::kind,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, product, title, slug, state, kind)| {
            let facts = ThreadFacts {
                id: ThreadId(id),
                product: ProductId(product),
                title,
                slug,
                state,
                kind,
            };
            (id, facts)
        })
        .collect())
}

// Replies

/// An outgoing public post as stored.
#[derive(Clone, Debug)]
pub struct Reply {
    pub id: ReplyId,
    pub case: CaseId,
    pub mention: MentionId,
    pub purpose: Purpose,
    pub body: String,
    pub has_link: bool,
    pub weighted_length: i64,
    pub cost_micros: i64,
    pub state: ReplyState,
    /// Only a person may post it.
    pub handoff: bool,
    /// A rule sends it, without a person.
    pub automatic: bool,
    pub dedupe_key: String,
    pub drafted_by: Option<UserId>,
    pub approved_by: Option<UserId>,
    pub created_at: Moment,
    pub sending_since: Option<Moment>,
    pub sent_at: Option<Moment>,
    pub network_post_id: Option<String>,
    pub attempts: i64,
    pub error: Option<String>,
    pub version: i64,
}

type ReplyRow = (
    (i64, i64, i64, String, String, bool, i64, i64),
    (String, bool, bool, String, Option<i64>, Option<i64>, i64),
    (
        Option<i64>,
        Option<i64>,
        Option<String>,
        i64,
        Option<String>,
        i64,
    ),
);

macro_rules! reply_columns {
    () => {
        (
            (
                replies::id,
                replies::case_id,
                replies::mention_id,
                replies::purpose,
                replies::body,
                replies::has_link,
                replies::weighted_length,
                replies::cost_micros,
            ),
            (
                replies::state,
                replies::handoff,
                replies::automatic,
                replies::dedupe_key,
                replies::drafted_by,
                replies::approved_by,
                replies::created_at,
            ),
            (
                replies::sending_since,
                replies::sent_at,
                replies::network_post_id,
                replies::attempts,
                replies::error,
                replies::version,
            ),
        )
    };
}

fn reply_of(row: ReplyRow) -> Result<Reply> {
    let (
        (id, case, mention, purpose, body, has_link, weighted_length, cost_micros),
        (state, handoff, automatic, dedupe_key, drafted_by, approved_by, created_at),
        (sending_since, sent_at, network_post_id, attempts, error, version),
    ) = row;
    Ok(Reply {
        id: ReplyId(id),
        case: CaseId(case),
        mention: MentionId(mention),
        purpose: purpose.parse()?,
        body,
        has_link,
        weighted_length,
        cost_micros,
        state: state.parse()?,
        handoff,
        automatic,
        dedupe_key,
        drafted_by: drafted_by.map(UserId),
        approved_by: approved_by.map(UserId),
        created_at: Moment(created_at),
        sending_since: sending_since.map(Moment),
        sent_at: sent_at.map(Moment),
        network_post_id,
        attempts,
        error,
        version,
    })
}

/// A reply to be stored.
pub struct NewReply<'a> {
    pub case: CaseId,
    pub mention: MentionId,
    pub purpose: Purpose,
    pub body: &'a str,
    pub has_link: bool,
    pub weighted_length: usize,
    pub cost_micros: i64,
    pub handoff: bool,
    pub automatic: bool,
    pub dedupe_key: &'a str,
    pub drafted_by: Option<UserId>,
}

/// Stores a draft; `None` when the decision has its reply already.
pub fn insert_reply(tx: &mut Conn, new: &NewReply<'_>, now: Moment) -> Result<Option<ReplyId>> {
    let row = (
        replies::case_id.eq(new.case.0),
        replies::mention_id.eq(new.mention.0),
        replies::purpose.eq(new.purpose.as_str()),
        replies::body.eq(clean(new.body)),
        replies::has_link.eq(new.has_link),
        replies::weighted_length.eq(i64::try_from(new.weighted_length).unwrap_or(i64::MAX)),
        replies::cost_micros.eq(new.cost_micros),
        replies::state.eq(ReplyState::Draft.as_str()),
        replies::handoff.eq(new.handoff),
        replies::automatic.eq(new.automatic),
        replies::dedupe_key.eq(new.dedupe_key),
        replies::drafted_by.eq(new.drafted_by.map(|u| u.0)),
        replies::created_at.eq(now.0),
    );
    let id: Option<i64> = each!(tx, c => diesel::insert_into(replies::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(replies::id)
        .get_result(c)
        .optional())?;
    Ok(id.map(ReplyId))
}

pub fn reply(conn: &mut Conn, id: ReplyId) -> Result<Option<Reply>> {
    let row: Option<ReplyRow> = replies::table
        .find(id.0)
        .select(reply_columns!())
        .first(conn)
        .optional()?;
    row.map(reply_of).transpose()
}

pub fn reply_by_key(conn: &mut Conn, key: &str) -> Result<Option<Reply>> {
    let row: Option<ReplyRow> = replies::table
        .filter(replies::dedupe_key.eq(key))
        .select(reply_columns!())
        .first(conn)
        .optional()?;
    row.map(reply_of).transpose()
}

/// Replies of a case, oldest first.
pub fn replies_of(conn: &mut Conn, case: CaseId) -> Result<Vec<Reply>> {
    let rows: Vec<ReplyRow> = replies::table
        .filter(replies::case_id.eq(case.0))
        .order(replies::id)
        .select(reply_columns!())
        .load(conn)?;
    rows.into_iter().map(reply_of).collect()
}

/// Puts another text into a draft.
pub fn set_draft(tx: &mut Conn, id: ReplyId, new: &NewReply<'_>) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::body.eq(clean(new.body)),
            replies::has_link.eq(new.has_link),
            replies::weighted_length.eq(i64::try_from(new.weighted_length).unwrap_or(i64::MAX)),
            replies::cost_micros.eq(new.cost_micros),
            replies::handoff.eq(new.handoff),
            replies::automatic.eq(new.automatic),
            replies::drafted_by.eq(new.drafted_by.map(|u| u.0)),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// Whether a rule answered this mention already: one automatic reply an interaction.
pub fn has_automatic_reply(conn: &mut Conn, mention: MentionId) -> Result<bool> {
    let n: i64 = replies::table
        .filter(
            replies::mention_id
                .eq(mention.0)
                .and(replies::automatic.eq(true)),
        )
        .select(count_star())
        .first(conn)?;
    Ok(n > 0)
}

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
    for network in [
        Network::X,
        Network::Bluesky,
        Network::Mastodon,
        Network::Import,
    ] {
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

/// Approved by a person, or by a rule (`None`). `handoff_reason` says why only a person may post it.
pub fn set_approved(
    tx: &mut Conn,
    id: ReplyId,
    by: Option<UserId>,
    handoff_reason: Option<&str>,
    now: Moment,
) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(ReplyState::Approved.as_str()),
            replies::approved_by.eq(by.map(|u| u.0)),
            replies::approved_at.eq(now.0),
            replies::error.eq(handoff_reason),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn set_reply_state(tx: &mut Conn, id: ReplyId, state: ReplyState) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(state.as_str()),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// About to be sent: written before the network is asked.
pub fn set_sending(tx: &mut Conn, id: ReplyId, now: Moment) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(ReplyState::Sending.as_str()),
            replies::sending_since.eq(now.0),
            replies::attempts.eq(replies::attempts + 1),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

pub fn set_sent(tx: &mut Conn, id: ReplyId, network_post_id: &str, now: Moment) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(ReplyState::Sent.as_str()),
            replies::sent_at.eq(now.0),
            replies::network_post_id.eq(network_post_id),
            replies::error.eq(None::<String>),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// Not sent, for good; `handoff` when a person may still post it.
pub fn set_reply_failed(tx: &mut Conn, id: ReplyId, why: &str, handoff: bool) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(ReplyState::Failed.as_str()),
            replies::handoff.eq(handoff),
            replies::error.eq(clean(why)),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

/// Waits for another attempt.
pub fn set_reply_waiting(tx: &mut Conn, id: ReplyId, state: ReplyState, why: &str) -> Result<()> {
    diesel::update(replies::table.find(id.0))
        .set((
            replies::state.eq(state.as_str()),
            replies::error.eq(clean(why)),
            replies::version.eq(replies::version + 1),
        ))
        .execute(tx)?;
    Ok(())
}

// Claims

/// A claim as stored.
#[derive(Clone, Debug)]
pub struct Claim {
    pub id: ClaimId,
    pub case: CaseId,
    pub handle: HandleId,
    /// Stands for the address where an address may not stand.
    pub code: String,
    pub state: ClaimState,
    /// `sign_in:` or `code:` and the proof code of the browser it was proved to.
    pub proof: Option<String>,
    pub oauth_verifier: Option<String>,
    pub expires_at: Moment,
}

type ClaimRow = (
    i64,
    i64,
    i64,
    String,
    String,
    Option<String>,
    Option<String>,
    i64,
);

macro_rules! claim_columns {
    () => {
        (
            claims::id,
            claims::case_id,
            claims::handle_id,
            claims::code,
            claims::state,
            claims::proof,
            claims::oauth_verifier,
            claims::expires_at,
        )
    };
}

fn claim_of(row: ClaimRow) -> Result<Claim> {
    let (id, case, handle, code, state, proof, oauth_verifier, expires_at) = row;
    Ok(Claim {
        id: ClaimId(id),
        case: CaseId(case),
        handle: HandleId(handle),
        code,
        state: state.parse()?,
        proof,
        oauth_verifier,
        expires_at: Moment(expires_at),
    })
}

pub fn insert_claim(
    tx: &mut Conn,
    case: CaseId,
    handle: HandleId,
    hash: &str,
    code: &str,
    now: Moment,
    expires: Moment,
) -> Result<()> {
    diesel::insert_into(claims::table)
        .values((
            claims::case_id.eq(case.0),
            claims::handle_id.eq(handle.0),
            claims::token_hash.eq(hash),
            claims::code.eq(code),
            claims::state.eq(ClaimState::Open.as_str()),
            claims::created_at.eq(now.0),
            claims::expires_at.eq(expires.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// The claim of a case that nobody has used yet.
pub fn open_claim(conn: &mut Conn, case: CaseId, handle: HandleId) -> Result<Option<Claim>> {
    let row: Option<ClaimRow> = claims::table
        .filter(
            claims::case_id
                .eq(case.0)
                .and(claims::handle_id.eq(handle.0)),
        )
        .filter(claims::state.eq(ClaimState::Open.as_str()))
        .order(claims::id.desc())
        .select(claim_columns!())
        .first(conn)
        .optional()?;
    row.map(claim_of).transpose()
}

pub fn renew_claim(tx: &mut Conn, id: ClaimId, hash: &str, expires: Moment) -> Result<()> {
    diesel::update(claims::table.find(id.0))
        .set((
            claims::token_hash.eq(hash),
            claims::expires_at.eq(expires.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// Claims of a handle that are not completed nor over.
pub fn open_claims_of(conn: &mut Conn, handle: HandleId, now: Moment) -> Result<Vec<Claim>> {
    let rows: Vec<ClaimRow> = claims::table
        .filter(claims::handle_id.eq(handle.0))
        .filter(claims::state.ne(ClaimState::Completed.as_str()))
        .filter(claims::expires_at.gt(now.0))
        .order(claims::id.desc())
        .select(claim_columns!())
        .load(conn)?;
    rows.into_iter().map(claim_of).collect()
}

/// Proved to a browser; a later proof takes the place of an earlier until the claim is completed.
pub fn set_claim_proved(tx: &mut Conn, id: ClaimId, proof: &str, now: Moment) -> Result<()> {
    let open = claims::state.ne(ClaimState::Completed.as_str());
    diesel::update(claims::table.filter(claims::id.eq(id.0).and(open)))
        .set((
            claims::state.eq(ClaimState::Proved.as_str()),
            claims::proof.eq(proof),
            claims::proved_at.eq(now.0),
        ))
        .execute(tx)?;
    Ok(())
}

/// The claim whose address or code this is.
pub fn claim_by_key(conn: &mut Conn, hash: &str, code: &str) -> Result<Option<Claim>> {
    let row: Option<ClaimRow> = claims::table
        .filter(claims::token_hash.eq(hash).or(claims::code.eq(code)))
        .order(claims::id.desc())
        .select(claim_columns!())
        .first(conn)
        .optional()?;
    row.map(claim_of).transpose()
}

pub fn claim(conn: &mut Conn, id: ClaimId) -> Result<Option<Claim>> {
    let row: Option<ClaimRow> = claims::table
        .find(id.0)
        .select(claim_columns!())
        .first(conn)
        .optional()?;
    row.map(claim_of).transpose()
}

pub fn claim_by_oauth_state(conn: &mut Conn, hash: &str) -> Result<Option<Claim>> {
    let row: Option<ClaimRow> = claims::table
        .filter(claims::oauth_state_hash.eq(hash))
        .select(claim_columns!())
        .first(conn)
        .optional()?;
    row.map(claim_of).transpose()
}

/// A sign-in began; a later one takes its place.
pub fn set_claim_sign_in(
    tx: &mut Conn,
    id: ClaimId,
    state_hash: &str,
    verifier: &str,
) -> Result<()> {
    diesel::update(claims::table.find(id.0))
        .set((
            claims::oauth_state_hash.eq(state_hash),
            claims::oauth_verifier.eq(verifier),
        ))
        .execute(tx)?;
    Ok(())
}

/// The sign-in came back: it can't be used again.
pub fn end_claim_sign_in(tx: &mut Conn, id: ClaimId) -> Result<()> {
    diesel::update(claims::table.find(id.0))
        .set((
            claims::oauth_state_hash.eq(None::<String>),
            claims::oauth_verifier.eq(None::<String>),
        ))
        .execute(tx)?;
    Ok(())
}

/// Completes a proved claim; false when it was completed before.
pub fn complete_claim(tx: &mut Conn, id: ClaimId, email: &str, now: Moment) -> Result<bool> {
    let n = diesel::update(
        claims::table.filter(
            claims::id
                .eq(id.0)
                .and(claims::state.eq(ClaimState::Proved.as_str())),
        ),
    )
    .set((
        claims::state.eq(ClaimState::Completed.as_str()),
        claims::email.eq(email),
        claims::completed_at.eq(now.0),
    ))
    .execute(tx)?;
    Ok(n == 1)
}

// Rechecking

/// Mentions whose last look is older than `before`, the longest ago first: id and post.
pub fn due_for_recheck(
    conn: &mut Conn,
    network: Network,
    before: Moment,
    limit: i64,
) -> Result<Vec<(MentionId, String)>> {
    let rows: Vec<(i64, String)> = mentions::table
        .filter(mentions::deleted_at.is_null())
        .filter(mentions::checked_at.lt(before.0))
        .filter(mentions::network.eq(network.as_str()))
        .order(mentions::checked_at)
        .limit(limit)
        .select((mentions::id, mentions::network_post_id))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, post)| (MentionId(id), post))
        .collect())
}

pub fn set_checked(tx: &mut Conn, id: MentionId, now: Moment) -> Result<()> {
    diesel::update(mentions::table.find(id.0))
        .set(mentions::checked_at.eq(now.0))
        .execute(tx)?;
    Ok(())
}

/// What is told of a case whose first post is gone.
const GONE_SUMMARY: &str = "(the post was deleted by its author)";

/// Takes out every copy of a post's words. Drafts that answer it are discarded.
pub fn erase_mention(tx: &mut Conn, mention: &Mention, now: Moment) -> Result<()> {
    let id = mention.id.0;
    let page: Option<i64> = mentions::table
        .find(id)
        .select(mentions::intake_id)
        .first(tx)?;
    diesel::update(mentions::table.find(id))
        .set((
            mentions::body_text.eq(""),
            mentions::raw.eq(""),
            mentions::deleted_at.eq(now.0),
            mentions::checked_at.eq(now.0),
        ))
        .execute(tx)?;
    if let Some(page) = page {
        let nothing: &[u8] = &[];
        diesel::update(
            intake::table.filter(intake::id.eq(page).and(intake::state.eq(INTAKE_DONE))),
        )
        .set(intake::body.eq(nothing))
        .execute(tx)?;
    }
    diesel::update(triages::table.filter(triages::mention_id.eq(id)))
        .set(triages::reasons.eq("[]"))
        .execute(tx)?;
    diesel::update(case_events::table.filter(case_events::mention_id.eq(id)))
        .set((case_events::reasons.eq("[]"), case_events::data.eq("{}")))
        .execute(tx)?;
    diesel::update(
        replies::table.filter(
            replies::mention_id
                .eq(id)
                .and(replies::state.eq(ReplyState::Draft.as_str())),
        ),
    )
    .set(replies::state.eq(ReplyState::Discarded.as_str()))
    .execute(tx)?;
    let Some(case) = mention.case else {
        return Ok(());
    };
    let first: Option<i64> = mentions::table
        .filter(mentions::case_id.eq(case.0))
        .select(diesel::dsl::min(mentions::id))
        .first(tx)?;
    if first == Some(id) {
        diesel::update(cases::table.find(case.0))
            .set(cases::summary.eq(GONE_SUMMARY))
            .execute(tx)?;
    }
    Ok(())
}

// Closing the loop

/// Confirmed links to a thread whose people were told, after the link `after`.
pub fn told_links_to(
    conn: &mut Conn,
    thread: ThreadId,
    after: LinkId,
    limit: i64,
) -> Result<Vec<(LinkId, CaseId)>> {
    let rows: Vec<(i64, i64)> = links::table
        .filter(links::thread_id.eq(thread.0).and(links::id.gt(after.0)))
        .filter(
            links::told_at
                .is_not_null()
                .and(links::state.eq("confirmed")),
        )
        .order(links::id)
        .limit(limit)
        .select((links::id, links::case_id))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(l, c)| (LinkId(l), CaseId(c)))
        .collect())
}

// Checks

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

/// Cases of mentions about which no event says how they came in.
pub fn cases_without_story(conn: &mut Conn) -> Result<Vec<i64>> {
    use diesel::dsl::{exists, not};
    Ok(cases::table
        .inner_join(mentions::table)
        .filter(not(exists(
            case_events::table.filter(case_events::case_id.eq(cases::id)),
        )))
        .select(cases::id)
        .distinct()
        .load(conn)?)
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
    let payloads: Vec<String> = jobs::table
        .filter(jobs::kind.eq("send_reply"))
        .select(jobs::payload)
        .load(conn)?;
    Ok(waiting
        .into_iter()
        .filter(|id| !payloads.contains(&format!("{{\"reply\":{id}}}")))
        .collect())
}

/// What a customer wrote first in the ticket of a case.
pub fn ticket_text(conn: &mut Conn, case: CaseId) -> Result<Option<String>> {
    Ok(ticket_messages::table
        .inner_join(tickets::table)
        .filter(tickets::case_id.eq(case.0))
        .filter(ticket_messages::direction.eq("in"))
        .order(ticket_messages::id)
        .select(ticket_messages::body)
        .first(conn)
        .optional()?)
}

/// Whether the story of a case has this step.
pub fn has_step(conn: &mut Conn, case: CaseId, step: Step) -> Result<bool> {
    let n: i64 = case_events::table
        .filter(case_events::case_id.eq(case.0))
        .filter(case_events::step.eq(step.as_str()))
        .select(count_star())
        .first(conn)?;
    Ok(n > 0)
}
