//! Notices that the engine is behind: the process was stopped (SIGSTOP, `docker pause`), its machine slept, or a slow ledger held it up,
//! in one turn or in many.
//!
//! What waits in the queue then may be old: people may have taken back an approval since, or denied. So nothing is executed until a
//! marker that the engine sends through its own queue arrives in time, and the reactions are read after that. Old events that wait in the
//! connection to Discord are the gateway's concern.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tracing::{info, warn};

use super::engine::Engine;
use super::input::EngineInput;
use super::ports::{Clock, Lease, Ledger, LedgerError};
use crate::domain::timestamp::Timestamp;

/// How old an input may be. Much shorter than the interval of Discord's heartbeats (41 s), after which it may end the session.
const MAX_AGE: Duration = Duration::from_secs(5);

/// How often the engine checks its lag, at least.
pub(super) const CHECK_EVERY: Duration = Duration::from_secs(1);

/// If inputs may be older than this, a marker is sent to find out. If a marker arrives that is not older, the engine has caught up. Longer than
/// [`CHECK_EVERY`], so that an idle engine sends none.
const MARKER_AFTER: Duration = Duration::from_secs(2);

/// How old a decision's input may be when it is signalled. A ledger that answers at all is faster.
const DECISION_LASTS: Duration = Duration::from_secs(15);

/// The ledger's lease, but no longer than a decision lasts: if the process was paused meanwhile, people may have changed their minds.
pub(super) struct DecisionLease {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    /// The decision's input was sent after this time.
    input_sent_after: Timestamp,
}

impl DecisionLease {
    pub(super) fn new(ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>, input_sent_after: Timestamp) -> Self {
        Self { ledger, clock, input_sent_after }
    }
}

#[async_trait]
impl Lease for DecisionLease {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        let lease = self.ledger.confirm_lease().await?;
        let left = DECISION_LASTS.saturating_sub(self.clock.now().duration_since(self.input_sent_after));
        Ok(Some(lease.map_or(left, |lease| lease.min(left))))
    }
}

/// How far the engine is behind.
pub(super) struct EngineLag {
    /// Everything that was sent to the engine before this time is handled.
    pub(super) handled_until: Timestamp,
    /// Whether an input may be too old. Nothing is executed meanwhile.
    pub(super) is_behind: bool,
    /// Whether a [`Marker`](EngineInput::Marker) is on its way.
    is_marker_sent: bool,
}

impl EngineLag {
    pub(super) fn begin(now: Timestamp) -> Self {
        Self { handled_until: now, is_behind: false, is_marker_sent: false }
    }

    fn age(&self, now: Timestamp) -> Duration {
        now.duration_since(self.handled_until)
    }

    /// Returns how old inputs may be, if that is too old and was not noticed yet.
    fn note_age(&mut self, now: Timestamp) -> Option<Duration> {
        let age = self.age(now);
        let is_news = age > MAX_AGE && !self.is_behind;
        self.is_behind |= is_news;
        is_news.then_some(age)
    }

    /// Whether a marker is to be sent now.
    fn needs_marker(&mut self, now: Timestamp) -> bool {
        let needs = !self.is_marker_sent && (self.is_behind || self.age(now) > MARKER_AFTER);
        self.is_marker_sent |= needs;
        needs
    }

    /// The marker arrived. Returns whether the engine was behind and is no longer.
    pub(super) fn note_marker(&mut self, sent_at: Timestamp, now: Timestamp) -> bool {
        self.is_marker_sent = false;
        self.handled_until = self.handled_until.max(sent_at);
        // Well below the limit, so that the reads that follow are not in vain.
        let has_caught_up = self.is_behind && self.age(now) <= MARKER_AFTER;
        self.is_behind &= !has_caught_up;
        has_caught_up
    }
}

impl Engine {
    /// Called at the start of a turn that may decide something.
    pub(super) fn begin_turn(&mut self) {
        self.note_lag(self.clock.now());
    }

    pub(super) fn end_turn(&mut self) {
        let now = self.clock.now();
        self.note_lag(now);
        // `now` was read before the queue was seen to be empty, so whatever comes later was sent after it.
        if self.queue.is_empty() {
            self.lag.handled_until = now;
        }
    }

    fn note_lag(&mut self, now: Timestamp) {
        let is_behind = self.lag.is_behind;
        self.health.send_if_modified(|health| {
            health.note_turn(Instant::now(), is_behind);
            false
        });
        // While the ledger fails, nothing is decided; afterwards all reactions are read.
        if self.is_ledger_failing {
            return;
        }
        if let Some(age) = self.lag.note_age(now) {
            warn!(
                seconds = age.as_secs(),
                "killgate is behind: the process was paused, the ledger is slow, or the machine is overloaded. It executes nothing until it has \
                 caught up and read the reactions again"
            );
        }
        if self.lag.needs_marker(now) {
            let inputs = self.inputs.clone();
            // A task of its own, because the queue may be full. The engine is gone only when the process ends.
            self.tasks.spawn(async move { drop(inputs.send(EngineInput::Marker { sent_at: now }).await) });
        }
    }

    pub(super) fn marker_arrived(&mut self, sent_at: Timestamp) {
        if self.lag.note_marker(sent_at, self.clock.now()) {
            info!("killgate has caught up");
            self.read_all_reactions();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn the_engine_is_behind_until_a_marker_arrives_that_is_not_too_old() {
        let mut lag = EngineLag::begin(at(0));
        assert_eq!(lag.note_age(at(5)), None);
        assert_eq!(lag.note_age(at(6)), Some(Duration::from_secs(6)));
        assert_eq!(lag.note_age(at(60)), None, "it was said before");
        assert!(!lag.note_marker(at(6), at(60)), "what was sent later is old too");
        assert!(lag.is_behind && lag.needs_marker(at(60)));
        assert!(
            !lag.note_marker(at(60), at(63)),
            "by the time that reactions are read, it may be behind again"
        );
        assert!(lag.note_marker(at(63), at(65)));
        assert!(!lag.is_behind);
    }

    #[test]
    fn a_queue_that_is_never_empty_is_no_reason_to_be_behind_if_markers_arrive_in_time() {
        let mut lag = EngineLag::begin(at(0));
        assert!(!lag.needs_marker(at(2)));
        for second in (3..60).step_by(3) {
            assert!(lag.needs_marker(at(second)) && !lag.needs_marker(at(second)), "one at a time");
            assert!(!lag.note_marker(at(second), at(second + 1)));
            assert_eq!(lag.note_age(at(second + 1)), None);
        }
    }
}
