//! Judging: captured mentions go through triage, identify, join, link and acknowledge, in order.
//!
//! What is pure or only reads (the judgement, the search) is done for a whole batch before the
//! transaction begins, on several threads; what writes is one transaction a batch. When a batch
//! fails, each of its mentions goes alone; the one that fails by itself is tried again later, and
//! set aside when it keeps failing. Trouble of the database or the index is no mention's fault: it
//! fails the job, which comes again.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::link::{self, CANDIDATES_MAX, Candidate, Decision};
use super::store::{self, Mention, NewTriage};
use super::triage::{self, Knowledge, Post, Product, Triage};
use super::{Standing, acknowledge, channel_of, claim, identify, join, site_models};
use crate::app::App;
use crate::cases::{self, Event, NewCase, Step};
use crate::clock::{MINUTE, Moment};
use crate::db::audit::Actor;
use crate::db::changes::{self, Subject};
use crate::db::{Conn, Lock, lock};
use crate::error::{Error, Result};
use crate::ids::{CaseId, HandleId, MentionId};
use crate::jobs::{self, Job, Next};
use crate::people::handles::{self, Handle};
use crate::ranker;
use crate::search::Likeness;

/// Mentions of one transaction.
pub const BATCH_MENTIONS_MAX: i64 = 100;
/// Waits before a mention that failed is judged again (µs); when it fails once more it is set aside.
pub const RETRY_WAITS: [i64; 2] = [MINUTE, 10 * MINUTE];
/// Corrections by staff that are compared with.
const CORRECTIONS_MAX: i64 = 200;
/// Threads that ask the search at once.
const SEARCHERS: usize = 2;
/// Batches of one run of the job; the rest goes on in the next, so that a lease never ends first.
const BATCHES_A_RUN: usize = 20;
/// The lock by which judges take turns: of two posts of one person the second must see the first.
pub(super) const TURN: Lock = Lock::Other(0x6a75_6467);

/// Judges what waits.
#[derive(Default, Serialize, Deserialize)]
pub struct JudgeMentions {
    /// For those that failed before, whose time comes later: what is new does not wait with them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

impl Job for JudgeMentions {
    const KIND: &'static str = "judge_mentions";
    /// An index that can't be read is waited for through a day: the longest wait is half an hour.
    const ATTEMPTS_MAX: i64 = 60;

    fn dedupe_key(&self) -> Option<String> {
        Some(if self.again { "again" } else { "all" }.to_owned())
    }

    fn run(&self, app: &App) -> Result<Next> {
        for _ in 0..BATCHES_A_RUN {
            if judge_batch(app)? == 0 {
                come_again(app)?;
                return Ok(Next::Done);
            }
            if app.live.is_closed() {
                break;
            }
        }
        Ok(Next::Again(app.now()))
    }
}

/// Leaves a job for the mentions whose next attempt is later.
fn come_again(app: &App) -> Result<()> {
    if let Some(at) = app.db.read(store::next_retry)? {
        let again = JudgeMentions { again: true };
        let now = app.now();
        app.db
            .write(|tx| jobs::enqueue_at(tx, now, at.max(now), &again))?;
    }
    Ok(())
}

/// Whether this is trouble of the database or the index, of which no single mention is the cause.
fn is_trouble(error: &Error) -> bool {
    matches!(error, Error::Search(_)) || error.store_trouble().is_some()
}

/// A mention with all that was found out before anything is written.
struct Judged {
    mention: Mention,
    triage: Triage,
    candidates: Vec<Candidate>,
}

/// What the mentions of a batch share.
struct Around<'a> {
    /// Read in the transaction: who asked for quiet a moment ago is not written to.
    handles: HashMap<i64, Handle>,
    catalogue: &'a [Product],
}

/// Mentions that were considered together, ready to be taken through the steps that write.
pub struct Batch {
    /// Mentions that were looked at, those that could not be judged included.
    pub count: usize,
    /// The newest that was looked at.
    pub last: MentionId,
    judged: Vec<Judged>,
    catalogue: Vec<Product>,
}

/// Judges up to a batch of captured mentions; how many were looked at.
pub fn judge_batch(app: &App) -> Result<usize> {
    match consider_batch(app, MentionId(0))? {
        None => Ok(0),
        Some(batch) => take_batch(app, &batch).map(|()| batch.count),
    }
}

