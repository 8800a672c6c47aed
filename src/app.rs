//! What a handler, a verb or a job may reach. Everything that touches the world outside the
//! process (time, randomness, database, index, mail, networks) comes in through here.

use std::ops::Deref;
use std::sync::Arc;

use crate::clock::{Clock, Moment};
use crate::config::Config;
use crate::db::Db;
use crate::files::Files;
use crate::keys::Keys;
use crate::limits::Limits;
use crate::live::Live;
use crate::mail::dkim::Signer;
use crate::mail::hooks;
use crate::mail::outbox::StillTrue;
use crate::mail::transport::Transport;
use crate::networks::{Connector, Network};
use crate::random::Random;
use crate::ranker::Ranker;
use crate::search::SearchIndex;
use crate::web::page_cache::PageCache;

/// Cheap to clone: one count.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What `boot` puts together.
pub struct Parts {
    pub config: Config,
    pub clock: Clock,
    pub random: Random,
    pub keys: Keys,
    pub db: Db,
    pub files: Files,
    pub index: Arc<SearchIndex>,
    /// Says which threads are most like a text.
    pub ranker: Ranker,
    /// `None` when mail is switched off: mails then wait in the outbox.
    pub mail: Option<Box<dyn Transport>>,
    /// Signs each mail that leaves, when a key is configured.
    pub signer: Option<Signer>,
    /// Asked of each mail that tells news, when it is about to leave.
    pub still_true: StillTrue,
    /// What the calls of mail providers share.
    pub hooks: hooks::Shared,
    /// One a network that is switched on.
    pub connectors: Vec<Arc<dyn Connector>>,
    pub limits: Limits,
    /// Turns at hashing passwords, which takes much memory and time on purpose.
    pub password_turns: Arc<tokio::sync::Semaphore>,
    pub live: Live,
    pub pages: PageCache,
    /// Names this process in leases.
    pub node: String,
}

impl App {
    pub fn new(parts: Parts) -> App {
        App(Arc::new(parts))
    }

    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// The connector of a network, when it is switched on.
    pub fn connector(&self, network: Network) -> Option<&Arc<dyn Connector>> {
        self.connectors.iter().find(|c| c.network() == network)
    }

    /// An absolute address on this site; `path` starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.config.site.url)
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
