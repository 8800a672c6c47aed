//! The index on disk: opened or replaced when it can't be read, written in batches by one writer,
//! rebuilt beside the living one and swapped without a pause.
//!
//! The folder holds generations `g1`, `g2` … and a file `current` that names the living one. It is
//! replaced by renaming, so a kill at any moment leaves the old generation or the new one.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use frostem::Stemmer;
use tantivy::indexer::IndexWriterOptions;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyError, Term};
use tracing::{info, warn};

use super::schema::{self, Fields, SCHEMA_VERSION, UNKNOWN_LANGUAGE};
use super::words::stemmer_of;
use super::{DocSource, Error, Result, ThreadDoc};
use crate::files;

/// Memory of the writer in daily work, in bytes; tantivy takes no less than 15 MB.
const WRITER_BYTES: usize = 16_000_000;
/// Memory of the writer while rebuilding, in bytes.
const REBUILD_BYTES: usize = 50_000_000;
/// Threads loaded at a time while rebuilding.
const REBUILD_BATCH: usize = 100;
/// Languages a query is stemmed in, the most frequent of the index first.
const QUERY_LANGUAGES_MAX: usize = 4;
/// The share of threads from which a language counts as one of the index: below it stands what was
/// taken for another language by mistake.
const LANGUAGE_SHARE_MIN: f64 = 0.01;

/// The full-text index. One per process; shared by reference.
pub struct SearchIndex {
    dir: PathBuf,
    live: RwLock<Arc<Generation>>,
    writer: Mutex<Option<(String, IndexWriter)>>,
}

struct Generation {
    name: String,
    index: Index,
    reader: IndexReader,
    fields: Fields,
    stems: RwLock<Arc<QueryStems>>,
}

/// What a query reads: a state of the index that does not change under it.
pub(super) struct View {
    pub searcher: Searcher,
    pub fields: Fields,
    pub stems: Arc<QueryStems>,
}

/// How words of a query are stemmed: by the languages the index holds.
#[derive(Default)]
pub(super) struct QueryStems {
    stemmers: Vec<Stemmer>,
    /// Whether some text is in a language we don't stem here, so that the word itself is looked for.
    plain: bool,
}

impl QueryStems {
    /// The forms under which a folded word is looked for, at least one.
    pub fn forms(&self, folded: &str) -> Vec<String> {
        let mut forms: Vec<String> = Vec::with_capacity(2);
        for stemmer in &self.stemmers {
            let stem = stemmer.stem(folded);
            if !stem.is_empty() && !forms.iter().any(|f| *f == stem) {
                forms.push(stem.into_owned());
            }
        }
        if (self.plain || forms.is_empty()) && !forms.iter().any(|f| f == folded) {
            forms.push(folded.to_string());
        }
        forms
    }

    /// The form under which a folded word of a text in `language` is looked for; where that is not
    /// known, of a text in the most frequent language of the index.
    pub fn form(&self, language: Option<&str>, folded: &str) -> String {
        let stemmer = match language {
            Some(code) => stemmer_of(code),
            None => self.stemmers.first().copied(),
        };
        let stem = stemmer.map(|stemmer| stemmer.stem(folded).into_owned());
        stem.filter(|stem| !stem.is_empty())
            .unwrap_or_else(|| folded.to_string())
    }

    fn of(searcher: &Searcher, fields: &Fields) -> Result<QueryStems> {
        let mut threads: BTreeMap<String, u64> = BTreeMap::new();
        for segment in searcher.segment_readers() {
            let inverted = segment.inverted_index(fields.language)?;
            let mut terms = inverted.terms().stream()?;
            while let Some((code, info)) = terms.next() {
                let code = String::from_utf8_lossy(code).into_owned();
                *threads.entry(code).or_default() += u64::from(info.doc_freq);
            }
        }
        let unknown = threads.remove(UNKNOWN_LANGUAGE);
        let total: u64 = threads.values().sum();
        let mut codes: Vec<(String, u64)> = threads.into_iter().collect();
        codes.retain(|(_, threads)| *threads as f64 >= total as f64 * LANGUAGE_SHARE_MIN);
        codes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let mut stemmers = Vec::new();
        let mut plain = false;
        for (code, _) in codes {
            match stemmer_of(&code) {
                Some(stemmer) if stemmers.len() < QUERY_LANGUAGES_MAX => stemmers.push(stemmer),
                _ => plain = true,
            }
        }
        if stemmers.is_empty() && unknown.is_some() {
            stemmers.extend(stemmer_of("en"));
            plain = true;
        }
        Ok(QueryStems { stemmers, plain })
    }
}