/// Judges and searches for the next captured mentions after `after`; writes nothing but failures.
pub fn consider_batch(app: &App, after: MentionId) -> Result<Option<Batch>> {
    let (mentions, catalogue, corrections, model) = app.db.read(|c| {
        let mentions = store::captured(c, after, app.now(), BATCH_MENTIONS_MAX)?;
        if mentions.is_empty() {
            return Ok((mentions, Vec::new(), Vec::new(), None));
        }
        let corrections = store::corrections(c, CORRECTIONS_MAX)?;
        let model = site_models::triage_model(c)?;
        Ok((mentions, store::catalogue(c)?, corrections, model))
    })?;
    let count = mentions.len();
    if count > 0 && !index_is_filled(app)? {
        let why = "it is not filled yet, and would hide the threads that answer";
        return Err(Error::Search(why.to_owned()));
    }
    let Some(last) = mentions.last().map(|m| m.id) else {
        return Ok(None);
    };
    let knowledge = Knowledge {
        model: model.as_deref(),
        catalogue: &catalogue,
        corrections: &corrections,
    };
    let mut judged = Vec::with_capacity(count);
    for (mention, outcome) in consider(app, mentions, knowledge) {
        match outcome {
            Ok((triage, found)) => judged.push((mention, triage, found)),
            Err(error) if is_trouble(&error) => return Err(error),
            Err(error) => note_failure(app, &mention, &error)?,
        }
    }
    let judged: Vec<Judged> = app.db.read(|c| {
        judged
            .into_iter()
            .map(|(mention, triage, found)| {
                Ok(Judged {
                    candidates: if found.is_empty() {
                        Vec::new()
                    } else {
                        link::candidates(c, &found)?
                    },
                    mention,
                    triage,
                })
            })
            .collect()
    })?;
    Ok(Some(Batch {
        count,
        last,
        judged,
        catalogue,
    }))
}

/// Whether the index knows the forum. One that was never filled, or that stands in for one that
/// can't be read, finds nothing, and every complaint would look new.
fn index_is_filled(app: &App) -> Result<bool> {
    Ok(app.index.position()?.is_some()
        || app.db.read(|c| changes::newest_of(c, Subject::Thread))? == 0)
}

/// Takes considered mentions through the steps that write, in one transaction when that goes well.
pub fn take_batch(app: &App, batch: &Batch) -> Result<()> {
    let Batch {
        judged, catalogue, ..
    } = batch;
    let now = app.now();
    let whole = app.db.write(|tx| {
        lock(tx, TURN)?;
        let mut around = Around::of(tx, judged.iter().map(|one| &one.mention), catalogue)?;
        for one in judged {
            take(tx, app, now, one, &mut around)?;
        }
        Ok(())
    });
    if let Err(error) = whole {
        if is_trouble(&error) {
            return Err(error);
        }
        tracing::warn!(%error, "a batch of mentions failed; each goes alone");
        for one in judged {
            let alone = app.db.write(|tx| {
                lock(tx, TURN)?;
                let mut around = Around::of(tx, [&one.mention].into_iter(), catalogue)?;
                take(tx, app, now, one, &mut around)
            });
            match alone {
                Ok(()) => {}
                Err(error) if is_trouble(&error) => return Err(error),
                Err(error) => note_failure(app, &one.mention, &error)?,
            }
        }
    }
    Ok(())
}

impl<'a> Around<'a> {
    fn of<'m>(
        tx: &mut Conn,
        mentions: impl Iterator<Item = &'m Mention>,
        catalogue: &'a [Product],
    ) -> Result<Around<'a>> {
        let ids: Vec<i64> = mentions.filter_map(|m| m.handle.map(|h| h.0)).collect();
        Ok(Around {
            handles: handles::by_ids(tx, &ids)?,
            catalogue,
        })
    }

    fn handle(&self, id: Option<HandleId>) -> Option<&Handle> {
        id.and_then(|id| self.handles.get(&id.0))
    }
}

fn product_of<'a>(catalogue: &'a [Product], triage: &Triage) -> Option<&'a Product> {
    triage
        .product
        .and_then(|id| catalogue.iter().find(|p| p.id == id))
}

fn note_failure(app: &App, mention: &Mention, error: &Error) -> Result<()> {
    let wait = usize::try_from(mention.attempts)
        .ok()
        .and_then(|n| RETRY_WAITS.get(n));
    let again_at = wait.map(|wait| app.now().plus(*wait));
    let aside = again_at.is_none();
    tracing::warn!(mention = %mention.id, %error, aside, "a mention could not be judged");
    app.db
        .write(|tx| store::set_failed(tx, mention, &error.to_string(), again_at))
}

