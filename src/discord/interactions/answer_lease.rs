//! Whether this process may answer interactions. One that was deposed, and still has a connection to Discord, answers nobody:
//! the active replica does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::workflow::ports::{Ledger, LedgerError};

/// How long an answer may wait. A ledger that does not answer in time does not say that another replica took over.
const CONFIRM_WITHIN: Duration = Duration::from_millis(500);

pub struct AnswerLease {
    ledger: Arc<dyn Ledger>,
    /// Until when no other replica can take over.
    held_until: Mutex<Option<Instant>>,
}

impl AnswerLease {
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger, held_until: Mutex::default() }
    }

    /// Asks the ledger only if another replica may have taken over since it was last asked.
    pub(super) async fn is_held(&self) -> bool {
        let asked_at = Instant::now();
        let held_until = *self.held_until.lock().unwrap_or_else(PoisonError::into_inner);
        if held_until.is_some_and(|until| asked_at < until) {
            return true;
        }
        match timeout(CONFIRM_WITHIN, self.ledger.confirm_lease()).await {
            Ok(Ok(held_for)) => {
                let until = held_for.map(|held_for| asked_at + held_for);
                *self.held_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
                true
            }
            Ok(Err(LedgerError::Deposed)) => {
                warn!("an interaction is not answered: another replica has taken over");
                false
            }
            _ => true,
        }
    }
}
