//! `offramp eval link DIR`: how well threads are found for texts of a retrieval set whose right answers
//! are known. Needs no configuration and no database; builds an index in memory.
//!
//! Without time, every thread with all its answers is there, nothing was linked before, and a text's
//! own thread is left out. `--replay` goes through the texts by their dates: a thread or answer is
//! there once it was written, and after each text its right threads count as links that staff
//! confirmed.

mod folder;
mod metrics;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::ranker::fit::{Example, calibrate, fit};
use crate::ranker::{
    self, COUNT, Candidate, MEANING, PastLink, Ranker, SIGNALS, Verdict, Weighed, Weights,
};
use crate::search::{Likeness, SearchIndex};
use folder::{Folder, Query};
use metrics::{DEPTH, Metrics, Ranked};

/// Threads put into the index at a time.
const BATCH: usize = 2_000;
/// What a squared distance from the shipped weights costs in learning: little, for there is plenty.
const RIDGE: f64 = 0.003;
/// Least time between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// What the command is asked.
#[derive(clap::Args)]
pub struct EvalLink {
    /// Folder with corpus.jsonl, queries*.jsonl and qrels.tsv (each JSON file may be gzipped).
    dir: PathBuf,
    /// Go through the texts by their dates, as they would have come.
    #[arg(long)]
    replay: bool,
    /// With --replay: learn weights from texts before this day (2024-01-01), measure those after.
    #[arg(long, requires = "replay")]
    train_until: Option<String>,
    /// Learn weights from all texts measured and write them to this file.
    #[arg(long)]
    save: Option<PathBuf>,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

/// One text with its candidates, as it was ranked.
struct Told {
    at: Option<i64>,
    candidates: Vec<Candidate>,
    right: HashSet<i64>,
}

/// Measures, and prints the figures.
pub fn run(asked: &EvalLink) -> Result<()> {
    let until =
        match &asked.train_until {
            None => None,
            Some(day) => Some(Moment::parse_day(day).ok_or_else(|| {
                Error::other(format!("`{day}` is no day; write it as 2024-01-31"))
            })?),
        };
    let folder = Folder::read(&asked.dir)?;
    let mut all: Map<String, Value> = Map::new();
    let mut examples: Vec<Example> = Vec::new();
    let mut replayed: Vec<Example> = Vec::new();
    let shipped = ranker::shipped();
    let still = without_time(&folder)?;
    report(&mut all, asked.json, "", &measure(&still, &shipped, None));
    if asked.save.is_some() {
        examples.extend(still.values().flatten().map(example));
    }
    if asked.replay {
        let told = replay(&folder)?;
        let weights = match until {
            None => shipped.clone(),
            Some(until) => {
                let early = told.values().flatten().filter(|t| is_before(t, until));
                let learned = early.map(example).collect::<Vec<_>>();
                fit(&learned, &shipped, RIDGE, &learnable())
            }
        };
        let mut of_replay = Map::new();
        let figures = measure(&told, &weights, until);
        report(&mut of_replay, asked.json, "in time order, ", &figures);
        if asked.save.is_some() {
            replayed.extend(told.values().flatten().map(example));
            examples.extend(replayed.iter().cloned());
        }
        all.insert("replay".to_owned(), Value::Object(of_replay));
    }
    if asked.json {
        let text = serde_json::to_string_pretty(&Value::Object(all)).map_err(Error::other)?;
        println!("{text}");
    }
    if let Some(file) = &asked.save {
        let mut learned = fit(&examples, &shipped, RIDGE, &learnable());
        // How sure to be is learned from what it will meet: texts in the order of time.
        calibrate(&replayed, &mut learned);
        save(file, &learned)?;
    }
    Ok(())
}

/// The signals that such a set can teach.
fn learnable() -> [bool; COUNT] {
    let mut open = [true; COUNT];
    for (n, (name, _)) in SIGNALS.iter().enumerate() {
        let by_hand = [
            "rejected_alike",
            "solved",
            "official",
            "known_issue",
            "me_too",
        ];
        open[n] = !by_hand.contains(name) && !MEANING.contains(&n);
    }
    open
}

fn save(file: &std::path::Path, weights: &Weights) -> Result<()> {
    let text =
        serde_json::to_string_pretty(&json!({ "weights": weights })).map_err(Error::other)?;
    std::fs::write(file, text + "\n")
        .map_err(|e| Error::io(format!("writing {}", file.display()), e))?;
    for (words, worth) in weights.in_words() {
        println!("{worth:>8.3}  {words}");
    }
    Ok(())
}

fn is_before(told: &Told, until: Moment) -> bool {
    told.at.is_some_and(|at| at < until.0)
}

fn example(told: &Told) -> Example {
    let is_right = |c: &Candidate| told.right.contains(&c.measured.thread_id);
    Example {
        candidates: told
            .candidates
            .iter()
            .map(|c| (c.signals, is_right(c)))
            .collect(),
    }
}

type ToldByFile = BTreeMap<String, Vec<Told>>;

fn id_of(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX - 1) + 1
}

