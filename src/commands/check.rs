//! `offramp check`: compares what is derived with what it is derived from, and what must follow
//! from a decision with the decision. Changes nothing.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::app::App;
use crate::boot;
use crate::cases;
use crate::db::changes::{self, Subject};
use crate::db::{Conn, Mismatch};
use crate::error::Result;
use crate::escalations;
use crate::forum;
use crate::forum::docs::Docs;
use crate::inbox;
use crate::jobs;
use crate::mail;
use crate::mail::outbox::SendMail;
use crate::search::DocSource;
use crate::tickets;

/// What was looked at, and what does not agree.
#[derive(Debug, Serialize)]
pub struct Report {
    pub threads_in_index: u64,
    pub jobs: jobs::Counts,
    pub mails: mail::outbox::Counts,
    pub findings: Vec<Mismatch>,
}

/// Threads loaded at a time for the comparison with the index.
const BATCH: usize = 500;
/// How long a running server has to bring the index up to what was written.
const CATCH_UP: Duration = Duration::from_secs(5);
/// Wait between two looks how far it came.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Looks at everything. The index is compared once it has caught up with the change log, or as
/// far as it came; what it lacks because it lags is a finding too.
pub fn check(app: &App) -> Result<Report> {
    let mut findings = Vec::new();
    // Of one moment, so that a running server's work is not taken for a fault.
    app.db.snapshot(|conn| {
        findings.extend(forum::store::counters::recount(conn)?);
        findings.extend(cases::recount(conn)?);
        findings.extend(tickets::recount::recount(conn)?);
        findings.extend(inbox::recount::recount(conn)?);
        findings.extend(escalations::recount::recount(conn)?);
        outbox(conn, &mut findings)?;
        work(conn, &mut findings)
    })?;
    files(app, &mut findings)?;
    index(app, &mut findings)?;
    Ok(Report {
        threads_in_index: app.index.thread_count(),
        jobs: app.db.read(jobs::counts)?,
        mails: app.db.read(mail::outbox::counts)?,
        findings,
    })
}

fn index(app: &App, findings: &mut Vec<Mismatch>) -> Result<()> {
    let newest = app.db.read(|c| changes::newest_of(c, Subject::Thread))?;
    match position_after(app, newest)? {
        Some(position) if position >= newest => {}
        // A forum in which nothing was ever said needs no index.
        None if newest == 0 => {}
        position => findings.push(Mismatch::new(
            "position of the search index in the change log",
            newest,
            position.map_or("never filled".into(), |p| p.to_string()),
        )),
    }
    let docs = Docs::new(app.db.clone());
    let (mut expected, mut last) = (Vec::new(), 0);
    loop {
        let batch = docs.after(last, BATCH)?;
        let Some(end) = batch.last() else { break };
        last = end.id;
        expected.extend(batch.iter().map(|d| (d.id, d.version)));
    }
    let mut drift = app.index.drift(expected)?;
    if !drift.is_none() {
        // What was written between reading one and the other differs too; it no longer does once
        // the index has come so far.
        let newest = app.db.read(|c| changes::newest_of(c, Subject::Thread))?;
        position_after(app, newest)?;
        let differing = [&drift.missing, &drift.surplus, &drift.stale];
        let differing: Vec<i64> = differing.into_iter().flatten().copied().collect();
        let mut expected = Vec::new();
        for ids in differing.chunks(BATCH) {
            expected.extend(docs.load(ids)?.iter().map(|d| (d.id, d.version)));
        }
        drift = app.index.drift(expected)?;
        let differing: HashSet<i64> = differing.into_iter().collect();
        drift.surplus.retain(|id| differing.contains(id));
    }
    for (ids, what) in [
        (&drift.missing, "not in the search index"),
        (&drift.surplus, "in the search index and should not be"),
        (&drift.stale, "in the search index as it was before"),
    ] {
        if !ids.is_empty() {
            findings.push(Mismatch::new(
                format!("threads {what}"),
                "none",
                format!("{ids:?}"),
            ));
        }
    }
    Ok(())
}

/// Where the index stands: at `newest` or beyond, unless `CATCH_UP` was not enough for that, or
/// nobody has begun to fill it.
fn position_after(app: &App, newest: i64) -> Result<Option<i64>> {
    let began = Instant::now();
    loop {
        app.index.refresh()?;
        match app.index.position()? {
            Some(position) if position < newest && began.elapsed() < CATCH_UP => {
                std::thread::sleep(LOOK_EVERY);
            }
            position => return Ok(position),
        }
    }
}

/// Everything that waits to leave has a job that takes it out.
fn outbox(conn: &mut Conn, findings: &mut Vec<Mismatch>) -> Result<()> {
    let under_way: HashSet<i64> = jobs::waiting::<SendMail>(conn)?
        .iter()
        .map(|job| job.mail.0)
        .collect();
    for id in mail::store::waiting_ids(conn)? {
        if !under_way.contains(&id) {
            findings.push(Mismatch::new(
                format!("mail {id}, not sent yet"),
                "a job that sends it",
                "none",
            ));
        }
    }
    Ok(())
}

/// No job was given up, and each is of a kind that is run.
fn work(conn: &mut Conn, findings: &mut Vec<Mismatch>) -> Result<()> {
    for job in jobs::dead(conn, i64::MAX)? {
        let why = job.last_error.unwrap_or_default();
        findings.push(Mismatch::new(
            format!("job {} ({})", job.id, job.kind),
            "done, or to be tried again",
            format!("given up: {why}"),
        ));
    }
    let known = boot::registry().kinds();
    for (kind, count) in jobs::kinds(conn)? {
        if !known.contains(&kind.as_str()) {
            findings.push(Mismatch::new(
                format!("jobs of the kind {kind}"),
                "none, as this version knows no such kind",
                count,
            ));
        }
    }
    Ok(())
}

/// Every file that a message names is in storage.
fn files(app: &App, findings: &mut Vec<Mismatch>) -> Result<()> {
    for key in app.db.read(tickets::store::storage_keys)? {
        if !app.files.is_there(&key) {
            let found = format!("file {key}");
            findings.push(Mismatch::new(found, "in the folder of uploads", "gone"));
        }
    }
    Ok(())
}
