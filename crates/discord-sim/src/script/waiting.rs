//! Waiting for a condition, with a limit.

use std::fmt::Display;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use crate::server::Shared;
use crate::world::refusal::Refusal;

/// How long a test waits if it does not say.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// A condition may depend on what the simulator does not see change, so it is also looked at this often.
const PULSE: Duration = Duration::from_millis(20);

/// Probes after each change until there is a result; panics with the transcript after the limit.
pub(crate) async fn until<T>(
    shared: &Arc<Shared>,
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
            "{caller}: waited {limit:?} in vain until {what}\n\n{}",
            shared.world().transcript()
        );
        tokio::select! {
            // Whether a change or the pulse ended the wait is no matter: the probe tells.
            _ = timeout(PULSE, changes.changed()) => {}
            () = sleep_until(deadline) => {}
        }
    }
}

/// The result of an act, or a panic that says what Discord refused.
#[track_caller]
pub(crate) fn allowed<T>(shared: &Shared, what: &str, result: Result<T, Refusal>) -> T {
    done(
        shared,
        what,
        result.map_err(|refusal| format!("{} ({})", refusal.message, refusal.code)),
    )
}

#[track_caller]
pub(crate) fn done<T, E: Display>(shared: &Shared, what: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(why) => panic!("{what}: {why}\n\n{}", shared.world().transcript()),
    }
}
