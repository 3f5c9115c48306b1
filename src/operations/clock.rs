//! The workflow's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::warn;

use crate::common::uptime::uptime;
use crate::domain::timestamp::Timestamp;
use crate::workflow::ports::Clock;

/// A clock that differs less is right: Discord's answers have whole seconds, and take time to arrive.
pub(super) const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);

/// Begins with the time of the system clock, and then runs by the monotonic clock that includes sleep. So a system
/// clock that jumps makes no open request expire early, and none last longer, also if the machine sleeps.
#[derive(Clone, Copy, Debug)]
pub struct SteadyClock {
    started_at: Timestamp,
    /// The system's uptime at that moment.
    uptime: Duration,
}

impl SteadyClock {
    /// Starts now. `server_time` is what Discord says the time is. It replaces the time of a system clock that is wrong by
    /// more than five seconds, because people compare a card's expiry with Discord's time.
    pub fn start(server_time: Option<Timestamp>) -> Self {
        let (system_time, uptime) = read_both_clocks();
        let wrong = server_time.filter(|server| {
            let off = server.duration_since(system_time).max(system_time.duration_since(*server));
            off > CLOCK_TOLERANCE
        });
        if let Some(server_time) = wrong {
            let seconds = system_time.as_seconds() - server_time.as_seconds();
            warn!(
                seconds,
                "the system clock differs from Discord's, which is used; correct the system clock"
            );
        }
        Self { started_at: wrong.unwrap_or(system_time), uptime }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        self.started_at.plus(uptime().saturating_sub(self.uptime))
    }
}

/// How often both clocks are read. On a busy machine something else may run in between.
const READINGS: u32 = 5;

/// The system clock and the uptime at the same moment: of several readings, those that are closest together.
fn read_both_clocks() -> (Timestamp, Duration) {
    let readings = (0..READINGS).map(|_| {
        let (before, system_time, after) = (uptime(), system_time(), uptime());
        (after.saturating_sub(before), system_time, after)
    });
    let closest = readings.min_by_key(|(apart, ..)| *apart);
    closest.map_or_else(|| (system_time(), uptime()), |(_, system_time, uptime)| (system_time, uptime))
}

/// The time of the system clock. One before 1970 reads as 1970.
pub(super) fn system_time() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_is_corrected_only_if_it_is_clearly_wrong() {
        let now = system_time();
        for (off, is_corrected) in [(2, false), (1_200, true)] {
            let server_time = now.plus(Duration::from_secs(off));
            let started_at = SteadyClock::start(Some(server_time)).started_at;
            assert_eq!(started_at == server_time, is_corrected, "{off} s behind");
            let server_time = now.minus(Duration::from_secs(off));
            let started_at = SteadyClock::start(Some(server_time)).started_at;
            assert_eq!(started_at == server_time, is_corrected, "{off} s ahead");
        }
    }
}
