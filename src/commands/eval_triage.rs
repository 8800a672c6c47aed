//! `offramp eval triage`: how good the judgement is on posts that people judged.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::escalations::triage::model::metrics::Metrics;
use crate::escalations::triage::model::train::{self, Example, HOLD};
use crate::escalations::triage::model::{self, Model};
use crate::escalations::triage::{Knowledge, Post, judge_post};
use crate::say;

/// Domains that begin so hold posts that were addressed to no company.
const UNADDRESSED: &str = "random";
/// Folds at most: each is a training.
const FOLDS_MAX: i64 = 100;
/// Stretches the numbers of rows over the folds: rows that follow each other are often alike.
const STRIDE: usize = 7_919;

/// What the command is asked.
#[derive(clap::Args)]
pub struct EvalTriage {
    /// CSV with the columns text, label (1 is a complaint) and domain, or the same as JSON lines.
    file: PathBuf,
    /// Train on the other folds and judge each fold so; left out, the shipped model judges.
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..=FOLDS_MAX))]
    folds: Option<u16>,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

/// Measures, and prints the figures.
pub fn run(asked: &EvalTriage) -> Result<()> {
    let examples = read(&asked.file)?;
    let mut bar = Bar::new();
    let report = evaluate(&examples, asked.folds.map(usize::from), &mut |done| {
        bar.show(done)
    })?;
    drop(bar);
    if asked.json {
        say!("{}", serde_json::to_string(&report).map_err(Error::other)?);
    } else {
        say!("{}", report.words().trim_end());
    }
    Ok(())
}

/// A row of the file.
#[derive(Deserialize)]
struct Row {
    text: String,
    label: serde_json::Value,
    #[serde(default)]
    domain: String,
}

/// What `offramp eval triage` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `shipped`, or `trained` on the other folds.
    pub judged_by: &'static str,
    pub folds: Option<usize>,
    pub all: Metrics,
    /// Rows that were addressed to a company: their domain does not begin with `random`.
    pub brand_addressed: Metrics,
}

/// Reads rows of a CSV with the columns `text`, `label` and, if there is one, `domain`; or the same
/// as JSON lines. A label is a complaint's when it is `1`, `true` or `complaint`.
pub fn read(path: &Path) -> Result<Vec<Example>> {
    let name = path.display();
    let file = File::open(path).map_err(|e| Error::io(&name, e))?;
    let mut file = BufReader::new(file);
    let first = file.fill_buf().map_err(|e| Error::io(&name, e))?;
    let is_json = first.trim_ascii_start().first() == Some(&b'{');
    let at_line =
        |n: usize, what: &dyn std::fmt::Display| Error::other(format!("{name}, row {n}: {what}"));
    let mut examples = Vec::new();
    let mut take = |n: usize, row: Row| -> Result<()> {
        let label = match &row.label {
            serde_json::Value::String(label) => label.clone(),
            other => other.to_string(),
        };
        let is_complaint = match label.trim() {
            "1" | "true" | "complaint" => true,
            "0" | "false" | "question" | "praise" | "noise" => false,
            other => {
                return Err(at_line(
                    n,
                    &format!("“{other}” is no label: 1 or 0, complaint or another"),
                ));
            }
        };
        examples.push(Example {
            is_complaint,
            addressed: !row.domain.starts_with(UNADDRESSED),
            text: row.text,
            author: None,
            group: examples.len(),
        });
        Ok(())
    };
    if is_json {
        for (n, line) in (1..).zip(file.lines()) {
            let line = line.map_err(|e| Error::io(&name, e))?;
            if !line.trim().is_empty() {
                take(n, serde_json::from_str(&line).map_err(|e| at_line(n, &e))?)?;
            }
        }
    } else {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|e| Error::io(&name, e))?;
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let header = reader.headers().map_err(|e| at_line(0, &e))?;
        if ["text", "label"]
            .iter()
            .any(|wanted| !header.iter().any(|h| h == *wanted))
        {
            let found: Vec<&str> = header.iter().collect();
            return Err(Error::other(format!(
                "{name}: the first line must name the columns text and label, with commas between; it names {}",
                found.join(", ")
            )));
        }
        for (n, row) in (1..).zip(reader.deserialize()) {
            take(n, row.map_err(|e| at_line(n, &e))?)?;
        }
    }
    if examples.is_empty() {
        return Err(Error::other(format!("{name} holds no rows")));
    }
    Ok(examples)
}

