//! `offramp similar --jsonl`: for each text of standard input the threads most like it.

use std::io::{BufRead, Read, Write};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::forum::store::{external_ids, product_by_slug};
use crate::ranker;
use crate::search::{LIMIT_MAX, Likeness};

/// What the command is asked.
#[derive(clap::Args)]
pub struct SimilarOptions {
    /// Read {id, text} and, if known, created_at and product (its slug), and write {id, results}, one JSON
    /// object a line.
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

/// Longest line (bytes): several times the longest post, escaped.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// Answers every line of `input`; one that can't be read is answered with what is wrong.
pub fn run(
    app: &App,
    options: &SimilarOptions,
    mut input: impl BufRead,
    output: &mut impl Write,
) -> Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = (&mut input).take(LINE_BYTES_MAX);
        let read = bounded.read_until(b'\n', &mut line);
        if read.map_err(|e| Error::io("reading standard input", e))? == 0 {
            break;
        }
        let is_cut = line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n");
        if is_cut {
            let rest = input.skip_until(b'\n');
            rest.map_err(|e| Error::io("reading standard input", e))?;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let said: serde_json::Result<Value> = serde_json::from_slice(&line);
        let answer = match said {
            _ if is_cut => Err((Value::Null, "the line is longer than a megabyte".to_owned())),
            Err(error) => Err((Value::Null, error.to_string())),
            Ok(said) => {
                let id = said.get("id").cloned().unwrap_or_default();
                answer(app, said, usize::from(options.limit))?.map_err(|wrong| (id, wrong))
            }
        };
        let answer = answer.unwrap_or_else(|(id, wrong)| json!({ "id": id, "error": wrong }));
        writeln!(output, "{answer}").map_err(|e| Error::io("writing the answer", e))?;
    }
    Ok(())
}

/// The threads for one line, or what is wrong with it.
fn answer(app: &App, said: Value, limit: usize) -> Result<std::result::Result<Value, String>> {
    let line: Line = match serde_json::from_value(said) {
        Ok(line) => line,
        Err(error) => return Ok(Err(error.to_string())),
    };
    if let Some(slug) = &line.product
        && app.db.read(|c| product_by_slug(c, slug))?.is_none()
    {
        return Ok(Err(format!("there is no product “{slug}”")));
    }
    let at = match line.created_at.as_deref() {
        None => app.now(),
        Some(typed) => match Moment::parse(typed) {
            Some(at) => at,
            None => return Ok(Err(format!("`created_at` is no time: {typed}"))),
        },
    };
    let found = ranker::similar(
        app,
        &Likeness {
            text: &line.text,
            product: line.product.as_deref(),
            limit,
            exclude: &[],
            at: Some(at.0),
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
    Ok(Ok(json!({ "id": line.id, "results": results })))
}
