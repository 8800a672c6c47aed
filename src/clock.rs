//! Time comes in through `App`, so that a test can hold it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment: microseconds since the Unix epoch, UTC. What the databases store.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub i64);

pub const SECOND: i64 = 1_000_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

impl Moment {
    /// This moment moved by `micros` (may be negative), held inside the range of `i64`.
    pub fn plus(self, micros: i64) -> Moment {
        Moment(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to this moment.
    pub fn since(self, earlier: Moment) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// RFC 3339 in UTC with seconds: `2026-11-22T00:18:39Z`.
    pub fn rfc3339(self) -> String {
        self.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// For people: `22 Nov 2026, 00:18 UTC`.
    pub fn readable(self) -> String {
        self.timestamp()
            .strftime("%-d %b %Y, %H:%M UTC")
            .to_string()
    }

    /// The UTC day: `2026-11-22`.
    pub fn day(self) -> String {
        self.timestamp().strftime("%Y-%m-%d").to_string()
    }

    /// Reads an RFC 3339 time, or the day alone (its first moment).
    pub fn parse(text: &str) -> Option<Moment> {
        let text = text.trim();
        if let Ok(t) = text.parse::<jiff::Timestamp>() {
            return Some(Moment(t.as_microsecond()));
        }
        let day: jiff::civil::Date = text.parse().ok()?;
        let zoned = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Moment(zoned.timestamp().as_microsecond()))
    }
}

/// The clock of an `App`: the machine's, or one that a test moves.
#[derive(Clone, Debug)]
pub enum Clock {
    System,
    Held(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `at` until `advance` moves it.
    pub fn held(at: Moment) -> Clock {
        Clock::Held(Arc::new(AtomicI64::new(at.0)))
    }

    pub fn now(&self) -> Moment {
        match self {
            Clock::System => {
                let since = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                Moment(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
            }
            Clock::Held(at) => Moment(at.load(Ordering::SeqCst)),
        }
    }

    /// Moves a held clock; the machine's clock can't be moved and is left alone.
    pub fn advance(&self, micros: i64) {
        if let Clock::Held(at) = self {
            at.fetch_add(micros, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_back_what_they_print() {
        let m = Moment::parse("2026-11-22T00:18:39Z").unwrap();
        assert_eq!(m.rfc3339(), "2026-11-22T00:18:39Z");
        assert_eq!(m.readable(), "22 Nov 2026, 00:18 UTC");
        assert_eq!(
            Moment::parse("2026-11-22").unwrap().rfc3339(),
            "2026-11-22T00:00:00Z"
        );
        assert_eq!(Moment::parse("yesterday"), None);
    }
}
