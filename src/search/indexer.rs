//! Keeps the index at the change log: one thread that takes all changes since the index's position,
//! loads the threads they are about, and commits them together with the new position.
//!
//! A kill at any moment is harmless: what was committed knows its position, and what was not is
//! taken again. A position the log no longer knows (pruned, or a database put back from a backup)
//! leads to a rebuild.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use super::{DocSource, Error, Result, SearchIndex};
use crate::db::Db;
use crate::db::changes::{self, Subject};

/// Changes taken into one commit.
const BATCH: i64 = 500;
/// Changes of other things after which the position is committed although no thread changed.
const QUIET_CHANGES_MAX: i64 = 10_000;
/// How often the log is looked at when this process wrote nothing: other nodes write too.
const POLL: Duration = Duration::from_millis(500);
/// Least time between two commits: under load changes gather instead of costing a commit each.
const COMMIT_PAUSE: Duration = Duration::from_millis(200);
/// After this long without a change the writer's memory is given back.
const WRITER_IDLE: Duration = Duration::from_secs(20);
/// Longest wait after failures in a row; the first wait is [`POLL`], each further one twice as long.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// The running indexer; stops when told to.
pub struct Indexer {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

struct Shared {
    index: Arc<SearchIndex>,
    db: Db,
    source: Arc<dyn DocSource>,
    stop: AtomicBool,
    /// Position up to which every change is searchable.
    reached: Mutex<i64>,
    moved: Condvar,
}

impl Indexer {
    /// Starts the thread. The first thing it does is to catch up, or to fill an empty index.
    pub fn start(
        index: Arc<SearchIndex>,
        db: Db,
        source: Arc<dyn DocSource>,
    ) -> std::io::Result<Indexer> {
        let shared = Arc::new(Shared {
            index,
            db,
            source,
            stop: AtomicBool::new(false),
            reached: Mutex::new(-1),
            moved: Condvar::new(),
        });
        let own = shared.clone();
        let thread = std::thread::Builder::new()
            .name("indexer".to_string())
            .spawn(move || own.run())?;
        Ok(Indexer { shared, thread })
    }

    /// Waits until every change up to `position` of the log is searchable, or for `at_most`. Returns
    /// whether it is.
    pub fn wait_until(&self, position: i64, at_most: Duration) -> bool {
        let reached = self
            .shared
            .reached
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .shared
            .moved
            .wait_timeout_while(reached, at_most, |reached| *reached < position);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Lets the thread finish its batch and waits for it.
    pub fn stop(self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.db.bell().ring();
        if self.thread.join().is_err() {
            warn!("the indexer ended in a panic");
        }
        self.shared.index.release_writer();
    }
}

impl Shared {
    fn run(&self) {
        let mut follower = Follower::default();
        let mut changed_at = Instant::now();
        let mut writing = false;
        let mut failures = 0;
        while !self.stop.load(Ordering::SeqCst) {
            let rings = self.db.bell().count();
            match follower.round(&self.index, &self.db, &*self.source) {
                Ok(Round {
                    committed,
                    more,
                    reached,
                }) => {
                    if failures > 0 {
                        info!("search index: following again");
                    }
                    failures = 0;
                    *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = reached;
                    self.moved.notify_all();
                    if committed {
                        changed_at = Instant::now();
                        writing = true;
                    } else if writing && changed_at.elapsed() > WRITER_IDLE {
                        self.index.release_writer();
                        writing = false;
                    }
                    if more {
                        continue;
                    }
                    if committed {
                        self.rest(COMMIT_PAUSE);
                    }
                    self.db.bell().wait(rings, POLL);
                }
                Err(error) => {
                    failures += 1;
                    warn!(%error, failures, "search index: can't follow the changes, trying again");
                    self.rest((POLL * 2u32.saturating_pow(failures - 1)).min(RETRY_MAX));
                }
            }
        }
    }

