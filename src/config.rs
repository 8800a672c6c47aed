//! Configuration: `offramp.toml`, then the environment. `offramp.example.toml` explains every key.
//!
//! An environment variable names its key with `OFFRAMP_` and double underscores between the
//! levels: `OFFRAMP_SERVER__LISTEN=0.0.0.0:8080` sets `listen` of `[server]`. `DATABASE_URL` sets
//! `database.url`. A relative path, wherever it is set, begins at the folder of the configuration
//! file, so that a command finds the same files from every folder. Every error names the key, where
//! its value came from, and what to do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::text::names;

/// Everything an operator can set. Unknown keys are refused, so that a typo is found at start.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub site: Site,
    pub server: Server,
    pub database: Database,
    pub search: Search,
    pub mail: Mail,
    pub x: X,
    pub limits: Limits,
}

/// What people see of the company.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Site {
    pub name: String,
    /// The address people reach the site by, without a slash at the end.
    pub url: String,
    /// Secret from which keys for stored network tokens are derived; at least 32 characters.
    /// Empty: one is made and kept beside the data.
    pub secret: Secret,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    pub listen: String,
    /// HTTP workers; 0: one a core.
    pub workers: usize,
    /// Job workers; 0: none on this node.
    pub job_workers: usize,
    /// Folder for uploads, the made secret and the lock of a SQLite file's server.
    pub data_dir: PathBuf,
    /// Whether `X-Forwarded-For` of a proxy in front is believed.
    pub behind_proxy: bool,
    pub log: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// A SQLite file's path, or `postgres://user:password@host/name`.
    pub url: Secret,
    /// Connections for reading.
    pub readers: u32,
    /// PEM file of the authority that signed the PostgreSQL server's certificate.
    pub ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Search {
    pub dir: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// `smtp`, `folder` (files, for trying things out) or `off`.
    pub transport: MailTransport,
    pub folder: PathBuf,
    pub smtp_host: String,
    pub smtp_port: u16,
    /// `tls`, `starttls` or `none` (only towards this machine).
    pub smtp_security: SmtpSecurity,
    pub smtp_user: String,
    pub smtp_password: Secret,
    /// Address the site writes from; replies come back to it with a token: `support+t.…@`. The
    /// default is no address that mail could leave from, so it must be set with a transport.
    pub from: String,
    pub from_name: String,
    /// Largest mail taken in, in bytes.
    pub inbound_bytes_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTransport {
    Smtp,
    Folder,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpSecurity {
    Tls,
    Starttls,
    None,
}

/// The X connector. Prices are those of X's public documentation of August 2026, in US dollars.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct X {
    pub enabled: bool,
    pub base_url: String,
    /// Where a person signs in; X's own page unless a stand-in is used.
    pub authorize_url: String,
    /// `tweet` or `post`: the names asked for; both are understood.
    pub dialect: Dialect,
    /// The brand account's name without @, and its numeric id.
    pub username: String,
    pub user_id: String,
    pub bearer_token: Secret,
    pub client_id: String,
    pub client_secret: Secret,
    pub access_token: Secret,
    pub refresh_token: Secret,
    pub consumer_key: Secret,
    pub consumer_secret: Secret,
    pub oauth1_token: Secret,
    pub oauth1_token_secret: Secret,
    /// Search besides mentions, e.g. `("Fernwell") -from:FernwellHelp -is:retweet`; empty: none.
    pub search_query: String,
    pub poll_seconds: u64,
    pub search_poll_seconds: u64,
    /// Pages read in one poll.
    pub pages_max: usize,
    /// On the first start, how far back to read.
    pub first_hours: u64,
    pub timeout_seconds: u64,
    /// Whether the brand account owns the developer app (mentions then cost less).
    pub owned_app: bool,
    /// Most that one reply may cost for carrying an address, in US dollars; dearer ones are
    /// worded without.
    pub reply_link_cost_max: f64,
    pub prices: Prices,
    pub caps: Caps,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    pub owned_read: f64,
    pub post_read: f64,
    pub user_read: f64,
    pub summoned_reply: f64,
    /// Not documented by X; the dearer figure is assumed.
    pub summoned_reply_url: f64,
}

/// Largest amount that can be set, in US dollars.
const AMOUNT_MAX: f64 = 1_000_000.0;

/// Most that may be spent in a UTC day, in US dollars, a class of call.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    pub mentions: f64,
    pub search: f64,
    pub lookup: f64,
    /// Authors that come with what is read.
    pub users: f64,
    pub replies: f64,
    /// All classes together, in a calendar month.
    pub month: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    Tweet,
    Post,
}

