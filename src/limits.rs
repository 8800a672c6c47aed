//! How often one person may do what: counted in memory, a node each, forgotten at restart.
//! They slow abuse; nothing depends on their being exact.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Registrations and asked-for resets: what sends mail to an address that anybody can type.
    Register,
    /// Threads, replies, edits, notes.
    Post,
    Search,
    /// Buttons and previews: cheap once, dear by the thousand.
    Act,
    /// Contact forms.
    Contact,
    /// Contact forms of which an earlier step was counted: each goes uncounted once.
    CountedForm,
    /// The pages by which a customer proves a handle, and tries at their codes.
    Claim,
}

/// Acts counted between two times that full counters are forgotten.
const PRUNE_EVERY: u32 = 1_024;

/// The counters of one node.
pub struct Limits {
    acts: AtomicU32,
    log_in: Tries,
    register: DefaultKeyedRateLimiter<String>,
    post: DefaultKeyedRateLimiter<String>,
    act: DefaultKeyedRateLimiter<String>,
    search: DefaultKeyedRateLimiter<String>,
    contact: DefaultKeyedRateLimiter<String>,
    counted_form: DefaultKeyedRateLimiter<String>,
    claim: DefaultKeyedRateLimiter<String>,
}

impl Limits {
    pub fn new(limits: &config::Limits) -> Limits {
        let at_least_one = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let per_minute = |n| RateLimiter::keyed(Quota::per_minute(at_least_one(n)));
        let per_hour = |n| RateLimiter::keyed(Quota::per_hour(at_least_one(n)));
        Limits {
            acts: AtomicU32::new(0),
            log_in: Tries::new(limits.log_ins_per_minute),
            register: per_hour(limits.registrations_per_hour),
            post: per_minute(limits.posts_per_minute),
            act: per_minute(limits.acts_per_minute),
            search: per_minute(limits.searches_per_minute),
            contact: per_hour(limits.contacts_per_hour),
            counted_form: per_hour(1),
            claim: per_minute(limits.claims_per_minute),
        }
    }

    /// Counts one act of `who`; an error holds the seconds until the next is allowed.
    pub fn check(&self, what: Limit, who: &str) -> Result<(), u64> {
        self.count();
        let limiter = match what {
            Limit::Register => &self.register,
            Limit::Post => &self.post,
            Limit::Act => &self.act,
            Limit::Search => &self.search,
            Limit::Contact => &self.contact,
            Limit::CountedForm => &self.counted_form,
            Limit::Claim => &self.claim,
        };
        limiter.check_key(&who.to_owned()).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            wait.as_secs().max(1)
        })
    }

    /// Counts one try of `key` at a password or a token before it is made: many at once are
    /// counted too. `times` the usual number are allowed; an error as in `check`.
    pub fn take_try(&self, key: &str, times: u32) -> Result<(), u64> {
        self.count();
        self.log_in.take_at(key, times, Instant::now())
    }

    /// Takes back a counted try that was right: only failures use a count up.
    pub fn give_back_try(&self, key: &str, times: u32) {
        self.log_in.give_back(key, times);
    }

    fn count(&self) {
        if self.acts.fetch_add(1, Ordering::Relaxed) % PRUNE_EVERY == PRUNE_EVERY - 1 {
            self.prune();
        }
    }

    /// Forgets counters that are full again, so that memory does not grow with visitors.
    fn prune(&self) {
        for limiter in [
            &self.register,
            &self.post,
            &self.act,
            &self.search,
            &self.contact,
            &self.counted_form,
            &self.claim,
        ] {
            limiter.retain_recent();
        }
        self.log_in.prune(Instant::now());
    }
}

/// Counters whose counts can be given back.
struct Tries {
    per_minute: u32,
    /// For each key the moment at which its count is full again (generic cell rate algorithm).
    full_at: Mutex<HashMap<String, Instant>>,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Tries {
    fn new(per_minute: u32) -> Tries {
        Tries {
            per_minute: per_minute.max(1),
            full_at: Mutex::default(),
        }
    }

    fn take_at(&self, key: &str, times: u32, now: Instant) -> Result<(), u64> {
        let mut full_at = self.full_at.lock().unwrap_or_else(|e| e.into_inner());
        let next = full_at.get(key).copied().unwrap_or(now).max(now) + self.cost(times);
        let wait = next.saturating_duration_since(now + MINUTE);
        if !wait.is_zero() {
            return Err(wait.as_secs().max(1));
        }
        full_at.insert(key.to_owned(), next);
        Ok(())
    }

    fn give_back(&self, key: &str, times: u32) {
        let mut full_at = self.full_at.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(at) = full_at.get_mut(key)
            && let Some(earlier) = at.checked_sub(self.cost(times))
        {
            *at = earlier;
        }
    }

    fn cost(&self, times: u32) -> Duration {
        MINUTE / self.per_minute.saturating_mul(times.max(1))
    }

    fn prune(&self, now: Instant) {
        let mut full_at = self.full_at.lock().unwrap_or_else(|e| e.into_inner());
        full_at.retain(|_, at| *at > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tries_that_are_not_given_back_use_the_count_up() {
        let tries = Tries::new(3);
        let start = Instant::now();
        for _ in 0..100 {
            tries.take_at("a", 1, start).unwrap();
            tries.give_back("a", 1);
        }
        for _ in 0..3 {
            tries.take_at("a", 1, start).unwrap();
        }
        assert_eq!(tries.take_at("a", 1, start), Err(20));
        assert_eq!(tries.take_at("b", 1, start), Ok(()));
        assert_eq!(tries.take_at("a", 1, start + MINUTE / 3), Ok(()));
        for _ in 0..30 {
            tries.take_at("account", 10, start).unwrap();
        }
        assert!(tries.take_at("account", 10, start).is_err());
        tries.prune(start + 2 * MINUTE);
        assert!(tries.full_at.lock().unwrap().is_empty());
    }
}
