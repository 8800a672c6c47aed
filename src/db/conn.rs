//! The connection that every query runs on, whichever database answers.

use diesel::connection::*;
use diesel::internal::derives::multiconnection as mc;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Untyped;
use diesel::{ConnectionResult, QueryResult, SqliteConnection};

use super::changes::NewChange;
use super::pg::PgTls;

/// A connection to either database; diesel's queries run on it unchanged.
pub struct Conn {
    engine: Engine,
    transactions: AnsiTransactionManager,
    /// Changes of the open transaction, written just before it commits (`db::changes`).
    pub(super) changes: Vec<NewChange>,
}

/// The databases Offramp runs on.
// A connection lives in a pool and is never moved about: its size is of no account.
#[allow(clippy::large_enum_variant)]
#[derive(diesel::MultiConnection)]
pub enum Engine {
    Sqlite(SqliteConnection),
    Pg(PgTls),
}

type Backend = <Engine as Connection>::Backend;

impl Conn {
    pub(super) fn new(engine: Engine) -> Conn {
        Conn {
            engine,
            transactions: AnsiTransactionManager::default(),
            changes: Vec::new(),
        }
    }

    /// The database behind it, for what is said differently to each (`each!`).
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.engine, Engine::Pg(_))
    }
}

/// A query without its type. diesel compiles what runs a query once for each type of query, and
/// there are hundreds of them: behind this one, that is compiled once.
struct Erased<'a>(Box<dyn QueryFragment<Backend> + 'a>);

impl QueryFragment<Backend> for Erased<'_> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Backend>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }
}

impl QueryId for Erased<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Erased<'_> {
    type SqlType = Untyped;
}

impl SimpleConnection for Conn {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        self.engine.batch_execute(query)
    }
}

impl mc::ConnectionSealed for Conn {}

impl Connection for Conn {
    type Backend = Backend;
    type TransactionManager = AnsiTransactionManager;

    fn establish(url: &str) -> ConnectionResult<Self> {
        Engine::establish(url).map(Conn::new)
    }

    fn execute_returning_count<T: QueryFragment<Backend> + QueryId>(
        &mut self,
        source: &T,
    ) -> QueryResult<usize> {
        self.engine
            .execute_returning_count(&Erased(Box::new(source)))
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        &mut self.transactions
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        self.engine.instrumentation()
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.engine.set_instrumentation(instrumentation);
    }

    fn set_prepared_statement_cache_size(&mut self, size: CacheSize) {
        self.engine.set_prepared_statement_cache_size(size);
    }
}

impl LoadConnection for Conn {
    type Cursor<'conn, 'query> = Cursor<'conn, 'query>;
    type Row<'conn, 'query> = <Engine as LoadConnection>::Row<'conn, 'query>;

    fn load<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> QueryResult<Self::Cursor<'conn, 'query>>
    where
        T: Query + QueryFragment<Backend> + QueryId + 'query,
        Backend: diesel::expression::QueryMetadata<T::SqlType>,
    {
        load_erased(&mut self.engine, Erased(Box::new(source)))
    }
}

type Cursor<'conn, 'query> = <Engine as LoadConnection>::Cursor<'conn, 'query>;

fn load_erased<'conn, 'query>(
    engine: &'conn mut Engine,
    query: Erased<'query>,
) -> QueryResult<Cursor<'conn, 'query>> {
    LoadConnection::load(engine, query)
}

impl diesel::r2d2::R2D2Connection for Conn {
    fn ping(&mut self) -> QueryResult<()> {
        self.engine.batch_execute("SELECT 1")
    }

    fn is_broken(&mut self) -> bool {
        AnsiTransactionManager::is_broken_transaction_manager(self)
    }
}
