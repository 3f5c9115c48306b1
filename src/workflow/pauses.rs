//! Notices that the engine is behind: the process was stopped (SIGSTOP, `docker pause`), its machine slept, or a slow ledger held it up,
//! in one turn or in many.
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

/// How old an input may be. Longer than the engine waits between two turns ([`OBSERVE_EVERY`](super::monitor::OBSERVE_EVERY)), and much
/// shorter than Discord keeps a session that sends no heartbeats (41 s).
const MAX_AGE: Duration = Duration::from_secs(5);

/// How long after the decision it may be signalled. A ledger that answers at all is faster.
const DECISION_LASTS: Duration = Duration::from_secs(15);

/// The ledger's lease, but no longer than a decision lasts: if the process was paused since the turn of that decision began, people may
/// have changed their minds.
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

/// How far the engine is behind.
pub(super) struct EngineTurns {
    /// When the current turn began.
    pub(super) began: Timestamp,
    /// Everything that was sent to the engine before this time is handled.
    handled_until: Timestamp,
    /// Whether a [`CaughtUp`](EngineInput::CaughtUp) is on its way. Nothing is executed before it is handled.
    pub(super) is_catching_up: bool,
}

impl EngineTurns {
    pub(super) fn begin(now: Timestamp) -> Self {
        Self { began: now, handled_until: now, is_catching_up: false }
    }

    /// Returns how old inputs may be, if that is too old and was not noticed yet.
    fn look(&mut self, now: Timestamp) -> Option<Duration> {
        let age = now.duration_since(self.handled_until);
        let is_news = age > MAX_AGE && !self.is_catching_up;
        self.is_catching_up |= is_news;
        is_news.then_some(age)
    }

    pub(super) fn catch_up(&mut self, until: Timestamp) {
        self.is_catching_up = false;
        self.handled_until = self.handled_until.max(until);
    }
}

impl Engine {
    /// Called before what is decided.
    pub(super) fn begin_turn(&mut self) {
        self.turns.began = self.clock.now();
        self.look_how_far_behind(self.turns.began);
    }

    pub(super) fn end_turn(&mut self) {
        let now = self.clock.now();
        self.look_how_far_behind(now);
        // An input that comes after this look is not older than it.
        if self.queue.is_empty() {
            self.turns.handled_until = now;
        }
        self.health.send_if_modified(|health| {
            health.last_turn = Some(Instant::now());
            false
        });
    }

    fn look_how_far_behind(&mut self, now: Timestamp) {
        let Some(behind) = self.turns.look(now) else { return };
        warn!(
            seconds = behind.as_secs(),
            "the process was paused, or the ledger held it up; the reactions on open cards are read again"
        );
        let inputs = self.inputs.clone();
        // A task of its own, because the queue may be full. The engine is gone only when the process ends.
        self.tasks.spawn(async move { drop(inputs.send(EngineInput::CaughtUp { until: now }).await) });
    }

    pub(super) fn caught_up(&mut self, until: Timestamp) {
        self.turns.catch_up(until);
        self.read_all_reactions();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_behind_while_an_input_may_be_too_old_and_says_so_once() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut turns = EngineTurns::begin(at(0));
        assert_eq!(turns.look(at(5)), None);
        assert_eq!(turns.look(at(6)), Some(Duration::from_secs(6)));
        assert_eq!(turns.look(at(60)), None, "it is catching up");
        turns.catch_up(at(6));
        assert_eq!(turns.look(at(60)), Some(Duration::from_secs(54)), "what was sent later is old too");
        turns.catch_up(at(60));
        assert_eq!(turns.look(at(65)), None);
    }
}
