//! Mail comes in: stored raw, acknowledged once that is committed, then read by a job.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::store::{self, RawMail, Unread};
use super::take_mail::{Decided, ReadMail, take};
use crate::app::App;
use crate::clock::{MINUTE, Moment, SECOND};
use crate::db::audit::Actor;
use crate::db::{Conn, Lock, intake, lock};
use crate::error::{Error, Result};
use crate::ids::IntakeId;
use crate::jobs::{self, Job, Next};
use crate::keys::digest;
use crate::mail::arriving::Arriving;
use crate::mail::one_line;

/// Attempts to read one mail before it is set aside for a person.
pub const ATTEMPTS_MAX: i64 = 3;
/// Beginnings after which a mail whose reading never came to an end is set aside.
const BEGINNINGS_MAX: i64 = 12;
/// Wait before a mail is begun again that several processes have ended with (µs); it grows with
/// each.
const AGAIN_AFTER: i64 = MINUTE;
/// Bytes of the mails that are read into memory together; a larger one is read alone.
const BATCH_BYTES_MAX: i64 = 8 * 1024 * 1024;
/// How long a worker takes mails of one batch (µs): well within the lease of its job.
const BATCH_LASTS_MAX: i64 = 20 * SECOND;
/// Most recipients of an envelope that are kept.
const RECIPIENTS_MAX: usize = 100;

/// Takes a raw mail in. When this returns, the mail is stored: whoever handed it over may forget
/// it. The same bytes twice are one mail.
pub fn accept(app: &App, raw: &[u8], envelope_recipients: &[String]) -> Result<IntakeId> {
    let mail = Arriving {
        raw: raw.to_vec(),
        recipients: envelope_recipients.to_vec(),
    };
    app.db.write(|tx| keep(tx, app.now(), &mail))
}

/// As `accept`, of many mails: all of them or none.
pub fn accept_all(app: &App, mails: &[Arriving]) -> Result<()> {
    app.db.write(|tx| {
        let now = app.now();
        mails
            .iter()
            .try_for_each(|mail| keep(tx, now, mail).map(|_| ()))
    })
}

/// As `accept`, in the caller's transaction.
pub fn keep(tx: &mut Conn, now: Moment, mail: &Arriving) -> Result<IntakeId> {
    let recipients: Vec<String> = mail
        .recipients
        .iter()
        .take(RECIPIENTS_MAX)
        .map(|r| one_line(r, 320))
        .collect();
    let source = serde_json::to_string(&recipients).map_err(Error::other)?;
    let digest = digest(&mail.raw);
    let arrived = intake::Arrived {
        channel: store::MAIL,
        source: &source,
        body: &mail.raw,
        digest: &digest,
        state: store::RECEIVED,
    };
    let (id, is_new) = intake::keep(tx, now, &arrived)?;
    if is_new {
        jobs::enqueue(tx, now, &ReceiveMail::of(id))?;
    }
    Ok(id)
}

/// What `offramp mail receive` answers to the mail server that calls it (sysexits.h).
pub const EX_OK: u8 = 0;
/// The mail is at fault and goes back to its sender.
pub const EX_DATAERR: u8 = 65;
/// Try again later.
pub const EX_TEMPFAIL: u8 = 75;

/// Reads one mail from `input` and takes it in; the answer is an exit code, with words for the
/// mail server's log. 0 only once the mail is committed.
pub fn receive(app: &App, input: impl Read, recipients: &[String]) -> (u8, String) {
    let max = app.config.mail.inbound_bytes_max;
    let mut raw = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    if let Err(e) = input.take(limit).read_to_end(&mut raw) {
        return (EX_TEMPFAIL, format!("the mail could not be read: {e}"));
    }
    if raw.is_empty() {
        return (EX_DATAERR, "there is no mail on standard input".into());
    }
    if raw.len() > max {
        return (
            EX_DATAERR,
            format!("the mail is larger than {} MB", max / 1024 / 1024),
        );
    }
    match accept(app, &raw, recipients) {
        Ok(id) => (EX_OK, format!("accepted as {id}")),
        Err(e) => (
            EX_TEMPFAIL,
            format!("not accepted now, try again later: {e}"),
        ),
    }
}