type Considered = Result<(Triage, Vec<ranker::Similar>)>;

/// Judges and searches, on several threads. A text that makes our code panic fails alone.
fn consider(
    app: &App,
    mentions: Vec<Mention>,
    knowledge: Knowledge<'_>,
) -> Vec<(Mention, Considered)> {
    let share = mentions.len().div_ceil(SEARCHERS).max(1);
    let outcomes: Vec<Considered> = std::thread::scope(|scope| {
        let parts: Vec<_> = mentions
            .chunks(share)
            .map(|part| {
                scope.spawn(move || {
                    part.iter()
                        .map(|mention| {
                            catch_unwind(AssertUnwindSafe(|| {
                                consider_one(app, mention, &knowledge)
                            }))
                            .unwrap_or_else(|_| Err(Error::other("judging it panicked")))
                        })
                        .collect::<Vec<Considered>>()
                })
            })
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_default())
            .collect()
    });
    mentions.into_iter().zip(outcomes).collect()
}

fn consider_one(app: &App, mention: &Mention, knowledge: &Knowledge<'_>) -> Considered {
    let post = Post {
        text: &mention.text,
        addressed: mention.summoned,
        language: None,
    };
    let triage = triage::judge_post(knowledge, post);
    if !triage.label.wants_an_answer() || triage.needs_account {
        return Ok((triage, Vec::new()));
    }
    let likeness = Likeness {
        text: &mention.text,
        product: product_of(knowledge.catalogue, &triage).map(|p| p.slug.as_str()),
        limit: CANDIDATES_MAX,
        exclude: &[],
        at: Some(mention.posted_at.0),
    };
    let found = ranker::similar(app, &likeness)?;
    Ok((triage, found))
}

/// Takes one mention through the steps that write.
fn take(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    judged: &Judged,
    around: &mut Around<'_>,
) -> Result<()> {
    let Judged {
        mention,
        triage,
        candidates,
    } = judged;
    if !store::take_captured(tx, mention)? {
        return Ok(());
    }
    let personal: &[&str] = &triage.personal_data;
    store::insert_triage(
        tx,
        &NewTriage {
            mention: mention.id,
            label: triage.label,
            p_complaint: triage.p_complaint,
            severity: triage.severity,
            standing: triage.standing,
            product: triage.product,
            topic: triage.topic,
            language: triage.language,
            needs_account: triage.needs_account,
            personal_data: personal,
            reasons: &triage.reasons,
            by: None,
        },
        now,
    )?;
    let mut asked_for_quiet = false;
    if let Some(handle) = mention.handle.and_then(|h| around.handles.get_mut(&h.0)) {
        if claim::recognise_code(tx, app, now, mention, handle)? {
            return Ok(());
        }
        if mention.summoned && triage::asks_for_quiet(&mention.text).is_some() {
            let by = Actor::rule("triage");
            handles::opt_out(tx, &by, handle.id, "asked us for quiet", now)?;
            handle.opted_out_at.get_or_insert(now);
            asked_for_quiet = true;
        }
    }
    let handle = around.handle(mention.handle);
    let case = if let Some((case, why)) = join::find(tx, mention, handle)? {
        Some(join::join(tx, now, mention, triage, case, &why)?)
    } else if triage.label.wants_an_answer()
        && !(asked_for_quiet && triage.severity == cases::Severity::Annoyance)
    {
        Some(open_case(
            tx, app, now, mention, triage, candidates, around,
        )?)
    } else {
        let newest = handle.map(|h| cases::store::newest_open_of_handle(tx, h.id));
        newest.transpose()?.flatten().map(|case| case.id)
    };
    match case {
        Some(case) if asked_for_quiet => record_quiet(tx, now, case, mention.id),
        _ => Ok(()),
    }
}

/// Tells in the story of a case that its customer wants to hear from people alone.
fn record_quiet(tx: &mut Conn, now: Moment, case: CaseId, mention: MentionId) -> Result<()> {
    cases::record_event(
        tx,
        now,
        case,
        Event {
            step: Step::Triage,
            by: &Actor::rule("triage"),
            mention: Some(mention),
            summary: "Asked for quiet: no rule writes to them any more",
            reasons: vec![],
            data: json!({}),
        },
    )
}

