//! Time comes in through `App`, so that a test can hold it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

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

    fn in_utc(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    fn written(self, format: &[BorrowedFormatItem<'_>]) -> String {
        self.in_utc().format(format).unwrap_or_default()
    }

    /// RFC 3339 in UTC with seconds: `2026-11-22T00:18:39Z`.
    pub fn rfc3339(self) -> String {
        self.written(format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second]Z"
        ))
    }

    /// For people: `22 Nov 2026, 00:18 UTC`.
    pub fn readable(self) -> String {
        self.written(format_description!(
            "[day padding:none] [month repr:short] [year], [hour]:[minute] UTC"
        ))
    }

    /// The UTC day: `2026-11-22`.
    pub fn day(self) -> String {
        self.written(DAY_FORMAT)
    }

    /// Reads an RFC 3339 time, one without its seconds or with a shorter offset (`+0000`, `+00`), or
    /// the day alone (its first moment).
    pub fn parse(text: &str) -> Option<Moment> {
        let text = text.trim();
        OffsetDateTime::parse(text, &Rfc3339)
            .or_else(|_| {
                let loose = text.replace('T', " ").replace('Z', "+00");
                OffsetDateTime::parse(&loose, LOOSE_FORMAT)
            })
            .ok()
            .and_then(Moment::of)
            .or_else(|| Moment::parse_day(text))
    }

    /// Reads a UTC day, `2026-11-22`: its first moment.
    pub fn parse_day(text: &str) -> Option<Moment> {
        let day = Date::parse(text, DAY_FORMAT).ok()?;
        Moment::of(day.midnight().assume_utc())
    }

    /// A time of any offset; `None` outside what `i64` holds.
    pub fn of(time: OffsetDateTime) -> Option<Moment> {
        let micros = time.unix_timestamp_nanos() / 1_000;
        i64::try_from(micros).ok().map(Moment)
    }
}

const LOOSE_FORMAT: &[BorrowedFormatItem<'_>] = format_description!(
    version = 2,
    "[year]-[month]-[day] [hour]:[minute][optional [:[second]]][optional [.[subsecond]]]\
     [offset_hour sign:mandatory][optional [:]][optional [[offset_minute]]]"
);
const DAY_FORMAT: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

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
        assert_eq!(
            Moment::parse("2026-11-22T02:18:39.5+02:00"),
            Some(m.plus(SECOND / 2))
        );
        for same in [
            "2026-11-22 00:18:39+00",
            "2026-11-22T00:18:39+0000",
            "2026-11-22 00:18:39.0Z",
        ] {
            assert_eq!(Moment::parse(same), Some(m), "{same}");
        }
        assert_eq!(
            Moment::parse("2026-11-22T00:18Z"),
            Moment::parse("2026-11-22T00:18:00Z")
        );
        assert_eq!(Moment::parse("2026-11-22T00:18:39"), None);
        assert_eq!(Moment::parse("yesterday"), None);
        assert_eq!(Moment::parse("2026-11-31"), None);
    }
}