/// Has a mail read again that was left to a person; false when it is none. One that was refused or
/// put aside is then taken as a person's: somebody has looked at it and says so.
pub fn replay(app: &App, by: &Actor, id: IntakeId) -> Result<bool> {
    app.db.write(|tx| {
        let now = app.now();
        let Some(left) = store::reset_raw_mail(tx, id)? else {
            return Ok(false);
        };
        crate::db::audit::record(
            tx,
            now,
            crate::db::audit::Act {
                by,
                act: "mail_replayed",
                subject: ("intake", id.0),
                reason: "",
                data: json!({"was": left.as_str()}),
            },
        )?;
        let job = ReceiveMail {
            intake: id,
            by_hand: left != Unread::Failed,
        };
        jobs::enqueue(tx, now, &job)?;
        Ok(true)
    })
}

/// Reads one stored mail and does what it asks for.
#[derive(Serialize, Deserialize)]
pub struct ReceiveMail {
    pub intake: IntakeId,
    /// Somebody of ours says that it is to be taken, whatever it looks like.
    #[serde(default)]
    pub by_hand: bool,
}

impl ReceiveMail {
    fn of(intake: IntakeId) -> ReceiveMail {
        ReceiveMail {
            intake,
            by_hand: false,
        }
    }

    /// Reads a mail whose attempt was counted, in a transaction of its own; `read` if that was tried already.
    fn read_alone(
        &self,
        app: &App,
        raw: &RawMail,
        read: Option<Result<ReadMail<'_>>>,
    ) -> Result<Next> {
        if !raw.is_waiting {
            return Ok(Next::Done);
        }
        // Processes ended while they read it: by the mail's fault, or they were only stopped then.
        // So it gets more tries than one that is refused, and waits before each, lest it ends
        // every process at once. Every second beginning is such a wait.
        if raw.attempts > BEGINNINGS_MAX {
            return set_aside(app, self.intake, "reading it ended the process");
        }
        if raw.attempts > ATTEMPTS_MAX && raw.attempts % 2 == 0 {
            return Ok(Next::Again(app.now().plus(raw.attempts * AGAIN_AFTER)));
        }
        let taken = without_panic(|| {
            let mail = match read {
                Some(read) => read?,
                None => ReadMail::of(app, raw, self.by_hand)?,
            };
            let decided = app.db.write(|tx| {
                lock(tx, Lock::named(&mail.turn()))?;
                take(tx, app, &mail)
            })?;
            mail.log(decided);
            Ok(())
        });
        match taken {
            Ok(()) => Ok(Next::Done),
            Err(e) if e.store_trouble().is_some() => {
                app.db.write(|tx| store::forgive_attempt(tx, self.intake))?;
                Err(e)
            }
            Err(e) if raw.attempts >= ATTEMPTS_MAX => set_aside(app, self.intake, &e.to_string()),
            Err(e) => Err(e),
        }
    }
}

impl Job for ReceiveMail {
    const KIND: &'static str = "receive_mail";
    /// A commit waits for the disk, which takes longer than reading a mail: a hundred a second need
    /// several to one commit.
    const BATCH_MAX: usize = 32;

    fn run(&self, app: &App) -> Result<Next> {
        let Some(raw) = app.db.write(|tx| store::begin_reading(tx, self.intake))? else {
            return Ok(Next::Done);
        };
        self.read_alone(app, &raw, None)
    }

