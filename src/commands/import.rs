//! `offramp import jsonl FILE`: threads of another forum.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};

use super::reindex;
use crate::app::App;
use crate::error::{Error, Result};
use crate::forum::import_threads::import_threads;
use crate::text::counted;

/// What is taken in.
#[derive(clap::Subcommand)]
pub enum Import {
    /// Threads with their answers, one JSON object a line; docs/linking.md says what it may hold.
    Jsonl {
        /// UTF-8 text; `.gz` is unpacked.
        file: PathBuf,
        /// The product (its slug) of threads that name none.
        #[arg(long)]
        product: Option<String>,
    },
}

/// Takes the file in, makes it searchable, and prints what became of it.
pub fn run(app: &App, command: &Import) -> Result<()> {
    let Import::Jsonl { file, product } = command;
    let is_shown = std::io::stderr().is_terminal();
    let imported = import_threads(app, open(file)?, product.as_deref(), |lines| {
        if is_shown {
            eprint!("\r{lines} lines");
        }
    })?;
    if is_shown {
        eprintln!();
    }
    if imported.new > 0 {
        reindex::reindex(app)?;
    }
    println!(
        "{} new, {} known before, {} could not be read.",
        counted(imported.new, "thread"),
        imported.known,
        counted(imported.problem_count, "line")
    );
    for (line, why) in &imported.problems {
        println!("line {line}: {why}");
    }
    let untold = imported.problem_count - imported.problems.len();
    if untold > 0 {
        println!("and {} more", counted(untold, "line"));
    }
    if imported.new + imported.known == 0 && imported.problem_count > 0 {
        return Err(Error::other("nothing of the file could be taken in"));
    }
    Ok(())
}

fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    let file = File::open(path).map_err(|e| Error::io(format!("reading {}", path.display()), e))?;
    Ok(if path.extension().is_some_and(|e| e == "gz") {
        Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(file)))
    } else {
        Box::new(BufReader::new(file))
    })
}
