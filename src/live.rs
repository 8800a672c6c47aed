//! Live events: who follows the change log hears at once that a case or thread changed.
//! The log in the database is the truth; an event only says that a look is worth it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::broadcast;

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
}

impl Default for Live {
    fn default() -> Self {
        Live {
            events: broadcast::channel(BACKLOG).0,
        }
    }
}

impl Live {
    pub fn listen(&self) -> broadcast::Receiver<Change> {
        self.events.subscribe()
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
