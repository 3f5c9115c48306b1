//! The proof without which nothing is signalled.

use super::event::{Action, Recorded, RequestDetails, RequestedBackend};
use super::identity::ServerIdentity;
use super::ids::{RequestId, UserId};
use super::request::{Request, RequestState};
use super::timestamp::Timestamp;

/// Proof that enough people approved a request, and that this decision is durable.
///
/// Only [`Approved::from_records`] makes one, from records that a ledger has just acknowledged. It cannot be cloned, and
/// executing consumes it. After a crash there is no way to get it again: a request that was being executed ends
/// `unknown` and is never signalled a second time.
#[derive(Debug, PartialEq, Eq)]
pub struct Approved {
    request: RequestId,
    details: RequestDetails,
    approvers: Vec<UserId>,
}

impl Approved {
    /// Mints the proof for an open request from what was just recorded for it. Returns `None` unless all of these
    /// records can follow and the last one leaves the request executing.
    pub fn from_records(open: &Request, recorded: &[Recorded]) -> Option<Self> {
        if !open.is_open() {
            return None;
        }
        let mut request = open.clone();
        for record in recorded {
            if record.entry().request != Some(open.id) {
                return None;
            }
            request = request.evolve(&record.entry().event, record.entry().at).ok()?;
        }
        let RequestState::Executing { approvers } = request.state else { return None };
        Some(Self { request: request.id, details: request.details, approvers })
    }

    pub fn request(&self) -> RequestId {
        self.request
    }

    pub fn action(&self) -> Action {
        self.details.action
    }

    /// The name of the target in the configuration.
    pub fn target(&self) -> &str {
        &self.details.target
    }

    /// The server that the sessions were seen on.
    pub fn server(&self) -> ServerIdentity {
        self.details.server
    }

    /// When the sessions were seen, by the server's clock.
    pub fn seen_at(&self) -> Timestamp {
        self.details.seen_at
    }

    /// The sessions, as the card showed them.
    pub fn backends(&self) -> &[RequestedBackend] {
        &self.details.backends
    }

    pub fn requester(&self) -> UserId {
        self.details.requester
    }

    pub fn approvers(&self) -> &[UserId] {
        &self.approvers
    }
}
