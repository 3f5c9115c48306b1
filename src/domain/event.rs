//! What the ledger remembers: everything that happened to a request, in order.

use std::time::Duration;

use super::identity::{BackendIdentity, Pid};
use super::ids::{ChannelId, MessageId, RequestId, UserId};
use super::outcome::Outcome;
use super::session::Session;
use super::timestamp::Timestamp;

/// Something that happened, about to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The request it happened to; `None` for an attempt that never became a request.
    pub request: Option<RequestId>,
    pub at: Timestamp,
    pub event: RequestEvent,
}

/// An entry that a ledger has acknowledged: it survives a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the ledger, from 1.
    pub seq: u64,
    pub entry: LedgerEntry,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestEvent {
    Requested(Box<RequestDetails>),
    Posted { message: MessageId },
    Approved { actor: UserId },
    ApprovalRemoved { actor: UserId },
    AttemptRefused { actor: UserId, why: RefusalReason },
    Executing { approvers: Vec<UserId> },
    Finished(Resolution),
}

/// What does not change about a request once it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestDetails {
    pub action: Action,
    /// The name of the target in the configuration.
    pub target: String,
    pub identity: BackendIdentity,
    /// The session as it was shown on the card.
    pub session: Session,
    /// How many sessions waited for it, directly or through others.
    pub waiters: u32,
    /// The parallel worker that was asked for, when `identity` is its leader.
    pub worker: Option<Pid>,
    pub requester: UserId,
    pub channel: ChannelId,
    pub reason: Option<String>,
    /// How many approvals are needed.
    pub approvals_needed: u32,
    pub asked_at: Timestamp,
    /// When the session was seen so, by the server's own clock, which also told the session's times: the ages on the
    /// card are told by it. `None` in records of earlier versions.
    pub seen_at: Option<Timestamp>,
    pub expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// `pg_cancel_backend`: ends the query, the session lives on.
    Cancel,
    /// `pg_terminate_backend`: ends the session.
    Terminate,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    pub outcome: Outcome,
    /// From the signal until its effect was seen, or until watching was given up.
    pub elapsed: Option<Duration>,
    /// `None` where it cannot be known.
    pub signal_sent: Option<bool>,
    /// What happened, in one sentence for people.
    pub detail: String,
    /// PostgreSQL's own WARNING or ERROR, word for word.
    pub postgres: Option<String>,
    /// How many of those that waited for the session no longer wait.
    pub waiters_released: Option<u32>,
    /// The person who closed it, where one did.
    pub actor: Option<UserId>,
}

/// Why an attempt does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalReason {
    /// The requester approved their own request.
    SelfApproval,
    NotAnApprover,
    /// The request had expired when the reaction came.
    Expired,
    /// The request was already decided.
    Closed,
    /// A bot reacted.
    Bot,
    /// Asked for by somebody who is no requester.
    NotARequester,
    /// Asked for a protected session.
    Protected,
    /// Asked beyond a limit.
    Limited,
}

impl Resolution {
    /// The end of a request for which nothing was signalled.
    pub fn without_signal(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            outcome,
            elapsed: None,
            signal_sent: Some(false),
            detail: detail.into(),
            postgres: None,
            waiters_released: None,
            actor: None,
        }
    }

    /// The same, closed by a person.
    #[must_use]
    pub fn closed_by(self, actor: UserId) -> Self {
        Self {
            actor: Some(actor),
            ..self
        }
    }
}

impl Action {
    /// Its name in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Terminate => "terminate",
        }
    }

    /// From its name in the ledger.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Cancel, Self::Terminate]
            .into_iter()
            .find(|action| action.name() == name)
    }
}

impl RefusalReason {
    pub const ALL: [Self; 8] = [
        Self::SelfApproval,
        Self::NotAnApprover,
        Self::Expired,
        Self::Closed,
        Self::Bot,
        Self::NotARequester,
        Self::Protected,
        Self::Limited,
    ];

    /// Its name in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SelfApproval => "self_approval",
            Self::NotAnApprover => "not_an_approver",
            Self::Expired => "expired",
            Self::Closed => "closed",
            Self::Bot => "bot",
            Self::NotARequester => "not_a_requester",
            Self::Protected => "protected",
            Self::Limited => "limited",
        }
    }

    /// From its name in the ledger.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.name() == name)
    }
}