/// Ranks every text among all threads as they stand in the end.
fn without_time(folder: &Folder) -> Result<ToldByFile> {
    let index = SearchIndex::nothing(&PathBuf::from("memory"))?;
    let mut progress = Progress::new("indexing", folder.docs.len());
    for (n, batch) in folder.docs.chunks(BATCH).enumerate() {
        let begin = n * BATCH;
        let threads: Vec<_> = batch
            .iter()
            .enumerate()
            .map(|(m, doc)| doc.thread(id_of(begin + m), None))
            .collect();
        index.apply(&threads, &[], 1)?;
        progress.step(batch.len());
    }
    let own = own_threads(folder);
    let mut told = ToldByFile::new();
    for (name, queries) in &folder.queries {
        let ranker = Ranker::new(None);
        let mut progress = Progress::new(name, queries.len());
        for query in queries {
            let right = folder.right.get(&query.id).into_iter().flatten();
            let right: HashSet<i64> = right.map(|place| id_of(*place)).collect();
            let (_, candidates) = candidates(&index, &ranker, query, own.get(query.id.as_str()))?;
            told.entry(name.clone()).or_default().push(Told {
                at: query.at,
                candidates,
                right,
            });
            progress.step(1);
        }
    }
    Ok(told)
}

/// The number of the thread that a text was taken from, by the text's id.
fn own_threads(folder: &Folder) -> HashMap<&str, i64> {
    let docs = folder.docs.iter().enumerate();
    docs.map(|(place, doc)| (doc.id.as_str(), id_of(place)))
        .collect()
}

fn candidates(
    index: &SearchIndex,
    ranker: &Ranker,
    query: &Query,
    own: Option<&i64>,
) -> Result<(Weighed, Vec<Candidate>)> {
    let own: Vec<i64> = own.into_iter().copied().collect();
    let asked = Likeness {
        text: &query.text,
        product: None,
        limit: DEPTH,
        exclude: &own,
        at: query.at,
    };
    let reading = index.read_text(&query.text)?;
    let candidates = ranker.candidates(&reading, &asked)?;
    Ok((Weighed::of(reading.weighed()), candidates))
}

