//! How far a long piece of work has come.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Least time between two lines.
const EVERY: Duration = Duration::from_millis(200);

/// A line that is written over, on a terminal only.
pub struct Progress {
    what: String,
    done: usize,
    of: usize,
    shown: Instant,
    is_shown: bool,
}

impl Progress {
    /// Nothing is done yet of `of` things.
    pub fn new(what: &str, of: usize) -> Progress {
        Progress {
            what: what.to_owned(),
            done: 0,
            of,
            shown: Instant::now(),
            is_shown: std::io::stderr().is_terminal(),
        }
    }

    /// `by` more are done.
    pub fn step(&mut self, by: usize) {
        const WIDTH: usize = 30;
        self.done += by;
        let is_last = self.done >= self.of;
        if !self.is_shown || (!is_last && self.shown.elapsed() < EVERY) {
            return;
        }
        self.shown = Instant::now();
        let full = (self.done * WIDTH / self.of.max(1)).min(WIDTH);
        let bar = "#".repeat(full) + &".".repeat(WIDTH - full);
        let end = if is_last { "\n" } else { "" };
        let mut err = std::io::stderr().lock();
        // A closed terminal is no reason to stop.
        let _ = write!(
            err,
            "\r{:<20} [{bar}] {}/{}{end}",
            self.what, self.done, self.of
        );
        let _ = err.flush();
    }
}