    /// Waits, but not past the order to stop.
    fn rest(&self, at_most: Duration) {
        let until = Instant::now() + at_most;
        while !self.stop.load(Ordering::SeqCst) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.db.bell().wait(self.db.bell().count(), left);
        }
    }
}

/// Takes every change up to now into the index: what `offramp reindex` and tests do without a
/// thread. Returns the position reached.
pub fn catch_up(index: &SearchIndex, db: &Db, source: &dyn DocSource) -> Result<i64> {
    let mut follower = Follower::default();
    loop {
        let round = follower.round(index, db, source)?;
        if !round.more {
            return Ok(round.reached);
        }
    }
}

/// Builds the index anew from all public threads, as of now. Returns how many there are.
pub fn rebuild(index: &SearchIndex, db: &Db, source: &dyn DocSource) -> Result<u64> {
    // Read before the first thread is loaded: what changes meanwhile is taken again afterwards.
    let position = db.read(changes::newest).map_err(Error::Source)?;
    index.rebuild(source, position)
}

/// Where the log has been read to, which may be further than the index's commit when nothing but
/// other things changed.
#[derive(Default)]
struct Follower {
    /// The commit's position and the one read to after it.
    at: Option<(i64, i64)>,
}

struct Round {
    committed: bool,
    /// Whether there may be more changes already.
    more: bool,
    reached: i64,
}

impl Follower {
    fn round(&mut self, index: &SearchIndex, db: &Db, source: &dyn DocSource) -> Result<Round> {
        if index.refresh()? {
            self.at = None;
        }
        let committed = index.position()?;
        let (oldest, newest) = db
            .read(|conn| Ok((changes::oldest(conn)?, changes::newest(conn)?)))
            .map_err(Error::Source)?;
        let known = committed.filter(|at| oldest <= at + 1 && *at <= newest);
        let Some(committed) = known else {
            info!(
                position = committed,
                oldest, newest, "search index: building it anew"
            );
            rebuild(index, db, source)?;
            self.at = None;
            return Ok(Round {
                committed: true,
                more: true,
                reached: -1,
            });
        };
        let read_to = match self.at {
            Some((at, read_to)) if at == committed => read_to,
            _ => committed,
        };
        if read_to == newest {
            self.at = Some((committed, read_to));
            return Ok(Round {
                committed: false,
                more: false,
                reached: read_to,
            });
        }
        let taken = db
            .read(|conn| changes::after(conn, read_to, BATCH))
            .map_err(Error::Source)?;
        let Some(last) = taken.last().map(|change| change.id) else {
            return Ok(Round {
                committed: false,
                more: false,
                reached: read_to,
            });
        };
        let ids: BTreeSet<i64> = taken
            .iter()
            .filter(|change| change.subject_kind == Subject::Thread.as_str())
            .map(|change| change.subject_id)
            .collect();
        let more = taken.len() as i64 == BATCH;
        if ids.is_empty() && last - committed < QUIET_CHANGES_MAX {
            self.at = Some((committed, last));
            return Ok(Round {
                committed: false,
                more,
                reached: last,
            });
        }
        let ids: Vec<i64> = ids.into_iter().collect();
        let threads = source.load(&ids).map_err(Error::Source)?;
        let found: BTreeSet<i64> = threads.iter().map(|thread| thread.id).collect();
        let gone: Vec<i64> = ids.into_iter().filter(|id| !found.contains(id)).collect();
        index.apply(&threads, &gone, last)?;
        debug!(
            threads = threads.len(),
            gone = gone.len(),
            position = last,
            "search index: committed"
        );
        self.at = Some((last, last));
        Ok(Round {
            committed: true,
            more,
            reached: last,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::clock::Moment;
    use crate::config::{self, Secret};
    use crate::search::{SearchQuery, ThreadDoc};

    /// The public threads of a forum, in memory.
    #[derive(Default)]
    struct Forum(Mutex<BTreeMap<i64, ThreadDoc>>);

    impl DocSource for Forum {
        fn load(&self, ids: &[i64]) -> crate::error::Result<Vec<ThreadDoc>> {
            let threads = self.0.lock().unwrap();
            Ok(ids
                .iter()
                .filter_map(|id| threads.get(id).cloned())
                .collect())
        }
        fn after(&self, id: i64, limit: usize) -> crate::error::Result<Vec<ThreadDoc>> {
            let threads = self.0.lock().unwrap();
            Ok(threads
                .range(id + 1..)
                .take(limit)
                .map(|(_, thread)| thread.clone())
                .collect())
        }
    }

    struct World {
        dir: tempfile::TempDir,
        db: Db,
        forum: Arc<Forum>,
    }

    impl World {
        fn new() -> World {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("offramp.db").display().to_string();
            let db = Db::open(&config::Database {
                url: Secret::new(path),
                ..Default::default()
            });
            let db = db.unwrap();
            crate::db::migrate::migrate(&db).unwrap();
            World {
                dir,
                db,
                forum: Arc::default(),
            }
        }

        fn index(&self) -> SearchIndex {
            SearchIndex::open(&self.dir.path().join("index")).unwrap()
        }

        /// Changes a thread and notes it in the log, as one write; `None` hides it.
        fn write(&self, id: i64, title: Option<&str>) -> i64 {
            let doc = title.map(|title| ThreadDoc {
                id,
                title: title.to_string(),
                ..ThreadDoc::default()
            });
            match doc {
                Some(doc) => self.forum.0.lock().unwrap().insert(id, doc),
                None => self.forum.0.lock().unwrap().remove(&id),
            };
            self.note(Subject::Thread, id)
        }

        fn note(&self, subject: Subject, id: i64) -> i64 {
            self.db
                .write(|tx| changes::append(tx, subject, id, Moment(1)))
                .unwrap();
            self.db.read(changes::newest).unwrap()
        }
    }

    fn found(index: &SearchIndex, words: &str) -> Vec<i64> {
        let results = index.search(&SearchQuery::parse(words), None, 10).unwrap();
        results.hits.iter().map(|hit| hit.thread_id).collect()
    }

    #[test]
    fn an_empty_index_is_filled_and_then_follows() {
        let world = World::new();
        world.forum.0.lock().unwrap().insert(
            5,
            ThreadDoc {
                id: 5,
                title: "written before".to_string(),
                ..ThreadDoc::default()
            },
        );
        let index = Arc::new(world.index());
        let indexer = Indexer::start(index.clone(), world.db.clone(), world.forum.clone()).unwrap();
        let long = Duration::from_secs(60);
        assert!(indexer.wait_until(0, long));
        assert_eq!(found(&index, "before"), [5]);
        let at = world.write(6, Some("written after"));
        assert!(indexer.wait_until(at, long));
        assert_eq!(found(&index, "after"), [6]);
        let at = world.write(6, None);
        assert!(indexer.wait_until(at, long));
        assert_eq!(found(&index, "after"), Vec::<i64>::new());
        indexer.stop();
        assert_eq!(index.position().unwrap(), Some(at));
    }

    #[test]
    fn what_was_not_committed_before_a_kill_is_taken_again() {
        let world = World::new();
        let index = world.index();
        catch_up(&index, &world.db, &*world.forum).unwrap();
        world.write(1, Some("first"));
        catch_up(&index, &world.db, &*world.forum).unwrap();
        drop(index);
        world.write(2, Some("second"));
        world.write(1, Some("renamed"));
        let index = world.index();
        catch_up(&index, &world.db, &*world.forum).unwrap();
        assert_eq!(
            (found(&index, "renamed"), found(&index, "second")),
            (vec![1], vec![2])
        );
        assert_eq!(found(&index, "first"), Vec::<i64>::new());
    }

    #[test]
    fn other_changes_move_on_without_a_commit() {
        let world = World::new();
        let index = world.index();
        catch_up(&index, &world.db, &*world.forum).unwrap();
        let before = index.position().unwrap();
        let at = world.note(Subject::Case, 1);
        assert_eq!(catch_up(&index, &world.db, &*world.forum).unwrap(), at);
        assert_eq!(index.position().unwrap(), before);
    }

    #[test]
    fn a_log_that_was_pruned_or_put_back_leads_to_a_rebuild() {
        let world = World::new();
        let index = world.index();
        world.write(1, Some("kept"));
        index.apply(&[], &[], 900).unwrap();
        catch_up(&index, &world.db, &*world.forum).unwrap();
        assert_eq!(
            (found(&index, "kept"), index.position().unwrap()),
            (vec![1], Some(1))
        );

        for _ in 0..5 {
            world.note(Subject::Case, 1);
        }
        world.forum.0.lock().unwrap().remove(&1);
        let later = Moment(2 + changes::KEEP);
        world.db.write(|tx| changes::prune(tx, later)).unwrap();
        catch_up(&index, &world.db, &*world.forum).unwrap();
        assert_eq!(found(&index, "kept"), Vec::<i64>::new());
    }

    #[test]
    fn many_changes_are_taken_in_batches() {
        let world = World::new();
        let index = world.index();
        catch_up(&index, &world.db, &*world.forum).unwrap();
        let mut last = 0;
        for id in 1..=BATCH + 20 {
            last = world.write(id, Some("router"));
        }
        assert_eq!(catch_up(&index, &world.db, &*world.forum).unwrap(), last);
        assert_eq!(index.thread_count(), BATCH as u64 + 20);
    }
}
