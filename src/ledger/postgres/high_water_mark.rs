//! What this process knows to have been in the ledger, whatever server answers at its address now.
//!
//! A standby that takes a failed primary's place asynchronously may lack the last records that the primary had
//! acknowledged. Going on from there would be to act as if they had never been: to sign a second history, and perhaps
//! to signal a second time what a lost `executing` was about. So nothing is recorded until they are back, or until
//! people have decided to go on without them, which they do by restarting.

use std::sync::{Arc, Mutex, PoisonError};

use super::error::PostgresOpenError;
use crate::ledger::hash_chain::ChainTail;

/// The latest end of the chain that this process was told of, from its start to its end.
#[derive(Clone, Debug, Default)]
pub struct HighWaterMark(Arc<Mutex<ChainTail>>);

impl HighWaterMark {
    /// The last record that must be there.
    pub(super) fn last(&self) -> ChainTail {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps where the chain ends, if that is later than what is known.
    pub(super) fn advance(&self, end: &ChainTail) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if end.seq > last.seq {
            last.clone_from(end);
        }
    }

    /// Takes the answer to where the chain ends: nowhere, when it does not have the record that was asked about.
    pub(super) fn confirm(
        &self,
        asked: &ChainTail,
        end: Option<ChainTail>,
    ) -> Result<ChainTail, PostgresOpenError> {
        let end = end.ok_or(PostgresOpenError::Behind { seq: asked.seq })?;
        self.advance(&end);
        Ok(end)
    }
}
