//! `offramp eval link DIR`: how well threads are found for texts of a retrieval set whose right answers
//! are known. Needs no configuration and no database; builds an index in memory.
//!
//! Without time, every thread with all its answers is there, nothing was linked before, and a text's
//! own thread is left out. `--replay` goes through the texts by their dates: a thread or answer is
//! there once it was written, and after each text its right threads count as links that staff
//! confirmed.

mod folder;
mod metrics;
mod progress;
mod vectors;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::meaning::Vector;
use crate::ranker::fit::{Example, calibrate, fit};
use crate::ranker::{
    self, COUNT, Candidate, MEANING, Meaning, PastLink, Ranker, SIGNALS, Verdict, Weighed, Weights,
    passages,
};
use crate::search::{Likeness, SearchIndex};
use folder::{Folder, Query};
use metrics::{DEPTH, Metrics, Ranked};
use progress::Progress;
use vectors::Vectors;

/// Threads put into the index at a time.
const BATCH: usize = 2_000;
/// What a squared distance from the shipped weights costs in learning: little, for there is plenty.
const RIDGE: f64 = 0.003;

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
    /// Folder of a sentence model: measure with it too. Left out, that of the configuration, if there is
    /// one.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Keep the model's vectors in this file, and take from it those that are there.
    #[arg(long)]
    vectors: Option<PathBuf>,
    /// Learn weights from all texts measured (with the model, where there is one) and write them to this
    /// file.
    #[arg(long)]
    save: Option<PathBuf>,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

/// One text with its candidates, as they were found.
struct Told {
    at: Option<i64>,
    by_words: Vec<Candidate>,
    /// With the sentence model, where there is one.
    with_model: Option<Vec<Candidate>>,
    right: HashSet<i64>,
}

/// What a text is ranked by.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Words,
    Model,
}

impl Told {
    fn candidates(&self, by: By) -> &[Candidate] {
        match (by, &self.with_model) {
            (By::Model, Some(candidates)) => candidates,
            _ => &self.by_words,
        }
    }
}

/// The vectors of a folder.
struct Meant {
    vectors: Vectors,
    of_docs: Vec<Vec<Vector>>,
    /// In the order of the folder's files and their texts.
    of_queries: Vec<Vec<Vector>>,
}

/// Measures, and prints the figures. `configured` is the folder of the configuration's sentence model.
pub fn run(asked: &EvalLink, configured: &Path) -> Result<()> {
    let until =
        match &asked.train_until {
            None => None,
            Some(day) => Some(Moment::parse_day(day).ok_or_else(|| {
                Error::other(format!("`{day}` is no day; write it as 2024-01-31"))
            })?),
        };
    let folder = Folder::read(&asked.dir)?;
    let configured = Some(configured).filter(|dir| !dir.as_os_str().is_empty());
    let model = asked.model.as_deref().or(configured);
    let meant = match model {
        Some(dir) => Some(meant(&folder, dir, asked.vectors.as_deref())?),
        None => None,
    };
    let still = without_time(&folder, meant.as_ref())?;
    let replayed = match asked.replay {
        true => Some(replay(&folder, meant.as_ref())?),
        false => None,
    };
    let by = match meant {
        Some(_) => By::Model,
        None => By::Words,
    };
    let shipped = ranker::shipped_for(by == By::Model);
    let mut all = Map::new();
    let mut columns: Vec<Vec<(String, Metrics)>> = Vec::new();
    let mut add = |all: &mut Map<String, Value>, by: By, shipped: &Weights| {
        let mut figures = measure(&still, by, shipped, None);
        figures
            .iter()
            .for_each(|(name, metrics)| insert(all, name, metrics));
        if let Some(told) = &replayed {
            let mut of_replay = Map::new();
            for (name, metrics) in measure(told, by, &learned(told, by, shipped, until), until) {
                insert(&mut of_replay, &name, &metrics);
                figures.push((format!("{name}, in time order"), metrics));
            }
            all.insert("replay".to_owned(), Value::Object(of_replay));
        }
        columns.push(figures);
    };
    if by == By::Model {
        let mut of_words = Map::new();
        add(&mut of_words, By::Words, &ranker::shipped());
        all.insert("by_words".to_owned(), Value::Object(of_words));
    }
    add(&mut all, by, &shipped);
    if asked.json {
        let text = serde_json::to_string_pretty(&Value::Object(all)).map_err(Error::other)?;
        println!("{text}");
    } else {
        print(&columns);
    }
    if let Some(file) = &asked.save {
        let examples = |told: &ToldByFile| -> Vec<Example> {
            told.values()
                .flatten()
                .map(|told| example(told, by))
                .collect()
        };
        let in_time = replayed.as_ref().map(examples).unwrap_or_default();
        let mut all = examples(&still);
        all.extend(in_time.iter().cloned());
        let mut learned = fit(&all, &shipped, RIDGE, &learnable(by));
        // How sure to be is learned from what it will meet: texts in the order of time.
        calibrate(&in_time, &mut learned);
        save(file, &learned)?;
    }
    Ok(())
}

