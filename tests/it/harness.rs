//! A whole Offramp of its own for each test: own database, own folder, own clock. No mocks: the
//! database is SQLite or PostgreSQL, HTTP goes through a real server on a free port.
//!
//! `on_both!` makes two tests of each function. PostgreSQL needs `TEST_POSTGRES_URL`, the address
//! of a server on which databases may be made (scripts/test starts one); without it those tests
//! say that they were skipped.

// Each slice's tests use their part of what stands here.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use diesel::prelude::*;
use offramp::app::App;
use offramp::boot;
use offramp::clock::{Clock, Moment};
use offramp::config::{Config, Secret};
use offramp::db::{Engine, migrate};
use offramp::ids::UserId;
use offramp::jobs::{self, Registry};
use offramp::people::{Role, store};
use offramp::random::Random;

/// Where every test's clock starts.
pub const START: &str = "2026-11-22T09:00:00Z";

/// A clock that stands where every test's clock starts: what the stand-in for X goes by, so that no
/// test depends on the day it is run.
pub fn start_clock() -> Clock {
    Clock::held(Moment::parse(START).expect("a time"))
}

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
    server: Option<HttpServer>,
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
        config.mail.authserv_id = "mx.testwell.example".into();
        config.limits.log_ins_per_minute = 1_000;
        config.limits.registrations_per_hour = 1_000;
        config.limits.posts_per_minute = 1_000;
        config.limits.acts_per_minute = 1_000;
        config.limits.contacts_per_hour = 1_000;
        config.limits.claims_per_minute = 1_000;
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
        config.server.workers = 1;
        change(&mut config);
        let app = boot::app(config, start_clock(), Random::seeded(7)).expect("the app");
        migrate::migrate(&app.db).expect("migrations");
        let registry = Arc::new(boot::registry());
        Some(Test {
            app,
            registry,
            dir,
            database,
            server: None,
        })
    }

    /// Runs all jobs that are due.
    pub fn run_jobs(&self) {
        self.registry.run_due(&self.app).expect("jobs");
    }

    /// From now on the database refuses to change rows of `table`, as a full one does.
    pub fn forbid_writes(&self, table: &str) {
        self.app
            .db
            .write(|tx| {
                let sql = match tx.engine() {
                    Engine::Sqlite(_) => format!(
                        "CREATE TRIGGER full BEFORE UPDATE ON {table} \
                         BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
                    ),
                    Engine::Pg(_) => format!(
                        "CREATE RULE full_disk AS ON UPDATE TO {table} DO INSTEAD SELECT 1/0"
                    ),
                };
                Ok(diesel::sql_query(sql).execute(tx)?)
            })
            .expect("a refusal of writes");
    }

    pub fn advance(&self, micros: i64) {
        self.app.clock.advance(micros);
    }

    /// A browser without cookies, on this Offramp's HTTP server (started when first needed).
    pub fn browser(&mut self) -> Browser {
        let server = self
            .server
            .get_or_insert_with(|| HttpServer::start(&self.app));
        Browser::new(server.base.clone())
    }

    /// A browser in which somebody new is logged in, with that user's id.
    pub fn browser_of(&mut self, name: &str, role: Role) -> (Browser, UserId) {
        let user = self.user(name, role);
        (self.browser_for(user), user)
    }

    /// Another browser in which `user` is logged in.
    pub fn browser_for(&mut self, user: UserId) -> Browser {
        let app = self.app.clone();
        let token = app.random.token();
        app.db
            .write(|tx| {
                let hash = app.keys.session_hash(&token);
                store::insert_session(tx, user, &hash, "test", app.now())
            })
            .expect("a session");
        let mut browser = self.browser();
        let name = offramp::web::cookie_name(&app, offramp::web::SESSION);
        browser.cookies.insert(name, token);
        browser
    }

    /// A user with a verified address `<name>@people.example` and no password.
    pub fn user(&self, name: &str, role: Role) -> UserId {
        let now = self.app.now();
        let email = format!("{}@people.example", name.to_lowercase());
        let user = store::NewUser {
            name,
            email: Some(&email),
            email_verified_at: Some(now),
            password_hash: None,
            role,
        };
        self.app
            .db
            .write(|tx| store::insert_user(tx, &user, now))
            .expect("a user")
    }

    /// Says something about this test's own database to the PostgreSQL server: `{name}` is it.
    pub fn postgres(&self, sql: &str) {
        let name = self.database.as_deref().expect("a test on PostgreSQL");
        let sql = sql.replace("{name}", name);
        admin(|c| diesel::sql_query(&sql).execute(c)).expect("an order to PostgreSQL");
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

/// The HTTP server of one test, ended with it.
struct HttpServer {
    base: String,
    handle: actix_web::dev::ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl HttpServer {
    fn start(app: &App) -> HttpServer {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (send, receive) = std::sync::mpsc::channel();
        let app = app.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = boot::http_server(app, listener).expect("a server");
                send.send(server.handle()).expect("the test waits for it");
                let _ = server.await;
            });
        });
        HttpServer {
            base: format!("http://{address}"),
            handle: receive.recv().expect("the server's handle"),
            thread: Some(thread),
        }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        // The command is sent when `stop` is called; the server's own thread carries it out.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// As much of a browser as pages without script need: cookies, forms with their hidden token.
