//! The database: one connection type over SQLite and PostgreSQL, and the two ways to use it.
//!
//! `Db::read` lends a connection for queries; `Db::write` runs one transaction, in which a write
//! and everything that must follow from it (jobs, changes, audit) are put down together.
//! Nothing outside this module knows which database answers, except through `each!`.

mod conn;
mod pg;

pub mod audit;
pub mod changes;
pub mod functions;
pub mod intake;
pub mod migrate;
pub mod schema;
pub mod settings;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::R2D2Connection;

pub use conn::{Conn, Engine};
pub use pg::PgTls;

use crate::config;
use crate::error::{Error, Result};
use crate::files;

/// Writes a body once that diesel can't type over both databases
/// (`on_conflict`, batch inserts, `as_returning`, `union`): it is compiled for each.
#[macro_export]
macro_rules! each {
    ($conn:expr, $c:ident => $body:expr) => {
        match $crate::db::Conn::engine($conn) {
            $crate::db::Engine::Sqlite($c) => $body,
            $crate::db::Engine::Pg($c) => $body,
        }
    };
}

/// Longest wait for a free connection.
const CHECKOUT_WAIT: Duration = Duration::from_secs(10);
/// Longest wait of SQLite for another process's lock (ms).
const BUSY_TIMEOUT_MS: u32 = 5_000;
/// Page cache of one SQLite connection (KiB).
const SQLITE_CACHE_KIB: u32 = 4_000;

#[derive(Clone, Debug)]
enum Manager {
    SqliteReader(String),
    SqliteWriter(String),
    Postgres {
        url: String,
        ca_file: Option<PathBuf>,
    },
}

impl r2d2::ManageConnection for Manager {
    type Connection = Conn;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Conn, Self::Error> {
        use diesel::r2d2::Error::{ConnectionError, QueryError};
        match self {
            Manager::SqliteReader(path) | Manager::SqliteWriter(path) => {
                let mut c = SqliteConnection::establish(path).map_err(ConnectionError)?;
                // FULL: what was acknowledged survives a power cut, not only a kill.
                c.batch_execute(&format!(
                    "PRAGMA busy_timeout={BUSY_TIMEOUT_MS}; PRAGMA journal_mode=WAL; \
                     PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; \
                     PRAGMA mmap_size=0; PRAGMA cache_size=-{SQLITE_CACHE_KIB};"
                ))
                .map_err(QueryError)?;
                if matches!(self, Manager::SqliteReader(_)) {
                    c.batch_execute("PRAGMA query_only=ON;")
                        .map_err(QueryError)?;
                }
                Ok(Conn::new(Engine::Sqlite(c)))
            }
            Manager::Postgres { url, ca_file } => PgTls::open(url, ca_file.as_deref())
                .map(|c| Conn::new(Engine::Pg(c)))
                .map_err(ConnectionError),
        }
    }

    fn is_valid(&self, c: &mut Conn) -> Result<(), Self::Error> {
        c.ping().map_err(diesel::r2d2::Error::QueryError)
    }

    fn has_broken(&self, c: &mut Conn) -> bool {
        std::thread::panicking() || c.is_broken()
    }
}

type Pool = r2d2::Pool<Manager>;

/// The pools of one database, and the bell that rings after each committed write.
#[derive(Clone)]
pub struct Db {
    read: Pool,
    write: Pool,
    postgres: bool,
    bell: Arc<Bell>,
}

impl Db {
    /// Opens the database of the configuration; makes a missing SQLite file. Does not migrate.
    pub fn open(config: &config::Database) -> Result<Db> {
        let url = config.url.expose();
        let pool = |size: u32, manager: Manager| {
            r2d2::Pool::builder()
                .max_size(size)
                .min_idle(Some(1))
                .connection_timeout(CHECKOUT_WAIT)
                .test_on_check_out(matches!(manager, Manager::Postgres { .. }))
                .error_handler(Box::new(LogTrouble))
                .build(manager)
                .map_err(|e| Error::Pool(e.to_string()))
        };
        let postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let (read, write) = if postgres {
            let manager = Manager::Postgres {
                url: url.into(),
                ca_file: config.ca_file.clone(),
            };
            let all = pool(config.readers.max(2) + 1, manager)?;
            (all.clone(), all)
        } else {
            make_folder_of(url)?;
            make_private(url);
            // The writer first: it makes the file and sets WAL before a reader looks.
            let write = pool(1, Manager::SqliteWriter(url.into()))?;
            (
                pool(config.readers, Manager::SqliteReader(url.into()))?,
                write,
            )
        };
        Ok(Db {
            read,
            write,
            postgres,
            bell: Arc::default(),
        })
    }

