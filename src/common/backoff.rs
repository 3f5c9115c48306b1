//! How long to wait before trying again.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// The first wait after a failure.
const SHORTEST: Duration = Duration::from_millis(250);

/// No wait is longer. Short enough that a bot is back within seconds of Discord's return, long enough that an
/// outage of hours costs nothing.
const LONGEST: Duration = Duration::from_secs(5);

/// A source of numbers in `[0, 1)`, injected so that tests can fix them.
#[derive(Clone)]
pub struct Jitter(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Jitter {
    /// Randomness good enough to keep clients from marching in step; nothing secret depends on it.
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

    /// A moment between `least` and `most`.
    pub fn between(&self, least: Duration, most: Duration) -> Duration {
        least + most.saturating_sub(least).mul_f64((self.0)())
    }

    /// The wait after so many failures in a row: none after none, then doubling from a quarter of a second to
    /// five seconds, shortened at random by up to half.
    pub fn backoff(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let whole = SHORTEST.saturating_mul(1 << doublings.min(8)).min(LONGEST);
        self.between((whole / 2).max(SHORTEST), whole)
    }
}

impl std::fmt::Debug for Jitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jitter")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_a_quarter_of_a_second_to_five_seconds() {
        let longest = Jitter::from_fn(|| 1.0);
        let waits: Vec<_> = (0..8)
            .map(|failures| longest.backoff(failures).as_millis())
            .collect();
        assert_eq!(waits, [0, 250, 500, 1000, 2000, 4000, 5000, 5000]);
        assert_eq!(longest.backoff(u32::MAX), LONGEST);
    }

    #[test]
    fn random_waits_stay_within_their_bounds_and_differ() {
        let jitter = Jitter::random();
        let waits: Vec<_> = (0..100).map(|_| jitter.backoff(7)).collect();
        assert!(waits.iter().all(|wait| (LONGEST / 2..=LONGEST).contains(wait)));
        assert!(waits.iter().any(|wait| wait != &waits[0]));
    }
}
