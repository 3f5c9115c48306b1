//! The system clock as the workflow's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::timestamp::Timestamp;
use crate::workflow::ports::Clock;

#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock before 1970 reads as 1970. Then every request has expired, which is safe.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}
