//! A stand-in for X that runs on this machine: X API v2 as far as the connector uses it, a page
//! on which a person posts as a customer, and a small API that tells it to fail.
//!
//! It checks what it is sent against X's published description: unknown parameters, ranges,
//! kinds of token, the rule on summoned replies, duplicate texts, weighted length.

mod api;
mod oauth;
mod pages;
mod search;
mod state;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::oauth1;
use crate::clock::Clock;
use crate::config::{self, Dialect, Secret};
use crate::random::Random;
use state::State;

pub use state::NewPost;

/// Largest request body, in bytes.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Requests kept in the log.
const LOG_ENTRIES_MAX: usize = 1_000;
/// HTTP workers: it serves one demo or one test.
const WORKERS: usize = 1;

/// How the stand-in is set up.
#[derive(Clone)]
pub struct SandboxConfig {
    /// The time it lives in.
    pub clock: Clock,
    pub random: Random,
    /// The names it uses for fields, and accepts.
    pub dialect: Dialect,
    /// The company's account, which the API posts as.
    pub brand_id: u64,
    pub brand_username: String,
    pub brand_name: String,
    /// Credentials it accepts.
    pub bearer_token: String,
    pub client_id: String,
    pub client_secret: String,
    pub access_token: String,
    pub refresh_token: String,
    pub oauth1: oauth1::Keys,
    /// Everything that happens is appended here and read back at the next start.
    pub journal: Option<PathBuf>,
    /// How long "time out after accepting" keeps a client waiting.
    pub hang: Duration,
}

impl SandboxConfig {
    /// A stand-in for one brand, with credentials that are no secret.
    pub fn for_brand(username: &str, name: &str) -> SandboxConfig {
        SandboxConfig {
            clock: Clock::System,
            random: Random::System,
            dialect: Dialect::Tweet,
            brand_id: 4_000_000_001,
            brand_username: username.to_owned(),
            brand_name: name.to_owned(),
            bearer_token: "stand-in-bearer".into(),
            client_id: "stand-in-client".into(),
            client_secret: "stand-in-client-secret".into(),
            access_token: "stand-in-access".into(),
            refresh_token: "stand-in-refresh".into(),
            oauth1: oauth1::Keys {
                consumer_key: "stand-in-consumer".into(),
                consumer_secret: "stand-in-consumer-secret".into(),
                token: "stand-in-token".into(),
                token_secret: "stand-in-token-secret".into(),
            },
            journal: None,
            hang: Duration::from_secs(60),
        }
    }

    /// The connector's settings that fit this stand-in at `address` (`http://host:port`).
    pub fn x_settings(&self, address: &str) -> config::X {
        config::X {
            enabled: true,
            base_url: address.to_owned(),
            authorize_url: format!("{address}/i/oauth2/authorize"),
            dialect: self.dialect,
            username: self.brand_username.clone(),
            user_id: self.brand_id.to_string(),
            bearer_token: Secret::new(&self.bearer_token),
            client_id: self.client_id.clone(),
            client_secret: Secret::new(&self.client_secret),
            access_token: Secret::new(&self.access_token),
            refresh_token: Secret::new(&self.refresh_token),
            ..config::X::default()
        }
    }

    /// The section of `offramp.toml` by which the stand-in at `address` is used, with what to do
    /// with it in a comment: the whole is TOML, by itself or in the place of that section.
    pub fn x_section(&self, address: &str) -> String {
        let x = self.x_settings(address);
        let keys = [
            ("base_url", x.base_url.as_str()),
            ("authorize_url", &x.authorize_url),
            ("username", &x.username),
            ("user_id", &x.user_id),
            ("bearer_token", x.bearer_token.expose()),
            ("client_id", &x.client_id),
            ("client_secret", x.client_secret.expose()),
            ("access_token", x.access_token.expose()),
            ("refresh_token", x.refresh_token.expose()),
        ];
        let keys = keys.map(|(key, value)| format!("{key} = {}\n", toml::Value::from(value)));
        format!(
            "# The stand-in for X is at {address}. To use it, let this stand in offramp.toml in the\n\
             # place of all that follows [x] there, up to [x.prices]:\n\n\
             [x]\nenabled = true\n{}",
            keys.concat()
        )
    }
}

/// What a call is told to do instead of succeeding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailKind {
    RateLimited,
    ServerError,
    TimeoutAfterAccepting,
    CreditsDepleted,
    DeletedPost,
    Unauthorized,
}

