//! X (Twitter), API v2. The facts behind the constants are X's public documentation and OpenAPI
//! description of August 2026; names from both dialects of field names ("tweet" and "post")
//! are understood everywhere.

pub mod client;
pub mod connector;
pub mod intent;
pub mod oauth1;
pub mod oauth2;
pub mod sandbox;
pub mod weight;
pub mod wire;

#[cfg(test)]
mod sandbox_tests;

pub use connector::XConnector;

use crate::clock::Moment;

/// First millisecond of X's id clock: ids since November 2010 carry their time.
const ID_EPOCH_MS: u64 = 1_288_834_974_657;
/// Bits of an id below its time.
const ID_TIME_SHIFT: u32 = 22;
/// Ids below this are older than the id clock and say nothing of their time.
const ID_TIMED_MIN: u64 = 30_000_000_000;

/// When the post with this id was written; None for ids without time.
pub fn time_of_id(id: &str) -> Option<Moment> {
    let number: u64 = id.parse().ok()?;
    if number < ID_TIMED_MIN {
        return None;
    }
    let ms = (number >> ID_TIME_SHIFT) + ID_EPOCH_MS;
    i64::try_from(ms).ok()?.checked_mul(1000).map(Moment)
}

/// The lowest id of a moment; 0 before the id clock began.
pub fn id_at(moment: Moment) -> u64 {
    let ms = u64::try_from(moment.0 / 1000).unwrap_or(0);
    ms.saturating_sub(ID_EPOCH_MS) << ID_TIME_SHIFT
}

/// The public address of a post. X redirects to the right username whatever stands in its place.
pub fn post_url(web_base: &str, username: &str, id: &str) -> String {
    let base = web_base.trim_end_matches('/');
    if username.is_empty() {
        format!("{base}/i/status/{id}")
    } else {
        format!("{base}/{username}/status/{id}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_carry_their_time() {
        let at = time_of_id("2080765813578191303").expect("a timed id");
        assert_eq!(at.rfc3339(), "2026-07-24T21:23:23Z");
        assert_eq!(time_of_id("20"), None);
        assert_eq!(time_of_id("not a number"), None);
        let id = id_at(at);
        assert_eq!(time_of_id(&id.to_string()), Some(at));
    }
}