    pub fn is_postgres(&self) -> bool {
        self.postgres
    }

    /// Lends a connection for queries.
    pub fn read<T>(&self, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        let mut conn = self.read.get().map_err(|e| Error::Pool(e.to_string()))?;
        f(&mut conn)
    }

    /// Runs `f` in one transaction: committed when it answers `Ok`, else rolled back.
    /// `BEGIN IMMEDIATE` on SQLite, so that a transaction that reads first can't lose to another.
    pub fn write<T>(&self, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        let value = self.transact(f)?;
        self.bell.ring();
        Ok(value)
    }

    /// As `write`, for what often finds that there is nothing to do: the bell rings only for `Some`.
    pub fn write_if<T>(&self, f: impl FnOnce(&mut Conn) -> Result<Option<T>>) -> Result<Option<T>> {
        let value = self.transact(f)?;
        if value.is_some() {
            self.bell.ring();
        }
        Ok(value)
    }

    fn transact<T>(&self, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        let mut conn = self.write.get().map_err(|e| Error::Pool(e.to_string()))?;
        begin(&mut conn)?;
        match f(&mut conn) {
            Ok(value) => commit(&mut conn).map(|()| value),
            Err(e) => {
                roll_back(&mut conn);
                Err(e)
            }
        }
    }

    /// Lends a connection whose queries all see the database as it was at one moment.
    pub fn snapshot<T>(&self, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        self.read(|conn| {
            let begin = if conn.is_postgres() {
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            } else {
                "BEGIN"
            };
            AnsiTransactionManager::begin_transaction_sql(conn, begin)?;
            let found = f(conn);
            AnsiTransactionManager::rollback_transaction(conn)?;
            found
        })
    }

    /// Rings after each committed write of this process.
    pub fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }
}

fn begin(conn: &mut Conn) -> Result<()> {
    conn.changes.clear();
    if conn.is_postgres() {
        AnsiTransactionManager::begin_transaction(conn)?;
    } else {
        AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE")?;
    }
    Ok(())
}

fn commit(conn: &mut Conn) -> Result<()> {
    if let Err(e) = changes::write_collected(conn) {
        roll_back(conn);
        return Err(e);
    }
    Ok(AnsiTransactionManager::commit_transaction(conn)?)
}

fn roll_back(conn: &mut Conn) {
    if let Err(rollback) = AnsiTransactionManager::rollback_transaction(conn) {
        tracing::warn!(%rollback, "a failed transaction could not be rolled back");
    }
}

/// Nested: what fails inside `f` is undone, what came before in the same transaction stays.
pub fn savepoint<T>(tx: &mut Conn, f: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    AnsiTransactionManager::begin_transaction(tx)?;
    let collected = tx.changes.len();
    match f(tx) {
        Ok(value) => {
            AnsiTransactionManager::commit_transaction(tx)?;
            Ok(value)
        }
        Err(e) => {
            tx.changes.truncate(collected);
            AnsiTransactionManager::rollback_transaction(tx)?;
            Err(e)
        }
    }
}

/// What a transaction holds still while it reads, decides and writes.
#[derive(Clone, Copy, Debug)]
pub enum Lock {
    User(i64),
    Thread(i64),
    Case(i64),
    Reply(i64),
    /// The order of the change log.
    Changes,
    /// Anything that must be alone, by a number of the caller's (see its docs).
    Other(i64),
}

