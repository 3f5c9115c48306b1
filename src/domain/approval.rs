//! The token without which nothing is signalled.

use super::event::{Action, Recorded};
use super::identity::BackendIdentity;
use super::ids::{RequestId, UserId};
use super::request::{Request, RequestState};
use super::session::Session;

/// Proof that a request was approved by enough people and that this decision is durable.
///
/// Only [`Approved::mint`] makes one, from a decision that a ledger has just acknowledged; it cannot be cloned,
/// and executing consumes it. After a crash there is no way back to it: a request that was being executed is
/// `unknown`, never signalled a second time.
#[derive(Debug, PartialEq, Eq)]
pub struct Approved {
    request: RequestId,
    action: Action,
    target: String,
    identity: BackendIdentity,
    session: Session,
    requester: UserId,
    approvers: Vec<UserId>,
}

impl Approved {
    /// Mints the token for an open request from what was just recorded for it; `None` unless all of that can
    /// follow, and leaves the request being executed.
    pub fn mint(open: &Request, recorded: &[Recorded]) -> Option<Self> {
        if !open.is_open() {
            return None;
        }
        let mut request = open.clone();
        for Recorded { entry, .. } in recorded {
            if entry.request != Some(open.id) {
                return None;
            }
            request = request.evolve(&entry.event, entry.at).ok()?;
        }
        let RequestState::Executing { approvers } = request.state else {
            return None;
        };
        Some(Self {
            request: request.id,
            action: request.details.action,
            target: request.details.target,
            identity: request.details.identity,
            session: request.details.session,
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

    /// The name of the target it was shown on.
    pub fn target(&self) -> &str {
        &self.target
    }

    pub fn identity(&self) -> &BackendIdentity {
        &self.identity
    }

    /// The session as it was shown on the card.
    pub fn session(&self) -> &Session {
        &self.session
    }

    pub fn requester(&self) -> UserId {
        self.requester
    }

    pub fn approvers(&self) -> &[UserId] {
        &self.approvers
    }
}
