//! Queries of the story of a case: its events and notes.

use diesel::prelude::*;

use super::{desk, touch};
use crate::cases::Step;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::db::schema::{case_events, case_notes, cases};
use crate::each;
use crate::error::{Error, Result};
use crate::ids::{CaseId, MentionId, UserId};

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
