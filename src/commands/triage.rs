//! `offramp triage`: judges posts from standard input, a line each.

use std::io::{BufRead, BufWriter, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::escalations::Standing;
use crate::escalations::triage::model::{self, Model};
use crate::escalations::triage::{Knowledge, Post, judge_post};
use crate::text::counted;

/// Longest line (bytes): several times the longest post, escaped.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// What the command is asked.
#[derive(clap::Args)]
pub struct TriageOptions {
    /// Read JSON from standard input, a line each: {"id", "text"} and, if known, "lang" and
    /// "addressed"; write {"id", "label", "p_complaint", "severity", "standing" (actionable, over or venting), "reasons"} for each.
    #[arg(long, required = true)]
    jsonl: bool,
}

/// Judges standard input by the shipped model; an error when a line could not be judged.
pub fn run(_: &TriageOptions) -> Result<()> {
    let model = model::shipped();
    let output = BufWriter::new(std::io::stdout().lock());
    let done = triage(std::io::stdin().lock(), output, model.as_deref())?;
    match done.refused {
        0 => Ok(()),
        n => Err(Error::other(format!(
            "{} could not be judged",
            counted(n, "line")
        ))),
    }
}

/// What a line holds.
#[derive(Deserialize)]
struct Line {
    id: Value,
    text: String,
    #[serde(default)]
    lang: Option<String>,
    #[serde(default = "yes")]
    addressed: bool,
}

fn yes() -> bool {
    true
}

/// How many lines were judged, and how many could not be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    pub judged: usize,
    pub refused: usize,
}

/// Reads JSON objects, a line each: `id` and `text`, and if known `lang` (ISO 639-1) and
/// `addressed` (whether it names or answers the company; left out, it does). Writes a judgement for
/// each in the same order, or why there is none; one bad line stops nothing.
pub fn triage(
    mut input: impl BufRead,
    mut output: impl Write,
    model: Option<&Model>,
) -> Result<Judged> {
    let broken = |error| Error::io("the judgements can't be written", error);
    let mut done = Judged::default();
    let mut line = Vec::new();
    while let Some(is_whole) = read_line(&mut input, &mut line)? {
        if is_whole && line.trim_ascii().is_empty() {
            continue;
        }
        let answer = if is_whole {
            judged(&line, model)
        } else {
            Err(json!({"error": "the line is longer than 1 MiB"}))
        };
        match &answer {
            Ok(answer) => {
                done.judged += 1;
                serde_json::to_writer(&mut output, answer)
            }
            Err(refusal) => {
                done.refused += 1;
                serde_json::to_writer(&mut output, refusal)
            }
        }
        .map_err(|error| broken(error.into()))?;
        output.write_all(b"\n").map_err(broken)?;
    }
    output.flush().map_err(broken)?;
    Ok(done)
}

/// Reads the next line into `line`; whether it is there as a whole, or None at the end. Of one that
/// is too long the rest is read over.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<Option<bool>> {
    let broken = |error| Error::io("standard input can't be read", error);
    line.clear();
    let mut is_whole = true;
    let mut any = false;
    loop {
        let part = input.fill_buf().map_err(broken)?;
        if part.is_empty() {
            return Ok(any.then_some(is_whole));
        }
        any = true;
        let end = part.iter().position(|b| *b == b'\n');
        let taken = end.unwrap_or(part.len());
        if line.len() + taken <= LINE_BYTES_MAX {
            line.extend_from_slice(&part[..taken]);
        } else {
            is_whole = false;
        }
        input.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            return Ok(Some(is_whole));
        }
    }
}

/// What is wrong with a line that is none of ours, under its id when it has one.
fn refused(line: &[u8], error: &serde_json::Error) -> Value {
    let value: Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(error) => return json!({"error": format!("this is no JSON: {error}")}),
    };
    let mut answer = Map::new();
    answer.extend(value.get("id").map(|id| ("id".to_owned(), id.clone())));
    answer.insert("error".to_owned(), json!(error.to_string()));
    Value::Object(answer)
}

/// A judgement as it is written out.
#[derive(Serialize)]
struct Answer {
    id: Value,
    label: &'static str,
    p_complaint: f64,
    severity: &'static str,
    /// `actionable`, `over` or `venting`; null for what wants nothing.
    standing: Option<&'static str>,
    reasons: Vec<String>,
    in_doubt: bool,
    language: Option<&'static str>,
    needs_account: bool,
    personal_data: Vec<&'static str>,
}

/// The judgement of one line, or what is wrong with it.
fn judged(line: &[u8], model: Option<&Model>) -> std::result::Result<Answer, Value> {
    let line: Line = serde_json::from_slice(line).map_err(|error| refused(line, &error))?;
    let knowledge = Knowledge {
        model,
        ..Knowledge::default()
    };
    let triage = judge_post(
        &knowledge,
        Post {
            text: &line.text,
            addressed: line.addressed,
            language: line.lang.as_deref(),
        },
    );
    let label = if triage.is_unsure {
        "unsure"
    } else {
        triage.label.as_str()
    };
    Ok(Answer {
        id: line.id,
        label,
        p_complaint: (triage.p_complaint * 10_000.0).round() / 10_000.0,
        severity: triage.severity.as_str(),
        standing: triage.standing.map(Standing::as_str),
        reasons: triage.reasons,
        in_doubt: triage.in_doubt,
        language: triage.language,
        needs_account: triage.needs_account,
        personal_data: triage.personal_data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(input: &str) -> (Judged, Vec<Value>) {
        let mut output = Vec::new();
        let done = triage(input.as_bytes(), &mut output, None).expect("memory can be written");
        let lines = output
            .split(|b| *b == b'\n')
            .filter(|line| !line.is_empty());
        (
            done,
            lines
                .map(|line| serde_json::from_slice(line).expect("JSON"))
                .collect(),
        )
    }

    #[test]
    fn each_line_has_its_answer_and_a_bad_one_stops_nothing() {
        let long = format!(
            "{{\"id\": 9, \"text\": \"{}\"}}",
            "a".repeat(LINE_BYTES_MAX)
        );
        let input = format!(
            "{{\"id\": \"a\", \"text\": \"@acme my screen is broken\"}}\n\nnot json\n\
             {{\"id\": 7}}\n{long}\n{{\"id\": 2, \"text\": \"@acme mikä on kun ei mikään toimi taas tänään\", \
             \"lang\": \"fi\"}}"
        );
        let (done, lines) = run(&input);
        assert_eq!(
            done,
            Judged {
                judged: 2,
                refused: 3
            }
        );
        assert_eq!(lines[0]["id"], "a");
        assert_eq!(lines[0]["label"], "complaint");
        assert!(lines[1].get("id").is_none() && lines[1]["error"].is_string());
        assert_eq!(lines[2]["id"], 7);
        assert!(lines[2]["error"].as_str().expect("words").contains("text"));
        assert!(lines[3]["error"].is_string());
        assert_eq!(
            (&lines[4]["id"], &lines[4]["label"]),
            (&json!(2), &json!("unsure"))
        );
        assert_eq!(lines[4]["p_complaint"], 0.5);
    }
}