impl FailKind {
    const ALL: [(FailKind, &'static str, &'static str); 6] = [
        (
            FailKind::RateLimited,
            "rate_limited",
            "429: too many requests",
        ),
        (FailKind::ServerError, "server_error", "500: server error"),
        (
            FailKind::TimeoutAfterAccepting,
            "timeout_after_accepting",
            "accept, then never answer",
        ),
        (
            FailKind::CreditsDepleted,
            "credits_depleted",
            "402: no credits left",
        ),
        (
            FailKind::DeletedPost,
            "deleted_post",
            "the post is deleted first",
        ),
        (FailKind::Unauthorized, "unauthorized", "401: token refused"),
    ];
}

/// An order to fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fail {
    pub kind: FailKind,
    /// How many calls fail.
    #[serde(default = "one")]
    pub count: u32,
    /// `me`, `mentions`, `search`, `lookup`, `own_posts`, `create_post`, `delete_post`, `token`;
    /// none: any call.
    #[serde(default)]
    pub endpoint: Option<String>,
}

fn one() -> u32 {
    1
}

/// One request as it was received, and how it was answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogEntry {
    pub number: u64,
    pub method: String,
    pub path: String,
    pub query: String,
    /// `app`, `user`, `oauth1` or `none`; never the token.
    pub auth: String,
    pub body: Value,
    pub status: u16,
}

/// Everything the stand-in knows.
pub struct Sandbox {
    config: SandboxConfig,
    inside: Mutex<Inside>,
}

struct Inside {
    state: State,
    fails: Vec<Fail>,
    log: VecDeque<LogEntry>,
    requests: u64,
    windows: api::Windows,
    oauth: oauth::Codes,
}

