//! How long to wait before the next attempt.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// How the wait grows with each failure in a row.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The first wait after a failure; no wait is shorter.
    pub shortest: Duration,
    /// No wait is longer.
    pub longest: Duration,
}

/// A source of numbers in `[0, 1)`, injected so that tests can fix them.
#[derive(Clone)]
pub struct Jitter(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Backoff {
    /// For a service on the internet: short enough to be back within seconds of its return, long enough that an
    /// outage of hours costs nothing.
    pub const INTERNET: Self = Self { shortest: Duration::from_millis(250), longest: Duration::from_secs(5) };

    /// The wait after so many failures in a row: zero after none, then doubling from the shortest to the longest,
    /// shortened at random by up to half.
    pub fn wait(self, failures: u32, jitter: &Jitter) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let whole = self.shortest.saturating_mul(1 << doublings.min(8)).min(self.longest);
        jitter.between((whole / 2).max(self.shortest), whole)
    }
}

impl Jitter {
    /// Good enough to keep clients from retrying in step; no secret depends on it.
    pub fn random() -> Self {
        Self::from_fn(|| {
            let bits = RandomState::new().hash_one(0_u8);
            f64::from(u32::try_from(bits >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
        })
    }

    /// Takes the numbers from `source`, which must stay within `[0, 1)`.
    pub fn from_fn(source: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }

    pub fn between(&self, least: Duration, most: Duration) -> Duration {
        least + most.saturating_sub(least).mul_f64((self.0)())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff::INTERNET;

    #[test]
    fn waits_grow_from_the_shortest_to_the_longest() {
        let most = Jitter::from_fn(|| 1.0);
        let waits: Vec<_> = (0..8).map(|failures| BACKOFF.wait(failures, &most).as_millis()).collect();
        assert_eq!(waits, [0, 250, 500, 1000, 2000, 4000, 5000, 5000]);
        assert_eq!(BACKOFF.wait(u32::MAX, &most), BACKOFF.longest);
    }

    #[test]
    fn random_waits_stay_within_their_bounds_and_differ() {
        let jitter = Jitter::random();
        let waits: Vec<_> = (0..100).map(|_| BACKOFF.wait(7, &jitter)).collect();
        let bounds = BACKOFF.longest / 2..=BACKOFF.longest;
        assert!(waits.iter().all(|wait| bounds.contains(wait)));
        assert!(waits.iter().any(|wait| wait != &waits[0]));
    }
}
