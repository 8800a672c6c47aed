//! The demo: a fictional company's community, its customers on a stand-in for X, and its desk.
//! Everything goes through the same doors as in real use; nothing leaves the machine.

pub mod account;
pub mod content;
pub mod pages;
pub mod seed;
pub mod stage;

mod cases;
mod customers;
mod feed;
mod people;
mod staff;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use self::account::Account;
use self::content::Community;
use self::feed::{Feed, Progress};
use self::stage::Options;
use crate::app::App;
use crate::boot::{self, Background};
use crate::clock::Clock;
use crate::db::{ServerLock, migrate};
use crate::error::{Error, Result};
use crate::forum::save_product::Settings;
use crate::forum::store::settings;
use crate::networks::x::sandbox::Running;
use crate::random::Random;
use crate::say;

/// Time between two customers' posts when a person watches (ms).
const POST_EVERY_MS: u64 = 6_000;
/// Time between two looks at what is due.
const TICK: Duration = Duration::from_millis(250);
/// How long a headless run waits for the last work to be done.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// A demo that is set up: its Offramp, and the stand-in for X.
struct Stage {
    app: App,
    x: Running,
    community: Community,
    progress: Progress,
    lock: Option<ServerLock>,
}

fn set(options: &Options) -> Result<Stage> {
    stage::folder(options)?;
    let community = content::load().map_err(Error::other)?;
    let x = stage::stand_in(options, &community)?;
    let config = stage::config(options, &community, &x);
    stage::write_config(options, &config)?;
    let lock = ServerLock::take(&config)?;
    if stage::forget_unfinished(options, &config)? {
        say!("The first start was interrupted; the demo begins again.");
    }
    let app = boot::app(config, Clock::System, Random::System)?;
    migrate::migrate(&app.db)?;
    let progress = match Progress::load(&options.dir) {
        Some(progress) => progress,
        None => begin(&app, &community, &options.dir)?,
    };
    Ok(Stage {
        app,
        x,
        community,
        progress,
        lock,
    })
}

/// Fills an empty database, and notes where the demo begins.
fn begin(app: &App, community: &Community, dir: &Path) -> Result<Progress> {
    let seeded = seed::seed(app, community)?;
    cases::seed(app, community, &seeded)?;
    policies(app, &seeded)?;
    let progress = Progress {
        threads: seeded
            .threads
            .iter()
            .map(|(stem, id)| (stem.clone(), id.0))
            .collect(),
        users: seeded
            .users
            .iter()
            .map(|(name, id)| (name.clone(), id.0))
            .collect(),
        ..Progress::default()
    };
    progress.save(dir)?;
    Ok(progress)
}

/// The company links at a lower confidence than the default, because its forum is small and well
/// kept; for its first product it has switched on that what was linked is acknowledged at once.
fn policies(app: &App, seeded: &seed::Seeded) -> Result<()> {
    app.db.write(|tx| {
        for (slug, product) in &seeded.products {
            let Some(present) = settings::settings(tx, *product)? else {
                continue;
            };
            let policy = Settings {
                link_threshold: 0.65,
                // In a small forum the second best is seldom likely, and still worth a look.
                propose_threshold: 0.02,
                auto_link: true,
                auto_acknowledge: slug == "tern",
                ..present
            };
            settings::update_settings(tx, *product, &policy)?;
        }
        Ok(())
    })
}

/// Runs the demo for a person until the process is asked to end.
pub fn run(options: &Options) -> Result<()> {
    let listener = listen(options)?;
    let mut stage = set(options)?;
    let background = Background::start(&stage.app, stage.lock.take())?;
    print_welcome(options, &stage);
    let stop = Arc::new(AtomicBool::new(false));
    let feeder = {
        let (app, stop, dir) = (stage.app.clone(), stop.clone(), options.dir.clone());
        let (community, still) = (stage.community, options.still);
        let progress = stage.progress;
        let x = stage.x;
        std::thread::spawn(move || {
            let ran_before = progress.ran_ms;
            let started = Instant::now();
            let mut feed = Feed::new(&app, x.sandbox(), &community, &dir, progress);
            while !stop.load(Ordering::Relaxed) {
                if !still {
                    let ran_ms = ran_before + started.elapsed().as_millis() as u64;
                    if let Err(error) = feed.tick(ran_ms, POST_EVERY_MS, 1.0) {
                        tracing::warn!(%error, "the demo's customers are held up");
                    }
                }
                std::thread::sleep(TICK);
            }
        })
    };
    let serve = boot::serve_http(stage.app.clone(), listener, pages::routes);
    let served = actix_web::rt::System::new().block_on(serve);
    stop.store(true, Ordering::Relaxed);
    let _ = feeder.join();
    background.stop();
    served
}

