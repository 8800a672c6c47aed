//! Speaks HTTP with X: signs, sends, obeys the waits X asks for, and turns statuses into
//! `NetworkError`s. Knows no post; `connector.rs` gives the calls their meaning.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::Agent;
use ureq::http::header::AUTHORIZATION;
use ureq::http::{HeaderMap, StatusCode};

use super::oauth1;
use super::oauth2::Tokens;
use super::wire::last_segment;
use crate::clock::{Clock, MINUTE, Moment, SECOND};
use crate::config;
use crate::db::Db;
use crate::error::Result as OurResult;
use crate::jobs;
use crate::keys::{Keys, digest};
use crate::net::http_client;
use crate::networks::{Network, NetworkError, store};
use crate::random::Random;

/// Largest answer read, in bytes; a page of 100 long posts stays below 4 MB.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Pause after a 429 that names no reset in the future.
const RATE_PAUSE: i64 = 60 * SECOND;
/// Longest wait believed from a reset header: the longest window X documents is a day.
const RATE_WAIT_MAX: i64 = 24 * 60 * MINUTE;
/// Pause after the monthly cap of the app is reached; then one call probes.
const USAGE_CAP_PAUSE: i64 = 60 * MINUTE;
/// Pause after the credits ran out; then one call probes.
const CREDITS_PAUSE: i64 = 15 * MINUTE;
/// How long one process may take to renew the tokens before another tries; longer than the
/// longest wait for an answer that the configuration allows.
const RENEW_LEASE: i64 = 60 * SECOND;
const _: () = assert!(config::X_TIMEOUT_SECONDS_MAX < 60);
/// Longest text of an error kept, in characters.
const REASON_CHARS_MAX: usize = 300;

/// Names of stored values.
pub mod names {
    pub const TOKENS: &str = "oauth2_tokens";
    /// The lease under which one process at a time renews the tokens.
    pub const RENEW_LEASE: &str = "x:oauth2_renewal";
    pub const CREDITS_UNTIL: &str = "credits_pause_until";
    /// Followed by the endpoint's name.
    pub const RATE_UNTIL: &str = "rate_limit_until:";
    pub const LAST_SUCCESS: &str = "last_success";
    pub const LAST_ERROR: &str = "last_error";
}

/// The calls we make; X limits each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    Me,
    Mentions,
    Search,
    Lookup,
    OwnPosts,
    CreatePost,
    /// Signing in and renewing.
    Token,
}

impl Endpoint {
    pub fn name(self) -> &'static str {
        match self {
            Endpoint::Me => "me",
            Endpoint::Mentions => "mentions",
            Endpoint::Search => "search",
            Endpoint::Lookup => "lookup",
            Endpoint::OwnPosts => "own_posts",
            Endpoint::CreatePost => "create_post",
            Endpoint::Token => "token",
        }
    }
}

/// One call.
pub struct Call<'a> {
    pub endpoint: Endpoint,
    /// Below the base address, beginning with a slash.
    pub path: String,
    pub query: Vec<(String, String)>,
    /// A body makes it a POST.
    pub body: Option<&'a Value>,
    /// Whether only a user's token will do.
    pub as_user: bool,
}

/// An answer with a success status.
pub struct Answer {
    pub json: Value,
    /// The body as it came.
    pub text: String,
}

/// The way a request is signed.
#[derive(Clone)]
enum Pass {
    App(String),
    User(Tokens),
    /// The access token of somebody who signs in here.
    Customer(String),
    Keys(Box<oauth1::Keys>),
}

/// Tokens as they are stored, sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    tokens: Tokens,
    /// Digest of the configuration's tokens when these were stored.
    configured: String,
}

/// Talks with one X app, as one account. The HTTP client behind it is made at the first call,
/// which must not happen on an async runtime's own thread.
pub struct Client {
    config: config::X,
    db: Db,
    clock: Clock,
    keys: Keys,
    random: Random,
    http: Agent,
    /// One renewal at a time in this process; the lease keeps other processes away.
    renewal: Mutex<()>,
    /// Renewed tokens that the database did not take yet: the ones before are dead.
    unsaved: Mutex<Option<Tokens>>,
}

