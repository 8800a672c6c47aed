//! Has the sentence model read the public threads: first all there are, in batches, then what changes.
//! What it makes of them is stored, so that neither a restart nor another node does it again.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::docs::Docs;
use super::store::vectors::{self, NewVectors, Progress};
use crate::app::App;
use crate::clock::{MINUTE, Moment};
use crate::db::changes::{self, Subject};
use crate::db::{Conn, Db};
use crate::error::Result;
use crate::ids::ThreadId;
use crate::jobs::{self, Job, Next};
use crate::keys;
use crate::meaning::Model;
use crate::ranker::{self, Directions, PIECES, Stored, VECTORS_MAX};
use crate::search::{DocSource, ThreadDoc};

/// How often is looked for changes (µs).
pub const EVERY: i64 = MINUTE;
/// Threads read in one batch: some seconds of work; of long articles half a minute.
const THREADS: usize = 16;
/// How long one job reads before it leaves the rest to the next (µs).
const RUN_LASTS: i64 = MINUTE;
/// The lease under which one job of all nodes reads at a time.
const READER: &str = "embed_threads";
/// Changes looked at in one run.
const CHANGES: i64 = 100;

/// Reads the next threads.
#[derive(Default, Serialize, Deserialize)]
pub struct EmbedThreads {}

impl Job for EmbedThreads {
    const KIND: &'static str = "embed_threads";
    const LEASE: i64 = 10 * MINUTE;

    fn dedupe_key(&self) -> Option<String> {
        Some(String::new())
    }

    fn run(&self, app: &App) -> Result<Next> {
        let Some(meaning) = app.ranker.meaning() else {
            return Ok(Next::Done);
        };
        let holder = app.random.token();
        let began = app.now();
        let is_ours = |tx: &mut Conn| jobs::take_lease(tx, READER, &holder, began, Self::LEASE);
        if !app.db.write(is_ours)? {
            return Ok(Next::Done);
        }
        let done = read_on(app, meaning.model(), began);
        app.db.write(|tx| jobs::free_lease(tx, READER, &holder))?;
        done
    }
}

/// Reads batch after batch for a while.
fn read_on(app: &App, model: &Model, began: Moment) -> Result<Next> {
    while read_batch(app, model)? {
        if app.now().since(began) >= RUN_LASTS || app.live.is_closed() {
            // The schedule goes on with it.
            break;
        }
    }
    Ok(Next::Done)
}

/// Reads one batch; false when there is nothing left to read.
fn read_batch(app: &App, model: &Model) -> Result<bool> {
    let (known, oldest, newest) = app.db.read(|conn| {
        let known = vectors::progress(conn, model.name())?;
        Ok((known, changes::oldest(conn)?, changes::newest(conn)?))
    })?;
    // A place the log knows no more, as after a backup was put back, is no place to go on from.
    let is_known = |at: &Progress| oldest <= at.change + 1 && at.change <= newest;
    let at = known.filter(is_known).unwrap_or(Progress {
        thread: Some(0),
        change: newest,
    });
    let (to, more) = match at.thread {
        Some(thread) => next_threads(app, model, at, thread)?,
        None => next_changes(app, model, at)?,
    };
    if known != Some(to) {
        app.db
            .write(|tx| vectors::set_progress(tx, model.name(), to))?;
    }
    Ok(more)
}

/// Reads the threads behind `thread`; how far that went, and whether there is more.
fn next_threads(app: &App, model: &Model, at: Progress, thread: i64) -> Result<(Progress, bool)> {
    let docs = Docs::new(app.db.clone()).after(thread, THREADS)?;
    if let Some(last) = docs.last().map(|doc| doc.id) {
        read(app, model, &docs, &[])?;
        let thread = Some(last);
        return Ok((Progress { thread, ..at }, true));
    }
    // What was taken from sight while nobody followed, whatever model has read it.
    let gone = app.db.write(|tx| vectors::forget_not_public(tx, CHANGES))?;
    let thread = (gone == CHANGES).then_some(thread);
    Ok((Progress { thread, ..at }, true))
}

/// Reads the threads that changed.
fn next_changes(app: &App, model: &Model, at: Progress) -> Result<(Progress, bool)> {
    let taken = app
        .db
        .read(|conn| changes::after(conn, at.change, CHANGES))?;
    let Some(last) = taken.last().map(|change| change.id) else {
        return Ok((at, false));
    };
    let is_thread = |change: &&changes::Change| change.subject_kind == Subject::Thread.as_str();
    let changed: BTreeSet<i64> = taken
        .iter()
        .filter(is_thread)
        .map(|c| c.subject_id)
        .collect();
    let changed: Vec<i64> = changed.into_iter().collect();
    let docs = Docs::new(app.db.clone()).load(&changed)?;
    let gone: Vec<i64> = changed
        .into_iter()
        .filter(|id| docs.iter().all(|doc| doc.id != *id))
        .collect();
    read(app, model, &docs, &gone)?;
    let more = taken.len() as i64 == CHANGES;
    Ok((Progress { change: last, ..at }, more))
}

/// Stores the vectors of those whose text is another than before, and forgets those of `gone`.
fn read(app: &App, model: &Model, docs: &[ThreadDoc], gone: &[i64]) -> Result<()> {
    let ids: Vec<i64> = docs
        .iter()
        .map(|doc| doc.id)
        .chain(gone.iter().copied())
        .collect();
    let known = app
        .db
        .read(|conn| vectors::digests(conn, model.name(), &ids))?;
    let known: HashMap<i64, String> = known.into_iter().collect();
    let mut all: Vec<NewVectors> = Vec::new();
    for doc in docs {
        let passages = ranker::passages(doc);
        let digest = keys::digest(passages.join("\n\n").as_bytes());
        if known.get(&doc.id) == Some(&digest) {
            continue;
        }
        let passages: Vec<&str> = passages
            .iter()
            .take(VECTORS_MAX)
            .map(String::as_str)
            .collect();
        let vectors = model.embed(&passages, PIECES);
        all.push(NewVectors {
            thread: ThreadId(doc.id),
            digest,
            bytes: vectors.iter().flatten().flat_map(|v| v.bytes()).collect(),
        });
    }
    let forgotten = gone
        .iter()
        .filter(|id| known.get(id).is_some_and(|digest| !digest.is_empty()));
    all.extend(forgotten.map(|id| NewVectors {
        thread: ThreadId(*id),
        digest: String::new(),
        bytes: Vec::new(),
    }));
    if all.is_empty() {
        return Ok(());
    }
    app.db.write(|tx| vectors::put(tx, model.name(), all))
}

/// What is stored, as the ranker takes it over.
pub struct StoredVectors {
    db: Db,
}

impl StoredVectors {
    pub fn new(db: Db) -> StoredVectors {
        StoredVectors { db }
    }
}

impl Directions for StoredVectors {
    fn after(&self, model: &str, place: i64, limit: usize) -> Result<Vec<Stored>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.db
            .read(|conn| vectors::after(conn, model, place, limit))
    }

    fn written(&self) -> u64 {
        self.db.bell().count()
    }
}
