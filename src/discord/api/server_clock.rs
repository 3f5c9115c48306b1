//! Discord's own time, from the `Date` of its answers (RFC 9110, 6.6.1).

use std::sync::{Mutex, PoisonError};

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap};
use tokio::time::Instant;

use crate::domain::timestamp::Timestamp;

const PARSER: DateTimeParser = DateTimeParser::new();

/// The newest `Date`, and when it arrived.
#[derive(Default)]
pub(super) struct ServerClock(Mutex<Option<(Timestamp, Instant)>>);

impl ServerClock {
    /// Reads the time from an answer's headers. An answer without a valid one is ignored.
    pub(super) fn observe(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(date) = date.and_then(|date| PARSER.parse_timestamp(date).ok()) {
            let date = Timestamp::from_micros(date.as_microsecond());
            *self.lock() = Some((date, Instant::now()));
        }
    }

    /// The time now, within a second and the time that an answer takes. `None` before the first answer.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.lock().map(|(date, arrived)| date.plus(arrived.elapsed()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Timestamp, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_of_the_newest_answer_goes_on() {
        let clock = ServerClock::default();
        assert_eq!(clock.now(), None);
        let answer = |date| HeaderMap::from_iter([(DATE, HeaderValue::from_static(date))]);
        clock.observe(&answer("Sun, 06 Nov 1994 08:49:37 GMT"));
        clock.observe(&answer("no date"));
        tokio::time::advance(std::time::Duration::from_secs(3)).await;
        assert_eq!(clock.now(), Some(Timestamp::from_micros(784_111_780_000_000)));
    }
}
