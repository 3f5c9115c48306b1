//! A point in time, as precise as PostgreSQL's.

use std::time::Duration;

/// Whole microseconds since 1970-01-01 00:00:00 UTC.
///
/// PostgreSQL's `timestamptz` has this resolution (documentation, chapter "Date/Time Types"). Nothing may be rounded,
/// because `backend_start` tells a backend from a later one with the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

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

    /// The time `span` before this one, at least the earliest there is.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_between_clocks_that_disagree_is_zero_rather_than_negative() {
        let earlier = Timestamp::from_micros(5);
        assert_eq!(earlier.duration_since(Timestamp::from_micros(9)), Duration::ZERO);
        assert_eq!(Timestamp::from_micros(9).duration_since(earlier), Duration::from_micros(4));
    }

    #[test]
    fn durations_without_end_do_not_wrap_around() {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        assert_eq!(now.plus(Duration::MAX), Timestamp::from_micros(i64::MAX));
        assert!(now.minus(Duration::MAX) < now);
    }

    #[test]
    fn seconds_round_down_also_before_1970() {
        assert_eq!(Timestamp::from_micros(1_999_999).as_seconds(), 1);
        assert_eq!(Timestamp::from_micros(-1).as_seconds(), -1);
    }
}
