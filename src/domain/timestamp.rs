//! A point in time, as precise as PostgreSQL's.

use std::time::Duration;

/// Whole microseconds since 1970-01-01 00:00:00 UTC.
///
/// PostgreSQL's `timestamptz` has this resolution (documentation, chapter "Date/Time Types"). Nothing may be rounded,
/// because `backend_start` tells a backend from a later one with the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Clocks that differ by no more count as equal: they are never read at the same instant.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(10);

impl Timestamp {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down, as a Discord timestamp takes them.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// How long after `earlier` this is; zero if it is before `earlier`, because the clocks of two machines differ.
    pub fn duration_since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The time `span` after this one, at most the latest there is.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Converts a time of another clock to ours, which showed `ours` when the other showed `theirs`. Unchanged if the two agree.
    #[must_use]
    pub fn on_clock(self, ours: Self, theirs: Self) -> Self {
        let (ahead, behind) = (ours.duration_since(theirs), theirs.duration_since(ours));
        if ahead.max(behind) <= CLOCK_TOLERANCE { self } else { self.plus(ahead).minus(behind) }
    }

    /// The time `span` before this one, at least the earliest there is.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}
