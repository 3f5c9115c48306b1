//! Deadlines.

use tokio::time::{Instant, sleep_until};

/// Waits forever if there is no deadline.
pub async fn sleep_until_some(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
