//! The last record that this process has seen in the ledger, whichever server answers now.
//!
//! An asynchronous standby that replaces a failed primary may lack the last records that the primary acknowledged.
//! Appending there would create a second history, and might repeat a signal whose `executing` record was lost. So nothing
//! is recorded until the records are back, or until people decide to continue without them by restarting killgate.

use std::sync::{Arc, Mutex, PoisonError};

use super::error::PostgresOpenError;
use crate::ledger::hash_chain::ChainTail;

/// The latest end of the chain that this process has read. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct HighWaterMark(Arc<Mutex<ChainTail>>);

impl HighWaterMark {
    /// The record that must be in the ledger.
    pub(super) fn last(&self) -> ChainTail {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Moves to `end`, if that is later.
    pub(super) fn advance(&self, end: &ChainTail) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if end.seq > last.seq {
            last.clone_from(end);
        }
    }

    /// Handles the answer to [`queries::fetch_tail_if_contains`](super::queries::fetch_tail_if_contains) for `known`.
    pub(super) fn confirm(
        &self,
        known: &ChainTail,
        end: Option<ChainTail>,
    ) -> Result<ChainTail, PostgresOpenError> {
        let end = end.ok_or(PostgresOpenError::Behind { seq: known.seq })?;
        self.advance(&end);
        Ok(end)
    }
}
