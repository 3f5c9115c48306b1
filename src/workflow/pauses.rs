//! Notices that the engine did not run for a while: the process was stopped (SIGSTOP, `docker pause`), its machine slept, or a call
//! to the ledger held it up.
//!
//! What waits in the queue then may be old: people may have taken back an approval since, or denied. So nothing is executed until the
//! queue as it was then is handled, and the reactions are read after that. Old events that wait in the connection to Discord are the
//! gateway's concern.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tracing::warn;

use super::engine::Engine;
use super::input::EngineInput;
use super::ports::{Clock, Lease, Ledger, LedgerError};
use crate::domain::timestamp::Timestamp;

/// Longer than the engine waits between two turns ([`OBSERVE_EVERY`](super::monitor::OBSERVE_EVERY)), and much shorter than Discord keeps a session
/// that sends no heartbeats (41 s).
const PAUSED_AFTER: Duration = Duration::from_secs(5);

/// How long after the decision it may be signalled. A ledger that answers at all is faster.
const DECISION_LASTS: Duration = Duration::from_secs(15);

/// The ledger's lease, but no longer than a decision lasts: if the process was paused after it, people may have changed their minds.
pub(super) struct DecisionLease {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    decided_at: Timestamp,
}

impl DecisionLease {
    pub(super) fn new(ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>, decided_at: Timestamp) -> Self {
        Self { ledger, clock, decided_at }
    }
}

#[async_trait]
impl Lease for DecisionLease {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        let lease = self.ledger.confirm_lease().await?;
        let left = DECISION_LASTS.saturating_sub(self.clock.now().duration_since(self.decided_at));
        Ok(Some(lease.map_or(left, |lease| lease.min(left))))
    }
}

/// When the engine last had its turn.
pub(super) struct EngineTurns {
    last: Timestamp,
}

impl EngineTurns {
    pub(super) fn begin(now: Timestamp) -> Self {
        Self { last: now }
    }

    /// Begins a turn. Returns how long the process was paused before it, if it was.
    fn next(&mut self, now: Timestamp) -> Option<Duration> {
        let since = now.duration_since(std::mem::replace(&mut self.last, now));
        (since > PAUSED_AFTER).then_some(since)
    }
}

impl Engine {
    /// Notices a pause. Called before what is handled, and after it.
    pub(super) fn begin_turn(&mut self) {
        let paused = self.turns.next(self.clock.now());
        self.health.send_if_modified(|health| {
            health.last_turn = Some(Instant::now());
            false
        });
        if let Some(paused) = paused {
            let seconds = paused.as_secs();
            warn!(
                seconds,
                "the process was paused, or the ledger held it up; the reactions on open cards are read again"
            );
            self.pauses_to_catch_up += 1;
            let inputs = self.inputs.clone();
            // A task of its own, because the queue may be full. The engine is gone only when the process ends.
            self.tasks.spawn(async move { drop(inputs.send(EngineInput::CaughtUp).await) });
        }
    }

    pub(super) fn caught_up(&mut self) {
        self.pauses_to_catch_up -= 1;
        self.read_all_reactions();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_time_that_is_longer_than_the_wait_between_two_turns_is_a_pause() {
        let start = Timestamp::from_micros(0);
        let mut turns = EngineTurns::begin(start);
        assert_eq!(turns.next(start.plus(PAUSED_AFTER)), None);
        let paused = PAUSED_AFTER + Duration::from_secs(1);
        assert_eq!(turns.next(start.plus(PAUSED_AFTER + paused)), Some(paused));
        assert_eq!(turns.next(start.plus(PAUSED_AFTER + paused)), None);
    }
}
