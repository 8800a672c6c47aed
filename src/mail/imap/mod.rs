//! Mailboxes that are watched by IMAP: one task each, which connects, takes what is new, and waits for
//! the server to tell of more (IDLE), for as long as the server runs.
//!
//! A mail is marked as seen once it is committed, and not before: what happens in between, it comes
//! again, and the inbox keeps it once. On PostgreSQL, where several nodes run, one of them works a
//! mailbox, under a lease.

mod connection;
mod oauth;
mod reading;
mod trouble;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_imap::extensions::idle::IdleResponse;
use futures_util::FutureExt;
use tokio::sync::watch::Receiver;
use tokio::time::{sleep, timeout};

use self::connection::{COMMAND_MAX, Imap, Open};
use self::oauth::Tokens;
use self::reading::Reading;
use self::trouble::Trouble;
use super::arriving::{Arriving, Intake};
use super::mailboxes::State;
use super::store::mailboxes as store;
use crate::app::App;
use crate::clock::{Clock, Moment, SECOND};
use crate::config::Mailbox;
use crate::db::Conn;
use crate::error::Result;
use crate::jobs;
use crate::text::counted;

/// Longest time in IDLE before it is ended and begun again (RFC 2177 asks for less than 29 minutes).
const IDLE_MAX: Duration = Duration::from_secs(28 * 60);
/// Wait before a mailbox is tried again; doubled for each further failure.
const RETRY_FIRST: Duration = Duration::from_secs(2);
/// The same where trying again soon may lock the account.
const RETRY_FIRST_REFUSED: Duration = Duration::from_secs(60);
/// Longest wait between attempts.
const RETRY_MAX: Duration = Duration::from_secs(5 * 60);
/// How long a node may hold a mailbox without a sign of life (µs).
const LEASE: i64 = 90 * SECOND;
/// How often it gives one; another node looks as often whether the mailbox is free.
const LEASE_RENEWED: Duration = Duration::from_secs(30);

/// Why a mailbox is not worked any more.
enum Ended {
    /// Another node has it.
    Elsewhere,
    Trouble(Trouble),
}

impl<E: Into<Trouble>> From<E> for Ended {
    fn from(error: E) -> Ended {
        Ended::Trouble(error.into())
    }
}

/// Logs in to a mailbox, opens its folder and leaves, for the operator: how new mail will be seen, or
/// what is wrong and what to do.
pub fn check(mailbox: &Mailbox) -> std::result::Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let opened = connection::open(mailbox, &Arc::default(), Clock::System.now()).await;
        let Open {
            mut imap,
            folder,
            has_idle,
        } = opened.map_err(|trouble| trouble.to_string())?;
        // Whoever hears no goodbye closes the connection all the same.
        let _ = timeout(COMMAND_MAX, imap.logout()).await;
        let how = match has_idle {
            true => "the server tells of new mail by itself".to_owned(),
            false => format!("looked at every {} seconds", mailbox.poll_seconds),
        };
        let there = counted(folder.exists, "mail");
        Ok(format!("{there} in {}; {how}", mailbox.folder))
    })
}

/// One mailbox, and where its mail goes.
pub struct Watch {
    app: App,
    intake: Arc<dyn Intake>,
    name: String,
    mailbox: Mailbox,
    tokens: Arc<Tokens>,
}

impl Watch {
    pub fn new(app: &App, intake: Arc<dyn Intake>, name: &str, mailbox: &Mailbox) -> Watch {
        Watch {
            app: app.clone(),
            intake,
            name: name.to_owned(),
            mailbox: mailbox.clone(),
            tokens: Arc::default(),
        }
    }

