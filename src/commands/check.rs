//! `offramp check`: compares what is derived with what it is derived from, and what must follow
//! from a decision with the decision. Changes nothing.

use std::collections::HashSet;

use serde::Serialize;

use crate::app::App;
use crate::cases;
use crate::db::changes::{self, Subject};
use crate::db::{Conn, Mismatch};
use crate::error::Result;
use crate::escalations;
use crate::forum;
use crate::forum::docs::Docs;
use crate::jobs;
use crate::mail;
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

/// Looks at everything. The index is compared once it has caught up with the change log, or as
/// far as it came; what it lacks because it lags is a finding too.
pub fn check(app: &App) -> Result<Report> {
    let mut findings = Vec::new();
    // Of one moment, so that a running server's work is not taken for a fault.
    app.db.snapshot(|conn| {
        findings.extend(forum::store::counters::recount(conn)?);
        findings.extend(cases::recount(conn)?);
        findings.extend(tickets::recount::recount(conn)?);
        findings.extend(escalations::recount::recount(conn)?);
        outbox(conn, &mut findings)
    })?;
    index(app, &mut findings)?;
    Ok(Report {
        threads_in_index: app.index.thread_count(),
        jobs: app.db.read(jobs::counts)?,
        mails: app.db.read(mail::outbox::counts)?,
        findings,
    })
}

fn index(app: &App, findings: &mut Vec<Mismatch>) -> Result<()> {
    app.index.refresh()?;
    let newest = app.db.read(|c| changes::newest_of(c, Subject::Thread))?;
    match app.index.position()? {
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
    let drift = app.index.drift(expected)?;
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

/// Everything that waits to leave has a job that takes it out.
fn outbox(conn: &mut Conn, findings: &mut Vec<Mismatch>) -> Result<()> {
    let waiting: HashSet<String> = jobs::payloads(conn, "send_mail")?.into_iter().collect();
    for id in mail::store::waiting_ids(conn)? {
        if !waiting.contains(&format!("{{\"mail\":{id}}}")) {
            findings.push(Mismatch::new(
                format!("mail {id}, not sent yet"),
                "a job that sends it",
                "none",
            ));
        }
    }
    Ok(())
}
