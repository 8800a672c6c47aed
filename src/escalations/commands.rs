//! `offramp mentions …`.

use std::path::PathBuf;

use clap::Subcommand;

use super::capture::Captured;
use super::import::{self, Added, Imported};
use super::judge;
use crate::app::App;
use crate::error::{Error, Result};
use crate::ids::MentionId;
use crate::say;
use crate::text::counted;

#[derive(Subcommand)]
pub enum Mentions {
    /// Take in posts from files: JSON as the network sends it, JSON lines, or CSV with a header.
    Import {
        /// UTF-8 text; README.md says what a row may hold.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Print what was taken in as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take in one post by its address, or words that somebody said elsewhere.
    Add {
        /// The address of a post on X, like https://x.com/ada/status/20, or the words themselves.
        #[arg(required = true)]
        what: Vec<String>,
    },
    /// Work through what could not be read or judged.
    Replay,
}

pub fn run(app: &App, command: &Mentions) -> Result<()> {
    match command {
        Mentions::Import { files, json } => {
            let mut refused = Vec::new();
            for file in files {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let imported = import::import(app, import::open(file)?, &name)?;
                judge_or_leave(app)?;
                if *json {
                    let line = serde_json::to_string(&imported).map_err(Error::other)?;
                    say!("{line}");
                } else {
                    say!("{}: {}", file.display(), words(&imported));
                }
                if imported.is_refused() {
                    refused.push(file.display().to_string());
                }
            }
            if !refused.is_empty() {
                return Err(Error::other(format!(
                    "nothing of {} could be taken in; README.md says what a file may hold",
                    refused.join(", ")
                )));
            }
        }
        Mentions::Add { what } => {
            let captured = stored(import::add(app, &what.join(" "))?)?;
            judge_or_leave(app)?;
            say!("{}", added_words(captured));
        }
        Mentions::Replay => {
            let imported = import::replay(app)?;
            judge_or_leave(app)?;
            say!("{}", words(&imported));
        }
    }
    Ok(())
}

/// Batches that wait for the writer.
const BATCHES_WAITING: usize = 1;

/// Judges here and now, unless the search index can't be asked: nothing is judged without it, and
/// the server's job does it later.
fn judge_or_leave(app: &App) -> Result<()> {
    match judge_all(app) {
        Err(Error::Search(why)) => {
            eprintln!(
                "Taken in, but not judged here: the search index can't be asked ({why}). A running server judges it."
            );
            Ok(())
        }
        judged => judged,
    }
}

/// Judges here and now; a running server's workers may take their share. While one batch is
/// written the next is considered. What fails is left to the server's job.
fn judge_all(app: &App) -> Result<()> {
    let (send, receive) = std::sync::mpsc::sync_channel(BATCHES_WAITING);
    std::thread::scope(|scope| {
        let consider = scope.spawn(move || -> Result<()> {
            let mut after = MentionId(0);
            while let Some(batch) = judge::consider_batch(app, after)? {
                after = batch.last;
                if send.send(batch).is_err() {
                    break;
                }
            }
            Ok(())
        });
        for batch in receive {
            judge::take_batch(app, &batch)?;
        }
        consider
            .join()
            .unwrap_or_else(|_| Err(Error::other("judging panicked")))
    })
}

fn words(imported: &Imported) -> String {
    let c = imported.captured;
    let mut text = format!(
        "{} new, {} known before, {} edited, {} of our own or reposts",
        c.stored, c.known, c.edited, c.ignored
    );
    if imported.unnamed > 0 {
        text += &format!(
            "; {} without a network: kept as imported posts, to be answered by hand (a column \
             `network` with `x`, or `url` with its address, makes a post X's)",
            counted(imported.unnamed, "row"),
        );
    }
    if imported.undated > 0 {
        let rows = counted(imported.undated, "row");
        text += &format!("; {rows} without a time: dated now");
    }
    if imported.problem_count > 0 {
        text += &format!("; {} could not be read:", imported.problem_count);
        for problem in &imported.problems {
            text += &format!("\n  {problem}");
        }
    }
    text
}

/// What was stored of a pasted address or text; otherwise an error that says what to do.
fn stored(added: Added) -> Result<Captured> {
    const WORDS_INSTEAD: &str = "paste the words of the post instead of its address";
    let why = match added {
        Added::Stored(captured) => return Ok(captured),
        Added::SwitchedOff => format!(
            "X is switched off, so the post can't be read. Set `x.enabled` and the keys that go \
             with it, or {WORDS_INSTEAD}"
        ),
        Added::UnknownAddress => format!(
            "this is the address of no post on X, like https://x.com/ada/status/20. If it was \
             said elsewhere, {WORDS_INSTEAD}"
        ),
        Added::Gone => "the post is deleted, or hidden from us".to_owned(),
        Added::Empty => "give the address of a post, or what somebody said".to_owned(),
        Added::Network(error) => {
            let error = error.to_string();
            let error = error.trim_end_matches('.');
            format!("{error}. Try again later, or {WORDS_INSTEAD}")
        }
    };
    Err(Error::other(why))
}

fn added_words(captured: Captured) -> &'static str {
    match captured {
        c if c.stored > 0 => "Taken in.",
        c if c.ignored > 0 => "Kept, but it is our own post or a repost.",
        c if c.edited > 0 => "It was here before; its newest words are kept.",
        _ => "It was here before.",
    }
}
