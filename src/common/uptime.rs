//! The system's uptime.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Since the system started, including times when it was suspended (`clock_gettime(2)`, `CLOCK_BOOTTIME`). Nobody can set this clock.
pub fn uptime() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}