/// Follows no redirect by itself, so that a test sees each answer.
pub struct Browser {
    /// `http://host:port`.
    pub base: String,
    client: reqwest::blocking::Client,
    pub cookies: BTreeMap<String, String>,
    /// Sent with every request.
    pub headers: Vec<(String, String)>,
    /// The hidden token of the last page that had one.
    pub csrf: String,
}

/// What the server answered.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    }

    /// Where a redirect leads.
    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// The value of the first field of this name in the page's forms, as HTML has it.
    pub fn field(&self, name: &str) -> Option<String> {
        let tag = self.body.split(&format!("name=\"{name}\"")).nth(1)?;
        let value = tag.split('>').next()?.split("value=\"").nth(1)?;
        value.split('"').next().map(str::to_owned)
    }
}

impl Browser {
    /// A browser without cookies for the server at `base`, wherever it runs.
    pub fn new(base: String) -> Browser {
        // reqwest is built without a provider of its own; a second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::blocking::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client");
        Browser {
            base,
            client,
            cookies: BTreeMap::new(),
            headers: Vec::new(),
            csrf: String::new(),
        }
    }

    pub fn get(&mut self, path: &str) -> Reply {
        self.try_get(path).expect("an answer")
    }

    /// As `get`, from a server that may be killed meanwhile.
    pub fn try_get(&mut self, path: &str) -> reqwest::Result<Reply> {
        let request = self.client.get(format!("{}{path}", self.base));
        self.send(request)
    }

    pub fn head(&mut self, path: &str) -> Reply {
        let request = self.client.head(format!("{}{path}", self.base));
        self.send(request).expect("an answer")
    }

    /// Posts `body` as it is.
    pub fn post_body(&mut self, path: &str, content_type: &str, body: String) -> Reply {
        let request = self
            .client
            .post(format!("{}{path}", self.base))
            .header("content-type", content_type)
            .body(body);
        self.send(request).expect("an answer")
    }

    /// The body of an answer that does not end by itself, as it comes.
    pub fn open(&mut self, path: &str) -> reqwest::blocking::Response {
        let request = self.client.get(format!("{}{path}", self.base));
        let response = self.with_headers(request).send().expect("an answer");
        assert_eq!(response.status().as_u16(), 200);
        response
    }

    /// Posts a form with the token of the last page, unless `fields` brings its own `csrf`.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.try_post(path, fields).expect("an answer")
    }

    /// As `post`, to a server that may be killed meanwhile.
    pub fn try_post(&mut self, path: &str, fields: &[(&str, &str)]) -> reqwest::Result<Reply> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        if !fields.iter().any(|(name, _)| *name == "csrf") {
            form.append_pair("csrf", &self.csrf);
        }
        let body = form.extend_pairs(fields).finish();
        let request = self
            .client
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        self.send(request)
    }

    /// As a person does it: opens the page at `page`, then sends the form to `action`.
    /// The newest event that the page shows goes along, as its forms carry it.
    pub fn submit(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Reply {
        let seen = self.get(page).field("seen");
        let mut all: Vec<(&str, &str)> = seen.iter().map(|seen| ("seen", seen.as_str())).collect();
        all.extend_from_slice(fields);
        self.post(action, &all)
    }

    /// Goes where a redirect leads, on this site only.
    pub fn follow(&mut self, reply: &Reply) -> Reply {
        let to = reply.location().to_owned();
        assert!(to.starts_with('/'), "{} leads to {to:?}", reply.status);
        self.get(&to)
    }

    fn with_headers(
        &self,
        mut request: reqwest::blocking::RequestBuilder,
    ) -> reqwest::blocking::RequestBuilder {
        if !self.cookies.is_empty() {
            let pairs = self.cookies.iter().map(|(n, v)| format!("{n}={v}"));
            request = request.header("cookie", pairs.collect::<Vec<_>>().join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request
    }

    fn send(&mut self, request: reqwest::blocking::RequestBuilder) -> reqwest::Result<Reply> {
        let response = self.with_headers(request).send()?;
        let reply = Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text()?,
        };
        for cookie in reply.headers.get_all("set-cookie") {
            let text = cookie.to_str().expect("a cookie of ASCII");
            let (pair, flags) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').expect("name=value");
            if value.is_empty() || flags.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        if let Some(token) = reply.field("csrf") {
            self.csrf = token;
        }
        Ok(reply)
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