    fn run_all(jobs: &[ReceiveMail], app: &App) -> Vec<Result<Next>> {
        let ids: Vec<IntakeId> = jobs.iter().map(|job| job.intake).collect();
        let sizes = match app.db.read(|c| store::sizes(c, &ids)) {
            Ok(sizes) => sizes,
            Err(_) => return jobs.iter().map(|job| job.run(app)).collect(),
        };
        let size = |job: &ReceiveMail| sizes.get(&job.intake).copied().unwrap_or_default();
        let began = app.now();
        let mut outcomes = Vec::with_capacity(jobs.len());
        let mut rest = jobs;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |job: &&ReceiveMail| {
                bytes += size(job);
                bytes <= BATCH_BYTES_MAX
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (group, others) = rest.split_at(count);
            // What the lease leaves no time for comes again.
            if app.now().since(began) > BATCH_LASTS_MAX {
                outcomes.extend(group.iter().map(|_| Ok(Next::Again(app.now()))));
            } else {
                outcomes.extend(read_together(app, group));
            }
            rest = others;
        }
        outcomes
    }
}

/// Reads several mails and takes them in one transaction; what can't be taken so goes alone.
fn read_together(app: &App, jobs: &[ReceiveMail]) -> Vec<Result<Next>> {
    let begun = app.db.write(|tx| {
        jobs.iter()
            .map(|job| store::begin_reading(tx, job.intake))
            .collect::<Result<Vec<_>>>()
    });
    let Ok(begun) = begun else {
        return jobs.iter().map(|job| job.run(app)).collect();
    };
    let mut read: Vec<Option<Result<ReadMail<'_>>>> = jobs
        .iter()
        .zip(&begun)
        .map(|(job, raw)| {
            let raw = raw
                .as_ref()
                .filter(|raw| raw.is_waiting && raw.attempts == 1)?;
            Some(without_panic(|| ReadMail::of(app, raw, job.by_hand)))
        })
        .collect();
    let taken = take_together(app, &read);
    jobs.iter()
        .zip(&begun)
        .zip(read.iter_mut().zip(taken))
        .map(|((job, raw), (read, is_taken))| match raw {
            Some(raw) if !is_taken => job.read_alone(app, raw, read.take()),
            _ => Ok(Next::Done),
        })
        .collect()
}

/// Takes the mails that may share a transaction; which of them were taken.
fn take_together(app: &App, read: &[Option<Result<ReadMail<'_>>>]) -> Vec<bool> {
    let together = |one: &Option<Result<ReadMail<'_>>>| {
        // What staff may hold too is held by one mail alone, lest each waits for the other's.
        one.as_ref()
            .and_then(|read| read.as_ref().ok())
            .is_some_and(|mail| mail.holds_nothing || !app.db.is_postgres())
    };
    let mails: Vec<&ReadMail<'_>> = read
        .iter()
        .filter(|one| together(one))
        .filter_map(|one| one.as_ref()?.as_ref().ok())
        .collect();
    let mut turns: Vec<String> = mails.iter().map(|mail| mail.turn()).collect();
    // In one order in every transaction.
    turns.sort_unstable();
    turns.dedup();
    let taken = without_panic(|| {
        app.db.write(|tx| {
            turns
                .iter()
                .try_for_each(|turn| lock(tx, Lock::named(turn)))?;
            mails.iter().map(|mail| take(tx, app, mail)).collect()
        })
    });
    match taken {
        Ok(decided) => {
            let decided: Vec<Option<Decided>> = decided;
            for (mail, decided) in mails.iter().zip(decided) {
                mail.log(decided);
            }
            read.iter().map(together).collect()
        }
        Err(error) => {
            tracing::warn!(%error, "several mails could not be taken together; each goes alone");
            vec![false; read.len()]
        }
    }
}

/// A mail that breaks what reads it must not stop those behind it.
fn without_panic<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(f))
        .unwrap_or_else(|_| Err(Error::other("reading it panicked; the trace is in the log")))
}

fn set_aside(app: &App, id: IntakeId, why: &str) -> Result<Next> {
    tracing::warn!(intake = %id, why, "a mail was set aside; `offramp mail replay` reads it again");
    app.db
        .write(|tx| store::leave_raw_mail(tx, id, Unread::Failed, why, app.now()))?;
    Ok(Next::Done)
}