/// Weights learned from the texts before `until`; without a day those given.
fn learned(told: &ToldByFile, by: By, from: &Weights, until: Option<Moment>) -> Weights {
    let Some(until) = until else {
        return from.clone();
    };
    let early = told.values().flatten().filter(|t| is_before(t, until));
    let examples: Vec<Example> = early.map(|told| example(told, by)).collect();
    fit(&examples, from, RIDGE, &learnable(by))
}

fn insert(all: &mut Map<String, Value>, name: &str, metrics: &Metrics) {
    all.insert(name.to_owned(), metrics.json());
}

fn meant(folder: &Folder, dir: &Path, file: Option<&Path>) -> Result<Meant> {
    let mut vectors = Vectors::open(dir, file)?;
    let parts: Vec<Vec<String>> = folder
        .docs
        .iter()
        .map(|doc| passages(&doc.thread(1, None)))
        .collect();
    let all = vectors.of("reading threads", &parts.concat())?;
    let mut rest = all.into_iter();
    let of_docs = parts
        .iter()
        .map(|p| rest.by_ref().take(p.len()).collect())
        .collect();
    let mut of_queries = Vec::new();
    for (name, queries) in &folder.queries {
        let texts: Vec<String> = queries.iter().map(|query| query.text.clone()).collect();
        of_queries.push(vectors.of(name, &texts)?);
    }
    Ok(Meant {
        vectors,
        of_docs,
        of_queries,
    })
}