/// Ranks each text among what had been written when it came, and links its right threads after it.
fn replay(folder: &Folder) -> Result<ToldByFile> {
    if !folder.has_answers {
        eprintln!("There is no forum.jsonl: threads are replayed without their answers.");
    }
    let index = SearchIndex::nothing(&PathBuf::from("memory"))?;
    let mut written: Vec<(i64, usize)> = folder
        .docs
        .iter()
        .enumerate()
        .flat_map(|(place, doc)| doc.moments().map(move |at| (at, place)))
        .collect();
    written.sort_unstable();
    let mut coming: Vec<(i64, usize, &Query)> = Vec::new();
    for (file, (_, queries)) in folder.queries.iter().enumerate() {
        coming.extend(queries.iter().filter_map(|q| Some((q.at?, file, q))));
    }
    coming.sort_by_key(|(at, file, query)| (*at, query.id.as_str(), *file));
    let rankers: Vec<Ranker> = folder.queries.iter().map(|_| Ranker::new(None)).collect();
    let own = own_threads(folder);
    let mut told = ToldByFile::new();
    let mut next = 0;
    let mut links = 0;
    let mut progress = Progress::new("replaying", coming.len());
    for (at, file, query) in coming {
        let mut changed: Vec<usize> = Vec::new();
        while let Some((_, place)) = written.get(next).filter(|(when, _)| *when < at) {
            changed.push(*place);
            next += 1;
        }
        changed.sort_unstable();
        changed.dedup();
        if !changed.is_empty() {
            let threads: Vec<_> = changed
                .iter()
                .map(|place| folder.docs[*place].thread(id_of(*place), Some(at)))
                .collect();
            index.apply(&threads, &[], 1)?;
        }
        let ranker = &rankers[file];
        let (words, candidates) = candidates(&index, ranker, query, own.get(query.id.as_str()))?;
        let all = folder.right.get(&query.id).cloned().unwrap_or_default();
        let is_there = |place: &usize| folder.docs[*place].created_at.is_none_or(|c| c < at);
        let right = all
            .iter()
            .filter(|p| is_there(p))
            .map(|p| id_of(*p))
            .collect();
        told.entry(folder.queries[file].0.clone())
            .or_default()
            .push(Told {
                at: Some(at),
                candidates,
                right,
            });
        for place in all {
            links += 1;
            let link = PastLink {
                id: links,
                thread: id_of(place),
                customer: 0,
                at,
                verdict: Verdict::Confirmed,
            };
            ranker.learn(link, words.clone());
        }
        progress.step(1);
    }
    Ok(told)
}

/// The figures of each file; of texts at or after `from`, where it is given.
fn measure(told: &ToldByFile, weights: &Weights, from: Option<Moment>) -> Vec<(String, Metrics)> {
    told.iter()
        .map(|(name, told)| {
            let mut metrics = Metrics::default();
            for one in told {
                if from.is_some_and(|from| is_before(one, from)) {
                    continue;
                }
                let ranked = ranker::order(weights, &one.candidates);
                let id = |n: usize| one.candidates[n].measured.thread_id;
                metrics.add(&Ranked {
                    hits: ranked
                        .iter()
                        .take(DEPTH)
                        .map(|(n, _, _)| one.right.contains(&id(*n)))
                        .collect(),
                    right: one.right.len(),
                    p_first: ranked.first().map(|(_, _, p)| *p),
                });
            }
            (name.clone(), metrics)
        })
        .collect()
}

/// Puts the figures where JSON is made of them, or prints them.
fn report(all: &mut Map<String, Value>, json: bool, when: &str, of: &[(String, Metrics)]) {
    for (name, metrics) in of {
        all.insert(name.clone(), metrics.json());
        if !json {
            let figures: Vec<String> = metrics
                .figures()
                .into_iter()
                .map(|(name, figure)| format!("{name} {figure:.3}"))
                .collect();
            let queries = metrics.queries();
            println!(
                "{name} ({when}{queries} with an answer): {}",
                figures.join("  ")
            );
        }
    }
}

/// A line that is written over, on a terminal only.
struct Progress {
    what: String,
    done: usize,
    of: usize,
    shown: Instant,
    is_shown: bool,
}

impl Progress {
    fn new(what: &str, of: usize) -> Progress {
        Progress {
            what: what.to_owned(),
            done: 0,
            of,
            shown: Instant::now(),
            is_shown: std::io::stderr().is_terminal(),
        }
    }

    fn step(&mut self, by: usize) {
        const WIDTH: usize = 30;
        self.done += by;
        let is_last = self.done >= self.of;
        if !self.is_shown || (!is_last && self.shown.elapsed() < PROGRESS_EVERY) {
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
