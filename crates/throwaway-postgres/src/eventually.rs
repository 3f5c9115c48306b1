use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// The time limit of all waits. Long, because a test machine may be busy.
pub const LIMIT: Duration = Duration::from_secs(20);

/// Waits for up to [`LIMIT`] until `condition` returns a value. `what` describes it in the error.
pub async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(value) = condition().await? {
            return Ok(value);
        }
        if Instant::now() > deadline {
            bail!("waited {LIMIT:?} for: {what}");
        }
        sleep(Duration::from_millis(10)).await;
    }
}
