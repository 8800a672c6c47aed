//! Builds `App` from the configuration, and says what runs: kinds of jobs, schedules, servers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::{HttpServer, web};
use tokio::sync::Semaphore;

use crate::app::{App, Parts};
use crate::clock::{Clock, DAY};
use crate::config::{Config, MailTransport, SmtpSecurity};
use crate::db::migrate::{self, Schema};
use crate::db::{Db, ServerLock, settings};
use crate::error::{Error, Result};
use crate::escalations;
use crate::escalations::past_links::DecidedLinks;
use crate::files::Files;
use crate::forum::embed_threads::StoredVectors;
use crate::forum::{self, docs::Docs};
use crate::inbox::confirm_topic::ConfirmTopic;
use crate::inbox::receive_mail::ReceiveMail;
use crate::inbox::ways_in;
use crate::jobs::prune_changes::PruneChanges;
use crate::jobs::worker::Workers;
use crate::jobs::{self, Registry};
use crate::keys::Keys;
use crate::limits::Limits;
use crate::live::{Follower, Live};
use crate::mail::dkim;
use crate::mail::hooks;
use crate::mail::outbox::SendMail;
use crate::mail::suppression::ForgetOldBounces;
use crate::mail::transport::{self, Security, SmtpSettings, Transport};
use crate::mail::ways_in::WaysIn;
use crate::meaning::Model;
use crate::networks::Connector;
use crate::networks::x::connector::XConnector;
use crate::people::{self, passwords};
use crate::random::Random;
use crate::ranker::{Meaning, Ranker};
use crate::search::{Indexer, SearchIndex};
use crate::tickets::forget_uploads::ForgetUploads;
use crate::tickets::tell_unsent::TellUnsent;
use crate::web::page_cache::PageCache;

/// Opens everything the configuration names, and repairs the search index where it can't be read.
/// Migrates nothing and starts nothing.
pub fn app(config: Config, clock: Clock, random: Random) -> Result<App> {
    let db = Db::open(&config.database)?;
    assemble(config, clock, random, db, |config, keys, db, clock| {
        Ok(Around {
            index: SearchIndex::open(&config.search.dir)?,
            mail: mail_transport(config)?,
            signer: dkim::signer(config).map_err(Error::other)?,
            connectors: connectors(config, keys, db, clock)?,
            meaning: meaning(config, db),
        })
    })
}

/// As `app`, for a command beside the server: it repairs nothing, and goes without an index, a
/// mail server or a network that can't be used. What a command puts into the outbox, the server
/// sends. Where `migrated` finds no database for it, it makes nothing.
pub fn tool(config: Config) -> Result<App> {
    tool_with(config, |_, _| None)
}

/// As `tool`, with the sentence model, which takes a moment to load.
pub fn tool_with_model(config: Config) -> Result<App> {
    tool_with(config, meaning)
}

fn tool_with(config: Config, meaning: fn(&Config, &Db) -> Option<Meaning>) -> Result<App> {
    fn without<T>(what: &str, error: Error, instead: T) -> T {
        tracing::warn!(%error, "{what} can't be used; going on without");
        instead
    }
    let db = migrated(&config)?;
    assemble(
        config,
        Clock::System,
        Random::System,
        db,
        |config, keys, db, clock| {
            let dir = &config.search.dir;
            Ok(Around {
                index: match SearchIndex::look(dir) {
                    Ok(index) => index,
                    Err(e) => without("the search index", e.into(), SearchIndex::nothing(dir)?),
                },
                mail: mail_transport(config)
                    .unwrap_or_else(|e| without("the mail server", e, None)),
                signer: dkim::signer(config)
                    .unwrap_or_else(|e| without("the DKIM key", Error::other(e), None)),
                connectors: connectors(config, keys, db, clock)
                    .unwrap_or_else(|e| without("a network", e, Vec::new())),
                meaning: meaning(config, db),
            })
        },
    )
}

/// The database of the configuration, where there is one with this version's schema; otherwise an
/// error that says what to do, and nothing is made.
pub fn migrated(config: &Config) -> Result<Db> {
    const REMEDY: &str =
        "Run `offramp migrate`, or start the server (`offramp serve`), which does it too";
    let refused = |words: String| Err(Error::Other(words));
    if let Some(file) = missing_database(config) {
        return refused(format!(
            "there is no database at {}. {REMEDY}. If it is elsewhere, name its configuration file \
             with --config.",
            file.display()
        ));
    }
    let db = Db::open(&config.database)?;
    match migrate::schema(&db)? {
        Schema::UpToDate => Ok(db),
        Schema::None => refused(format!("the database is empty. {REMEDY}.")),
        Schema::Behind(_) => refused(format!(
            "the database is of an older version. {REMEDY}. A backup first does no harm."
        )),
    }
}

