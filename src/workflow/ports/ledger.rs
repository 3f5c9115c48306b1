//! The append-only record of all requests, and the right to act on it.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use super::DeliveryError;
use crate::common::error_causes::with_causes;
use crate::domain::event::{LedgerEntry, Recorded};
use crate::domain::identity::Pid;
use crate::domain::ids::{MessageId, RequestId, UserId};
use crate::domain::timestamp::Timestamp;

/// The right to act on what the ledger acknowledged.
#[async_trait]
pub trait Lease: Send + Sync {
    /// Confirms that no other process has taken over. Returns for how long after the call none can; `None`: for as long
    /// as this process lives.
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError>;

    /// Whether another process may have taken over, as far as is known without asking.
    fn lease_state(&self) -> LeaseState {
        LeaseState::Held
    }

    /// Whether another process has taken over. While the ledger does not answer, nobody can know.
    async fn is_lost(&self) -> bool {
        if self.lease_state() == LeaseState::Unconfirmed {
            // The first answer may be that the connection was lost meanwhile.
            for _ in 0..2 {
                match self.confirm_lease().await {
                    Err(LedgerError::Deposed) => return true,
                    Ok(_) => return false,
                    Err(_) => {}
                }
            }
        }
        self.lease_state() == LeaseState::Lost
    }

    /// Fails with [`DeliveryError::Unavailable`] if another process has taken over: a deposed replica posts nothing, its successor
    /// does.
    async fn require_lease(&self) -> Result<(), DeliveryError> {
        if self.is_lost().await {
            return Err(DeliveryError::Unavailable(LedgerError::Deposed.into()));
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// No other process can have taken over.
    Held,
    /// Another process may have taken over.
    Unconfirmed,
    /// Another process has taken over.
    Lost,
}

/// The append-only record of all requests. What it acknowledged survives a crash and the loss of power.
#[async_trait]
pub trait Ledger: Lease {
    /// Makes `entries` durable, in this order, all or none. The result of a request that they end counts as undelivered
    /// until [`Ledger::mark_delivered`].
    async fn append(&self, entries: Vec<LedgerEntry>) -> Result<Vec<Recorded>, LedgerError>;

    /// What is needed to go on after a start: every record, oldest first, of the requests that are open, executing, or
    /// undelivered, or were executed at or after `since`. The cost does not grow with the length of the history.
    async fn load_pending(&self, since: Timestamp) -> Result<PendingRequests, LedgerError>;

    /// States that the result of the request is in its channel.
    async fn mark_delivered(&self, request: RequestId) -> Result<(), LedgerError>;

    /// Every record of the requests that match, newest request first, and the records of each oldest first.
    async fn history(&self, search: RequestSearch) -> Result<Vec<Recorded>, LedgerError>;

    /// Checks whether a record could be written now, without writing one.
    async fn probe(&self) -> Result<(), LedgerError>;
}

/// The requests that have to be resumed after a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingRequests {
    pub records: Vec<Recorded>,
    /// The number of the next request.
    pub next_id: RequestId,
    /// Ended requests whose result may not be in the channel.
    pub undelivered: BTreeSet<RequestId>,
}

/// Which requests to find.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestSearch {
    /// Only those that ended (`Some(true)`), or did not (`Some(false)`).
    pub ended: Option<bool>,
    pub pid: Option<Pid>,
    pub requester: Option<UserId>,
    /// Only the request whose card this is.
    pub card: Option<MessageId>,
    /// Only those about one of these targets.
    pub targets: Option<BTreeSet<String>>,
    pub anchor: SearchAnchor,
    /// At most so many requests.
    pub limit: u32,
}

/// With which request a search begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SearchAnchor {
    /// With the newest request.
    #[default]
    Newest,
    /// With the request before this one, and on to older ones.
    OlderThan(RequestId),
    /// With the request after this one, and on to newer ones.
    NewerThan(RequestId),
}

/// Why a ledger failed.
#[derive(thiserror::Error)]
pub enum LedgerError {
    /// Nothing was recorded.
    #[error("the ledger did not record it")]
    NotRecorded(#[source] anyhow::Error),
    /// The answer was lost: it may have been recorded, so the ledger must be read again.
    #[error("it is not known whether the ledger recorded it")]
    Uncertain(#[source] anyhow::Error),
    /// Another replica has taken over.
    #[error("another replica has taken over the ledger")]
    Deposed,
    /// Its content is impossible, so nothing may rely on it.
    #[error("the ledger is damaged{}: {problem}", seq.map_or(String::new(), |seq| format!(" at record {seq}")))]
    Corrupt {
        /// The first damaged record, if it is known.
        seq: Option<u64>,
        problem: String,
    },
}

impl fmt::Debug for LedgerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self))
    }
}
