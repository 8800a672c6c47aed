//! Live events: who follows the change log hears at once that a case or thread changed.
//! The log in the database is the truth; an event only says that a look is worth it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{broadcast, watch};

use crate::app::App;
use crate::db::changes::{self, Change};

/// Events kept for a slow listener; one that falls further behind is told to look again.
const BACKLOG: usize = 256;
/// Longest time until another node's change is seen.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const BATCH: i64 = 500;

/// Where pages listen.
pub struct Live {
    events: broadcast::Sender<Change>,
    closing: watch::Sender<bool>,
    streams: Arc<AtomicUsize>,
}

impl Default for Live {
    fn default() -> Self {
        Live {
            events: broadcast::channel(BACKLOG).0,
            closing: watch::channel(false).0,
            streams: Arc::default(),
        }
    }
}

impl Live {
    pub fn listen(&self) -> broadcast::Receiver<Change> {
        self.events.subscribe()
    }

    /// A place for one open page, given back when it is dropped; `None` when `max` are taken.
    pub fn stream(&self, max: usize) -> Option<Stream> {
        let taken = self.streams.fetch_add(1, Ordering::Relaxed);
        let stream = Stream {
            closing: self.closing.subscribe(),
            streams: self.streams.clone(),
        };
        (taken < max).then_some(stream)
    }

    /// The server stops: ends every stream, so that it need not wait for open pages, and who works
    /// beside it begins nothing new.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    pub fn is_closed(&self) -> bool {
        *self.closing.borrow()
    }
}

/// One open page that listens.
pub struct Stream {
    closing: watch::Receiver<bool>,
    streams: Arc<AtomicUsize>,
}

impl Stream {
    /// Ready when the server stops.
    pub async fn closed(&mut self) {
        // An error means that the sender is gone, and with it the server.
        let _ = self.closing.wait_for(|closing| *closing).await;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The thread that follows the log.
pub struct Follower {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
    app: App,
}

impl Follower {
    pub fn start(app: &App) -> crate::error::Result<Follower> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut position = app.db.read(changes::newest)?;
        let (their_app, their_stop) = (app.clone(), stop.clone());
        let thread = std::thread::Builder::new()
            .name("live".into())
            .spawn(move || {
                let app = their_app;
                while !their_stop.load(Ordering::Relaxed) {
                    let rings = app.db.bell().count();
                    let new = app.db.read(|c| changes::after(c, position, BATCH));
                    let new = new.unwrap_or_else(|error| {
                        tracing::warn!(%error, "the change log can't be read; trying again");
                        Vec::new()
                    });
                    if new.is_empty() {
                        app.db.bell().wait(rings, LOOK_EVERY);
                    }
                    for change in new {
                        position = change.id;
                        // No listener is no error.
                        let _ = app.live.events.send(change);
                    }
                }
            })
            .map_err(|e| crate::error::Error::io("starting a thread", e))?;
        Ok(Follower {
            stop,
            thread,
            app: app.clone(),
        })
    }

    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.app.db.bell().ring();
        let _ = self.thread.join();
    }
}
