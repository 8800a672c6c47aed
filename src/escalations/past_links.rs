//! What staff and rules decided about links, as the ranker remembers it.

use std::collections::HashMap;

use super::{site_models, store};
use crate::cases::links::LinkState;
use crate::db::Db;
use crate::error::Result;
use crate::ranker::{PastLink, PastLinks, Verdict, Weights};

/// Links whose texts are read in one query.
const TEXTS_AT_ONCE: usize = 200;

/// Reads decided links from the database.
pub struct DecidedLinks {
    db: Db,
}

impl DecidedLinks {
    pub fn new(db: Db) -> DecidedLinks {
        DecidedLinks { db }
    }
}

impl PastLinks for DecidedLinks {
    fn decided_since(&self, since: i64, limit: usize) -> Result<Vec<PastLink>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let decided = self.db.read(|c| store::decided_links(c, since, limit))?;
        Ok(decided
            .into_iter()
            .map(|link| PastLink {
                id: link.id.0,
                thread: link.thread.0,
                customer: customer(link.user, link.handle, link.email_key.as_deref()),
                at: link.decided_at.0,
                verdict: match (link.state, link.by_person) {
                    (LinkState::Confirmed, true) => Verdict::Confirmed,
                    (LinkState::Confirmed, false) => Verdict::Automatic,
                    (LinkState::Rejected | LinkState::Undone, _) => Verdict::Rejected,
                    (LinkState::Proposed, _) => Verdict::Open,
                },
            })
            .collect())
    }

    fn weights(&self, shipped: &Weights) -> Result<Option<Weights>> {
        self.db.read(|c| site_models::ranker_weights(c, shipped))
    }

    fn written(&self) -> u64 {
        self.db.bell().count()
    }

    fn texts(&self, links: &[i64]) -> Result<HashMap<i64, String>> {
        let mut texts = HashMap::with_capacity(links.len());
        for links in links.chunks(TEXTS_AT_ONCE) {
            texts.extend(self.db.read(|c| store::texts_of_links(c, links))?);
        }
        Ok(texts)
    }
}

/// One number for one customer, by the surest that is known of them; 0 for nobody known.
pub(super) fn customer(user: Option<i64>, handle: Option<i64>, email_key: Option<&str>) -> i64 {
    match (user, handle, email_key) {
        (Some(user), _, _) => user * 4 + 1,
        (None, Some(handle), _) => handle * 4 + 2,
        // FNV-1a (Fowler, Noll, Vo): spread well enough to tell addresses apart.
        (None, None, Some(key)) => {
            let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
            });
            (hash >> 4) as i64 * 4 + 3
        }
        (None, None, None) => 0,
    }
}
