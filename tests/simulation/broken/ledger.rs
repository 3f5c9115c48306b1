//! A ledger that says that something is recorded, and does not record it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use killgate::domain::event::{LedgerEntry, Recorded, RequestEvent};
use killgate::domain::ids::RequestId;
use killgate::domain::timestamp::Timestamp;
use killgate::workflow::ports::{Lease, Ledger, LedgerError, PendingRequests, RequestSearch};

use crate::world::World;

pub struct Careless {
    pub world: World,
    /// Which events it only says to have recorded.
    pub pretends: fn(&RequestEvent) -> bool,
    pub honest: Arc<dyn Ledger>,
}

#[async_trait]
impl Lease for Careless {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        self.honest.confirm_lease().await
    }
}

#[async_trait]
impl Ledger for Careless {
    async fn append(&self, entries: Vec<LedgerEntry>) -> Result<Vec<Recorded>, LedgerError> {
        if entries.iter().any(|entry| (self.pretends)(&entry.event)) {
            return Ok(self.world.with(|state| state.pretend(&entries)));
        }
        self.honest.append(entries).await
    }

    async fn load_pending(&self, since: Timestamp) -> Result<PendingRequests, LedgerError> {
        self.honest.load_pending(since).await
    }

    async fn mark_delivered(&self, request: RequestId) -> Result<(), LedgerError> {
        self.honest.mark_delivered(request).await
    }

    async fn history(&self, search: RequestSearch) -> Result<Vec<Recorded>, LedgerError> {
        self.honest.history(search).await
    }

    async fn probe(&self) -> Result<(), LedgerError> {
        self.honest.probe().await
    }
}
