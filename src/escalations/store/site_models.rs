//! Queries of the site's own models, and of what they are learned from.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::triages_of;
use crate::cases::State;
use crate::cases::links::LinkState;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{case_candidates, cases, links, mentions, site_models, triages};
use crate::each;
use crate::error::{Error, Result};
use crate::escalations::past_links::customer;
use crate::escalations::site_models::linking::{CASES_MAX, is_right};
use crate::escalations::site_models::triage::POSTS_MAX;
use crate::escalations::site_models::{Kind, ModelState, SiteModel, Trained};
use crate::escalations::{Label, Stage};
use crate::ids::{CaseId, MentionId, SiteModelId, ThreadId, UserId};
use crate::ranker::fit::Example;
use crate::ranker::{Signals, named, signals_of};

/// Rows that are read for each one that may be learned from: some are of one author or wording.
const READ_FACTOR: usize = 2;

fn limit(of: usize) -> i64 {
    i64::try_from(of * READ_FACTOR).unwrap_or(i64::MAX)
}

/// The weights of the model in use, as they were stored; none when the shipped ones are.
pub fn weights_in_use(conn: &mut Conn, kind: Kind) -> Result<Option<Vec<u8>>> {
    Ok(site_models::table
        .filter(site_models::kind.eq(kind.as_str()))
        .filter(site_models::state.eq(ModelState::InUse.as_str()))
        .select(site_models::weights)
        .first(conn)
        .optional()?)
}

type ModelRow = (
    i64,
    String,
    String,
    i64,
    String,
    String,
    i64,
    i64,
    Option<i64>,
);

macro_rules! model_columns {
    () => {
        (
            site_models::id,
            site_models::kind,
            site_models::state,
            site_models::examples,
            site_models::digest,
            site_models::comparison,
            site_models::trained_at,
            site_models::changed_at,
            site_models::changed_by,
        )
    };
}

fn model_of(row: ModelRow) -> Result<SiteModel> {
    let (id, kind, state, examples, digest, comparison, trained_at, changed_at, changed_by) = row;
    Ok(SiteModel {
        id: SiteModelId(id),
        kind: kind.parse()?,
        state: state.parse()?,
        examples,
        digest,
        comparison: serde_json::from_str(&comparison).unwrap_or_default(),
        trained_at: Moment(trained_at),
        changed_at: Moment(changed_at),
        changed_by: changed_by.map(UserId),
    })
}

/// All models of a kind, the newest first.
pub fn models(conn: &mut Conn, kind: Kind) -> Result<Vec<SiteModel>> {
    let rows: Vec<ModelRow> = site_models::table
        .filter(site_models::kind.eq(kind.as_str()))
        .order(site_models::id.desc())
        .select(model_columns!())
        .load(conn)?;
    rows.into_iter().map(model_of).collect()
}

/// One model.
pub fn model(conn: &mut Conn, id: SiteModelId) -> Result<Option<SiteModel>> {
    let row: Option<ModelRow> = site_models::table
        .find(id.0)
        .select(model_columns!())
        .first(conn)
        .optional()?;
    row.map(model_of).transpose()
}

/// Keeps a model that was trained.
pub fn insert_model(
    tx: &mut Conn,
    kind: Kind,
    state: ModelState,
    trained: &Trained,
    (by, now): (Option<UserId>, Moment),
) -> Result<SiteModelId> {
    let comparison = serde_json::to_string(&trained.comparison).map_err(Error::other)?;
    let id: i64 = diesel::insert_into(site_models::table)
        .values((
            site_models::kind.eq(kind.as_str()),
            site_models::state.eq(state.as_str()),
            site_models::weights.eq(&trained.weights),
            site_models::examples.eq(i64::try_from(trained.examples).unwrap_or(i64::MAX)),
            site_models::digest.eq(&trained.digest),
            site_models::comparison.eq(comparison),
            site_models::trained_at.eq(now.0),
            site_models::changed_at.eq(now.0),
            site_models::changed_by.eq(by.map(|by| by.0)),
        ))
        .returning(site_models::id)
        .get_result(tx)?;
    Ok(SiteModelId(id))
}