impl Lock {
    /// What a name of the caller's stands for. Two names that agree by chance only wait a little.
    pub fn named(name: &str) -> Lock {
        let hex = crate::keys::digest(name.as_bytes());
        Lock::Other(i64::from_str_radix(&hex[..12], 16).unwrap_or(0))
    }
}

/// Holds `what` until the transaction ends, so that two that decide about the same thing take
/// turns. SQLite has one writer and needs nothing.
pub fn lock(tx: &mut Conn, what: Lock) -> Result<()> {
    if let Engine::Pg(c) = tx.engine() {
        let (class, id) = match what {
            Lock::User(id) => (1, id),
            Lock::Thread(id) => (2, id),
            Lock::Case(id) => (3, id),
            Lock::Reply(id) => (4, id),
            Lock::Changes => (5, 0),
            Lock::Other(id) => (6, id),
        };
        let key: i64 = (class << 56) | (id & 0x00ff_ffff_ffff_ffff);
        diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
            .bind::<diesel::sql_types::BigInt, _>(key)
            .execute(c)?;
    }
    Ok(())
}

/// Two places that should agree and don't: what `offramp check` finds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mismatch {
    /// Where, in words: `threads.reply_count of 7`.
    pub what: String,
    pub expected: String,
    pub found: String,
}

impl Mismatch {
    pub fn new(what: impl Into<String>, expected: impl ToString, found: impl ToString) -> Mismatch {
        Mismatch {
            what: what.into(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

/// Wakes those who wait for work: job workers, the indexer, live pages.
#[derive(Debug, Default)]
pub struct Bell {
    rings: Mutex<u64>,
    heard: Condvar,
}

impl Bell {
    pub fn ring(&self) {
        *self.rings.lock().unwrap_or_else(|e| e.into_inner()) += 1;
        self.heard.notify_all();
    }

    /// How often it rang. Give it to `wait` to miss nothing in between.
    pub fn count(&self) -> u64 {
        *self.rings.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Waits until the bell has rung more often than `seen`, or for `at_most`.
    pub fn wait(&self, seen: u64, at_most: Duration) {
        let until = Instant::now() + at_most;
        let mut rings = self.rings.lock().unwrap_or_else(|e| e.into_inner());
        while *rings == seen {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            rings = self
                .heard
                .wait_timeout(rings, left)
                .unwrap_or_else(|e| e.into_inner())
                .0;
        }
    }
}

/// Makes the folder in which a SQLite file is to be.
fn make_folder_of(file: &str) -> Result<()> {
    match Path::new(file).parent() {
        Some(dir) if !dir.as_os_str().is_empty() => {
            files::make_dir(dir).map_err(|e| Error::io(format!("making {}", dir.display()), e))
        }
        _ => Ok(()),
    }
}

/// Makes a missing database file one that only its owner may read; SQLite gives its journals the
/// same rights. What stands in the way SQLite says in its own words.
fn make_private(path: &str) {
    let _ = files::create_new(Path::new(path));
}

#[derive(Debug)]
struct LogTrouble;

impl r2d2::HandleError<diesel::r2d2::Error> for LogTrouble {
    fn handle_error(&self, error: diesel::r2d2::Error) {
        tracing::warn!(%error, "a database connection could not be opened");
    }
}

/// Held while a server runs on a SQLite file: a second one is refused with words, because two
/// would each send what the other sends. Freed by the system when the process ends.
#[derive(Debug)]
pub struct ServerLock {
    _file: std::fs::File,
}

impl ServerLock {
    /// `None` for PostgreSQL, which takes many servers.
    pub fn take(config: &config::Config) -> Result<Option<ServerLock>> {
        if config.is_postgres() {
            return Ok(None);
        }
        make_folder_of(config.database.url.expose())?;
        let path = format!("{}.lock", config.database.url.expose());
        let file = files::private()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| Error::io(format!("opening {path}"), e))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(ServerLock { _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::other(format!(
                "another Offramp server already runs on {}. Stop it first, or use PostgreSQL, \
                 which takes several servers.",
                config.database.url.expose()
            ))),
            Err(std::fs::TryLockError::Error(e)) => Err(Error::io(format!("locking {path}"), e)),
        }
    }
}