/// How often one person may do what.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub log_ins_per_minute: u32,
    pub registrations_per_hour: u32,
    pub posts_per_minute: u32,
    /// Buttons of the forum and previews, by one member.
    pub acts_per_minute: u32,
    pub searches_per_minute: u32,
    pub contacts_per_hour: u32,
    pub claims_per_minute: u32,
    /// Largest request body, in bytes.
    pub body_bytes_max: usize,
    /// Largest single upload, in bytes.
    pub upload_bytes_max: usize,
}

/// A value that never shows in logs or debug output.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(value.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() {
            "(empty)"
        } else {
            "(hidden)"
        })
    }
}

macro_rules! defaults {
    ($($type:ident { $($field:ident: $value:expr),* $(,)? })+) => {$(
        impl Default for $type {
            fn default() -> Self {
                $type { $($field: $value),* }
            }
        }
    )+};
}

defaults! {
    Config {
        site: Site::default(), server: Server::default(), database: Database::default(),
        search: Search::default(), mail: Mail::default(), x: X::default(),
        limits: Limits::default(),
    }
    Site {
        name: "Offramp".into(), url: "http://127.0.0.1:8080".into(), secret: Secret::default(),
    }
    Server {
        listen: "127.0.0.1:8080".into(), workers: 0, job_workers: 2, data_dir: "data".into(),
        behind_proxy: false, log: "info".into(),
    }
    Database { url: Secret::new("data/offramp.db"), readers: 4, ca_file: None }
    Search { dir: "search-index".into() }
    Mail {
        transport: MailTransport::Off, folder: "data/mail".into(),
        smtp_host: "localhost".into(), smtp_port: 587, smtp_security: SmtpSecurity::Starttls,
        smtp_user: String::new(), smtp_password: Secret::default(),
        from: "support@localhost".into(), from_name: String::new(),
        inbound_bytes_max: 25 * 1024 * 1024,
    }
    X {
        enabled: false, base_url: "https://api.x.com".into(),
        authorize_url: "https://x.com/i/oauth2/authorize".into(), dialect: Dialect::Tweet,
        username: String::new(), user_id: String::new(), bearer_token: Secret::default(),
        client_id: String::new(), client_secret: Secret::default(),
        access_token: Secret::default(), refresh_token: Secret::default(),
        consumer_key: Secret::default(), consumer_secret: Secret::default(),
        oauth1_token: Secret::default(), oauth1_token_secret: Secret::default(),
        search_query: String::new(), poll_seconds: 60, search_poll_seconds: 300, pages_max: 8,
        first_hours: 24, timeout_seconds: 20, owned_app: true, reply_link_cost_max: 0.20, prices: Prices::default(),
        caps: Caps::default(),
    }
    Prices {
        owned_read: 0.001, post_read: 0.005, user_read: 0.010, summoned_reply: 0.010,
        summoned_reply_url: 0.200,
    }
    Caps { mentions: 5.0, search: 2.0, lookup: 2.0, users: 5.0, replies: 10.0, month: 300.0 }
    Limits {
        log_ins_per_minute: 10, registrations_per_hour: 20, posts_per_minute: 10, acts_per_minute: 120,
        searches_per_minute: 120, contacts_per_hour: 20, claims_per_minute: 30, body_bytes_max: 1024 * 1024,
        upload_bytes_max: 10 * 1024 * 1024,
    }
}

