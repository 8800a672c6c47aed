//! The threads that run jobs and start schedules.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Registry;
use crate::app::App;

/// Longest sleep between two looks at the queue. A commit in this process wakes workers at once;
/// this bounds how late they see another node's, and jobs that become due.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Running workers; `stop` ends them after the job they are in.
pub struct Workers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    app: App,
}

impl Workers {
    /// Starts `count` workers and, when there is any, the scheduler.
    pub fn start(app: &App, registry: Arc<Registry>, count: usize) -> Workers {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for n in 0..count {
            let (app, registry, stop) = (app.clone(), registry.clone(), stop.clone());
            threads.push(named(format!("job-{n}"), move || {
                look(&app, &stop, || Ok(registry.run_next(&app)? > 0));
            }));
        }
        if count > 0 {
            let (app, stop) = (app.clone(), stop.clone());
            threads.push(named("schedules".into(), move || {
                while !is_over(&app, &stop) {
                    if let Err(error) = registry.start_due(&app) {
                        tracing::warn!(%error, "schedules could not be started; trying again");
                    }
                    std::thread::sleep(LOOK_EVERY);
                }
            }));
        }
        Workers {
            stop,
            threads,
            app: app.clone(),
        }
    }

    /// Asks all to end and waits for them.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.app.db.bell().ring();
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker ended by a panic");
            }
        }
    }
}

fn named(name: String, body: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    std::thread::Builder::new()
        .name(name)
        .spawn(body)
        .expect("a process that can't start a thread can't serve")
}

/// Whether nothing new is to be begun: the workers are stopped, or the server around them is.
fn is_over(app: &App, stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed) || app.live.is_closed()
}

/// Runs `one` while it finds work, then waits for the bell.
fn look(app: &App, stop: &AtomicBool, one: impl Fn() -> crate::error::Result<bool>) {
    while !is_over(app, stop) {
        let rings = app.db.bell().count();
        match one() {
            Ok(true) => {}
            Ok(false) => app.db.bell().wait(rings, LOOK_EVERY),
            Err(error) => {
                tracing::warn!(%error, "the job queue can't be used; trying again");
                app.db.bell().wait(rings, LOOK_EVERY);
            }
        }
    }
}
