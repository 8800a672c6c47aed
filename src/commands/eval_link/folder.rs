//! A folder of a retrieval set, in the shape of BEIR: `corpus.jsonl`, `queries*.jsonl` and
//! `qrels.tsv`; `forum.jsonl` beside it or one level up tells of answers and when they were written.
//! Each of the JSON files may end in `.gz`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::clock::Moment;
use crate::error::{Error, Result};
use crate::search::ThreadDoc;

/// Longest line that is read, in bytes.
const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A thread or article of the set.
#[derive(Debug)]
pub struct Doc {
    pub id: String,
    title: String,
    body: String,
    tags: Vec<String>,
    /// Microseconds; nothing for what has no date and was always there.
    pub created_at: Option<i64>,
    /// With the time they were written (µs), the oldest first.
    answers: Vec<(i64, String)>,
}

/// A text for which threads are sought.
#[derive(Debug)]
pub struct Query {
    pub id: String,
    pub text: String,
    /// Microseconds.
    pub at: Option<i64>,
}

/// All of it.
#[derive(Debug)]
pub struct Folder {
    pub docs: Vec<Doc>,
    /// By the file's name without its ending.
    pub queries: Vec<(String, Vec<Query>)>,
    /// The right documents of each query, as places in `docs`.
    pub right: HashMap<String, Vec<usize>>,
    /// Whether answers with their times are known.
    pub has_answers: bool,
}

#[derive(Deserialize)]
struct DocLine {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default, alias = "text")]
    body_text: String,
    #[serde(default)]
    tags: Vec<String>,
    created: Option<String>,
    accepted_answer_text: Option<String>,
}

#[derive(Deserialize)]
struct QueryLine {
    id: String,
    text: String,
    created: Option<String>,
}

#[derive(Deserialize)]
struct ForumLine {
    id: String,
    #[serde(default)]
    answers: Vec<AnswerLine>,
}

#[derive(Deserialize)]
struct AnswerLine {
    #[serde(default)]
    body_text: String,
    created: String,
}

impl Doc {
    /// The thread as it stood at `at` (µs), with answers written before then; `None`: as it stands.
    /// `id` is its number in the index.
    pub fn thread(&self, id: i64, at: Option<i64>) -> ThreadDoc {
        let known = |when: i64| at.is_none_or(|at| when < at);
        let written: Vec<&(i64, String)> = self.answers.iter().filter(|a| known(a.0)).collect();
        let created_at = self.created_at.unwrap_or(0);
        ThreadDoc {
            id,
            version: 1,
            product: "all".to_owned(),
            // What was always there is no question that somebody came with.
            kind: match self.created_at {
                Some(_) => "question".to_owned(),
                None => "article".to_owned(),
            },
            state: "open".to_owned(),
            title: self.title.clone(),
            body: self.body.clone(),
            replies: written.iter().map(|(_, text)| text.clone()).collect(),
            tags: self.tags.clone(),
            created_at,
            active_at: written.last().map_or(created_at, |a| a.0),
            ..ThreadDoc::default()
        }
    }

    /// When anything of it was written (µs), in order.
    pub fn moments(&self) -> impl Iterator<Item = i64> + '_ {
        let begun = self.created_at.unwrap_or(i64::MIN);
        std::iter::once(begun).chain(self.answers.iter().map(|a| a.0))
    }
}

impl Folder {
    /// Reads a folder. Whatever is missing or can't be read is an error that names its file and line.
    pub fn read(dir: &Path) -> Result<Folder> {
        let mut docs: Vec<Doc> = lines(&either(dir, "corpus.jsonl")?)?
            .into_iter()
            .map(|line: DocLine| Doc {
                created_at: line.created.as_deref().and_then(micros),
                answers: line
                    .accepted_answer_text
                    .map(|text| (i64::MIN, text))
                    .into_iter()
                    .collect(),
                id: line.id,
                title: line.title,
                body: line.body_text,
                tags: line.tags,
            })
            .collect();
        let places: HashMap<String, usize> = docs
            .iter()
            .enumerate()
            .map(|(place, doc)| (doc.id.clone(), place))
            .collect();
        let forum = either(dir, "forum.jsonl").or_else(|_| either(&dir.join(".."), "forum.jsonl"));
        let has_answers = forum.is_ok();
        if let Ok(forum) = forum {
            for thread in lines::<ForumLine>(&forum)? {
                let Some(place) = places.get(&thread.id) else {
                    continue;
                };
                let mut answers: Vec<(i64, String)> = thread
                    .answers
                    .into_iter()
                    .filter_map(|a| Some((micros(&a.created)?, a.body_text)))
                    .collect();
                answers.sort();
                docs[*place].answers = answers;
            }
        }
        Ok(Folder {
            queries: queries(dir)?,
            right: right(&dir.join("qrels.tsv"), &places)?,
            docs,
            has_answers,
        })
    }
}

