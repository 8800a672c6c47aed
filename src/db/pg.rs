//! A PostgreSQL connection in pure Rust that `MultiConnection` accepts: diesel-async over
//! tokio-postgres with rustls, driven by one small runtime of its own. No libpq to install, and
//! TLS with verification. It uses diesel's semver-exempt internals, hence the pinned version.

use std::path::Path;
use std::sync::OnceLock;

use diesel::connection::*;
use diesel::internal::derives::multiconnection as mc;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::{ConnectionError, ConnectionResult, QueryResult, pg::Pg};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;

type Inner = AsyncConnectionWrapper<AsyncPgConnection>;

/// One connection to PostgreSQL, used synchronously.
pub struct PgTls {
    inner: Inner,
    transactions: AnsiTransactionManager,
}

/// The runtime that moves bytes for all connections. One thread is plenty: it only shuffles
/// packets, the queries wait in the server.
fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("postgres-io")
            .enable_all()
            .build()
            .expect("a process that can't start a thread can't serve")
    })
}

fn bad(e: impl std::fmt::Display) -> ConnectionError {
    ConnectionError::BadConnection(e.to_string())
}

impl PgTls {
    /// Connects to `url`. TLS is used when the url asks for it (`sslmode=require`) or the server
    /// offers it, verified against the public authorities and `ca_file` (PEM).
    pub fn open(url: &str, ca_file: Option<&Path>) -> ConnectionResult<PgTls> {
        let _guard = runtime().enter();
        let config: tokio_postgres::Config = url.parse().map_err(bad)?;
        let tls = crate::net::tls(ca_file).map_err(bad)?;
        let inner = runtime().block_on(async move {
            let tls = tokio_postgres_rustls::MakeRustlsConnect::new(tls);
            let (client, connection) =
                config
                    .connect(tls)
                    .await
                    .map_err(|e| match std::error::Error::source(&e) {
                        Some(why) => bad(format!("{e}: {why}")),
                        None => bad(e),
                    })?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        })?;
        Ok(PgTls {
            inner: Inner::from(inner),
            transactions: AnsiTransactionManager::default(),
        })
    }
}

impl SimpleConnection for PgTls {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        self.inner.batch_execute(query)
    }
}

impl mc::ConnectionSealed for PgTls {}

impl Connection for PgTls {
    type Backend = Pg;
    type TransactionManager = AnsiTransactionManager;

    fn establish(url: &str) -> ConnectionResult<Self> {
        Self::open(url, None)
    }

    fn execute_returning_count<T: QueryFragment<Pg> + QueryId>(
        &mut self,
        source: &T,
    ) -> QueryResult<usize> {
        self.inner.execute_returning_count(source)
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        &mut self.transactions
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        self.inner.instrumentation()
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.inner.set_instrumentation(instrumentation);
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        self.inner.set_prepared_statement_cache_size(size);
    }
}

impl LoadConnection for PgTls {
    type Cursor<'conn, 'query> = <Inner as LoadConnection>::Cursor<'conn, 'query>;
    type Row<'conn, 'query> = <Inner as LoadConnection>::Row<'conn, 'query>;

    fn load<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> QueryResult<Self::Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Pg> + QueryId + 'query,
        Pg: diesel::expression::QueryMetadata<T::SqlType>,
    {
        LoadConnection::load(&mut self.inner, source)
    }
}

impl diesel::migration::MigrationConnection for PgTls {
    fn setup(&mut self) -> QueryResult<usize> {
        diesel::migration::MigrationConnection::setup(&mut self.inner)
    }
}

impl diesel::r2d2::R2D2Connection for PgTls {
    fn ping(&mut self) -> QueryResult<()> {
        self.inner.batch_execute("SELECT 1")
    }

    fn is_broken(&mut self) -> bool {
        AnsiTransactionManager::is_broken_transaction_manager(self)
    }
}

/// Types are looked up by their built-in numbers; a custom type would need a connection here,
/// and the schema has none (`tests/it/tidy.rs`).
struct NoLookup;

impl diesel::pg::PgMetadataLookup for NoLookup {
    fn lookup_type(&mut self, name: &str, _: Option<&str>) -> diesel::pg::PgTypeMetadata {
        unreachable!("the schema uses no custom PostgreSQL type, yet {name} was asked for")
    }
}

impl mc::MultiConnectionHelper for PgTls {
    fn to_any<'a>(
        _lookup: &mut <Pg as diesel::sql_types::TypeMetadata>::MetadataLookup,
    ) -> &mut (dyn std::any::Any + 'a) {
        // A zero-sized box allocates nothing, so nothing leaks.
        Box::leak(Box::new(NoLookup))
    }

    fn from_any(
        lookup: &mut dyn std::any::Any,
    ) -> Option<&mut <Pg as diesel::sql_types::TypeMetadata>::MetadataLookup> {
        lookup
            .downcast_mut::<NoLookup>()
            .map(|n| n as &mut dyn diesel::pg::PgMetadataLookup)
    }
}
