//! Queries of the site's own models, and of what they are learned from.

use std::collections::HashMap;

use diesel::dsl::exists;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use crate::cases::links::LinkState;
use crate::cases::{State, Step};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{
    case_candidates, case_events, cases, links, mentions, site_models, triages,
};
use crate::each;
use crate::error::{Error, Result};
use crate::escalations::past_links::customer;
use crate::escalations::site_models::linking::{CASES_MAX, is_right};
use crate::escalations::site_models::triage::POSTS_MAX;
use crate::escalations::site_models::{Kind, ModelState, SiteModel, Trained};
use crate::escalations::spikes::publish;
use crate::escalations::{Label, Stage};
use crate::ids::{CaseId, MentionId, SiteModelId, ThreadId, UserId};
use crate::ranker::fit::Example;
use crate::ranker::{MEANING, Signals, named, signals_of};

/// Rows that are read for each one that may be learned from: some are of one author or wording.
const READ_FACTOR: usize = 2;

fn limit(of: usize) -> i64 {
    i64::try_from(of * READ_FACTOR).unwrap_or(i64::MAX)
}

/// The weights of the model in use, as they were stored; none when the shipped ones are, or when it was
/// trained from other shipped ones than `base`.
pub fn weights_in_use(conn: &mut Conn, kind: Kind, base: &str) -> Result<Option<Vec<u8>>> {
    Ok(site_models::table
        .filter(site_models::kind.eq(kind.as_str()))
        .filter(site_models::base.eq(base))
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
    (String, String),
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
            (site_models::digest, site_models::base),
            site_models::comparison,
            site_models::trained_at,
            site_models::changed_at,
            site_models::changed_by,
        )
    };
}

