//! `offramp similar --jsonl`: for each text of standard input the threads most like it.

use std::io::{BufRead, Write};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::forum::store::external_ids;
use crate::ranker;
use crate::search::{LIMIT_MAX, Likeness};

/// What the command is asked.
#[derive(clap::Args)]
pub struct SimilarOptions {
    /// Read {id, text} and write {id, results}, one JSON object a line.
    #[arg(long, required = true)]
    jsonl: bool,
    /// Threads for each text, at most.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=LIMIT_MAX as i64))]
    limit: u8,
}

#[derive(Deserialize)]
struct Line {
    id: Value,
    text: String,
    /// When it was written; left out, now.
    #[serde(default)]
    created_at: Option<String>,
    /// Only threads of this product (slug).
    #[serde(default)]
    product: Option<String>,
}

/// Answers every line of `input`; one that can't be read is answered with what is wrong.
pub fn run(
    app: &App,
    options: &SimilarOptions,
    input: impl BufRead,
    output: &mut impl Write,
) -> Result<()> {
    for line in input.lines() {
        let line = line.map_err(|e| Error::io("reading standard input", e))?;
        if line.trim().is_empty() {
            continue;
        }
        let answer = match serde_json::from_str::<Line>(&line) {
            Ok(line) => answer(app, &line, usize::from(options.limit))?,
            Err(error) => json!({ "error": error.to_string() }),
        };
        writeln!(output, "{answer}").map_err(|e| Error::io("writing the answer", e))?;
    }
    Ok(())
}

fn answer(app: &App, line: &Line, limit: usize) -> Result<Value> {
    let at = line.created_at.as_deref().and_then(Moment::parse);
    let found = ranker::similar(
        app,
        &Likeness {
            text: &line.text,
            product: line.product.as_deref(),
            limit,
            exclude: &[],
            at: Some(at.unwrap_or(app.now()).0),
        },
    )?;
    let ids: Vec<i64> = found.iter().map(|s| s.thread_id).collect();
    let external = app.db.read(|c| external_ids(c, &ids))?;
    let results: Vec<Value> = found
        .iter()
        .map(|similar| {
            let own = similar.thread_id.to_string();
            json!({
                "thread": external.get(&similar.thread_id).unwrap_or(&own),
                "score": similar.score,
                "p_link": similar.confidence,
                "reasons": similar.reasons,
            })
        })
        .collect();
    Ok(json!({ "id": line.id, "results": results }))
}
