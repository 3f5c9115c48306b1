//! The state of a request: the fold of its events, and nothing besides. What [`Request::evolve`] does not
//! list is an error, so a ledger that tells an impossible story is found out.

use std::collections::BTreeSet;

use super::event::{Asked, Ending, Event};
use super::ids::{MessageId, RequestId, UserId};
use super::timestamp::Moment;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: RequestId,
    pub asked: Asked,
    /// The card, once it was posted.
    pub message: Option<MessageId>,
    /// Who approves at present.
    pub approvals: BTreeSet<UserId>,
    /// Who was told that their reaction does not count.
    pub told: BTreeSet<UserId>,
    pub phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Waits for people.
    Open,
    /// Decided; the signal may be on its way.
    Executing { approvers: Vec<UserId> },
    /// Over. `approvers` is empty when it was not executed.
    Ended {
        ending: Ending,
        at: Moment,
        approvers: Vec<UserId>,
    },
}

/// An event that cannot follow what was recorded before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible {
    pub request: RequestId,
    pub because: &'static str,
}

impl std::fmt::Display for Impossible {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "request {}: {}", self.request, self.because)
    }
}

impl std::error::Error for Impossible {}

impl Request {
    /// The state that the first event of a request makes.
    pub fn begin(id: RequestId, event: &Event) -> Result<Self, Impossible> {
        let Event::Requested(asked) = event else {
            return Err(Impossible {
                request: id,
                because: "it does not begin with its being asked for",
            });
        };
        Ok(Self {
            id,
            asked: (**asked).clone(),
            message: None,
            approvals: BTreeSet::new(),
            told: BTreeSet::new(),
            phase: Phase::Open,
        })
    }

    /// The state after `event`.
    pub fn evolve(mut self, event: &Event, at: Moment) -> Result<Self, Impossible> {
        let impossible = |because| {
            Err(Impossible {
                request: self.id,
                because,
            })
        };
        match (&self.phase, event) {
            (_, Event::Requested(_)) => return impossible("it was asked for twice"),
            (_, Event::Posted { message }) => self.message = Some(*message),
            (Phase::Open, Event::Approved { actor }) => {
                if *actor == self.asked.requester {
                    return impossible("its requester approved it");
                }
                if !self.approvals.insert(*actor) {
                    return impossible("the same person approved twice");
                }
            }
            (Phase::Open, Event::ApprovalRemoved { actor }) => {
                if !self.approvals.remove(actor) {
                    return impossible("an approval was removed that was not there");
                }
            }
            (_, Event::AttemptRefused { actor, .. }) => {
                self.told.insert(*actor);
            }
            (Phase::Open, Event::Executing { approvers }) => {
                if !self.is_quorum(approvers) {
                    return impossible("it was executed without enough approvals");
                }
                self.phase = Phase::Executing {
                    approvers: approvers.clone(),
                };
            }
            (Phase::Open, Event::Finished(ending)) => {
                if ending.outcome.needs_execution() {
                    return impossible("it ended as if executed, and was not");
                }
                self.phase = Phase::Ended {
                    ending: ending.clone(),
                    at,
                    approvers: Vec::new(),
                };
            }
            (Phase::Executing { approvers }, Event::Finished(ending)) => {
                if !ending.outcome.needs_execution() {
                    return impossible("it was executed, and ended as if it was not");
                }
                self.phase = Phase::Ended {
                    ending: ending.clone(),
                    at,
                    approvers: approvers.clone(),
                };
            }
            (Phase::Executing { .. }, _) => return impossible("it was already being executed"),
            (Phase::Ended { .. }, _) => return impossible("it had already ended"),
        }
        Ok(self)
    }

    /// Folds the events of one request, oldest first; `None` when there are none.
    pub fn replay<'a>(
        id: RequestId,
        events: impl IntoIterator<Item = (&'a Event, Moment)>,
    ) -> Result<Option<Self>, Impossible> {
        let mut events = events.into_iter();
        let Some((first, _)) = events.next() else {
            return Ok(None);
        };
        events
            .try_fold(Self::begin(id, first)?, |request, (event, at)| {
                request.evolve(event, at)
            })
            .map(Some)
    }

    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// How it ended, if it did.
    pub fn ending(&self) -> Option<&Ending> {
        match &self.phase {
            Phase::Ended { ending, .. } => Some(ending),
            _ => None,
        }
    }

    /// Who approved what was executed; empty before that.
    pub fn approvers(&self) -> &[UserId] {
        match &self.phase {
            Phase::Executing { approvers } | Phase::Ended { approvers, .. } => approvers,
            Phase::Open => &[],
        }
    }

    /// Whether `approvers` are enough distinct people, all of whom approve at present and none of whom asked.
    pub fn is_quorum(&self, approvers: &[UserId]) -> bool {
        let distinct: BTreeSet<_> = approvers.iter().copied().collect();
        let needed = self.asked.needed.max(1) as usize;
        distinct.len() == approvers.len()
            && distinct.len() >= needed
            && distinct.is_subset(&self.approvals)
            && !distinct.contains(&self.asked.requester)
    }

    /// Whether its time is over at `now`.
    pub fn has_expired(&self, now: Moment) -> bool {
        now >= self.asked.expires_at
    }
}