impl Sandbox {
    /// Opens the journal, if one is configured, and reads it back.
    pub fn new(config: SandboxConfig) -> io::Result<Sandbox> {
        let state = State::open(&config)?;
        let inside = Inside {
            state,
            fails: Vec::new(),
            log: VecDeque::new(),
            requests: 0,
            windows: api::Windows::default(),
            oauth: oauth::Codes::default(),
        };
        Ok(Sandbox {
            config,
            inside: Mutex::new(inside),
        })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Posts as a customer (or as anybody); the new post's id.
    pub fn post(&self, post: NewPost) -> Result<u64, String> {
        self.inside().state.post(post)
    }

    /// Deletes a post as its author would. False when there is none.
    pub fn delete(&self, id: u64) -> bool {
        self.inside().state.delete(id)
    }

    /// Lets the next calls fail.
    pub fn fail(&self, fail: Fail) {
        self.inside().fails.push(fail);
    }

    /// The newest requests, oldest first.
    pub fn log(&self) -> Vec<LogEntry> {
        self.inside().log.iter().cloned().collect()
    }

    /// Texts of the brand's replies to a post, oldest first, as they were sent.
    pub fn replies_to(&self, id: u64) -> Vec<String> {
        let inside = self.inside();
        let brand = self.config.brand_id;
        let replies = inside
            .state
            .posts()
            .filter(|post| post.in_reply_to == Some(id));
        replies
            .filter(|post| post.author_id == brand)
            .map(|post| post.text.clone())
            .collect()
    }

    /// Posts of others that stand and name the brand's account: the first id of each, oldest
    /// first. What must have arrived when everything did.
    pub fn naming_brand(&self) -> Vec<u64> {
        let inside = self.inside();
        let name = format!("@{}", self.config.brand_username.to_lowercase());
        let mut ids: Vec<u64> = inside
            .state
            .standing()
            .filter(|post| post.author_id != self.config.brand_id && post.repost_of.is_none())
            .filter(|post| post.text.to_lowercase().contains(&name))
            .map(|post| post.history.first().copied().unwrap_or(post.id))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The brand's replies that stand: the post each answers, and its text.
    pub fn brand_replies(&self) -> Vec<(u64, String)> {
        let inside = self.inside();
        inside
            .state
            .standing()
            .filter(|post| post.author_id == self.config.brand_id)
            .filter_map(|post| Some((post.in_reply_to?, post.text.clone())))
            .collect()
    }

    /// The name of the account that wrote a post.
    pub fn author_of(&self, id: u64) -> Option<String> {
        let inside = self.inside();
        let author = inside.state.get(id)?.author_id;
        inside.state.user(author).map(|user| user.username.clone())
    }

    /// Ends every access token, as time would; refresh tokens stay good.
    pub fn expire_access_tokens(&self) {
        self.inside().state.expire_access_tokens();
    }
}

impl Inside {
    /// The failure ordered for this endpoint, used up by one.
    fn take_fail(&mut self, endpoint: &str) -> Option<FailKind> {
        let at = self.fails.iter().position(|fail| {
            fail.count > 0 && fail.endpoint.as_deref().is_none_or(|name| name == endpoint)
        })?;
        let kind = self.fails[at].kind;
        self.fails[at].count -= 1;
        if self.fails[at].count == 0 {
            self.fails.remove(at);
        }
        Some(kind)
    }

    fn note(&mut self, mut entry: LogEntry) {
        self.requests += 1;
        entry.number = self.requests;
        if self.log.len() >= LOG_ENTRIES_MAX {
            self.log.pop_front();
        }
        self.log.push_back(entry);
    }
}

fn routes(service: &mut web::ServiceConfig) {
    service
        .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
        .app_data(web::FormConfig::default().limit(BODY_BYTES_MAX))
        .route("/", web::get().to(pages::timeline))
        .route("/intent/tweet", web::get().to(pages::intent))
        .route("/i/oauth2/authorize", web::get().to(oauth::authorize_page))
        .route("/i/oauth2/authorize", web::post().to(oauth::authorize))
        .route("/sandbox/style.css", web::get().to(pages::style))
        .route("/sandbox/post", web::post().to(pages::post_form))
        .route("/sandbox/delete", web::post().to(pages::delete_form))
        .route("/sandbox/fail-form", web::post().to(pages::fail_form))
        .route("/sandbox/posts", web::get().to(pages::posts_json))
        .route("/sandbox/posts", web::post().to(pages::post_json))
        .route("/sandbox/posts/{id}", web::delete().to(pages::delete_json))
        .route("/sandbox/fail", web::post().to(pages::fail_json))
        .route("/sandbox/log.json", web::get().to(pages::log_json))
        .route("/2/oauth2/token", web::post().to(oauth::token))
        .route("/2/oauth2/revoke", web::post().to(oauth::revoke))
        .route("/{username}/status/{id}", web::get().to(pages::one_post))
        .service(web::resource("/2/{rest:.*}").to(api::handle));
}

fn server(sandbox: Arc<Sandbox>, listen: &str) -> io::Result<(actix_web::dev::Server, String)> {
    let data = web::Data::from(sandbox);
    let server = HttpServer::new(move || App::new().app_data(data.clone()).configure(routes))
        .workers(WORKERS)
        .disable_signals()
        .shutdown_timeout(1)
        .bind(listen)?;
    let address = match server.addrs().first() {
        Some(address) => format!("http://{address}"),
        None => return Err(io::Error::other("no address was bound")),
    };
    Ok((server.run(), address))
}

/// Serves until the process ends. `listen` is `host:port`; `ready` is told the address.
pub async fn serve(
    config: SandboxConfig,
    listen: &str,
    ready: impl FnOnce(&str),
) -> io::Result<()> {
    let (server, address) = server(Arc::new(Sandbox::new(config)?), listen)?;
    ready(&address);
    let handle = server.handle();
    let stop = async move {
        let _ = actix_web::rt::signal::ctrl_c().await;
        handle.stop(false).await;
    };
    futures_util::future::join(server, stop).await.0
}

/// A stand-in that runs in a thread of this process; dropping it stops it.
pub struct Running {
    sandbox: Arc<Sandbox>,
    address: String,
    handle: actix_web::dev::ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    /// `http://127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The connector's settings for this stand-in.
    pub fn x_settings(&self) -> config::X {
        self.sandbox.config.x_settings(&self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The command is sent at once; the future only waits for the end.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Starts the stand-in in a thread of its own. Port 0 takes a free one.
pub fn start(config: SandboxConfig, listen: &str) -> io::Result<Running> {
    let sandbox = Arc::new(Sandbox::new(config)?);
    let (tell, told) = mpsc::channel();
    let (inner, listen) = (sandbox.clone(), listen.to_owned());
    let thread = std::thread::Builder::new()
        .name("stand-in for X".into())
        .spawn(move || {
            let ended = actix_web::rt::System::new().block_on(async move {
                match server(inner, &listen) {
                    Ok((server, address)) => {
                        let _ = tell.send(Ok((address, server.handle())));
                        server.await
                    }
                    Err(error) => {
                        let _ = tell.send(Err(error));
                        Ok(())
                    }
                }
            });
            if let Err(error) = ended {
                tracing::warn!(%error, "the stand-in for X ended");
            }
        })?;
    let (address, handle) = told.recv().map_err(io::Error::other)??;
    Ok(Running {
        sandbox,
        address,
        handle,
        thread: Some(thread),
    })
}