/// Judges every row: by the shipped model, or each fold by one that was trained on the others.
/// `on_progress` hears how much of the work is done, 0 to 1.
pub fn evaluate(
    examples: &[Example],
    folds: Option<usize>,
    on_progress: &mut dyn FnMut(f64),
) -> Result<Report> {
    let (all, addressed) = match folds {
        None => {
            let model = model::shipped();
            let judged = by_model(examples, model.as_deref(), on_progress);
            let addressed = judged.iter().zip(examples).filter(|(_, e)| e.addressed);
            (
                judged.clone(),
                addressed.map(|(judged, _)| *judged).collect(),
            )
        }
        Some(folds) => {
            let rows = train::prepare_each(examples);
            let gists: Vec<String> = examples.iter().map(|e| train::gist(&e.text)).collect();
            let of: Vec<(&train::Row, &str)> =
                rows.iter().zip(gists.iter().map(String::as_str)).collect();
            let addressed: Vec<(&train::Row, &str)> = of
                .iter()
                .zip(examples)
                .filter(|(_, e)| e.addressed)
                .map(|(row, _)| *row)
                .collect();
            let all = by_folds(&of, folds, &mut |share| on_progress(share / 2.0))?;
            let addressed = by_folds(&addressed, folds, &mut |share| {
                on_progress(0.5 + share / 2.0)
            })?;
            (all, addressed)
        }
    };
    Ok(Report {
        judged_by: if folds.is_some() {
            "trained"
        } else {
            "shipped"
        },
        folds,
        all: Metrics::of(&all),
        brand_addressed: Metrics::of(&addressed),
    })
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn by_model(
    examples: &[Example],
    model: Option<&Model>,
    on_progress: &mut dyn FnMut(f64),
) -> Vec<(f64, bool)> {
    let knowledge = Knowledge {
        model,
        ..Knowledge::default()
    };
    let judged = examples.iter().enumerate().map(|(n, example)| {
        on_progress(share(n, examples.len()));
        let post = Post {
            text: &example.text,
            addressed: example.addressed,
            language: None,
        };
        (
            judge_post(&knowledge, post).p_complaint,
            example.is_complaint,
        )
    });
    judged.collect()
}

/// Rows that say the same ([`train::gist`]) are in one fold, so that none is judged by its double.
fn by_folds(
    rows: &[(&train::Row, &str)],
    folds: usize,
    on_progress: &mut dyn FnMut(f64),
) -> Result<Vec<(f64, bool)>> {
    let too_few = || Error::other("too few rows of both kinds for so many folds");
    if rows.len() < 2 * folds {
        return Err(too_few());
    }
    let prior = model::shipped();
    let blank = Model::blank();
    let prior = prior.as_deref().unwrap_or(&blank);
    let mut first_of: HashMap<&str, usize> = HashMap::new();
    let folded: Vec<(&train::Row, usize)> = (0..)
        .zip(rows)
        .map(|(n, (row, gist))| (*row, *first_of.entry(gist).or_insert(n) * STRIDE % folds))
        .collect();
    let mut judged = Vec::with_capacity(rows.len());
    for fold in 0..folds {
        on_progress(share(fold, folds));
        let part = |inside: bool| {
            let these = folded
                .iter()
                .filter(move |(_, own)| (*own == fold) == inside);
            these.map(|(row, _)| *row).collect::<Vec<_>>()
        };
        let model = train::train_rows(&part(false), prior, HOLD).ok_or_else(too_few)?;
        judged.extend(
            part(true)
                .iter()
                .map(|row| (model.probability_of(row), row.is_complaint)),
        );
    }
    Ok(judged)
}

/// A bar on a terminal's standard error; elsewhere nothing is drawn.
pub struct Bar {
    drawn: Option<usize>,
}

impl Bar {
    /// Characters between the brackets.
    const WIDTH: usize = 40;

    pub fn new() -> Bar {
        Bar {
            drawn: std::io::stderr().is_terminal().then_some(usize::MAX),
        }
    }

    /// Draws how much is done, 0 to 1, when that changes what is seen.
    pub fn show(&mut self, done: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "0 to 40"
        )]
        let full = (done.clamp(0.0, 1.0) * Bar::WIDTH as f64) as usize;
        if self.drawn.is_some_and(|drawn| drawn != full) {
            self.drawn = Some(full);
            eprint!(
                "\r[{:<width$}] {:3} %",
                "=".repeat(full),
                full * 100 / Bar::WIDTH,
                width = Bar::WIDTH
            );
        }
    }
}

impl Default for Bar {
    fn default() -> Bar {
        Bar::new()
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            eprint!("\r{:width$}\r", "", width = Bar::WIDTH + 8);
            let _ = std::io::stderr().flush();
        }
    }
}

impl Report {
    /// As a table.
    pub fn words(&self) -> String {
        let by = match self.folds {
            None => "as shipped".to_owned(),
            Some(folds) => format!("trained, {folds}-fold"),
        };
        let mut text = format!("{by:<22} {:>8} {:>15}\n", "all rows", "brand-addressed");
        let (a, b) = (&self.all, &self.brand_addressed);
        text += &format!("{:<22} {:>8} {:>15}\n", "rows", a.rows, b.rows);
        text += &format!(
            "{:<22} {:>8} {:>15}\n",
            "complaints", a.complaints, b.complaints
        );
        for (name, a, b) in [
            ("accuracy", a.accuracy, b.accuracy),
            ("macro F1", a.macro_f1, b.macro_f1),
            ("ROC AUC", a.roc_auc, b.roc_auc),
            (
                "calibration error",
                a.calibration_error,
                b.calibration_error,
            ),
            (
                "recall, 90% precision",
                a.recall_at_90_precision,
                b.recall_at_90_precision,
            ),
        ] {
            text += &format!("{name:<22} {a:>8.3} {b:>15.3}\n");
        }
        text
    }
}
