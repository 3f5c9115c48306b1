//! When the next heartbeat is due, and whether the last one was acknowledged.

use std::time::Duration;

use tokio::time::Instant;

use crate::common::backoff::Jitter;

pub(super) struct Heartbeat {
    interval: Duration,
    ack_timeout: Duration,
    next_at: Instant,
    /// The deadline for an acknowledgement, from the first heartbeat since the last one.
    ack_deadline: Option<Instant>,
    unacknowledged: u32,
}

impl Heartbeat {
    /// The first heartbeat comes after a random part of the interval, as Discord requires.
    pub(super) fn new(interval: Duration, ack_timeout: Duration, jitter: &Jitter) -> Self {
        // An interval of zero would be a busy loop.
        let interval = interval.max(Duration::from_millis(10));
        Self {
            interval,
            ack_timeout,
            next_at: Instant::now() + jitter.between(Duration::ZERO, interval),
            ack_deadline: None,
            unacknowledged: 0,
        }
    }

    pub(super) fn next_at(&self) -> Instant {
        self.next_at
    }

    /// Does not extend the deadline if an earlier heartbeat is not acknowledged yet.
    pub(super) fn mark_sent(&mut self) {
        let now = Instant::now();
        self.next_at = now + self.interval;
        self.ack_deadline.get_or_insert(now + self.ack_timeout);
        self.unacknowledged = self.unacknowledged.saturating_add(1);
    }

    pub(super) fn mark_acknowledged(&mut self) {
        self.ack_deadline = None;
        self.unacknowledged = self.unacknowledged.saturating_sub(1);
    }

    /// How many heartbeats were sent and not acknowledged.
    pub(super) fn unacknowledged(&self) -> u32 {
        self.unacknowledged
    }

    pub(super) fn ack_deadline(&self) -> Option<Instant> {
        self.ack_deadline
    }

    /// Restarts the timeout after a time in which nothing was read: the acknowledgement may have arrived unread.
    pub(super) fn extend_ack_deadline(&mut self) {
        self.ack_deadline = self.ack_deadline.map(|_| Instant::now() + self.ack_timeout);
    }
}
