//! A whole Offramp of its own for each test: own database, own folder, own clock. No mocks: the
//! database is SQLite or PostgreSQL, HTTP goes through a real server on a free port.
//!
//! `on_both!` makes two tests of each function. PostgreSQL needs `TEST_POSTGRES_URL`, the address
//! of a server on which databases may be made (scripts/test starts one); without it those tests
//! say that they were skipped.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use diesel::prelude::*;
use offramp::app::App;
use offramp::boot;
use offramp::clock::{Clock, Moment};
use offramp::config::{Config, Secret};
use offramp::db::migrate;
use offramp::jobs::{self, Registry};
use offramp::random::Random;

/// Where every test's clock starts.
pub const START: &str = "2026-11-22T09:00:00Z";

#[derive(Clone, Copy, Debug)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// Runs each function on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both {
    ($($(#[$meta:meta])* fn $name:ident($t:ident) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn body($t: &mut $crate::harness::Test) $body

            #[test]
            fn sqlite() {
                $crate::harness::run($crate::harness::Backend::Sqlite, body);
            }

            #[test]
            fn postgres() {
                $crate::harness::run($crate::harness::Backend::Postgres, body);
            }
        }
    )*};
}

pub fn run(backend: Backend, body: fn(&mut Test)) {
    if let Some(mut test) = Test::new(backend, |_| {}) {
        body(&mut test);
        test.finish();
    }
}

/// One Offramp under test.
pub struct Test {
    pub app: App,
    pub registry: Arc<Registry>,
    pub dir: tempfile::TempDir,
    database: Option<String>,
}

impl Test {
    /// `None` when the backend is not there. `change` edits the configuration first.
    pub fn new(backend: Backend, change: impl FnOnce(&mut Config)) -> Option<Test> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::default();
        config.site.name = "Testwell".into();
        config.site.secret = Secret::new("a secret only of the tests, long enough");
        config.server.data_dir = dir.path().join("data");
        config.search.dir = dir.path().join("index");
        config.mail.transport = offramp::config::MailTransport::Folder;
        config.mail.folder = dir.path().join("mail");
        config.mail.from = "support@testwell.example".into();
        config.limits.log_ins_per_minute = 1_000;
        config.limits.registrations_per_hour = 1_000;
        config.limits.posts_per_minute = 1_000;
        config.limits.contacts_per_hour = 1_000;
        let database = match backend {
            Backend::Sqlite => {
                let path = dir.path().join("offramp.db");
                config.database.url = Secret::new(path.display().to_string());
                None
            }
            Backend::Postgres => {
                let name = postgres_database()?;
                config.database.url = Secret::new(postgres_url(&name));
                config.database.readers = 2;
                Some(name)
            }
        };
        change(&mut config);
        let clock = Clock::held(Moment::parse(START).expect("a time"));
        let app = boot::app(config, clock, Random::seeded(7)).expect("the app");
        migrate::migrate(&app.db).expect("migrations");
        let registry = Arc::new(boot::registry(&app));
        Some(Test {
            app,
            registry,
            dir,
            database,
        })
    }

    /// Runs all jobs that are due.
    pub fn run_jobs(&self) {
        self.registry.run_due(&self.app).expect("jobs");
    }

    pub fn advance(&self, micros: i64) {
        self.app.clock.advance(micros);
    }

    /// Nothing may be left over: no dead job, and no job due now.
    pub fn finish(self) {
        let counts = self.app.db.read(jobs::counts).expect("counts");
        assert_eq!(
            counts.dead,
            0,
            "dead jobs: {:?}",
            self.app.db.read(|c| jobs::dead(c, 10))
        );
        let ran = self.registry.run_due(&self.app).expect("jobs");
        assert_eq!(
            ran, 0,
            "the test left {ran} jobs that were due; it should run_jobs()"
        );
    }
}

impl Drop for Test {
    fn drop(&mut self) {
        if let Some(name) = &self.database {
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let _ = admin(|c| diesel::sql_query(&drop).execute(c));
        }
    }
}

fn server_url() -> Option<String> {
    std::env::var("TEST_POSTGRES_URL")
        .ok()
        .filter(|u| !u.is_empty())
}

fn postgres_url(database: &str) -> String {
    let mut url = url::Url::parse(&server_url().expect("checked before")).expect("a url");
    url.set_path(database);
    url.to_string()
}

fn admin<T>(f: impl FnOnce(&mut offramp::db::PgTls) -> T) -> T {
    let mut conn = offramp::db::PgTls::open(&postgres_url("postgres"), None).expect("postgres");
    f(&mut conn)
}

/// A new database copied from one that is migrated once a run.
fn postgres_database() -> Option<String> {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if server_url().is_none() {
        eprintln!("skipped: TEST_POSTGRES_URL is not set");
        return None;
    }
    let template = TEMPLATE.get_or_init(|| {
        let name = format!("offramp_test_{}", std::process::id());
        admin(|c| diesel::sql_query(format!("CREATE DATABASE {name}")).execute(c))
            .expect("a database");
        let config = offramp::config::Database {
            url: Secret::new(postgres_url(&name)),
            ..Default::default()
        };
        let db = offramp::db::Db::open(&config).expect("the database");
        migrate::migrate(&db).expect("migrations");
        name
    });
    // A template with an open connection can't be copied: the pool above is dropped by now, but
    // its last packets may be on their way.
    let name = format!("{template}_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    admin(|c| {
        for _ in 0..50 {
            let made = diesel::sql_query(format!("CREATE DATABASE {name} TEMPLATE {template}"));
            if made.execute(c).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("the template {template} stayed in use");
    });
    Some(name)
}
