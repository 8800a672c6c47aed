//! Configuration: `offramp.toml`, then the environment. `offramp.example.toml` explains every key.
//!
//! An environment variable names its key with `OFFRAMP_` and double underscores between the
//! levels: `OFFRAMP_SERVER__LISTEN=0.0.0.0:8080` sets `listen` of `[server]`. `DATABASE_URL` sets
//! `database.url`. A relative path, wherever it is set, begins at the folder of the configuration
//! file, so that a command finds the same files from every folder. Every error names the key, where
//! its value came from, and what to do.

mod checks;
mod read;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// Everything an operator can set. Unknown keys are refused, so that a typo is found at start.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub site: Site,
    pub server: Server,
    pub database: Database,
    pub search: Search,
    pub sentence_model: SentenceModel,
    pub mail: Mail,
    /// Mailboxes that are watched by IMAP, by a name of the operator's.
    pub mailboxes: BTreeMap<String, Mailbox>,
    pub webhooks: Webhooks,
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

/// A model that knows texts that mean alike, and where `offramp model fetch` finds it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SentenceModel {
    /// The folder with `model.safetensors` and `vocab.txt`. Empty: threads are found by words alone.
    pub dir: PathBuf,
    pub weights_url: String,
    /// 64 hexadecimals.
    pub weights_sha256: String,
    pub vocabulary_url: String,
    pub vocabulary_sha256: String,
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
    /// The name by which our own mail server signs what it found out about a mail's sender
    /// (Authentication-Results, RFC 8601). Empty: no such header is believed.
    pub authserv_id: String,
    /// Where mails come back to that did not arrive, with a token: `bounce+v.…@`. Empty: `from`.
    pub bounce_address: String,
    /// The domain that signs our mail (RFC 6376). Empty: that of `from`.
    pub dkim_domain: String,
    pub dkim_selector: String,
    /// The private key: RSA as PEM, Ed25519 as PEM or seed. Empty: mails are not signed.
    pub dkim_key_file: PathBuf,
    /// Where a mail server of this machine or network hands mail over, by LMTP or SMTP. Empty: nowhere.
    pub listen: String,
    /// Most automatic mails (notices, receipts) to one address in an hour; the others wait.
    pub notices_per_hour_max: u32,
}

/// A mailbox that is watched by IMAP.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mailbox {
    pub host: String,
    pub port: u16,
    pub security: SmtpSecurity,
    pub user: String,
    pub password: Secret,
    pub folder: String,
    /// How often it is looked at where the server can't tell of new mail by itself (IDLE).
    pub poll_seconds: u64,
    /// PEM file of the authority that signed the server's certificate.
    pub ca_file: Option<PathBuf>,
    /// Where a refresh token is exchanged (OAuth 2.0). Empty: the password is used.
    pub oauth_token_url: String,
    pub oauth_client_id: String,
    pub oauth_client_secret: Secret,
    pub oauth_refresh_token: Secret,
    pub oauth_scope: String,
}

/// What proves that a call is a mail provider's; a provider without it is not listened to.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Postmark signs nothing: the password in the address that is called.
    pub postmark_password: Secret,
    pub mailgun_signing_key: Secret,
    /// Base64 of the public key (DER).
    pub sendgrid_public_key: String,
    /// The SNS topic to which Amazon SES publishes mail.
    pub ses_topic_arn: String,
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
        search: Search::default(), sentence_model: SentenceModel::default(), mail: Mail::default(), mailboxes: BTreeMap::new(), webhooks: Webhooks::default(), x: X::default(),
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
    SentenceModel {
        dir: PathBuf::new(),
        weights_url: "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main/model.safetensors".into(),
        weights_sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db".into(),
        vocabulary_url: "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main/vocab.txt".into(),
        vocabulary_sha256: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3".into(),
    }
    Mail {
        transport: MailTransport::Off, folder: "data/mail".into(),
        smtp_host: "localhost".into(), smtp_port: 587, smtp_security: SmtpSecurity::Starttls,
        smtp_user: String::new(), smtp_password: Secret::default(),
        from: "support@localhost".into(), from_name: String::new(),
        inbound_bytes_max: 25 * 1024 * 1024, authserv_id: String::new(),
        bounce_address: String::new(), dkim_domain: String::new(), dkim_selector: String::new(),
        dkim_key_file: PathBuf::new(), listen: String::new(), notices_per_hour_max: 20,
    }
    Mailbox {
        host: String::new(), port: 993, security: SmtpSecurity::Tls, user: String::new(),
        password: Secret::default(), folder: "INBOX".into(), poll_seconds: 300, ca_file: None,
        oauth_token_url: String::new(), oauth_client_id: String::new(),
        oauth_client_secret: Secret::default(), oauth_refresh_token: Secret::default(),
        oauth_scope: String::new(),
    }
    Webhooks {
        postmark_password: Secret::default(), mailgun_signing_key: Secret::default(),
        sendgrid_public_key: String::new(), ses_topic_arn: String::new(),
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
    /// Whether the site is reached by TLS: decides `__Host-` cookies and HSTS.
    pub fn is_https(&self) -> bool {
        self.site.url.starts_with("https://")
    }

    pub fn is_postgres(&self) -> bool {
        let url = self.database.url.expose();
        url.starts_with("postgres://") || url.starts_with("postgresql://")
    }
}

/// Largest mail that can be taken in, in bytes: what is read whole (`mail::inbound`).
pub const INBOUND_BYTES_MAX: usize = 30 * 1024 * 1024;

/// Longest wait for an answer of X, in seconds: a call must end within the leases taken for it.
pub const X_TIMEOUT_SECONDS_MAX: u64 = 45;
