//! The state of a request: the fold of its events, and nothing besides. What [`Request::evolve`] does not
//! list is an error, so a ledger that tells an impossible story is found out.

use std::collections::BTreeSet;

use super::event::{RequestDetails, RequestEvent, Resolution};
use super::ids::{MessageId, RequestId, UserId};
use super::timestamp::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: RequestId,
    pub details: RequestDetails,
    /// The card, once it was posted.
    pub card: Option<MessageId>,
    /// Who approves at present.
    pub approvals: BTreeSet<UserId>,
    /// Who was told that their reaction does not count.
    pub notified: BTreeSet<UserId>,
    pub state: RequestState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// Waits for people.
    Open,
    /// Decided; the signal may be on its way.
    Executing { approvers: Vec<UserId> },
    /// Over. `approvers` is empty when it was not executed.
    Ended {
        resolution: Resolution,
        at: Timestamp,
        approvers: Vec<UserId>,
    },
}

/// An event that cannot follow what was recorded before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTransition {
    pub request: RequestId,
    pub reason: &'static str,
}

impl std::fmt::Display for InvalidTransition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "request {}: {}", self.request, self.reason)
    }
}

impl std::error::Error for InvalidTransition {}

impl Request {
    /// The state that the first event of a request makes.
    pub fn start(id: RequestId, event: &RequestEvent) -> Result<Self, InvalidTransition> {
        let RequestEvent::Requested(asked) = event else {
            return Err(InvalidTransition {
                request: id,
                reason: "it does not begin with its being asked for",
            });
        };
        Ok(Self {
            id,
            details: (**asked).clone(),
            card: None,
            approvals: BTreeSet::new(),
            notified: BTreeSet::new(),
            state: RequestState::Open,
        })
    }

    /// The state after `event`.
    pub fn evolve(mut self, event: &RequestEvent, at: Timestamp) -> Result<Self, InvalidTransition> {
        let impossible = |because| {
            Err(InvalidTransition {
                request: self.id,
                reason: because,
            })
        };
        match (&self.state, event) {
            (_, RequestEvent::Requested(_)) => return impossible("it was asked for twice"),
            (_, RequestEvent::Posted { message }) => self.card = Some(*message),
            (RequestState::Open, RequestEvent::Approved { actor }) => {
                if *actor == self.details.requester {
                    return impossible("its requester approved it");
                }
                if !self.approvals.insert(*actor) {
                    return impossible("the same person approved twice");
                }
            }
            (RequestState::Open, RequestEvent::ApprovalRemoved { actor }) => {
                if !self.approvals.remove(actor) {
                    return impossible("an approval was removed that was not there");
                }
            }
            (_, RequestEvent::AttemptRefused { actor, .. }) => {
                self.notified.insert(*actor);
            }
            (RequestState::Open, RequestEvent::Executing { approvers }) => {
                if !self.is_quorum(approvers) {
                    return impossible("it was executed without enough approvals");
                }
                self.state = RequestState::Executing {
                    approvers: approvers.clone(),
                };
            }
            (RequestState::Open, RequestEvent::Finished(ending)) => {
                if ending.outcome.needs_execution() {
                    return impossible("it ended as if executed, and was not");
                }
                self.state = RequestState::Ended {
                    resolution: ending.clone(),
                    at,
                    approvers: Vec::new(),
                };
            }
            (RequestState::Executing { approvers }, RequestEvent::Finished(ending)) => {
                if !ending.outcome.needs_execution() {
                    return impossible("it was executed, and ended as if it was not");
                }
                self.state = RequestState::Ended {
                    resolution: ending.clone(),
                    at,
                    approvers: approvers.clone(),
                };
            }
            (RequestState::Executing { .. }, _) => return impossible("it was already being executed"),
            (RequestState::Ended { .. }, _) => return impossible("it had already ended"),
        }
        Ok(self)
    }

    /// Folds the events of one request, oldest first; `None` when there are none.
    pub fn replay<'a>(
        id: RequestId,
        events: impl IntoIterator<Item = (&'a RequestEvent, Timestamp)>,
    ) -> Result<Option<Self>, InvalidTransition> {
        let mut events = events.into_iter();
        let Some((first, _)) = events.next() else {
            return Ok(None);
        };
        events
            .try_fold(Self::start(id, first)?, |request, (event, at)| {
                request.evolve(event, at)
            })
            .map(Some)
    }

    pub fn is_open(&self) -> bool {
        self.state == RequestState::Open
    }

    /// How it ended, if it did.
    pub fn resolution(&self) -> Option<&Resolution> {
        match &self.state {
            RequestState::Ended {
                resolution: ending, ..
            } => Some(ending),
            _ => None,
        }
    }

    /// Who approved what was executed; empty before that.
    pub fn approvers(&self) -> &[UserId] {
        match &self.state {
            RequestState::Executing { approvers } | RequestState::Ended { approvers, .. } => approvers,
            RequestState::Open => &[],
        }
    }

    /// Whether `approvers` are enough distinct people, all of whom approve at present and none of whom asked.
    pub fn is_quorum(&self, approvers: &[UserId]) -> bool {
        let distinct: BTreeSet<_> = approvers.iter().copied().collect();
        let needed = self.details.approvals_needed.max(1) as usize;
        distinct.len() == approvers.len()
            && distinct.len() >= needed
            && distinct.is_subset(&self.approvals)
            && !distinct.contains(&self.details.requester)
    }

    /// Whether its time is over at `now`.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.details.expires_at
    }
}