impl Client {
    /// `keys` encrypt the stored tokens.
    pub fn new(config: config::X, keys: Keys, random: Random, db: Db, clock: Clock) -> Client {
        let timeout = Duration::from_secs(config.timeout_seconds.max(1));
        Client {
            config,
            db,
            clock,
            keys,
            random,
            http: http_client(timeout),
            renewal: Mutex::new(()),
            unsaved: Mutex::new(None),
        }
    }

    pub fn random(&self) -> &Random {
        &self.random
    }

    pub fn config(&self) -> &config::X {
        &self.config
    }

    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Makes the call, unless X asked us to wait. Renews the user's token when it has run out,
    /// and once when X refuses it.
    pub fn call(&self, call: &Call<'_>) -> Result<Answer, NetworkError> {
        self.wait_over(call.endpoint)?;
        let result = self.call_signed(call);
        if let Err(error) = self.note_outcome(call, &result) {
            tracing::warn!(%error, "the outcome of a call to X could not be stored");
        }
        result
    }

    fn call_signed(&self, call: &Call<'_>) -> Result<Answer, NetworkError> {
        let pass = self.pass(call.as_user)?;
        let refused = match self.send(call, &pass) {
            Err(NetworkError::NeedsReconnect { reason }) => reason,
            other => return other,
        };
        match pass {
            Pass::User(tokens) if tokens.refresh_token.is_some() => {
                let renewed = self.renewed(&tokens.access_token)?;
                self.send(call, &Pass::User(renewed))
            }
            _ => Err(NetworkError::NeedsReconnect { reason: refused }),
        }
    }

    /// Who a fresh access token belongs to, asked once, outside our own account's tokens.
    pub fn me_with(&self, tokens: &Tokens) -> Result<Answer, NetworkError> {
        let call = Call {
            endpoint: Endpoint::Me,
            path: "/2/users/me".into(),
            query: vec![("user.fields".into(), super::connector::USER_FIELDS.into())],
            body: None,
            as_user: true,
        };
        // X counts by token: what it asks of one customer's is nobody else's wait.
        self.send(&call, &Pass::Customer(tokens.access_token.clone()))
    }

    /// Keeps the brand account's tokens, encrypted.
    pub fn keep_tokens(&self, tokens: &Tokens) -> Result<(), NetworkError> {
        let kept = Kept {
            tokens: tokens.clone(),
            configured: self.configured(),
        };
        let text = serde_json::to_string(&kept).map_err(|e| NetworkError::Storage {
            reason: e.to_string(),
        })?;
        let sealed = self.keys.seal(&self.random, &text);
        let now = self.now();
        self.db
            .write(|tx| store::set_state(tx, Network::X, names::TOKENS, &sealed, now))
            .map_err(storage)
    }

    /// Swaps a code for tokens. The code lives 30 seconds.
    pub fn exchange(
        &self,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Result<Tokens, NetworkError> {
        let answer = self.token_call(
            "/2/oauth2/token",
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", redirect_uri),
                ("code_verifier", verifier),
            ],
        )?;
        Tokens::of_answer(&answer, self.now(), None).ok_or_else(|| NetworkError::BadAnswer {
            reason: "it holds no access token".into(),
        })
    }

    /// Ends an access token at X. Failing is harmless: it runs out by itself within two hours.
    pub fn revoke(&self, tokens: &Tokens) {
        let form = [
            ("token", tokens.access_token.as_str()),
            ("token_type_hint", "access_token"),
        ];
        if let Err(error) = self.token_call("/2/oauth2/revoke", &form) {
            tracing::debug!(%error, "a token could not be revoked");
        }
    }

    // What signs a call