/// What the index holds against what it should hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift {
    /// Threads that can't be found.
    pub missing: Vec<i64>,
    /// Threads that can be found and should not.
    pub surplus: Vec<i64>,
    /// Threads indexed in another version than the expected one.
    pub stale: Vec<i64>,
}

impl Drift {
    /// Whether the index holds what it should.
    pub fn is_none(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty() && self.stale.is_empty()
    }
}

impl SearchIndex {
    /// Opens the index in `dir`, making it where there is none. An index that can't be read or was
    /// written by another release is moved aside (`aside`, the newest one only) and an empty one
    /// takes its place; [`position`](Self::position) is then `None` until it is rebuilt.
    pub fn open(dir: &Path) -> Result<SearchIndex> {
        let folder = |cause| Error::Folder {
            dir: dir.display().to_string(),
            cause,
        };
        files::make_dir(dir).map_err(folder)?;
        let generation = match current_name(dir) {
            Some(name) => match Generation::open(dir, &name) {
                Ok(generation) => generation,
                Err(cause) => {
                    warn!(%cause, generation = %name, "search index can't be used: moved aside, to be rebuilt");
                    let aside = dir.join("aside");
                    fs::remove_dir_all(&aside)
                        .or_else(absent_is_fine)
                        .map_err(folder)?;
                    fs::rename(dir.join(&name), &aside)
                        .or_else(absent_is_fine)
                        .map_err(folder)?;
                    Generation::create_next(dir)?
                }
            },
            None => Generation::create_next(dir)?,
        };
        let index = SearchIndex::of(dir, generation);
        index.remove_leftovers();
        Ok(index)
    }

    /// Opens the index in `dir` for reading, beside the server that uses it: nothing is made, moved
    /// or removed. Where there is none yet it is an empty one.
    pub fn look(dir: &Path) -> Result<SearchIndex> {
        let Some(name) = current_name(dir) else {
            return SearchIndex::nothing(dir);
        };
        let generation = Generation::open(dir, &name).map_err(|cause| Error::Index {
            dir: dir.display().to_string(),
            cause,
        })?;
        Ok(SearchIndex::of(dir, generation))
    }

    /// An index in memory that holds nothing, in place of the one in `dir`.
    pub fn nothing(dir: &Path) -> Result<SearchIndex> {
        let (schema, fields) = schema::schema();
        let index = Index::create_in_ram(schema);
        let generation = Generation::read("", index, fields).map_err(|cause| Error::Index {
            dir: dir.display().to_string(),
            cause,
        })?;
        Ok(SearchIndex::of(dir, generation))
    }

    fn of(dir: &Path, generation: Generation) -> SearchIndex {
        SearchIndex {
            dir: dir.to_path_buf(),
            live: RwLock::new(Arc::new(generation)),
            writer: Mutex::new(None),
        }
    }

    /// The position of the change log up to which every change is searchable; `None` when the index
    /// has never been filled and wants a rebuild.
    pub fn position(&self) -> Result<Option<i64>> {
        let live = self.live();
        let metas = live
            .index
            .load_metas()
            .map_err(|cause| self.failed(cause))?;
        Ok(metas.payload.as_deref().and_then(position_of))
    }