/// Runs the whole demo without a person, with simulated staff, and gives an account of it.
pub fn run_headless(options: &Options, seconds: u64) -> Result<Account> {
    let listener = listen(options)?;
    let mut stage = set(options)?;
    let began = stage.app.now();
    let background = Background::start(&stage.app, stage.lock.take())?;
    let (address, server) = serve_beside(&stage.app, listener)?;
    let dir = options.dir.clone();
    let app = &stage.app;
    let mut feed = Feed::new(
        app,
        stage.x.sandbox(),
        &stage.community,
        &dir,
        stage.progress.clone(),
    );
    let staff = staff::Staff::new(app, &stage.progress)?;
    let mut customers = customers::Customers::new(app, stage.x.sandbox(), &address)?;
    // The posts in the first half, the answers until two thirds: time is left to close loops.
    let every_ms = (seconds * 500 / stage.community.stream.len() as u64).max(1);
    let last_act = stage
        .community
        .later
        .iter()
        .map(|a| a.after_seconds())
        .max()
        .unwrap_or(1);
    let pace = last_act as f64 / (seconds as f64 * 0.66);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(seconds) {
        feed.tick(started.elapsed().as_millis() as u64, every_ms, pace)?;
        staff.work()?;
        customers.work()?;
        std::thread::sleep(TICK);
    }
    let settled = Instant::now();
    while settled.elapsed() < SETTLE_MAX {
        staff.work()?;
        customers.work()?;
        if feed.is_done() && account::is_settled(app, stage.x.sandbox())? {
            break;
        }
        std::thread::sleep(TICK);
    }
    let account = account::take(app, stage.x.sandbox(), began)?;
    server.stop();
    background.stop();
    Ok(account)
}

fn listen(options: &Options) -> Result<std::net::TcpListener> {
    let address = format!("127.0.0.1:{}", options.port);
    std::net::TcpListener::bind(&address).map_err(|e| {
        Error::io(
            format!("listening on {address} (another demo? see --port)"),
            e,
        )
    })
}

/// A server on a thread of its own, for a run that has no person at the terminal.
struct Beside {
    handle: actix_web::dev::ServerHandle,
    thread: std::thread::JoinHandle<()>,
}

impl Beside {
    fn stop(self) {
        // The future only waits; dropping it would not stop the server.
        actix_web::rt::System::new().block_on(self.handle.stop(true));
        let _ = self.thread.join();
    }
}

fn serve_beside(app: &App, listener: std::net::TcpListener) -> Result<(String, Beside)> {
    let address = listener
        .local_addr()
        .map_err(|e| Error::io("listening", e))?;
    let (send, receive) = std::sync::mpsc::channel();
    let app = app.clone();
    let thread = std::thread::spawn(move || {
        let _ = actix_web::rt::System::new().block_on(async move {
            let server = boot::http_server_with(app, listener, pages::routes)?;
            let _ = send.send(server.handle());
            server.await.map_err(|e| Error::io("serving", e))
        });
    });
    let handle = receive
        .recv()
        .map_err(|_| Error::other("the demo's server did not start"))?;
    Ok((format!("http://{address}"), Beside { handle, thread }))
}

fn print_welcome(options: &Options, stage: &Stage) {
    let url = &stage.app.config.site.url;
    let company = &stage.community.company;
    say!("");
    say!("  {} runs its community on Offramp.", company.name);
    say!("");
    say!("  The forum          {url}/");
    say!("  The desk           {url}/desk");
    say!(
        "  Mail that went out {url}/demo   (as files in {})",
        options.dir.join("mail").display()
    );
    say!("  The stand-in for X {}", stage.x.address());
    say!("");
    say!("  Log in with        password: {}", company.demo_password);
    say!("    visitor          no log-in needed");
    for user in &stage.community.users {
        if let Some(email) = user.email.as_ref().filter(|e| e.ends_with("@demo.example")) {
            say!("    {:<16} {email}", user.role);
        }
    }
    say!("");
    say!(
        "  Other commands     offramp --config {} check",
        options.dir.join(stage::CONFIG_FILE).display()
    );
    say!("");
    if options.still {
        say!("  No complaint arrives by itself; post one on the stand-in.");
    } else {
        say!("  Every few seconds somebody complains; watch them arrive on the desk.");
    }
    say!("  Nothing leaves this machine. Stop with Ctrl-C; `--fresh` begins again.");
    say!("");
}
