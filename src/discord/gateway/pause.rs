//! Whether a connection can be believed after this process was paused (SIGSTOP, `docker pause`, a machine that slept), and how long an
//! event may have waited in the socket.
//!
//! What Discord sent before the pause is still read afterwards, also from a connection that Discord has given up meanwhile:
//! a reaction in it may have been removed since, and later ones may be missing. A heartbeat that Discord acknowledges after the pause
//! shows that the connection is alive. All earlier events were read before that acknowledgement.

use std::time::Duration;

use crate::common::uptime::uptime;

/// How often a connection looks at the clock.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A longer time without a look is a pause. Much shorter than the interval of Discord's heartbeats (41 s), after which it may end the session.
const PAUSED_AFTER: Duration = Duration::from_secs(5);

/// Notices pauses, when the connection can be believed again, and since when an event may have waited in the socket.
pub(super) struct PauseDetector {
    looked_at: Duration,
    /// When there was last nothing to read.
    drained_at: Duration,
    /// Whether nothing was read since.
    is_drained: bool,
    /// How many acknowledgements are missing until the connection is believed. Zero while it is.
    missing: u32,
}

impl PauseDetector {
    pub(super) fn start() -> Self {
        Self { looked_at: uptime(), drained_at: uptime(), is_drained: false, missing: 0 }
    }

    /// There is nothing to read now.
    pub(super) fn mark_drained(&mut self) {
        self.drained_at = uptime();
        self.is_drained = true;
    }

    pub(super) fn is_drained(&self) -> bool {
        self.is_drained
    }

    /// A message was read. Returns the system's uptime before which it cannot have arrived.
    pub(super) fn mark_read(&mut self) -> Duration {
        self.is_drained = false;
        self.drained_at
    }

    /// Looks at the clock. Returns how long the process was paused since the last look, if it was.
    pub(super) fn look(&mut self) -> Option<Duration> {
        self.look_at(uptime())
    }

    fn look_at(&mut self, now: Duration) -> Option<Duration> {
        let since = now.saturating_sub(std::mem::replace(&mut self.looked_at, now));
        (since > PAUSED_AFTER).then_some(since)
    }

    /// A pause was noticed, and a heartbeat was sent after it. `unacknowledged` heartbeats wait for an answer, with this one.
    pub(super) fn doubt(&mut self, unacknowledged: u32) {
        self.missing = unacknowledged;
    }

    /// Discord acknowledged a heartbeat. Returns whether this confirms the connection.
    pub(super) fn acknowledge(&mut self) -> bool {
        let was_in_doubt = self.missing > 0;
        self.missing = self.missing.saturating_sub(1);
        was_in_doubt && self.missing == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_acknowledgement_of_the_heartbeat_after_a_pause_confirms_the_connection() {
        let mut detector = PauseDetector {
            looked_at: Duration::ZERO,
            drained_at: Duration::ZERO,
            is_drained: true,
            missing: 0,
        };
        assert_eq!(detector.look_at(LOOK_EVERY), None);
        let lasted = Duration::from_mins(5);
        assert_eq!(detector.look_at(LOOK_EVERY + lasted), Some(lasted));
        // The acknowledgement of the earlier heartbeat arrived before the pause, and is read after it.
        detector.doubt(2);
        assert!(!detector.acknowledge());
        assert!(detector.acknowledge());
        assert!(!detector.acknowledge(), "it was believed already");
    }
}