    fn pass(&self, as_user: bool) -> Result<Pass, NetworkError> {
        let bearer = &self.config.bearer_token;
        if !as_user && !bearer.is_empty() {
            return Ok(Pass::App(bearer.expose().to_owned()));
        }
        if let Some(tokens) = self.tokens()? {
            if !tokens.runs_out_soon(self.now()) {
                return Ok(Pass::User(tokens));
            }
            if tokens.refresh_token.is_some() {
                return Ok(Pass::User(self.renewed(&tokens.access_token)?));
            }
        }
        if let Some(keys) = self.oauth1_keys() {
            return Ok(Pass::Keys(Box::new(keys)));
        }
        Err(NetworkError::NeedsReconnect {
            reason: "no valid token of the account is stored. Connect it on the settings page, \
                     or set its keys in the configuration"
                .into(),
        })
    }

    fn oauth1_keys(&self) -> Option<oauth1::Keys> {
        let x = &self.config;
        let all = [
            &x.consumer_key,
            &x.consumer_secret,
            &x.oauth1_token,
            &x.oauth1_token_secret,
        ];
        all.iter()
            .all(|secret| !secret.is_empty())
            .then(|| oauth1::Keys {
                consumer_key: x.consumer_key.expose().to_owned(),
                consumer_secret: x.consumer_secret.expose().to_owned(),
                token: x.oauth1_token.expose().to_owned(),
                token_secret: x.oauth1_token_secret.expose().to_owned(),
            })
    }

    /// The stored tokens. Those of the configuration count before any are stored, and again
    /// when an operator has put others there since.
    fn tokens(&self) -> Result<Option<Tokens>, NetworkError> {
        let mut unsaved = self.unsaved.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(tokens) = unsaved.clone() {
            if self.keep_tokens(&tokens).is_ok() {
                *unsaved = None;
            }
            return Ok(Some(tokens));
        }
        drop(unsaved);
        let sealed = self
            .db
            .read(|conn| store::state(conn, Network::X, names::TOKENS))
            .map_err(storage)?;
        let kept: Option<Kept> = sealed
            .and_then(|sealed| self.keys.open(&sealed))
            .and_then(|text| serde_json::from_str(&text).ok());
        let x = &self.config;
        let replaced = kept
            .as_ref()
            .is_some_and(|kept| kept.configured != self.configured());
        if x.access_token.is_empty() || (kept.is_some() && !replaced) {
            return Ok(kept.map(|kept| kept.tokens));
        }
        let refresh = Some(&x.refresh_token).filter(|token| !token.is_empty());
        Ok(Some(Tokens {
            access_token: x.access_token.expose().to_owned(),
            refresh_token: refresh.map(|token| token.expose().to_owned()),
            // Its age is unknown: it is used until X refuses it.
            expires_at: self.now().plus(60 * MINUTE),
        }))
    }

    /// Tells the configuration's tokens from others without keeping them.
    fn configured(&self) -> String {
        let x = &self.config;
        let text = format!("{} {}", x.access_token.expose(), x.refresh_token.expose());
        digest(text.as_bytes())
    }

    /// Tokens newer than `stale`: another's renewal if there was one, else our own. The new
    /// refresh token is stored before the new access token is used, because the old one is dead.
    fn renewed(&self, stale: &str) -> Result<Tokens, NetworkError> {
        let _one_at_a_time = self.renewal.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(tokens) = self.newer_than(stale)? {
            return Ok(tokens);
        }
        let holder = self.random.token();
        let now = self.now();
        let name = names::RENEW_LEASE;
        let taken = self
            .db
            .write(|tx| jobs::take_lease(tx, name, &holder, now, RENEW_LEASE))
            .map_err(storage)?;
        if !taken {
            return Err(NetworkError::Unavailable {
                reason: "another process is renewing the sign-in at this moment".into(),
            });
        }
        // Another process may have renewed them before we had the lease.
        let renewed = match self.newer_than(stale) {
            Ok(Some(tokens)) => Ok(tokens),
            Ok(None) => self.renew(),
            Err(error) => Err(error),
        };
        let freed = self.db.write(|tx| jobs::free_lease(tx, name, &holder));
        if let Err(error) = freed {
            tracing::warn!(%error, "the lease of a token renewal could not be given back");
        }
        renewed
    }