/// Where the SQLite file should be that is not there; opening it would make it.
pub fn missing_database(config: &Config) -> Option<PathBuf> {
    let path = Path::new(config.database.url.expose());
    let is_missing = !config.is_postgres() && !path.exists();
    is_missing.then(|| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

/// What an `App` reaches besides its database.
struct Around {
    index: SearchIndex,
    mail: Option<Box<dyn Transport>>,
    signer: Option<dkim::Signer>,
    connectors: Vec<Arc<dyn Connector>>,
    meaning: Option<Meaning>,
}

fn assemble(
    config: Config,
    clock: Clock,
    random: Random,
    db: Db,
    around: impl FnOnce(&Config, &Keys, &Db, &Clock) -> Result<Around>,
) -> Result<App> {
    let keys = Keys::load(&config, &random)?;
    let around = around(&config, &keys, &db, &clock)?;
    Ok(App::new(Parts {
        index: Arc::new(around.index),
        ranker: Ranker::new(
            Some(Arc::new(DecidedLinks::new(db.clone()))),
            around.meaning,
        ),
        files: Files::new(config.server.data_dir.join("uploads"), random.clone()),
        mail: around.mail,
        signer: around.signer,
        still_true: forum::letters::still_true,
        hooks: hooks::Shared::default(),
        connectors: around.connectors,
        clock,
        keys,
        db,
        limits: Limits::new(&config.limits),
        password_turns: Arc::new(Semaphore::new(passwords::HASHES_AT_ONCE)),
        live: Live::default(),
        pages: PageCache::default(),
        node: format!("{}-{}", std::process::id(), &random.token()[..8]),
        random,
        config,
    }))
}

/// The sentence model, when one is configured; one that can't be read is told, and done without.
fn meaning(config: &Config, db: &Db) -> Option<Meaning> {
    let dir = &config.sentence_model.dir;
    if dir.as_os_str().is_empty() {
        return None;
    }
    match Model::load(dir) {
        Ok(model) => {
            let stored = Arc::new(StoredVectors::new(db.clone()));
            Some(Meaning::new(Arc::new(model), Some(stored)))
        }
        Err(error) => {
            tracing::warn!(
                %error,
                "the sentence model can't be read; threads are found by words. `offramp model fetch` \
                 fetches it"
            );
            None
        }
    }
}

/// The way out for mail; `None` when it is switched off.
fn mail_transport(config: &Config) -> Result<Option<Box<dyn Transport>>> {
    let mail = &config.mail;
    Ok(match mail.transport {
        MailTransport::Off => None,
        MailTransport::Folder => Some(Box::new(transport::Folder::new(&mail.folder))),
        MailTransport::Smtp => {
            let settings = smtp_settings(config);
            Some(Box::new(
                transport::Smtp::new(&settings).map_err(Error::other)?,
            ))
        }
    })
}

/// How the configured mail server is reached.
pub fn smtp_settings(config: &Config) -> SmtpSettings {
    let mail = &config.mail;
    let site = url::Url::parse(&config.site.url).ok();
    SmtpSettings {
        hello: match site.as_ref().and_then(url::Url::host) {
            Some(url::Host::Domain(name)) => name.to_owned(),
            _ => String::new(),
        },
        host: mail.smtp_host.clone(),
        port: mail.smtp_port,
        security: match mail.smtp_security {
            SmtpSecurity::Tls => Security::Tls,
            SmtpSecurity::Starttls => Security::StartTls,
            SmtpSecurity::None => Security::None,
        },
        credentials: (!mail.smtp_user.is_empty()).then(|| {
            (
                mail.smtp_user.clone(),
                mail.smtp_password.expose().to_owned(),
            )
        }),
    }
}

/// One connector a network that is switched on.
fn connectors(
    config: &Config,
    keys: &Keys,
    db: &Db,
    clock: &Clock,
) -> Result<Vec<Arc<dyn Connector>>> {
    let mut connectors: Vec<Arc<dyn Connector>> = Vec::new();
    if config.x.enabled {
        let secret = keys.secret_for("networks");
        let x = XConnector::new(config.x.clone(), &secret, db.clone(), clock.clone())?;
        connectors.push(Arc::new(x));
    }
    Ok(connectors)
}

/// Every kind of job and every schedule of this version.
pub fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.job::<SendMail>();
    registry.job::<ReceiveMail>();
    registry.job::<TellUnsent>();
    registry.job::<ConfirmTopic>();
    escalations::register(&mut registry);
    forum::register(&mut registry);
    people::jobs::register(&mut registry);
    registry
        .job::<ForgetOldBounces>()
        .every::<ForgetOldBounces>(DAY);
    registry.job::<ForgetUploads>().every::<ForgetUploads>(DAY);
    registry.job::<PruneChanges>().every::<PruneChanges>(DAY);
    registry
}

/// Name of the setting that keeps the fingerprint of the site's secret.
const SECRET_FINGERPRINT: &str = "secret_fingerprint";

/// Refuses a secret that is not the one of the other nodes on this PostgreSQL database: their
/// log-ins, links and sealed tokens would not hold here. A SQLite file has one node.
pub fn check_secret(app: &App) -> Result<()> {
    if !app.db.is_postgres() {
        return Ok(());
    }
    let (ours, now) = (app.keys.fingerprint(), app.now());
    let kept = app
        .db
        .write(|tx| settings::keep_first(tx, SECRET_FINGERPRINT, &ours, now))?;
    same_secret(&kept, &ours)
}

/// As `check_secret`, for a look that keeps nothing; `keys` is `None` before a secret is made.
pub fn look_at_secret(db: &Db, keys: Option<&Keys>) -> Result<()> {
    if !db.is_postgres() {
        return Ok(());
    }
    let kept = db.read(|conn| settings::value(conn, SECRET_FINGERPRINT))?;
    let ours = keys.map(Keys::fingerprint).unwrap_or_default();
    kept.map_or(Ok(()), |kept| same_secret(&kept, &ours))
}

fn same_secret(kept: &str, ours: &str) -> Result<()> {
    if kept == ours {
        return Ok(());
    }
    Err(Error::other(format!(
        "this node's secret is not the one that the database was used with. All nodes need the \
         same: set `site.secret`, or copy the file `secret` of another node's data folder. If you \
         changed it on purpose, on all nodes, delete the row `{SECRET_FINGERPRINT}` from the table \
         `settings`; every log-in and stored network token is then void."
    )))
}

/// How long requests under way may take once the server stops, in seconds; unused connections are
/// closed at once.
const REQUESTS_END_SECONDS: u64 = 5;

/// Everything of a server that runs beside its HTTP workers.
pub struct Background {
    ways_in: WaysIn,
    workers: Workers,
    live: Follower,
    indexer: Indexer,
    _lock: Option<ServerLock>,
}

impl Background {
    /// Migrates, and starts workers and followers. `lock` is the one of this configuration, taken
    /// before the app was made: a second server must not even look after the first one's index.
    pub fn start(app: &App, lock: Option<ServerLock>) -> Result<Background> {
        for name in migrate::migrate(&app.db)? {
            tracing::info!(%name, "ran a migration");
        }
        check_secret(app)?;
        if lock.is_some() {
            app.db.write(jobs::free_all_leases)?;
        }
        let registry = Arc::new(registry());
        let docs = Arc::new(Docs::new(app.db.clone()));
        Ok(Background {
            indexer: Indexer::start(app.index.clone(), app.db.clone(), docs)
                .map_err(|e| Error::io("starting the indexer", e))?,
            live: Follower::start(app)?,
            ways_in: WaysIn::start(app, ways_in::intake(app))?,
            workers: Workers::start(app, registry, app.config.server.job_workers),
            _lock: lock,
        })
    }

    pub fn stop(self) {
        self.ways_in.stop();
        self.workers.stop();
        self.indexer.stop();
        self.live.stop();
    }
}

/// Serves HTTP on `listener`, with pages of the caller's, until the process is asked to end.
pub async fn serve_http(
    app: App,
    listener: std::net::TcpListener,
    more: fn(&mut web::ServiceConfig),
) -> Result<()> {
    actix_web::rt::spawn(close_at_end(app.clone()));
    http_server_with(app, listener, more)?
        .await
        .map_err(|e| Error::io("serving", e))
}

/// A page that listens would hold the server up for its whole time to shut down, and jobs would
/// begin meanwhile.
async fn close_at_end(app: App) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut end), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return;
    };
    tokio::select! {
        _ = end.recv() => {}
        _ = interrupt.recv() => {}
    }
    app.live.close();
}

/// The HTTP server on `listener`, to be awaited on an actix system.
pub fn http_server(app: App, listener: std::net::TcpListener) -> Result<Server> {
    http_server_with(app, listener, |_| {})
}

/// As `http_server`, with pages of the caller's.
pub fn http_server_with(
    app: App,
    listener: std::net::TcpListener,
    more: fn(&mut web::ServiceConfig),
) -> Result<Server> {
    let workers = match app.config.server.workers {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        n => n,
    };
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(web::Data::new(app.clone()))
            .wrap(actix_web::middleware::from_fn(crate::web::headers::security))
            .wrap(actix_web::middleware::Compress::default())
            .wrap(actix_web::middleware::from_fn(crate::web::failure::pages))
            .configure(crate::routes::routes)
            .configure(more)
            .default_service(web::to(people::pages::not_found))
    })
    .workers(workers)
    // As many blocking threads as readers: more only contend (measured).
    .worker_max_blocking_threads(2)
    .shutdown_timeout(REQUESTS_END_SECONDS)
    .listen(listener)
    .map_err(|e| Error::io("listening", e))?;
    Ok(server.run())
}
