//! Migrations, embedded: twins for both databases, run in order, each in a transaction.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{Conn, Db, Engine};
use crate::error::{Error, Result};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Any fixed number: the advisory lock that keeps two starting nodes from migrating at once.
const MIGRATION_LOCK: i64 = 0x4f46_4652;

/// Brings the schema up to this version. Returns the names of the migrations that were run.
pub fn migrate(db: &Db) -> Result<Vec<String>> {
    let mut conn = db.write.get().map_err(|e| Error::Pool(e.to_string()))?;
    let failed =
        |e: Box<dyn std::error::Error + Send + Sync>| Error::other(format!("migrating: {e}"));
    let names = |v: Vec<diesel::migration::MigrationVersion<'_>>| {
        v.into_iter().map(|m| m.to_string()).collect()
    };
    match conn.engine() {
        Engine::Sqlite(c) => c.run_pending_migrations(SQLITE).map(names).map_err(failed),
        Engine::Pg(c) => {
            use diesel::connection::SimpleConnection;
            c.batch_execute(&format!("SELECT pg_advisory_lock({MIGRATION_LOCK})"))?;
            let run = c
                .run_pending_migrations(POSTGRES)
                .map(names)
                .map_err(failed);
            c.batch_execute(&format!("SELECT pg_advisory_unlock({MIGRATION_LOCK})"))?;
            run
        }
    }
}

/// How the schema of a database stands to this version's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Nothing was ever migrated here.
    None,
    /// This many migrations are to be run.
    Behind(usize),
    UpToDate,
}

/// Looks at the schema; makes nothing.
pub fn schema(db: &Db) -> Result<Schema> {
    if !db.read(keeps_migrations)? {
        return Ok(Schema::None);
    }
    Ok(match pending(db)? {
        0 => Schema::UpToDate,
        n => Schema::Behind(n),
    })
}

/// Whether diesel's table of migrations is there; asking for those that are pending makes it.
fn keeps_migrations(conn: &mut Conn) -> Result<bool> {
    let is_there = |text: &str| sql::<Bool>(text);
    let found = match conn.engine() {
        Engine::Sqlite(c) => diesel::select(is_there(
            "EXISTS (SELECT 1 FROM sqlite_master WHERE name = '__diesel_schema_migrations')",
        ))
        .get_result(c)?,
        Engine::Pg(c) => diesel::select(is_there(
            "to_regclass('__diesel_schema_migrations') IS NOT NULL",
        ))
        .get_result(c)?,
    };
    Ok(found)
}

/// Migrations not yet run on this database.
fn pending(db: &Db) -> Result<usize> {
    let mut conn = db.write.get().map_err(|e| Error::Pool(e.to_string()))?;
    let failed =
        |e: Box<dyn std::error::Error + Send + Sync>| Error::other(format!("migrations: {e}"));
    match conn.engine() {
        Engine::Sqlite(c) => c
            .pending_migrations(SQLITE)
            .map(|v| v.len())
            .map_err(failed),
        Engine::Pg(c) => c
            .pending_migrations(POSTGRES)
            .map(|v| v.len())
            .map_err(failed),
    }
}