    /// The stored tokens, when they are others than `stale` and last.
    fn newer_than(&self, stale: &str) -> Result<Option<Tokens>, NetworkError> {
        let is_newer =
            |tokens: &Tokens| tokens.access_token != stale && !tokens.runs_out_soon(self.now());
        Ok(self.tokens()?.filter(is_newer))
    }

    fn renew(&self) -> Result<Tokens, NetworkError> {
        let tokens = self
            .tokens()?
            .filter(|tokens| tokens.refresh_token.is_some())
            .ok_or_else(|| NetworkError::NeedsReconnect {
                reason: "the sign-in has run out".into(),
            })?;
        let refresh = tokens.refresh_token.as_deref().unwrap_or_default();
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let answer = self.token_call("/2/oauth2/token", &form)?;
        let renewed = Tokens::of_answer(&answer, self.now(), Some(refresh)).ok_or_else(|| {
            NetworkError::BadAnswer {
                reason: "it holds no access token".into(),
            }
        })?;
        if let Err(error) = self.keep_tokens(&renewed) {
            tracing::error!(%error, "renewed tokens could not be stored; they are kept in memory");
            *self.unsaved.lock().unwrap_or_else(|e| e.into_inner()) = Some(renewed.clone());
        }
        tracing::info!("renewed the sign-in at X");
        Ok(renewed)
    }

