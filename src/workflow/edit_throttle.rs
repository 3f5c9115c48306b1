//! Spaces out the edits of all cards, so that many open cards do not run into Discord's limits.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// The average time between two edits, counting those of all cards.
const EDIT_INTERVAL: Duration = Duration::from_secs(2);
/// How many edits may come at once. Discord allows about five edits in five seconds in a channel.
const EDIT_BURST: u32 = 3;

#[derive(Default)]
pub(super) struct EditThrottle {
    /// When the next edit would be due, if edits were evenly spaced.
    due: Mutex<Option<Instant>>,
}

impl EditThrottle {
    /// Reserves a slot. The caller waits until then.
    pub(super) async fn reserve(&self) -> Instant {
        let mut due = self.due.lock().await;
        let now = Instant::now();
        let slot = due.map_or(now, |due| due.max(now));
        let earliest = slot.checked_sub(EDIT_INTERVAL * (EDIT_BURST - 1)).unwrap_or(now);
        *due = Some(slot + EDIT_INTERVAL);
        earliest.max(now)
    }
}