/// The signals that such a set can teach.
fn learnable(by: By) -> [bool; COUNT] {
    let mut open = [true; COUNT];
    for (n, (name, _)) in SIGNALS.iter().enumerate() {
        let by_hand = [
            "rejected_alike",
            "solved",
            "official",
            "known_issue",
            "me_too",
        ];
        open[n] = !by_hand.contains(name) && (by == By::Model || !MEANING.contains(&n));
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

fn example(told: &Told, by: By) -> Example {
    let is_right = |c: &Candidate| told.right.contains(&c.measured.thread_id);
    Example {
        candidates: told
            .candidates(by)
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
fn without_time(folder: &Folder, meant: Option<&Meant>) -> Result<ToldByFile> {
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
    let meaning = meant.map(|meant| {
        let meaning = meant.nothing();
        for (place, vectors) in meant.of_docs.iter().enumerate() {
            meaning.put(id_of(place), vectors);
        }
        meaning
    });
    let own = own_threads(folder);
    let mut told = ToldByFile::new();
    for (file, (name, queries)) in folder.queries.iter().enumerate() {
        let ranker = Ranker::new(None, None);
        let mut progress = Progress::new(name, queries.len());
        for (n, query) in queries.iter().enumerate() {
            let right = folder.right.get(&query.id).into_iter().flatten();
            let right: HashSet<i64> = right.map(|place| id_of(*place)).collect();
            let vector = meaning.as_ref().zip(meant.map(|m| &m.of_queries[file][n]));
            let own = own.get(query.id.as_str());
            let (_, one) = candidates(&index, &ranker, query, own, vector, right)?;
            told.entry(name.clone()).or_default().push(one);
            progress.step(1);
        }
    }
    Ok(told)
}

impl Meant {
    /// The model, of no threads yet.
    fn nothing(&self) -> Meaning {
        Meaning::new(self.vectors.model.clone(), None)
    }
}

/// The number of the thread that a text was taken from, by the text's id.
fn own_threads(folder: &Folder) -> HashMap<&str, i64> {
    let docs = folder.docs.iter().enumerate();
    docs.map(|(place, doc)| (doc.id.as_str(), id_of(place)))
        .collect()
}

/// A text's words, and what was found for it by them and with its direction.
fn candidates(
    index: &SearchIndex,
    ranker: &Ranker,
    query: &Query,
    own: Option<&i64>,
    vector: Option<(&Meaning, &Vector)>,
    right: HashSet<i64>,
) -> Result<(Weighed, Told)> {
    let own: Vec<i64> = own.into_iter().copied().collect();
    let asked = Likeness {
        text: &query.text,
        product: None,
        limit: DEPTH,
        exclude: &own,
        at: query.at,
    };
    let reading = index.read_text(&query.text)?;
    let by_words = ranker.candidates(&reading, &asked, None)?.threads;
    let with_model = match vector {
        Some((meaning, vector)) => {
            let near = meaning.near(vector);
            Some(ranker.candidates(&reading, &asked, near.as_ref())?.threads)
        }
        None => None,
    };
    let told = Told {
        at: query.at,
        by_words,
        with_model,
        right,
    };
    Ok((Weighed::of(reading.weighed()), told))
}

/// Ranks each text among what had been written when it came, and links its right threads after it.
fn replay(folder: &Folder, meant: Option<&Meant>) -> Result<ToldByFile> {
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
    let mut coming: Vec<(i64, usize, usize, &Query)> = Vec::new();
    for (file, (_, queries)) in folder.queries.iter().enumerate() {
        let dated = queries.iter().enumerate();
        coming.extend(dated.filter_map(|(n, query)| Some((query.at?, file, n, query))));
    }
    coming.sort_by_key(|(at, file, _, query)| (*at, query.id.as_str(), *file));
    let new = |_| Ranker::new(None, None);
    let rankers: Vec<Ranker> = folder.queries.iter().map(new).collect();
    let meaning = meant.map(Meant::nothing);
    let own = own_threads(folder);
    let mut told = ToldByFile::new();
    let mut next = 0;
    let mut links = 0;
    let mut progress = Progress::new("replaying", coming.len());
    for (at, file, n, query) in coming {
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
        if let Some((meaning, meant)) = meaning.as_ref().zip(meant) {
            for place in changed {
                meaning.put(id_of(place), &meant.of_docs[place]);
            }
        }
        let ranker = &rankers[file];
        let all = folder.right.get(&query.id).cloned().unwrap_or_default();
        let is_there = |place: &usize| folder.docs[*place].created_at.is_none_or(|c| c < at);
        let right = all
            .iter()
            .filter(|p| is_there(p))
            .map(|p| id_of(*p))
            .collect();
        let vector = meaning.as_ref().zip(meant.map(|m| &m.of_queries[file][n]));
        let own = own.get(query.id.as_str());
        let (words, one) = candidates(&index, ranker, query, own, vector, right)?;
        told.entry(folder.queries[file].0.clone())
            .or_default()
            .push(one);
        // What was begun later is a thread that nobody could have linked then.
        for place in all.into_iter().filter(|place| is_there(place)) {
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
fn measure(
    told: &ToldByFile,
    by: By,
    weights: &Weights,
    from: Option<Moment>,
) -> Vec<(String, Metrics)> {
    told.iter()
        .map(|(name, told)| {
            let mut metrics = Metrics::default();
            for one in told {
                if from.is_some_and(|from| is_before(one, from)) {
                    continue;
                }
                let candidates = one.candidates(by);
                let ranked = ranker::order(weights, candidates);
                let id = |n: usize| candidates[n].measured.thread_id;
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

/// A table; with a model each figure by words alone beside the one with it.
fn print(columns: &[Vec<(String, Metrics)>]) {
    let Some(last) = columns.last() else {
        return;
    };
    if columns.len() > 1 {
        println!("By words alone → with the sentence model:");
    }
    for (row, (name, metrics)) in last.iter().enumerate() {
        let all: Vec<_> = columns
            .iter()
            .map(|column| column[row].1.figures())
            .collect();
        let figures = metrics
            .figures()
            .into_iter()
            .enumerate()
            .map(|(n, (of, _))| {
                let beside: Vec<String> = all.iter().map(|f| format!("{:.3}", f[n].1)).collect();
                format!("{of} {}", beside.join("→"))
            });
        let figures: Vec<String> = figures.collect();
        let queries = metrics.queries();
        println!("{name} ({queries} with an answer): {}", figures.join("  "));
    }
}