    fn token_call(&self, path: &str, form: &[(&str, &str)]) -> Result<Value, NetworkError> {
        self.wait_over(Endpoint::Token)?;
        let x = &self.config;
        let mut form: Vec<(&str, &str)> = form.to_vec();
        let mut request = self.http.post(self.address(path));
        // A confidential client signs with its secret; a public one names itself in the body.
        if x.client_secret.is_empty() {
            form.push(("client_id", &x.client_id));
        } else {
            let pair = format!("{}:{}", x.client_id, x.client_secret.expose());
            request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)));
        }
        let response = request.send_form(form).map_err(|e| unavailable(&e))?;
        let status = response.status();
        let text = read_body(response)?;
        let json: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        match status.as_u16() {
            200..=299 => Ok(json),
            400 | 401 | 403 => {
                let reason = ["error_description", "error", "detail", "title"]
                    .iter()
                    .find_map(|name| json.get(name)?.as_str())
                    .unwrap_or("X refused the sign-in");
                Err(NetworkError::NeedsReconnect {
                    reason: short(reason),
                })
            }
            429 => {
                let until = self.now().plus(RATE_PAUSE);
                self.note_wait(Endpoint::Token, until);
                Err(NetworkError::RateLimited { until })
            }
            _ => Err(NetworkError::Unavailable {
                reason: format!("X answered {status}"),
            }),
        }
    }

    // Sending

    fn send(&self, call: &Call<'_>, pass: &Pass) -> Result<Answer, NetworkError> {
        let writes = call.body.is_some();
        let method = if writes { "POST" } else { "GET" };
        let address = self.address(&call.path);
        let authorization = match pass {
            Pass::App(token) => format!("Bearer {token}"),
            Pass::User(tokens) => format!("Bearer {}", tokens.access_token),
            Pass::Customer(token) => format!("Bearer {token}"),
            Pass::Keys(keys) => {
                let nonce = self.random.token();
                let seconds = self.now().0 / SECOND;
                oauth1::authorization(keys, method, &address, &call.query, &nonce, seconds)
            }
        };
        // The query is written by hand: OAuth 1.0a signs RFC 3986 escapes, and some servers
        // check the signature over the text they were sent.
        let query: Vec<String> = call
            .query
            .iter()
            .map(|(name, value)| {
                format!(
                    "{}={}",
                    oauth1::percent_encode(name),
                    oauth1::percent_encode(value)
                )
            })
            .collect();
        let full = if query.is_empty() {
            address
        } else {
            format!("{address}?{}", query.join("&"))
        };
        let sent = match call.body {
            Some(body) => self
                .http
                .post(full)
                .header(AUTHORIZATION, authorization)
                .send_json(body),
            None => self
                .http
                .get(full)
                .header(AUTHORIZATION, authorization)
                .call(),
        };
        let response = match sent {
            Ok(response) => response,
            // Before a connection stands nothing can have been accepted.
            Err(error) if writes && !is_before_connection(&error) => {
                return Err(NetworkError::Ambiguous {
                    reason: plain(&error),
                });
            }
            Err(error) => return Err(unavailable(&error)),
        };
        let status = response.status();
        let headers = response.headers().clone();
        let text = match read_body(response) {
            Ok(text) => text,
            Err(NetworkError::Unavailable { reason } | NetworkError::BadAnswer { reason })
                if writes =>
            {
                return Err(NetworkError::Ambiguous { reason });
            }
            Err(error) => return Err(error),
        };
        let json = serde_json::from_str::<Value>(&text);
        if status.is_success() {
            if !matches!(pass, Pass::Customer(_)) {
                self.note_remaining(call.endpoint, &headers);
            }
            return match json {
                Ok(json) => Ok(Answer { json, text }),
                Err(error) if writes => Err(NetworkError::Ambiguous {
                    reason: error.to_string(),
                }),
                Err(error) => Err(NetworkError::BadAnswer {
                    reason: error.to_string(),
                }),
            };
        }
        let complaint = Complaint::of(&json.unwrap_or(Value::Null));
        Err(judge(status, &complaint, &headers, writes, self.now()))
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.config.base_url.trim_end_matches('/'))
    }

    // Waits, kept in the database so that a restart and other nodes obey them too

    fn wait_over(&self, endpoint: Endpoint) -> Result<(), NetworkError> {
        let name = format!("{}{}", names::RATE_UNTIL, endpoint.name());
        let (rate, credits) = self
            .db
            .read(|conn| {
                let rate = store::state(conn, Network::X, &name)?;
                Ok((rate, store::state(conn, Network::X, names::CREDITS_UNTIL)?))
            })
            .map_err(storage)?;
        let now = self.now();
        let moment = |text: Option<String>| text.and_then(|t| t.parse().ok()).map(Moment);
        if moment(credits).is_some_and(|until| until > now) {
            return Err(NetworkError::CreditsDepleted);
        }
        match moment(rate).filter(|until| *until > now) {
            Some(until) => Err(NetworkError::RateLimited { until }),
            None => Ok(()),
        }
    }

    /// A success that used the window up: the next call would be refused.
    fn note_remaining(&self, endpoint: Endpoint, headers: &HeaderMap) {
        if header_number(headers, "x-rate-limit-remaining") != Some(0) {
            return;
        }
        if let Some(until) = reset(headers, self.now()) {
            self.note_wait(endpoint, until);
        }
    }

    fn note_wait(&self, endpoint: Endpoint, until: Moment) {
        if let Err(error) = self.keep_wait(endpoint, until) {
            tracing::warn!(%error, "a wait asked for by X could not be stored");
        }
    }

    fn keep_wait(&self, endpoint: Endpoint, until: Moment) -> OurResult<()> {
        let name = format!("{}{}", names::RATE_UNTIL, endpoint.name());
        let now = self.now();
        self.db
            .write(|tx| store::set_state(tx, Network::X, &name, &until.0.to_string(), now))
    }

    fn note_outcome(
        &self,
        call: &Call<'_>,
        result: &Result<Answer, NetworkError>,
    ) -> OurResult<()> {
        let now = self.now();
        match result {
            Ok(_) => self.db.write(|tx| {
                store::remove_state(tx, Network::X, names::CREDITS_UNTIL)?;
                let last = store::state(tx, Network::X, names::LAST_ERROR)?;
                if let Some(over) = last.and_then(|last| overcome(&last, call.endpoint, now)) {
                    store::set_state(tx, Network::X, names::LAST_ERROR, &over, now)?;
                }
                store::set_state(tx, Network::X, names::LAST_SUCCESS, &now.rfc3339(), now)
            }),
            Err(error) => {
                if let NetworkError::RateLimited { until } = error {
                    self.keep_wait(call.endpoint, *until)?;
                }
                let note = serde_json::json!({
                    "at": now.rfc3339(),
                    "call": call.endpoint.name(),
                    "error": error.name(),
                    "words": error.to_string(),
                });
                self.db.write(|tx| {
                    if *error == NetworkError::CreditsDepleted {
                        let until = now.plus(CREDITS_PAUSE).0.to_string();
                        store::set_state(tx, Network::X, names::CREDITS_UNTIL, &until, now)?;
                    }
                    store::set_state(tx, Network::X, names::LAST_ERROR, &note.to_string(), now)
                })
            }
        }
    }
}

