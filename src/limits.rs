//! How often one person may do what: counted in memory, a node each, forgotten at restart.
//! They slow abuse; nothing depends on their being exact.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Whatever a password or a token is tried at, by address and by account.
    LogIn,
    /// Registrations and asked-for resets: what sends mail to an address that anybody can type.
    Register,
    /// Threads, replies, edits, notes.
    Post,
    Search,
    /// Contact forms and claims.
    Contact,
}

/// Acts counted between two times that full counters are forgotten.
const PRUNE_EVERY: u32 = 1_024;

/// The counters of one node.
pub struct Limits {
    acts: AtomicU32,
    log_in: DefaultKeyedRateLimiter<String>,
    register: DefaultKeyedRateLimiter<String>,
    post: DefaultKeyedRateLimiter<String>,
    search: DefaultKeyedRateLimiter<String>,
    contact: DefaultKeyedRateLimiter<String>,
}

impl Limits {
    pub fn new(limits: &config::Limits) -> Limits {
        let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let per_minute = |n| RateLimiter::keyed(Quota::per_minute(at_least_one(n)));
        let per_hour = |n| RateLimiter::keyed(Quota::per_hour(at_least_one(n)));
        Limits {
            acts: AtomicU32::new(0),
            log_in: per_minute(limits.log_ins_per_minute),
            register: per_hour(limits.registrations_per_hour),
            post: per_minute(limits.posts_per_minute),
            search: per_minute(limits.searches_per_minute),
            contact: per_hour(limits.contacts_per_hour),
        }
    }

    /// Counts one act of `who`; an error holds the seconds until the next is allowed.
    pub fn check(&self, what: Limit, who: &str) -> Result<(), u64> {
        if self.acts.fetch_add(1, Ordering::Relaxed) % PRUNE_EVERY == PRUNE_EVERY - 1 {
            self.prune();
        }
        let limiter = match what {
            Limit::LogIn => &self.log_in,
            Limit::Register => &self.register,
            Limit::Post => &self.post,
            Limit::Search => &self.search,
            Limit::Contact => &self.contact,
        };
        limiter.check_key(&who.to_owned()).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            wait.as_secs().max(1)
        })
    }

    /// Forgets counters that are full again, so that memory does not grow with visitors.
    fn prune(&self) {
        for limiter in [
            &self.log_in,
            &self.register,
            &self.post,
            &self.search,
            &self.contact,
        ] {
            limiter.retain_recent();
        }
    }
}