/// Opens the case of a mention and takes it as far as a draft.
pub(super) fn open_case_of(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    mention: &Mention,
    triage: &Triage,
    candidates: &[Candidate],
) -> Result<CaseId> {
    let catalogue = store::catalogue(tx)?;
    let around = Around::of(tx, [mention].into_iter(), &catalogue)?;
    open_case(tx, app, now, mention, triage, candidates, &around)
}

fn open_case(
    tx: &mut Conn,
    app: &App,
    now: Moment,
    mention: &Mention,
    triage: &Triage,
    candidates: &[Candidate],
    around: &Around<'_>,
) -> Result<CaseId> {
    let by = Actor::rule("triage");
    let handle = around.handle(mention.handle);
    let product = product_of(around.catalogue, triage);
    let customer_name = handle.map_or_else(|| "somebody".to_owned(), Handle::label);
    let id = cases::open(
        tx,
        now,
        &by,
        NewCase {
            channel: channel_of(mention.network),
            severity: triage.severity,
            summary: &super::summary_of(&mention.text),
            product: triage.product,
            topic: triage.topic,
            user: handle.and_then(|h| h.user.filter(|_| h.proved_at.is_some())),
            handle: mention.handle,
            email: None,
            customer_name: &customer_name,
            written_at: mention.posted_at,
            mention: Some(mention.id),
            reasons: vec![format!("judged a {}", triage.label)],
        },
    )?;
    store::set_case(tx, mention.id, id)?;
    record_triage(tx, now, id, mention.id, triage, &by)?;
    let Some(case) = cases::store::case(tx, id)? else {
        return Err(Error::other("a case that was just opened is not there"));
    };
    identify::identify(tx, now, &case, mention, handle)?;
    link::keep_measured(tx, now, id, candidates)?;
    let decision = link::decide(triage, product, candidates);
    link::link(tx, now, id, mention, triage, &decision)?;
    let why_not = if triage.standing == Some(Standing::Over) {
        Some(TOLD_OVER)
    } else if triage.standing == Some(Standing::Venting) {
        Some(ONLY_VENTED)
    } else if triage.in_doubt && !matches!(decision, Decision::Ticket(_)) {
        Some(IN_DOUBT)
    } else {
        None
    };
    if let Some((summary, why)) = why_not {
        leave_to_person(tx, now, id, mention.id, summary, why)?;
    } else {
        acknowledge::draft(tx, app, now, &case, mention, handle, product)?;
    }
    Ok(id)
}

/// What a person has yet to understand may be thanks, and our first answers speak of trouble.
const IN_DOUBT: (&str, &str) = (
    "Nothing is drafted: a person decides first what it is",
    "the judgement is in doubt",
);
/// Our first answers promise help, and ask for what we need for it.
const ONLY_VENTED: (&str, &str) = (
    "Nothing is drafted: a person decides whether there is anything to say",
    "its author is angry, and tells neither what happened nor what is wanted",
);
const TOLD_OVER: (&str, &str) = (
    "Nothing is drafted: a person decides whether anything is left to say",
    "its author tells that it is over",
);

/// Tells why nothing is drafted.
fn leave_to_person(
    tx: &mut Conn,
    now: Moment,
    case: CaseId,
    mention: MentionId,
    summary: &str,
    why: &str,
) -> Result<()> {
    cases::record_event(
        tx,
        now,
        case,
        Event {
            step: Step::Acknowledge,
            by: &Actor::rule("acknowledge"),
            mention: Some(mention),
            summary,
            reasons: vec![why.to_owned()],
            data: json!({}),
        },
    )
}

/// Tells the judgement in the story of a case.
pub(super) fn record_triage(
    tx: &mut Conn,
    now: Moment,
    case: CaseId,
    mention: MentionId,
    triage: &Triage,
    by: &Actor,
) -> Result<()> {
    cases::record_event(
        tx,
        now,
        case,
        Event {
            step: Step::Triage,
            by,
            mention: Some(mention),
            summary: &format!("{}, {}", triage.called(), triage.severity.label()),
            reasons: triage.reasons.clone(),
            data: json!({
                "label": triage.label,
                "p_complaint": triage.p_complaint,
                "severity": triage.severity,
                "standing": triage.standing,
                "needs_account": triage.needs_account,
                "personal_data": triage.personal_data,
                "language": triage.language,
            }),
        },
    )
}
