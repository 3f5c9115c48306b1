//! The proof without which nothing is signalled.

use super::event::{Action, Recorded, RequestedBackend};
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
    action: Action,
    target: String,
    server: ServerIdentity,
    seen_at: Timestamp,
    backends: Vec<RequestedBackend>,
    requester: UserId,
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
        Some(Self {
            request: request.id,
            action: request.details.action,
            target: request.details.target,
            server: request.details.server,
            seen_at: request.details.seen_at,
            backends: request.details.backends,
            requester: request.details.requester,
            approvers,
        })
    }

    pub fn request(&self) -> RequestId {
        self.request
    }

    pub fn action(&self) -> Action {
        self.action
    }

    /// The name of the target in the configuration.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The server that the sessions were seen on.
    pub fn server(&self) -> ServerIdentity {
        self.server
    }

    /// When the sessions were seen, by the server's clock.
    pub fn seen_at(&self) -> Timestamp {
        self.seen_at
    }

    /// The sessions, as the card showed them.
    pub fn backends(&self) -> &[RequestedBackend] {
        &self.backends
    }

    pub fn requester(&self) -> UserId {
        self.requester
    }

    pub fn approvers(&self) -> &[UserId] {
        &self.approvers
    }
}