    /// Puts `threads` into the index (replacing what it held under their ids), takes `gone` out, and
    /// records `position` of the change log in the same commit. Searchable when this returns.
    pub fn apply(&self, threads: &[ThreadDoc], gone: &[i64], position: i64) -> Result<()> {
        let live = self.live();
        let mut slot = self.writer_slot();
        if slot.as_ref().is_none_or(|(name, _)| *name != live.name) {
            *slot = None;
            let writer = live
                .writer(WRITER_BYTES)
                .map_err(|cause| self.failed(cause))?;
            *slot = Some((live.name.clone(), writer));
        }
        let Some((_, writer)) = slot.as_mut() else {
            return Ok(());
        };
        let written = write_batch(writer, &live.fields, threads, gone, position);
        if let Err(cause) = written {
            // A writer that failed once (disk full) stays broken: the next batch takes a new one.
            *slot = None;
            return Err(self.failed(cause));
        }
        drop(slot);
        live.reload()
    }

    /// Gives the writer's memory back; the next batch takes a new one.
    pub fn release_writer(&self) {
        self.writer_slot().take();
    }

    /// Builds the index anew beside the living one and swaps it in; until then readers see the old
    /// one. `position` is the change log's position before the first thread was loaded. Returns how
    /// many threads were indexed.
    pub fn rebuild(&self, source: &dyn DocSource, position: i64) -> Result<u64> {
        let folder = |cause| Error::Folder {
            dir: self.dir.display().to_string(),
            cause,
        };
        let _alone = lock_rebuild(&self.dir)
            .map_err(folder)?
            .ok_or_else(|| self.busy())?;
        let next = Generation::create_unnamed(&self.dir)?;
        let mut count = 0;
        {
            let mut writer = next
                .writer(REBUILD_BYTES)
                .map_err(|cause| self.failed(cause))?;
            let mut last = 0;
            loop {
                let threads = source.after(last, REBUILD_BATCH).map_err(Error::Source)?;
                let Some(end) = threads.iter().map(|thread| thread.id).max() else {
                    break;
                };
                for thread in &threads {
                    writer
                        .add_document(schema::document(&next.fields, thread))
                        .map_err(|cause| self.failed(cause))?;
                }
                count += threads.len() as u64;
                if end <= last {
                    break;
                }
                last = end;
            }
            commit(&mut writer, position).map_err(|cause| self.failed(cause))?;
            writer
                .wait_merging_threads()
                .map_err(|cause| self.failed(cause))?;
        }
        next.reload()?;
        // The writer of the old generation must rest before the swap, or its last commit is lost.
        let mut slot = self.writer_slot();
        *slot = None;
        set_current(&self.dir, &next.name).map_err(folder)?;
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        drop(slot);
        drop(_alone);
        self.remove_leftovers();
        info!(threads = count, position, "search index rebuilt");
        Ok(count)
    }