/// Sets where a model stands.
pub fn set_state(
    tx: &mut Conn,
    id: SiteModelId,
    state: ModelState,
    (by, now): (Option<UserId>, Moment),
) -> Result<()> {
    diesel::update(site_models::table.find(id.0))
        .set((
            site_models::state.eq(state.as_str()),
            site_models::changed_at.eq(now.0),
            site_models::changed_by.eq(by.map(|by| by.0)),
        ))
        .execute(tx)?;
    Ok(())
}

/// Forgets the oldest of a kind beyond `kept`, whatever is in use excepted.
pub fn prune(tx: &mut Conn, kind: Kind, kept: usize) -> Result<()> {
    let old: Vec<i64> = models(tx, kind)?
        .into_iter()
        .skip(kept)
        .filter(|model| model.state != ModelState::InUse)
        .map(|model| model.id.0)
        .collect();
    diesel::delete(site_models::table.filter(site_models::id.eq_any(old))).execute(tx)?;
    Ok(())
}

/// A post with what it is held to be, by staff or with their consent.
#[derive(Clone, Debug)]
pub struct JudgedPost {
    pub id: MentionId,
    pub text: String,
    pub label: Label,
    /// It named us or answered us.
    pub addressed: bool,
    pub author: Option<i64>,
    /// Staff said something else of it than the rules.
    pub is_corrected: bool,
}

/// Posts that staff judged or dealt with, the newest first: those they corrected, those they looked at
/// and left without a case, and those whose case came to its end with the judgement it had.
pub fn judged_posts(conn: &mut Conn) -> Result<Vec<JudgedPost>> {
    let corrected: Vec<i64> = triages::table
        .filter(triages::by_user_id.is_not_null())
        .order(triages::id.desc())
        .limit(limit(POSTS_MAX))
        .select(triages::mention_id)
        .load(conn)?;
    let looked_at: Vec<i64> = mentions::table
        .filter(
            mentions::looked_at
                .is_not_null()
                .and(mentions::case_id.is_null()),
        )
        .order(mentions::id.desc())
        .limit(limit(POSTS_MAX))
        .select(mentions::id)
        .load(conn)?;
    let ended = [State::Resolved.as_str(), State::Closed.as_str()];
    let dealt_with: Vec<i64> = mentions::table
        .inner_join(cases::table)
        .filter(
            cases::state
                .eq_any(ended)
                .and(cases::merged_into_id.is_null()),
        )
        .order(mentions::id.desc())
        .limit(limit(POSTS_MAX))
        .select(mentions::id)
        .load(conn)?;
    let corrections: HashSet<i64> = corrected.iter().copied().collect();
    let mut ids: Vec<i64> = corrected;
    ids.extend(looked_at);
    ids.extend(dealt_with);
    ids.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
    ids.dedup();
    ids.truncate(POSTS_MAX * READ_FACTOR);
    let of: Vec<MentionId> = ids.iter().copied().map(MentionId).collect();
    let labels = triages_of(conn, &of)?;
    type Row = (i64, String, bool, Option<i64>);
    let posts: Vec<Row> = mentions::table
        .filter(mentions::id.eq_any(&ids))
        .filter(mentions::deleted_at.is_null().and(mentions::ours.eq(false)))
        .filter(mentions::stage.eq(Stage::Done.as_str()))
        .order(mentions::id.desc())
        .select((
            mentions::id,
            mentions::body_text,
            mentions::summoned,
            mentions::handle_id,
        ))
        .load(conn)?;
    Ok(posts
        .into_iter()
        .filter_map(|(id, text, addressed, author)| {
            Some(JudgedPost {
                label: labels.get(&MentionId(id))?.label,
                id: MentionId(id),
                text,
                addressed,
                author,
                is_corrected: corrections.contains(&id),
            })
        })
        .collect())
}