/// The note of the last failure with the time from which the same call succeeds again; `None` when
/// it was of another call, or is marked already.
fn overcome(note: &str, endpoint: Endpoint, now: Moment) -> Option<String> {
    let mut note: serde_json::Value = serde_json::from_str(note).ok()?;
    let is_of_it = note["call"] == endpoint.name() && note["over"].is_null();
    is_of_it.then(|| {
        note["over"] = now.rfc3339().into();
        note.to_string()
    })
}

fn read_body(response: ureq::http::Response<ureq::Body>) -> Result<String, NetworkError> {
    let read = response
        .into_body()
        .into_with_config()
        .limit(ANSWER_BYTES_MAX)
        .read_to_vec();
    let bytes = read.map_err(|e| match e {
        ureq::Error::BodyExceedsLimit(limit) => NetworkError::BadAnswer {
            reason: format!("it is longer than {limit} bytes"),
        },
        e => NetworkError::Unavailable {
            reason: format!("the answer broke off ({e})"),
        },
    })?;
    String::from_utf8(bytes).map_err(|_| NetworkError::BadAnswer {
        reason: "it is not UTF-8".into(),
    })
}

/// What an answer with an error status complains of, whichever of X's forms it has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Complaint {
    /// Last part of the problem's type; "blank" for none.
    kind: String,
    title: String,
    detail: String,
    /// Parameters it names.
    parameters: Vec<String>,
}

impl Complaint {
    fn of(json: &Value) -> Complaint {
        let first = json.get("errors").and_then(|errors| errors.get(0));
        let text = |names: &[&str]| {
            [Some(json), first]
                .into_iter()
                .flatten()
                .find_map(|v| names.iter().find_map(|name| v.get(name)?.as_str()))
                .unwrap_or_default()
        };
        // The entry in `errors` says more than the general words around it.
        let exact = first.and_then(|e| {
            ["detail", "message"]
                .iter()
                .find_map(|name| e.get(name)?.as_str())
        });
        let parameters = json
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|e| e.get("parameters")?.as_object())
            .flat_map(|map| map.keys().cloned())
            .collect();
        Complaint {
            kind: last_segment(text(&["type"]))
                .trim_start_matches("about:")
                .to_owned(),
            title: short(text(&["title"])),
            detail: short(exact.unwrap_or_else(|| text(&["detail", "message"]))),
            parameters,
        }
    }

    fn reason(&self) -> String {
        match (self.detail.as_str(), self.title.as_str()) {
            ("", "") => "it gave no reason".into(),
            ("", title) => title.into(),
            (detail, _) => detail.into(),
        }
    }
}