    /// Takes over a generation that another process has built meanwhile (`offramp reindex` beside a
    /// running server). Cheap when there is none. Returns whether it did.
    pub fn refresh(&self) -> Result<bool> {
        match current_name(&self.dir) {
            Some(name) if name != self.live().name => {
                let generation = Generation::open(&self.dir, &name).map_err(|c| self.failed(c))?;
                self.release_writer();
                *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(generation);
                info!(generation = %name, "search index taken over from a rebuild");
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Compares the index with the `(id, version)` of every public thread.
    pub fn drift(&self, expected: impl IntoIterator<Item = (i64, i64)>) -> Result<Drift> {
        let view = self.view();
        let mut held: HashMap<i64, i64> = HashMap::new();
        for segment in view.searcher.segment_readers() {
            let ids = segment.fast_fields().i64("id")?;
            let versions = segment.fast_fields().i64("version")?;
            for doc in segment.doc_ids_alive() {
                if let Some(id) = ids.first(doc) {
                    held.insert(id, versions.first(doc).unwrap_or(-1));
                }
            }
        }
        let mut drift = Drift::default();
        for (id, version) in expected {
            match held.remove(&id) {
                None => drift.missing.push(id),
                Some(indexed) if indexed != version => drift.stale.push(id),
                Some(_) => {}
            }
        }
        drift.surplus = held.into_keys().collect();
        drift.surplus.sort_unstable();
        Ok(drift)
    }

    /// How many threads can be found.
    pub fn thread_count(&self) -> u64 {
        self.live().reader.searcher().num_docs()
    }

    /// The folder of the index.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn view(&self) -> View {
        let live = self.live();
        let stems = live
            .stems
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        View {
            searcher: live.reader.searcher(),
            fields: live.fields,
            stems,
        }
    }

    fn live(&self) -> Arc<Generation> {
        self.live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn writer_slot(&self) -> MutexGuard<'_, Option<(String, IndexWriter)>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, cause: TantivyError) -> Error {
        match cause {
            TantivyError::LockFailure(..) => self.busy(),
            cause => Error::Index {
                dir: self.dir.display().to_string(),
                cause,
            },
        }
    }

    fn busy(&self) -> Error {
        Error::Busy {
            dir: self.dir.display().to_string(),
        }
    }

    /// Removes generations nobody needs any more, unless another process is building one.
    fn remove_leftovers(&self) {
        let Ok(Some(_alone)) = lock_rebuild(&self.dir) else {
            return;
        };
        let living = current_name(&self.dir);
        for (name, _) in generations(&self.dir) {
            if Some(&name) != living.as_ref()
                && let Err(cause) = fs::remove_dir_all(self.dir.join(&name))
            {
                warn!(%cause, generation = %name, "an old search index could not be removed");
            }
        }
    }
}

impl Generation {
    fn open(dir: &Path, name: &str) -> tantivy::Result<Generation> {
        let index = Index::open_in_dir(dir.join(name))?;
        let (expected, fields) = schema::schema();
        if index.schema() != expected {
            return Err(TantivyError::SchemaError(
                "written by another release".to_string(),
            ));
        }
        let payload = index.load_metas()?.payload;
        if payload
            .as_deref()
            .is_some_and(|payload| position_of(payload).is_none())
        {
            return Err(TantivyError::SchemaError(
                "written by another release".to_string(),
            ));
        }
        Generation::read(name, index, fields)
    }

    fn read(name: &str, index: Index, fields: Fields) -> tantivy::Result<Generation> {
        schema::register_tokenizers(&index);
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        let generation = Generation {
            name: name.to_string(),
            index,
            reader,
            fields,
            stems: RwLock::default(),
        };
        generation
            .take_stems()
            .map_err(|e| TantivyError::InternalError(e.to_string()))?;
        Ok(generation)
    }

    fn create_unnamed(dir: &Path) -> Result<Generation> {
        let number = generations(dir)
            .iter()
            .map(|(_, number)| number + 1)
            .max()
            .unwrap_or(1);
        let name = format!("g{number}");
        let path = dir.join(&name);
        let display = || dir.display().to_string();
        files::make_dir(&path).map_err(|cause| Error::Folder {
            dir: display(),
            cause,
        })?;
        let (schema, fields) = schema::schema();
        Index::create_in_dir(&path, schema)
            .and_then(|index| Generation::read(&name, index, fields))
            .map_err(|cause| Error::Index {
                dir: display(),
                cause,
            })
    }

    fn create_next(dir: &Path) -> Result<Generation> {
        let generation = Generation::create_unnamed(dir)?;
        set_current(dir, &generation.name).map_err(|cause| Error::Folder {
            dir: dir.display().to_string(),
            cause,
        })?;
        Ok(generation)
    }

    fn writer(&self, bytes: usize) -> tantivy::Result<IndexWriter> {
        self.index.writer_with_options(
            IndexWriterOptions::builder()
                .num_worker_threads(1)
                .num_merge_threads(1)
                .memory_budget_per_thread(bytes)
                .build(),
        )
    }

    fn reload(&self) -> Result<()> {
        self.reader.reload()?;
        self.take_stems()
    }

    fn take_stems(&self) -> Result<()> {
        let stems = QueryStems::of(&self.reader.searcher(), &self.fields)?;
        *self.stems.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(stems);
        Ok(())
    }
}

fn write_batch(
    writer: &mut IndexWriter,
    fields: &Fields,
    threads: &[ThreadDoc],
    gone: &[i64],
    position: i64,
) -> tantivy::Result<()> {
    for id in gone
        .iter()
        .copied()
        .chain(threads.iter().map(|thread| thread.id))
    {
        writer.delete_term(Term::from_field_i64(fields.id, id));
    }
    for thread in threads {
        writer.add_document(schema::document(fields, thread))?;
    }
    commit(writer, position)
}

fn commit(writer: &mut IndexWriter, position: i64) -> tantivy::Result<()> {
    let mut commit = writer.prepare_commit()?;
    commit.set_payload(&format!("{SCHEMA_VERSION} {position}"));
    commit.commit()?;
    Ok(())
}

/// The position in a commit's payload; none when another release wrote it.
fn position_of(payload: &str) -> Option<i64> {
    let (version, position) = payload.split_once(' ')?;
    (version.parse() == Ok(SCHEMA_VERSION)).then(|| position.parse().ok())?
}

fn current_name(dir: &Path) -> Option<String> {
    let name = fs::read_to_string(dir.join("current")).ok()?;
    number_of(name.trim()).map(|_| name.trim().to_string())
}

fn set_current(dir: &Path, name: &str) -> std::io::Result<()> {
    let next = dir.join("current.next");
    files::write(&next, name.as_bytes())?;
    File::open(&next)?.sync_all()?;
    fs::rename(&next, dir.join("current"))?;
    File::open(dir)?.sync_all()
}

fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix('g')?.parse().ok()
}

fn generations(dir: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| number_of(&name).map(|number| (name, number)))
        .collect()
}