/// What is wrong with the configuration, in words for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// Reads `file` (defaults when `None`), then the environment.
    pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            // A name that is no text is none of ours.
            let Ok(name) = name.into_string() else {
                continue;
            };
            match value.into_string() {
                Ok(value) => environment.push((name, value)),
                Err(_) if key_of(&name).is_none() => {}
                Err(_) => {
                    return Err(ConfigError(format!(
                        "The environment variable {name} is not UTF-8 text."
                    )));
                }
            }
        }
        Self::load_with(file, environment)
    }

    /// As `load`, with the environment given by the caller.
    pub fn load_with(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let mut origins: BTreeMap<String, String> = BTreeMap::new();
        let mut table = match file {
            None => toml::Table::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|e| {
                    ConfigError(format!(
                        "{} can't be read ({e}). Check the path given with --config; \
                         offramp.example.toml is a start to copy.",
                        path.display()
                    ))
                })?;
                text.parse::<toml::Table>()
                    .map_err(|e| ConfigError(unreadable(path, &text, &e)))?
            }
        };
        for (name, value) in environment {
            let Some(key) = key_of(&name) else { continue };
            set(&mut table, &key, &value)
                .map_err(|e| ConfigError(format!("The environment variable {name}: {e}")))?;
            origins.insert(key, format!("the environment variable {name}"));
        }
        let origin_of = |key: &str| {
            origins.get(key).cloned().unwrap_or_else(|| match file {
                Some(path) => path.display().to_string(),
                None => "the defaults".to_owned(),
            })
        };
        let mut config: Config = serde_path_to_error::deserialize(toml::Value::Table(table))
            .map_err(|e| {
                let key = e.path().to_string();
                let why = if is_secret(&key) {
                    "it must be text in quotes".to_owned()
                } else {
                    in_words(&key, e.inner().message())
                };
                ConfigError(format!(
                    "The setting `{key}`, from {}, can't be used: {why}. offramp.example.toml \
                     explains every key.",
                    origin_of(&key),
                ))
            })?;
        config.check(&origin_of)?;
        config.site.url = origin(&config.site.url).unwrap_or(config.site.url);
        if let Some(dir) = file.and_then(Path::parent) {
            config.begin_paths_at(dir);
        }
        Ok(config)
    }

    /// An empty `dir` is the current folder.
    fn begin_paths_at(&mut self, dir: &Path) {
        if !self.is_postgres() {
            let path = dir.join(self.database.url.expose());
            self.database.url = Secret::new(path.to_string_lossy());
        }
        let paths = [
            &mut self.server.data_dir,
            &mut self.search.dir,
            &mut self.mail.folder,
        ];
        for path in paths.into_iter().chain(&mut self.database.ca_file) {
            *path = dir.join(&*path);
        }
    }

    /// What types can't say. Names the key, its origin and the remedy.
    fn check(&self, origin_of: &dyn Fn(&str) -> String) -> Result<(), ConfigError> {
        let bad = |key: &str, what: &str| {
            Err(ConfigError(format!(
                "The setting `{key}`, from {}, {what}",
                origin_of(key)
            )))
        };
        if origin(&self.site.url).is_none() {
            return bad(
                "site.url",
                "must be the address people reach the site by, like https://help.example.com, \
                 without a path.",
            );
        }
        if !self.site.secret.is_empty() && self.site.secret.expose().len() < 32 {
            return bad(
                "site.secret",
                "must have at least 32 characters, or be left out.",
            );
        }
        if self.server.listen.parse::<std::net::SocketAddr>().is_err() {
            return bad(
                "server.listen",
                "must be an address and a port, like 127.0.0.1:8080.",
            );
        }
        if self.database.readers == 0 {
            return bad("database.readers", "must be at least 1.");
        }
        // Of a scheme in front of a path SQLite would make a file's name.
        if !self.is_postgres() && has_scheme(self.database.url.expose()) {
            return bad(
                "database.url",
                "must be the path of a SQLite file, without a scheme, or \
                 postgres://user:password@host/name.",
            );
        }
        if self.mail.transport != MailTransport::Off && names::email(&self.mail.from).is_none() {
            return bad(
                "mail.from",
                "must be an email address that can be answered, like support@example.com.",
            );
        }
        if !(1..=INBOUND_BYTES_MAX).contains(&self.mail.inbound_bytes_max) {
            return bad(
                "mail.inbound_bytes_max",
                &format!("must be from 1 to {INBOUND_BYTES_MAX}: larger mails are not read whole."),
            );
        }
        let (caps, prices) = (&self.x.caps, &self.x.prices);
        let amounts = [
            ("x.caps.mentions", caps.mentions),
            ("x.caps.search", caps.search),
            ("x.caps.lookup", caps.lookup),
            ("x.caps.users", caps.users),
            ("x.caps.replies", caps.replies),
            ("x.caps.month", caps.month),
            ("x.prices.owned_read", prices.owned_read),
            ("x.prices.post_read", prices.post_read),
            ("x.prices.user_read", prices.user_read),
            ("x.prices.summoned_reply", prices.summoned_reply),
            ("x.prices.summoned_reply_url", prices.summoned_reply_url),
            ("x.reply_link_cost_max", self.x.reply_link_cost_max),
        ];
        for (key, amount) in amounts {
            if !(0.0..=AMOUNT_MAX).contains(&amount) {
                return bad(key, "must be an amount in US dollars from 0 to 1000000.");
            }
        }
        if self.x.enabled {
            if self.x.username.is_empty() || self.x.username.starts_with('@') {
                return bad("x.username", "must be the brand account's name without @.");
            }
            if !self.x.user_id.bytes().all(|b| b.is_ascii_digit()) || self.x.user_id.is_empty() {
                return bad("x.user_id", "must be the brand account's numeric id.");
            }
            if url::Url::parse(&self.x.base_url).is_err() {
                return bad("x.base_url", "must be an address, like https://api.x.com.");
            }
            let at_least_one = [
                ("x.poll_seconds", self.x.poll_seconds),
                ("x.search_poll_seconds", self.x.search_poll_seconds),
                ("x.pages_max", self.x.pages_max as u64),
            ];
            for (key, value) in at_least_one {
                if value == 0 {
                    return bad(key, "must be at least 1.");
                }
            }
            if !(1..=X_TIMEOUT_SECONDS_MAX).contains(&self.x.timeout_seconds) {
                return bad("x.timeout_seconds", "must be from 1 to 45.");
            }
            if self.x.search_query.chars().count() > X_QUERY_CHARS_MAX {
                return bad(
                    "x.search_query",
                    "must have at most 512 characters (X's limit).",
                );
            }
        }
        Ok(())
    }

    /// Whether the site is reached by TLS: decides `__Host-` cookies and HSTS.
    pub fn is_https(&self) -> bool {
        self.site.url.starts_with("https://")
    }

    pub fn is_postgres(&self) -> bool {
        let url = self.database.url.expose();
        url.starts_with("postgres://") || url.starts_with("postgresql://")
    }
}