/// What an error status means. The status decides first, then the type, then the words.
fn judge(
    status: StatusCode,
    complaint: &Complaint,
    headers: &HeaderMap,
    writes: bool,
    now: Moment,
) -> NetworkError {
    let reason = complaint.reason();
    match status.as_u16() {
        400 if complaint
            .parameters
            .iter()
            .any(|p| p == "reply.in_reply_to_tweet_id") =>
        {
            NetworkError::Gone
        }
        401 => NetworkError::NeedsReconnect { reason },
        402 => NetworkError::CreditsDepleted,
        403 => judge_forbidden(complaint, reason, writes),
        404 => NetworkError::Gone,
        408 if writes => NetworkError::Ambiguous { reason },
        408 => NetworkError::Unavailable { reason },
        429 if matches!(complaint.kind.as_str(), "usage-capped" | "UsageCapExceeded") => {
            NetworkError::RateLimited {
                until: now.plus(USAGE_CAP_PAUSE),
            }
        }
        429 => {
            let until = reset(headers, now).unwrap_or_else(|| now.plus(RATE_PAUSE));
            NetworkError::RateLimited { until }
        }
        500..=599 if writes => NetworkError::Ambiguous {
            reason: format!("{status}: {reason}"),
        },
        500..=599 => NetworkError::Unavailable {
            reason: format!("{status}: {reason}"),
        },
        // A redirect or an unheard-of status: someone else answers at this address.
        300..=399 => NetworkError::BadAnswer {
            reason: format!("it is a redirect ({status})"),
        },
        _ => NetworkError::BadRequest {
            reason: format!("{status}: {reason}"),
        },
    }
}

fn judge_forbidden(complaint: &Complaint, reason: String, writes: bool) -> NetworkError {
    const ACCESS: [&str; 4] = [
        "unsupported-authentication",
        "client-forbidden",
        "oauth1-permissions",
        "client-not-enrolled",
    ];
    if !writes || ACCESS.contains(&complaint.kind.as_str()) {
        return NetworkError::NotPermitted { reason };
    }
    let words = reason.to_ascii_lowercase();
    if words.contains("deleted") || words.contains("not visible") {
        return NetworkError::Gone;
    }
    NetworkError::Refused { reason }
}

/// The moment the window opens again, if the headers name one that lies ahead.
fn reset(headers: &HeaderMap, now: Moment) -> Option<Moment> {
    let until = |name: &str| {
        let seconds = header_number(headers, name)?;
        let until = Moment(seconds.checked_mul(SECOND)?);
        (until > now).then(|| until.min(now.plus(RATE_WAIT_MAX)))
    };
    // A day's window that is used up outlasts the short one.
    let daily = ["x-user-limit-24hour", "x-app-limit-24hour"]
        .iter()
        .find_map(|window| {
            let left = header_number(headers, &format!("{window}-remaining"))?;
            if left == 0 {
                until(&format!("{window}-reset"))
            } else {
                None
            }
        });
    daily.or_else(|| until("x-rate-limit-reset"))
}

fn header_number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn unavailable(error: &ureq::Error) -> NetworkError {
    NetworkError::Unavailable {
        reason: plain(error),
    }
}

/// Whether it failed before anything could have been sent. What is not known to be so is not.
fn is_before_connection(error: &ureq::Error) -> bool {
    use ureq::{Error, Timeout};
    match error {
        Error::HostNotFound
        | Error::ConnectionFailed
        | Error::BadUri(_)
        | Error::Timeout(Timeout::Resolve | Timeout::Connect) => true,
        Error::Io(e) => matches!(
            e.kind(),
            io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
        ),
        _ => false,
    }
}

/// A transport error in words without addresses, which may carry tokens.
fn plain(error: &ureq::Error) -> String {
    if is_before_connection(error) {
        "no connection could be made; check the network and the address in x.base_url".into()
    } else if matches!(error, ureq::Error::Timeout(_)) {
        "it did not answer in time".into()
    } else {
        "the connection broke off".into()
    }
}

fn storage(error: crate::error::Error) -> NetworkError {
    NetworkError::Storage {
        reason: error.to_string(),
    }
}