/// Held while a generation is built; none when another process holds it.
fn lock_rebuild(dir: &Path) -> std::io::Result<Option<File>> {
    let file = files::private()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(cause)) => Err(cause),
    }
}

fn absent_is_fine(cause: std::io::Error) -> std::io::Result<()> {
    if cause.kind() == std::io::ErrorKind::NotFound {
        Ok(())
    } else {
        Err(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Threads(Vec<ThreadDoc>);

    impl DocSource for Threads {
        fn load(&self, ids: &[i64]) -> crate::error::Result<Vec<ThreadDoc>> {
            Ok(self
                .0
                .iter()
                .filter(|t| ids.contains(&t.id))
                .cloned()
                .collect())
        }
        fn after(&self, id: i64, limit: usize) -> crate::error::Result<Vec<ThreadDoc>> {
            Ok(self
                .0
                .iter()
                .filter(|t| t.id > id)
                .take(limit)
                .cloned()
                .collect())
        }
    }

    fn thread(id: i64, title: &str) -> ThreadDoc {
        ThreadDoc {
            id,
            version: 1,
            title: title.to_string(),
            ..ThreadDoc::default()
        }
    }

    fn found(index: &SearchIndex, words: &str) -> Vec<i64> {
        let results = index
            .search(&crate::search::SearchQuery::parse(words), None, 10)
            .unwrap();
        results.hits.iter().map(|hit| hit.thread_id).collect()
    }

    #[test]
    fn a_look_makes_moves_and_removes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let none = dir.path().join("none");
        assert_eq!(SearchIndex::look(&none).unwrap().position().unwrap(), None);
        assert!(!none.exists());

        drop(SearchIndex::open(dir.path()).unwrap());
        assert!(SearchIndex::look(dir.path()).is_ok());
        let meta = dir.path().join("g1/meta.json");
        fs::write(&meta, "broken").unwrap();
        assert!(SearchIndex::look(dir.path()).is_err());
        assert_eq!(fs::read_to_string(&meta).unwrap(), "broken");
        assert!(!dir.path().join("aside").exists());
    }

    #[test]
    fn a_new_index_asks_to_be_rebuilt_and_then_knows_its_position() {
        let dir = tempfile::tempdir().unwrap();
        let index = SearchIndex::open(dir.path()).unwrap();
        assert_eq!(index.position().unwrap(), None);
        let many = (1..=1_200).map(|id| thread(id, "router reset")).collect();
        assert_eq!(index.rebuild(&Threads(many), 7).unwrap(), 1_200);
        assert_eq!(index.position().unwrap(), Some(7));
        drop(index);
        let index = SearchIndex::open(dir.path()).unwrap();
        assert_eq!(
            (index.position().unwrap(), index.thread_count()),
            (Some(7), 1_200)
        );
    }

    #[test]
    fn a_batch_replaces_and_deletes() {
        let dir = tempfile::tempdir().unwrap();
        let index = SearchIndex::open(dir.path()).unwrap();
        index
            .apply(&[thread(1, "old words"), thread(2, "other")], &[], 1)
            .unwrap();
        index.apply(&[thread(1, "new words")], &[2], 2).unwrap();
        assert_eq!(found(&index, "new"), [1]);
        assert_eq!(index.thread_count(), 1);
        assert_eq!(index.position().unwrap(), Some(2));
        index.release_writer();
        index.apply(&[thread(3, "third")], &[], 3).unwrap();
        assert_eq!(found(&index, "third"), [3]);
    }

    #[test]
    fn a_corrupt_index_is_moved_aside() {
        let dir = tempfile::tempdir().unwrap();
        let index = SearchIndex::open(dir.path()).unwrap();
        index.apply(&[thread(1, "router")], &[], 5).unwrap();
        drop(index);
        fs::write(dir.path().join("g1/meta.json"), "{").unwrap();
        let index = SearchIndex::open(dir.path()).unwrap();
        assert_eq!(index.position().unwrap(), None);
        assert!(dir.path().join("aside/meta.json").exists());
        index.apply(&[thread(1, "router")], &[], 6).unwrap();
        assert_eq!(found(&index, "router"), [1]);
    }

    #[test]
    fn an_index_of_another_release_is_rebuilt() {
        let dir = tempfile::tempdir().unwrap();
        let index = SearchIndex::open(dir.path()).unwrap();
        index.apply(&[thread(1, "router")], &[], 5).unwrap();
        drop(index);
        let meta = dir.path().join("g1/meta.json");
        let text = fs::read_to_string(&meta).unwrap();
        let mine = format!("\"{SCHEMA_VERSION} 5\"");
        assert!(text.contains(&mine));
        fs::write(&meta, text.replace(&mine, "\"0 5\"")).unwrap();
        assert_eq!(
            SearchIndex::open(dir.path()).unwrap().position().unwrap(),
            None
        );
    }

    #[test]
    fn a_rebuild_by_another_process_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let serving = SearchIndex::open(dir.path()).unwrap();
        serving.apply(&[thread(1, "router")], &[], 1).unwrap();
        let reindexing = SearchIndex::open(dir.path()).unwrap();
        reindexing
            .rebuild(&Threads(vec![thread(2, "printer")]), 9)
            .unwrap();
        assert_eq!(found(&serving, "router"), [1]);
        assert!(serving.refresh().unwrap());
        assert_eq!(found(&serving, "printer"), [2]);
        assert_eq!(serving.position().unwrap(), Some(9));
        serving.apply(&[thread(3, "scanner")], &[], 10).unwrap();
        assert_eq!(found(&serving, "scanner"), [3]);
        assert_eq!(generations(dir.path()).len(), 1);
    }

    #[test]
    fn a_second_writer_is_told_so() {
        let dir = tempfile::tempdir().unwrap();
        let first = SearchIndex::open(dir.path()).unwrap();
        first.apply(&[], &[], 1).unwrap();
        let second = SearchIndex::open(dir.path()).unwrap();
        assert!(matches!(second.apply(&[], &[], 2), Err(Error::Busy { .. })));
    }

    #[test]
    fn drift_names_what_differs() {
        let dir = tempfile::tempdir().unwrap();
        let index = SearchIndex::open(dir.path()).unwrap();
        index
            .apply(&[thread(1, "a"), thread(2, "b"), thread(3, "c")], &[], 1)
            .unwrap();
        let drift = index.drift([(1, 1), (2, 2), (4, 1)]).unwrap();
        assert_eq!(
            (drift.missing, drift.stale, drift.surplus),
            (vec![4], vec![2], vec![3])
        );
        assert!(index.drift([(1, 1), (2, 1), (3, 1)]).unwrap().is_none());
    }
}
