//! Heartbeats: when the next is due, and whether the last was answered.

use std::time::Duration;

use tokio::time::Instant;

use crate::common::backoff::Jitter;

pub(super) struct Heartbeat {
    every: Duration,
    patience: Duration,
    next: Instant,
    /// When the answer to the last heartbeat is overdue, while it is missing.
    overdue: Option<Instant>,
}

impl Heartbeat {
    /// The first heartbeat comes after a random part of the interval, as Discord asks.
    pub(super) fn new(every: Duration, patience: Duration, jitter: &Jitter) -> Self {
        // An interval of nothing would be a busy loop.
        let every = every.max(Duration::from_millis(10));
        Self {
            every,
            patience,
            next: Instant::now() + jitter.between(Duration::ZERO, every),
            overdue: None,
        }
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// A heartbeat is being sent. A missing answer is not waited for anew.
    pub(super) fn beat(&mut self) {
        let now = Instant::now();
        self.next = now + self.every;
        self.overdue.get_or_insert(now + self.patience);
    }

    pub(super) fn answered(&mut self) {
        self.overdue = None;
    }

    pub(super) fn overdue(&self) -> Option<Instant> {
        self.overdue
    }

    /// Nothing was read for a while, because the consumer was slow: the answer may be there, unread.
    pub(super) fn forgive(&mut self) {
        self.overdue = self.overdue.map(|_| Instant::now() + self.patience);
    }
}
