//! Calls by which mail providers hand mail over: what proves that a call is the provider's, and the raw
//! mail in it. Pure; what the calls come to is decided by the inbox.
//!
//! Each provider is asked for the mail as it came (raw MIME), not for what it read in it, so that every
//! way in ends in the same pipeline.

pub mod form;
pub mod mailgun;
pub mod postmark;
pub mod sendgrid;
pub mod sns;

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::arriving::Arriving;
use crate::clock::{MINUTE, Moment, SECOND};

/// How far the time that a provider signed may lie ahead of ours (µs): two clocks are never alike.
const AHEAD: i64 = 5 * MINUTE;
/// Calls whose bodies are held in memory at once.
const CALLS_AT_ONCE: usize = 4;

/// A mail that is proven to come from the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Tells this call from others of the provider: the same one again is a replay.
    pub key: String,
    pub mail: Arriving,
}

/// Why a call is not taken, in words for the log of the provider and of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing proves that it is the provider's.
    #[error("{0}")]
    Unproven(&'static str),
    #[error(
        "the signed time is too far from ours: the call is old, or one of the two clocks is wrong"
    )]
    Old,
    /// Proven, and of no use as it is: the words say what to change at the provider.
    #[error("{0}")]
    Unusable(&'static str),
}

/// What calls share in one process.
pub struct Shared {
    pub certificates: sns::Certificates,
    /// Taken before a body is read: bodies are large, and anybody can call.
    pub turns: Arc<Semaphore>,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared {
            certificates: sns::Certificates::default(),
            turns: Arc::new(Semaphore::new(CALLS_AT_ONCE)),
        }
    }
}

/// Whether a time of seconds since 1970, as text, is not longer ago than the provider tries a call again
/// (`retried`, µs): that may be under its first signature. A call that was taken is not taken again.
fn is_recent(seconds: &str, now: Moment, retried: i64) -> bool {
    let at = seconds
        .trim()
        .parse::<i64>()
        .ok()
        .and_then(|s| s.checked_mul(SECOND));
    at.is_some_and(|at| (-AHEAD..=retried).contains(&now.since(Moment(at))))
}