fn short(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(REASON_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judged(status: u16, body: Value, writes: bool) -> NetworkError {
        let status = StatusCode::from_u16(status).expect("a status");
        judge(
            status,
            &Complaint::of(&body),
            &HeaderMap::new(),
            writes,
            Moment(0),
        )
    }

    #[test]
    fn statuses_mean_what_the_contract_says() {
        use NetworkError as E;
        let problem = |kind: &str, detail: &str| json!({"type": kind, "detail": detail});
        let blank = |detail: &str| problem("about:blank", detail);
        let api = |name: &str| problem(&format!("https://api.twitter.com/2/problems/{name}"), "d");
        let reason = || "d".to_owned();
        assert_eq!(
            judged(401, blank("d"), false),
            E::NeedsReconnect { reason: reason() }
        );
        assert_eq!(
            judged(402, json!({"title": "CreditsDepleted"}), true),
            E::CreditsDepleted
        );
        let keyless = judged(403, api("unsupported-authentication"), true);
        assert_eq!(keyless, E::NotPermitted { reason: reason() });
        assert_eq!(
            judged(403, blank("d"), true),
            E::Refused { reason: reason() }
        );
        assert_eq!(
            judged(403, blank("d"), false),
            E::NotPermitted { reason: reason() }
        );
        assert_eq!(judged(403, blank("The Tweet is deleted."), true), E::Gone);
        assert_eq!(judged(404, Value::Null, false), E::Gone);
        assert!(matches!(
            judged(503, Value::Null, false),
            E::Unavailable { .. }
        ));
        assert!(matches!(
            judged(503, Value::Null, true),
            E::Ambiguous { .. }
        ));
        assert!(matches!(
            judged(400, blank("d"), true),
            E::BadRequest { .. }
        ));
        let target = json!({"errors": [{"parameters": {"reply.in_reply_to_tweet_id": ["1"]}}]});
        assert_eq!(judged(400, target, true), E::Gone);
        assert!(matches!(
            judged(302, Value::Null, false),
            E::BadAnswer { .. }
        ));
    }

    #[test]
    fn a_429_waits_until_the_reset_if_that_lies_ahead() {
        let now = Moment(1_000 * SECOND);
        let with = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().expect("a header value"));
            }
            judge(
                StatusCode::TOO_MANY_REQUESTS,
                &Complaint::default(),
                &headers,
                false,
                now,
            )
        };
        let until = |seconds: i64| NetworkError::RateLimited {
            until: Moment(seconds * SECOND),
        };
        assert_eq!(with(&[("x-rate-limit-reset", "1500")]), until(1_500));
        assert_eq!(
            with(&[("x-rate-limit-reset", "900")]),
            until(1_060),
            "a reset gone by"
        );
        assert_eq!(with(&[]), until(1_060));
        assert_eq!(with(&[("x-rate-limit-reset", "rubbish")]), until(1_060));
        let days = [
            ("x-rate-limit-reset", "1500"),
            ("x-user-limit-24hour-remaining", "0"),
            ("x-user-limit-24hour-reset", "9000"),
        ];
        assert_eq!(with(&days), until(9_000));
        let far = with(&[("x-rate-limit-reset", "99999999")]);
        assert_eq!(far, until(1_000 + 86_400), "no longer than a day");
    }

    #[test]
    fn the_exact_words_of_a_complaint_are_taken() {
        let body = json!({
            "title": "Invalid Request", "detail": "One or more parameters was invalid.",
            "type": "https://api.x.com/2/problems/invalid-request",
            "errors": [{"message": "since_id is no id", "parameters": {"since_id": ["abc"]}}],
        });
        let complaint = Complaint::of(&body);
        assert_eq!(complaint.reason(), "since_id is no id");
        assert_eq!(complaint.kind, "invalid-request");
        assert_eq!(complaint.parameters, ["since_id"]);
    }
}