    /// Works the mailbox until `stop`. What is under way then is dropped: it was not marked as seen,
    /// and comes again.
    pub async fn run(self, mut stop: Receiver<bool>) {
        tokio::select! {
            () = self.work() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        if self.app.db.is_postgres() {
            let lease = self.lease();
            // The lease ends by itself where this fails.
            let _ = self
                .write(move |tx, _, _| jobs::free_lease(tx, &lease.0, &lease.1))
                .await;
        }
    }

    async fn work(&self) {
        let mut failures: u32 = 0;
        loop {
            // What breaks on a server's odd answer must not end the watch in silence.
            let once = AssertUnwindSafe(self.once(&mut failures)).catch_unwind();
            let trouble = match once.await.unwrap_or(Ended::Trouble(Trouble::Broken)) {
                Ended::Elsewhere => {
                    sleep(LEASE_RENEWED).await;
                    continue;
                }
                Ended::Trouble(trouble) => trouble,
            };
            let wait = self.wait_after(&trouble, failures);
            failures = failures.saturating_add(1);
            tracing::warn!(
                mailbox = self.name,
                %trouble,
                seconds = wait.as_secs(),
                "a mailbox can't be read; trying again"
            );
            let words = trouble.to_string();
            let noted = self.write(move |tx, name, now| {
                store::mark_failing(tx, name, State::Failing.as_str(), &words, now)
            });
            // The database may be what is away: the log has the words.
            let _ = noted.await;
            sleep(wait).await;
        }
    }

    /// From the connection to what ends it.
    async fn once(&self, failures: &mut u32) -> Ended {
        match self.connected(failures).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }

    async fn connected(
        &self,
        failures: &mut u32,
    ) -> std::result::Result<std::convert::Infallible, Ended> {
        self.hold().await?;
        let opening = connection::open(&self.mailbox, &self.tokens, self.app.now());
        let Open {
            mut imap,
            folder,
            has_idle,
        } = opening.await?;
        let mut reading = Reading::begin(self, &folder).await?;
        let state = match has_idle {
            true => State::Listening,
            false => State::Polling,
        };
        loop {
            let note = tokio::select! {
                note = reading.take_new(self, &mut imap) => note?,
                lost = self.keep_hold() => return Err(lost),
            };
            let left = note.clone();
            let is_new = self.write(move |tx, name, now| {
                store::mark_read(tx, name, state.as_str(), left.as_deref(), now)
            });
            if let (true, Some(left)) = (is_new.await?, note) {
                tracing::warn!(
                    mailbox = self.name,
                    left,
                    "a mailbox was read, but not all of it"
                );
            }
            let is_due;
            (imap, is_due) = match has_idle {
                true => self.idle(imap).await?,
                false => self.pause(imap).await?,
            };
            // Not before: a server that lets us in and closes at once is asked ever less often.
            *failures = 0;
            if is_due {
                reading.look_again();
            }
        }
    }

    /// Waits until the server tells of something, or it is time to look anyway: then true.
    async fn idle(&self, imap: Imap) -> std::result::Result<(Imap, bool), Ended> {
        let mut idle = imap.idle();
        timeout(COMMAND_MAX, idle.init()).await??;
        let is_due = {
            let (told, _until_dropped) = idle.wait_with_timeout(IDLE_MAX);
            tokio::select! {
                told = told => match told? {
                    IdleResponse::NewData(_) => false,
                    IdleResponse::Timeout => true,
                    IdleResponse::ManualInterrupt => {
                        return Err(Trouble::Lost("the server closed it".into()).into());
                    }
                },
                () = sleep(self.look_every()) => true,
                lost = self.keep_hold() => return Err(lost),
            }
        };
        Ok((timeout(COMMAND_MAX, idle.done()).await??, is_due))
    }

    /// For a server without IDLE.
    async fn pause(&self, imap: Imap) -> std::result::Result<(Imap, bool), Ended> {
        tokio::select! {
            () = sleep(self.look_every()) => Ok((imap, true)),
            lost = self.keep_hold() => Err(lost),
        }
    }

    /// With IDLE too: an announcement may be lost, and a connection that is silently dead is found.
    fn look_every(&self) -> Duration {
        Duration::from_secs(self.mailbox.poll_seconds).min(IDLE_MAX)
    }

    fn mail_bytes_max(&self) -> usize {
        self.app.config.mail.inbound_bytes_max
    }

    fn wait_after(&self, trouble: &Trouble, failures: u32) -> Duration {
        let first = match trouble.is_refusal() {
            true => RETRY_FIRST_REFUSED,
            false => RETRY_FIRST,
        };
        let wait = first.saturating_mul(1 << failures.min(10)).min(RETRY_MAX);
        // Up to a quarter less, so that what failed together is not tried together.
        let quarter = u64::try_from(wait.as_millis() / 4).unwrap_or(0);
        wait.saturating_sub(Duration::from_millis(self.app.random.below(quarter + 1)))
    }

    /// The lease's name, and ours.
    fn lease(&self) -> (String, String) {
        (format!("mailbox:{}", self.name), self.app.node.clone())
    }

    /// Takes the mailbox, or keeps it. A SQLite file has one server, which has them all.
    async fn hold(&self) -> std::result::Result<(), Ended> {
        if !self.app.db.is_postgres() {
            return Ok(());
        }
        let (lease, node) = self.lease();
        let held = self
            .write(move |tx, _, now| {
                jobs::free_lease(tx, &lease, &node)?;
                jobs::take_lease(tx, &lease, &node, now, LEASE)
            })
            .await?;
        match held {
            true => Ok(()),
            false => Err(Ended::Elsewhere),
        }
    }

    /// Ends only when the mailbox is lost to another node.
    async fn keep_hold(&self) -> Ended {
        loop {
            sleep(LEASE_RENEWED).await;
            if let Err(ended) = self.hold().await {
                return ended;
            }
        }
    }

    async fn accept(&self, mails: Vec<Arriving>) -> std::result::Result<(), Trouble> {
        let intake = self.intake.clone();
        blocking(move || intake.accept(&mails)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Conn, &str) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Trouble> {
        let (app, name) = (self.app.clone(), self.name.clone());
        blocking(move || app.db.read(|conn| f(conn, &name))).await
    }

    async fn write<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Conn, &str, Moment) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Trouble> {
        let (app, name) = (self.app.clone(), self.name.clone());
        blocking(move || app.db.write(|tx| f(tx, &name, app.now()))).await
    }
}

/// Runs what blocks on a thread for that; an error is the database's.
async fn blocking<T: Send + 'static>(
    f: impl FnOnce() -> Result<T> + Send + 'static,
) -> std::result::Result<T, Trouble> {
    match tokio::task::spawn_blocking(f).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Trouble::Store(
            error
                .store_trouble()
                .map_or_else(|| error.to_string(), str::to_owned),
        )),
        Err(_) => Err(Trouble::Store("a step broke; the log tells more.".into())),
    }
}