fn model_of(row: ModelRow) -> Result<SiteModel> {
    let (id, kind, state, examples, (digest, base), comparison, trained_at, changed_at, changed_by) =
        row;
    Ok(SiteModel {
        id: SiteModelId(id),
        kind: kind.parse()?,
        state: state.parse()?,
        examples,
        digest,
        base,
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
            site_models::base.eq(&trained.base),
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

/// Forgets the oldest of a kind in a state beyond `kept`.
pub fn prune(tx: &mut Conn, kind: Kind, state: ModelState, kept: usize) -> Result<()> {
    let old: Vec<i64> = models(tx, kind)?
        .into_iter()
        .filter(|model| model.state == state)
        .skip(kept)
        .map(|model| model.id.0)
        .collect();
    diesel::delete(site_models::table.filter(site_models::id.eq_any(old))).execute(tx)?;
    Ok(())
}

/// Forgets what was measured for cases before then.
pub fn prune_candidates(tx: &mut Conn, before: Moment) -> Result<()> {
    diesel::delete(case_candidates::table.filter(case_candidates::measured_at.lt(before.0)))
        .execute(tx)?;
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
    /// Staff said something else of it than the rule that judged it.
    pub is_corrected: bool,
}

/// What was said of a post: the label that holds, and whether a person gave it where a rule had
/// given another.
fn held(conn: &mut Conn, of: &[i64]) -> Result<HashMap<i64, (Label, bool)>> {
    let rows: Vec<(i64, String, Option<i64>)> = triages::table
        .filter(triages::mention_id.eq_any(of))
        .order(triages::id)
        .select((triages::mention_id, triages::label, triages::by_user_id))
        .load(conn)?;
    let mut held: HashMap<i64, (Label, bool)> = HashMap::new();
    let mut by_rule: HashMap<i64, Label> = HashMap::new();
    for (mention, label, by) in rows {
        let label: Label = label.parse()?;
        if by.is_none() {
            by_rule.insert(mention, label);
        }
        let is_corrected = by.is_some() && by_rule.get(&mention).is_some_and(|rule| *rule != label);
        held.insert(mention, (label, is_corrected));
    }
    Ok(held)
}

/// Posts that staff judged or dealt with, those they corrected first, the newest first: those they
/// judged, those they looked at and left without a case, and those whose case a person resolved.
pub fn judged_posts(conn: &mut Conn) -> Result<Vec<JudgedPost>> {
    let judged: Vec<i64> = triages::table
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
    let resolved: Vec<i64> = mentions::table
        .inner_join(cases::table)
        .filter(cases::resolved_at.is_not_null())
        .filter(cases::merged_into_id.is_null())
        .filter(exists(
            case_events::table
                .filter(case_events::case_id.eq(cases::id))
                .filter(case_events::step.eq(Step::State.as_str()))
                .filter(case_events::actor_kind.eq("user")),
        ))
        .order(mentions::id.desc())
        .limit(limit(POSTS_MAX))
        .select(mentions::id)
        .load(conn)?;
    let mut ids: Vec<i64> = judged;
    ids.extend(looked_at);
    ids.extend(resolved);
    ids.sort_unstable();
    ids.dedup();
    let held = held(conn, &ids)?;
    // However many others came since, what was corrected stays.
    ids.sort_unstable_by_key(|id| {
        let is_corrected = held.get(id).is_some_and(|held| held.1);
        std::cmp::Reverse((is_corrected, *id))
    });
    ids.truncate(POSTS_MAX * READ_FACTOR);
    type Row = (i64, String, bool, Option<i64>);
    let posts: Vec<Row> = mentions::table
        .filter(mentions::id.eq_any(&ids))
        .filter(mentions::deleted_at.is_null().and(mentions::ours.eq(false)))
        .filter(mentions::stage.eq(Stage::Done.as_str()))
        .select((
            mentions::id,
            mentions::body_text,
            mentions::summoned,
            mentions::handle_id,
        ))
        .load(conn)?;
    let mut posts: HashMap<i64, Row> = posts.into_iter().map(|row| (row.0, row)).collect();
    Ok(ids
        .into_iter()
        .filter_map(|id| {
            let (id, text, addressed, author) = posts.remove(&id)?;
            let (label, is_corrected) = *held.get(&id)?;
            Some(JudgedPost {
                label,
                id: MentionId(id),
                text,
                addressed,
                author,
                is_corrected,
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

/// A case whose thread was found, with the threads that were measured for it and whether each is right.
#[derive(Clone, Debug)]
pub struct DecidedCase {
    pub id: CaseId,
    /// One number for one customer; 0 for nobody known.
    pub customer: i64,
    /// The thread that was confirmed; the case's own number, negative, where all were refused.
    pub thread: i64,
    pub candidates: Vec<(Signals, bool)>,
}

impl DecidedCase {
    pub fn has_right(&self) -> bool {
        self.candidates.iter().any(|c| c.1)
    }

    /// Whether a sentence model took part in the measures.
    pub fn is_meant(&self) -> bool {
        let has_meaning = |signals: &Signals| signals[MEANING].iter().any(|s| *s != 0.0);
        self.candidates.iter().any(|c| has_meaning(&c.0))
    }

    pub fn example(&self) -> Example {
        Example {
            candidates: self.candidates.clone(),
        }
    }
}

/// What was decided about the threads of one case.
#[derive(Default)]
struct Decided {
    right: Vec<i64>,
    is_refused: bool,
    /// A rule linked it lately, or a spike did: that says nothing yet, or was one decision for many.
    is_unsure: bool,
}

/// Cases to learn linking from, the newest first: those whose thread was confirmed, and those that came
/// to their end after somebody refused what was proposed. Silence says nothing.
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
    let mut decided = decided(conn, &ids, now)?;
    let mut found = Vec::new();
    for (id, state, measured, (user, handle, email_key)) in rows {
        let state: State = state.parse()?;
        let Some(said) = decided.remove(&id).filter(|said| !said.is_unsure) else {
            continue;
        };
        let has_ended = matches!(state, State::Resolved | State::Closed);
        let measured: Vec<MeasuredThread> = serde_json::from_str(&measured).unwrap_or_default();
        if measured.is_empty() || (said.right.is_empty() && !(said.is_refused && has_ended)) {
            continue;
        }
        found.push(DecidedCase {
            id: CaseId(id),
            customer: customer(user, handle, email_key.as_deref()),
            thread: said.right.first().copied().unwrap_or(-id),
            candidates: measured
                .iter()
                .map(|one| (signals_of(&one.signals), said.right.contains(&one.thread.0)))
                .collect(),
        });
    }
    Ok(found)
}

fn decided(conn: &mut Conn, of: &[i64], now: Moment) -> Result<HashMap<i64, Decided>> {
    type Link = (i64, Option<i64>, String, Option<i64>, Option<i64>, String);
    let links: Vec<Link> = links::table
        .filter(links::case_id.eq_any(of))
        .filter(links::target.eq("thread"))
        .order(links::id)
        .select((
            links::case_id,
            links::thread_id,
            links::state,
            links::decided_at,
            links::decided_by,
            links::rule,
        ))
        .load(conn)?;
    let mut decided: HashMap<i64, Decided> = HashMap::new();
    for (case, thread, state, at, by, rule) in links {
        let (Some(thread), Some(at)) = (thread, at) else {
            continue;
        };
        let said = decided.entry(case).or_default();
        match state.parse()? {
            LinkState::Confirmed if rule == publish::RULE => said.is_unsure = true,
            LinkState::Confirmed if is_right(by.is_some(), Moment(at), now) => {
                said.right.push(thread);
            }
            LinkState::Confirmed => said.is_unsure = true,
            LinkState::Rejected | LinkState::Undone => said.is_refused = true,
            LinkState::Proposed => {}
        }
    }
    Ok(decided)
}