/// A thread as it was measured for a case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MeasuredThread {
    pub thread: ThreadId,
    /// By their short names; those of zero are left out.
    pub signals: HashMap<String, f64>,
}

/// Keeps what the ranker measured for a case when it looked for its thread.
pub fn insert_candidates(
    tx: &mut Conn,
    case: CaseId,
    measured: &[(ThreadId, Signals)],
    now: Moment,
) -> Result<()> {
    let threads: Vec<MeasuredThread> = measured
        .iter()
        .map(|(thread, signals)| MeasuredThread {
            thread: *thread,
            signals: named(signals),
        })
        .collect();
    let row = (
        case_candidates::case_id.eq(case.0),
        case_candidates::measured.eq(serde_json::to_string(&threads).map_err(Error::other)?),
        case_candidates::measured_at.eq(now.0),
    );
    each!(&mut *tx, c => diesel::insert_into(case_candidates::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// A case that came to its end, or whose thread was confirmed, with the threads that were measured
/// for it and whether each is right.
#[derive(Clone, Debug)]
pub struct DecidedCase {
    pub id: CaseId,
    /// One number for one customer; 0 for nobody known.
    pub customer: i64,
    pub candidates: Vec<(Signals, bool)>,
}

impl DecidedCase {
    pub fn has_right(&self) -> bool {
        self.candidates.iter().any(|c| c.1)
    }

    pub fn example(&self) -> Example {
        Example {
            candidates: self.candidates.clone(),
        }
    }
}

/// Cases to learn linking from, the newest first.
pub fn decided_cases(conn: &mut Conn, now: Moment) -> Result<Vec<DecidedCase>> {
    type Row = (
        i64,
        String,
        String,
        (Option<i64>, Option<i64>, Option<String>),
    );
    let rows: Vec<Row> = case_candidates::table
        .inner_join(cases::table)
        .filter(cases::merged_into_id.is_null())
        .order(cases::id.desc())
        .limit(limit(CASES_MAX))
        .select((
            cases::id,
            cases::state,
            case_candidates::measured,
            (cases::user_id, cases::handle_id, cases::email_key),
        ))
        .load(conn)?;
    let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
    type Link = (i64, Option<i64>, String, Option<i64>, Option<i64>);
    let decided: Vec<Link> = links::table
        .filter(links::case_id.eq_any(&ids))
        .filter(links::target.eq("thread"))
        .select((
            links::case_id,
            links::thread_id,
            links::state,
            links::decided_at,
            links::decided_by,
        ))
        .load(conn)?;
    let mut right: HashSet<(i64, i64)> = HashSet::new();
    for (case, thread, state, at, by) in decided {
        let (Some(thread), Some(at)) = (thread, at) else {
            continue;
        };
        let state: LinkState = state.parse()?;
        if state == LinkState::Confirmed && is_right(by.is_some(), Moment(at), now) {
            right.insert((case, thread));
        }
    }
    let mut found = Vec::with_capacity(rows.len());
    for (id, state, measured, (user, handle, email_key)) in rows {
        let state: State = state.parse()?;
        let measured: Vec<MeasuredThread> = serde_json::from_str(&measured).unwrap_or_default();
        let case = DecidedCase {
            id: CaseId(id),
            customer: customer(user, handle, email_key.as_deref()),
            candidates: measured
                .iter()
                .map(|one| {
                    (
                        signals_of(&one.signals),
                        right.contains(&(id, one.thread.0)),
                    )
                })
                .collect(),
        };
        let has_ended = matches!(state, State::Resolved | State::Closed);
        if !case.candidates.is_empty() && (has_ended || case.has_right()) {
            found.push(case);
        }
    }
    Ok(found)
}