/// The file under `name` or with `.gz` behind it.
fn either(dir: &Path, name: &str) -> Result<PathBuf> {
    [dir.join(name), dir.join(format!("{name}.gz"))]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| Error::other(format!("there is no {name} in {}", dir.display())))
}

/// The objects of a file, one a line.
fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let shown = path.display();
    let io = |e| Error::io(format!("reading {shown}"), e);
    let file = File::open(path).map_err(io)?;
    let reader: Box<dyn BufRead> = if path.extension().is_some_and(|e| e == "gz") {
        Box::new(BufReader::new(flate2::read::GzDecoder::new(file)))
    } else {
        Box::new(BufReader::new(file))
    };
    let mut all = Vec::new();
    for (n, line) in reader.lines().enumerate() {
        let line = line.map_err(io)?;
        if line.len() > LINE_BYTES_MAX {
            return Err(Error::other(format!("{shown}, line {}: too long", n + 1)));
        }
        if !line.trim().is_empty() {
            let read = serde_json::from_str(&line);
            all.push(read.map_err(|e| Error::other(format!("{shown}, line {}: {e}", n + 1)))?);
        }
    }
    Ok(all)
}

fn queries(dir: &Path) -> Result<Vec<(String, Vec<Query>)>> {
    let io = |e| Error::io(format!("reading {}", dir.display()), e);
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
        let Some(name) = name.filter(|n| n.starts_with("queries")) else {
            continue;
        };
        if let Some(name) = name
            .strip_suffix(".jsonl")
            .or(name.strip_suffix(".jsonl.gz"))
        {
            files.push((name.to_owned(), path));
        }
    }
    files.sort();
    if files.is_empty() {
        let words = format!("there is no queries*.jsonl in {}", dir.display());
        return Err(Error::other(words));
    }
    files
        .into_iter()
        .map(|(name, path)| {
            let all: Vec<QueryLine> = lines(&path)?;
            let all = all.into_iter().map(|line| Query {
                at: line.created.as_deref().and_then(micros),
                id: line.id,
                text: line.text,
            });
            Ok((name, all.collect()))
        })
        .collect()
}

/// `query id, document id, relevance` a line, by tabs, under a head.
fn right(path: &Path, places: &HashMap<String, usize>) -> Result<HashMap<String, Vec<usize>>> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::io(format!("reading {}", path.display()), e))?;
    let mut right: HashMap<String, Vec<usize>> = HashMap::new();
    for line in text.lines().skip(1) {
        let mut parts = line.split('\t');
        if let (Some(query), Some(doc), Some(rel)) = (parts.next(), parts.next(), parts.next())
            && rel.trim() != "0"
            && let Some(place) = places.get(doc)
        {
            right.entry(query.to_owned()).or_default().push(*place);
        }
    }
    Ok(right)
}

/// A time as these files write it: `2023-01-01 12:36:05 +0000`, or without an offset, in UTC.
fn micros(text: &str) -> Option<i64> {
    let text = text.trim();
    Moment::parse(text)
        .or_else(|| Moment::parse(&text.replacen(" +", "+", 1)))
        .or_else(|| Moment::parse(&format!("{text}Z")))
        .map(|at| at.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_both_kinds_are_read() {
        let at = micros("2023-01-01 12:36:05 +0000").expect("a time");
        assert_eq!(micros("2023-01-01T12:36:05.000"), Some(at));
        assert_eq!(micros("2023-01-01T12:36:05Z"), Some(at));
        assert_eq!(micros("yesterday"), None);
    }
}
