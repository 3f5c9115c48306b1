//! A point in time, as exact as PostgreSQL tells it.

use std::time::Duration;

/// Whole microseconds since 1970-01-01 00:00:00 UTC.
///
/// PostgreSQL's `timestamptz` has this resolution (documentation, chapter "Date/Time Types"). A backend is
/// told apart from a later one with the same pid by its `backend_start`, so nothing here may be rounded.
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

    /// Whole seconds since the Unix epoch, rounded down: what a Discord timestamp takes.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// How long after `earlier` this is; zero when it is not after it, for clocks of two machines differ.
    pub fn duration_since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This moment and `span` later, at most the end of time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)),
        )
    }

    /// This moment and `span` earlier, at least the beginning of time.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_between_clocks_that_disagree_is_zero_rather_than_negative() {
        let earlier = Timestamp::from_micros(5);
        assert_eq!(earlier.duration_since(Timestamp::from_micros(9)), Duration::ZERO);
        assert_eq!(
            Timestamp::from_micros(9).duration_since(earlier),
            Duration::from_micros(4)
        );
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