/// Whether `url` begins with a scheme (RFC 3986, section 3.1).
fn has_scheme(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

/// Largest mail that can be taken in, in bytes: what is read whole (`mail::inbound`).
pub const INBOUND_BYTES_MAX: usize = 30 * 1024 * 1024;

/// Longest wait for an answer of X, in seconds: a call must end within the leases taken for it.
pub const X_TIMEOUT_SECONDS_MAX: u64 = 45;

/// The key that an environment variable sets, if it is one of ours. `OFFRAMP_CONFIG` names the
/// configuration file itself.
fn key_of(variable: &str) -> Option<String> {
    match variable {
        "DATABASE_URL" => Some("database.url".into()),
        "OFFRAMP_CONFIG" => None,
        _ => variable
            .strip_prefix("OFFRAMP_")
            .map(|rest| rest.to_lowercase().replace("__", ".")),
    }
}

/// Whether the value of a key must not be shown.
fn is_secret(key: &str) -> bool {
    key == "database.url"
        || ["secret", "password", "token", "consumer_key"]
            .iter()
            .any(|word| key.contains(word))
}

/// Why `text` is not TOML, and where. Never a line itself: it may hold a password.
fn unreadable(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let span = error.span().unwrap_or(0..0);
    let place = format!("{}, {}", path.display(), position(text, span.start));
    if error.message() == "duplicate key" {
        let key = text.get(span).unwrap_or_default();
        return format!(
            "{place}: `{key}` is there for the second time. Keep one of the two, with the value \
             that you want."
        );
    }
    format!(
        "{place}: {}. Strings need quotes; compare with offramp.example.toml.",
        error.message()
    )
}

/// What the value of `key` must be, from what serde says of it in the names of our types.
fn in_words(key: &str, message: &str) -> String {
    let told = message
        .strip_prefix("invalid type: ")
        .or(message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "));
    let Some((found, expected)) = told else {
        return message.to_owned();
    };
    let wanted = match expected {
        "usize" | "u16" | "u32" | "u64" | "i64" => whole_number(key),
        "f64" => "an amount in US dollars, like 0.5",
        "a boolean" => "true or false, without quotes",
        "a string" | "path string" | "string or table" => "text in quotes",
        other if other.starts_with("struct ") => "a section, with keys of its own",
        other => other,
    };
    // serde says what it found as `string "a"`, `integer `1``, `sequence`.
    let found = match found.split_once([' ', '`']) {
        _ if found == "sequence" => "a list",
        _ if found == "map" => "a section",
        Some(("string", text)) => text,
        Some(_) => found
            .trim_end_matches('`')
            .rsplit('`')
            .next()
            .unwrap_or(found),
        None => found,
    };
    format!("it must be {wanted}, and is {found}")
}

fn whole_number(key: &str) -> &'static str {
    if key.ends_with("_seconds") {
        "a whole number of seconds"
    } else if key.ends_with("_hours") {
        "a whole number of hours"
    } else if key.ends_with("_bytes_max") {
        "a whole number of bytes"
    } else if key.ends_with("_port") {
        "the number of a port, up to 65535"
    } else {
        "a whole number, 0 or more"
    }
}

/// `line 3, column 7` of a byte of `text`.
fn position(text: &str, byte: usize) -> String {
    let before = text.get(..byte).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    format!(
        "line {}, column {}",
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1
    )
}

/// The site's address as browsers write it in `Origin`: scheme and host in lower case, the port
/// only when it is not the usual one. `None` when it is no such address, or carries more.
fn origin(address: &str) -> Option<String> {
    let url = url::Url::parse(address.trim()).ok()?;
    let is_bare = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    is_bare.then(|| url.origin().ascii_serialization())
}

/// X's documentation of recent search, self-serve access.
const X_QUERY_CHARS_MAX: usize = 512;

/// Sets `a.b` in `table`, as a number or boolean where the text is one and the key wants one.
fn set(table: &mut toml::Table, key: &str, value: &str) -> Result<(), String> {
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts
        .pop()
        .filter(|l| !l.is_empty())
        .ok_or("names no setting.")?;
    let mut at = table;
    for part in parts {
        at = at
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .ok_or_else(|| format!("`{part}` is a value, not a section."))?;
    }
    let parsed = if wants_text(key) {
        toml::Value::String(value.to_owned())
    } else if let Ok(b) = value.parse::<bool>() {
        toml::Value::Boolean(b)
    } else if let Ok(i) = value.parse::<i64>() {
        if wants_decimal(key) {
            toml::Value::Float(i as f64)
        } else {
            toml::Value::Integer(i)
        }
    } else if let Ok(f) = value.parse::<f64>() {
        toml::Value::Float(f)
    } else {
        toml::Value::String(value.to_owned())
    };
    at.insert(last.to_owned(), parsed);
    Ok(())
}

fn wants_decimal(key: &str) -> bool {
    key.starts_with("x.prices.") || key.starts_with("x.caps.") || key == "x.reply_link_cost_max"
}

fn wants_text(key: &str) -> bool {
    const NOT_TEXT: &[&str] = &[
        "server.workers",
        "server.job_workers",
        "server.behind_proxy",
        "database.readers",
        "mail.smtp_port",
        "mail.inbound_bytes_max",
        "x.enabled",
        "x.poll_seconds",
        "x.search_poll_seconds",
        "x.pages_max",
        "x.first_hours",
        "x.timeout_seconds",
        "x.owned_app",
    ];
    !(NOT_TEXT.contains(&key) || wants_decimal(key) || key.starts_with("limits."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_env(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::load_with(
            None,
            pairs
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned())),
        )
    }

    #[test]
    fn the_environment_wins_and_keeps_digits_as_text_where_text_is_wanted() {
        let config = from_env(&[
            ("OFFRAMP_SERVER__LISTEN", "127.0.0.1:9"),
            ("OFFRAMP_X__USER_ID", "42"),
            ("OFFRAMP_X__CAPS__SEARCH", "1"),
            ("DATABASE_URL", "postgres://a/b"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:9");
        assert_eq!(config.x.user_id, "42");
        assert_eq!(config.x.caps.search, 1.0);
        assert!(config.is_postgres());
    }

    #[test]
    fn relative_paths_begin_at_the_folder_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("offramp.toml");
        std::fs::write(&file, "[database]\nca_file = \"/etc/ca.pem\"\n").unwrap();
        let data_dir = ("OFFRAMP_SERVER__DATA_DIR".to_owned(), "here".to_owned());
        let config = Config::load_with(Some(&file), [data_dir]).unwrap();
        let at = |path: &str| dir.path().join(path);
        assert_eq!(config.server.data_dir, at("here"));
        assert_eq!(config.search.dir, at("search-index"));
        assert_eq!(config.mail.folder, at("data/mail"));
        assert_eq!(
            Path::new(config.database.url.expose()),
            at("data/offramp.db")
        );
        assert_eq!(config.database.ca_file, Some("/etc/ca.pem".into()));
        assert_eq!(from_env(&[]).unwrap().search.dir, Path::new("search-index"));
    }

    #[test]
    fn what_could_never_work_is_refused() {
        for (name, value, key) in [
            (
                "OFFRAMP_MAIL__INBOUND_BYTES_MAX",
                "0",
                "mail.inbound_bytes_max",
            ),
            (
                "OFFRAMP_MAIL__INBOUND_BYTES_MAX",
                "99000000",
                "mail.inbound_bytes_max",
            ),
            ("OFFRAMP_MAIL__TRANSPORT", "smtp", "mail.from"),
            (
                "DATABASE_URL",
                "mysql://root:hunter2@db/offramp",
                "database.url",
            ),
            ("DATABASE_URL", "sqlite:offramp.db", "database.url"),
        ] {
            let e = from_env(&[(name, value)]).unwrap_err().to_string();
            assert!(e.contains(key) && !e.contains("hunter2"), "{e}");
        }
        let smtp = ("OFFRAMP_MAIL__TRANSPORT", "smtp");
        let e = from_env(&[smtp, ("OFFRAMP_MAIL__FROM", "help@desk")]);
        assert!(e.unwrap_err().to_string().contains("support@example.com"));
        assert!(from_env(&[smtp, ("OFFRAMP_MAIL__FROM", "help@desk.example")]).is_ok());
        assert!(from_env(&[("DATABASE_URL", "/srv/a:b/offramp.db")]).is_ok());
    }

    #[test]
    fn errors_name_the_key_its_origin_and_the_remedy() {
        let e = from_env(&[("OFFRAMP_SERVER__LISTEN", "here")])
            .unwrap_err()
            .to_string();
        assert!(e.contains("server.listen"), "{e}");
        assert!(e.contains("OFFRAMP_SERVER__LISTEN"), "{e}");
        assert!(e.contains("127.0.0.1:8080"), "{e}");
        let e = from_env(&[("OFFRAMP_SERVER__LISTNE", "x")])
            .unwrap_err()
            .to_string();
        assert!(e.contains("listne"), "{e}");
    }

    #[test]
    fn the_variable_that_names_the_file_is_no_setting() {
        assert!(from_env(&[("OFFRAMP_CONFIG", "/etc/offramp.toml")]).is_ok());
    }

    #[test]
    fn a_mistake_is_told_by_its_place_and_not_by_its_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in [
            "[mail]\nsmtp_password = hunter2\n",
            "[mail]\nsmtp_password = 'hunter2\n",
            "[database]\nurl = [\"hunter2\"]\n",
        ] {
            std::fs::write(file.path(), text).unwrap();
            let e = Config::load_with(Some(file.path()), Vec::new()).unwrap_err();
            assert!(!e.to_string().contains("hunter2"), "{e}");
            let place = if text.contains("[\"") {
                "database.url"
            } else {
                "line 2, column"
            };
            assert!(e.to_string().contains(place), "{e}");
        }
    }

    #[test]
    fn a_wrong_kind_of_value_is_told_in_the_operators_words() {
        for (name, value, words) in [
            (
                "SERVER__WORKERS",
                "two",
                "a whole number, 0 or more, and is \"two\"",
            ),
            (
                "SERVER__WORKERS",
                "-1",
                "a whole number, 0 or more, and is -1",
            ),
            (
                "SERVER__WORKERS",
                "1.5",
                "a whole number, 0 or more, and is 1.5",
            ),
            ("SERVER__BEHIND_PROXY", "yes", "true or false"),
            (
                "MAIL__SMTP_PORT",
                "70000",
                "a port, up to 65535, and is 70000",
            ),
            (
                "X__POLL_SECONDS",
                "1m",
                "a whole number of seconds, and is \"1m\"",
            ),
            (
                "X__FIRST_HOURS",
                "true",
                "a whole number of hours, and is true",
            ),
            (
                "LIMITS__UPLOAD_BYTES_MAX",
                "10MB",
                "a whole number of bytes",
            ),
            ("LIMITS__POSTS_PER_MINUTE", "9999999999", "a whole number"),
            ("X__CAPS__MONTH", "$5", "an amount in US dollars"),
            ("X__CAPS__MONTH", "-5", "from 0 to 1000000"),
            ("X__CAPS__REPLIES", "nan", "from 0 to 1000000"),
            ("MAIL__TRANSPORT", "post", "`smtp`, `folder`"),
        ] {
            let e = from_env(&[(&format!("OFFRAMP_{name}"), value)]);
            let e = e.unwrap_err().to_string();
            assert!(e.contains(words), "{e}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, words) in [
            ("[site]\nname = 5\n", "`site.name`"),
            ("[site]\nname = 5\n", "must be text in quotes, and is 5"),
            ("site = 5\n", "must be a section"),
            ("[x.caps]\nmonth = [1]\n", "and is a list"),
            (
                "[server]\ndata_dir = true\n",
                "must be text in quotes, and is true",
            ),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let e = Config::load_with(Some(file.path()), Vec::new()).unwrap_err();
            assert!(e.to_string().contains(words), "{e}");
        }
    }

    #[test]
    fn what_is_there_twice_is_named_with_its_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, words) in [
            (
                "[mail]\nsmtp_password = \"a\"\nsmtp_password = \"b\"\n",
                "line 3, column 1: `smtp_password`",
            ),
            (
                "[x]\nenabled = true\n\n[mail]\n\n[x]\n",
                "line 6, column 2: `x`",
            ),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let e = Config::load_with(Some(file.path()), Vec::new()).unwrap_err();
            assert!(e.to_string().contains(words), "{e}");
            assert!(e.to_string().contains("second time"), "{e}");
        }
    }

    #[test]
    fn the_sites_address_is_written_as_browsers_write_it() {
        let url = |text: &str| from_env(&[("OFFRAMP_SITE__URL", text)]).map(|c| c.site.url);
        assert_eq!(
            url("HTTPS://Help.Example/").unwrap(),
            "https://help.example"
        );
        assert_eq!(
            url("https://help.example:443").unwrap(),
            "https://help.example"
        );
        assert_eq!(url("http://[::1]:8080").unwrap(), "http://[::1]:8080");
        for bad in [
            "help.example",
            "https://help.example/forum",
            "https://help.example?a",
            "https://u:p@help.example",
            "ftp://help.example",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_pace_of_polling_is_nothing() {
        let x = [
            ("OFFRAMP_X__ENABLED", "true"),
            ("OFFRAMP_X__USERNAME", "a"),
            ("OFFRAMP_X__USER_ID", "1"),
        ];
        assert!(from_env(&x).is_ok());
        for (key, value) in [
            ("OFFRAMP_X__POLL_SECONDS", "0"),
            ("OFFRAMP_X__SEARCH_POLL_SECONDS", "0"),
            ("OFFRAMP_X__PAGES_MAX", "0"),
            ("OFFRAMP_X__TIMEOUT_SECONDS", "0"),
            ("OFFRAMP_X__TIMEOUT_SECONDS", "46"),
        ] {
            let mut pairs = x.to_vec();
            pairs.push((key, value));
            assert!(from_env(&pairs).is_err(), "{key}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let config = from_env(&[
            ("DATABASE_URL", "postgres://u:hunter2@h/d"),
            ("OFFRAMP_CONFIG", "/etc/offramp.toml"),
        ])
        .unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
