//! Waits for a condition, with a time limit.

use std::fmt::Display;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use crate::api_error::ApiError;
use crate::state::SimState;

/// The default time limit of waits. Long, because a test machine may be busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// How often a condition is checked without a change in the simulator, because it may depend on something else.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Calls `probe` after each change until it returns a value. Panics with the transcript after the limit.
pub(crate) async fn until<T>(
    shared: &Arc<SimState>,
    limit: Duration,
    what: &str,
    caller: &Location<'_>,
    mut probe: impl FnMut() -> Option<T>,
) -> T {
    let mut changes = shared.changes();
    let deadline = Instant::now() + limit;
    loop {
        changes.mark_unchanged();
        if let Some(result) = probe() {
            return result;
        }
        assert!(
            Instant::now() < deadline,
            "{caller}: waited {limit:?} until {what}\n\n{}",
            shared.world().transcript()
        );
        tokio::select! {
            // Whether a change or the poll interval ended the wait does not matter: the probe decides.
            _ = timeout(POLL_INTERVAL, changes.changed()) => {}
            () = sleep_until(deadline) => {}
        }
    }
}

/// The result of an action. Panics with Discord's error.
#[track_caller]
pub(crate) fn expect_allowed<T>(shared: &SimState, what: &str, result: Result<T, ApiError>) -> T {
    expect_done(shared, what, result.map_err(|error| format!("{} ({})", error.message, error.code)))
}

#[track_caller]
pub(crate) fn expect_done<T, E: Display>(shared: &SimState, what: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(why) => panic!("{what}: {why}\n\n{}", shared.world().transcript()),
    }
}
