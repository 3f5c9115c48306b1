use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::{Instant, sleep};

/// The time limit of all waits. Long, because a test machine may be busy.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Waits for up to [`LIMIT`] until `condition` returns a value. `what` describes it in the error. A condition that fails is
/// tried again: a server may be starting, or have no free connection slot for a moment. The error gives its last failure.
pub async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let failure = match condition().await {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => None,
            Err(error) => Some(error),
        };
        if Instant::now() > deadline {
            let waited = format!("waited {LIMIT:?} for: {what}");
            return Err(failure.map_or_else(|| anyhow!("{waited}"), |error| error.context(waited.clone())));
        }
        sleep(Duration::from_millis(10)).await;
    }
}
