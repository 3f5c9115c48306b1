//! The state of a request: the fold of its records, and nothing else. A record that cannot follow the ones before it
//! is an error, so a ledger with an impossible history is detected.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Recorded, RequestDetails, RequestEvent, Resolution};
use super::ids::{MessageId, RequestId, UserId};
use super::outcome::Outcome;
use super::timestamp::Timestamp;

/// How many digits of a record's hash a mark shows.
const MARK_DIGITS: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: RequestId,
    /// The first digits of the hash of its `requested` record. With its number they tell it from a request of another
    /// ledger.
    pub mark: String,
    pub details: RequestDetails,
    /// The card, once it was posted.
    pub card: Option<MessageId>,
    /// The message that reminded the approvers, once it was posted.
    pub reminder: Option<MessageId>,
    /// Who approves at present.
    pub approvals: BTreeSet<UserId>,
    /// Who made an attempt that does not count, and how many of these are recorded.
    pub attempts: BTreeMap<UserId, u32>,
    pub state: RequestState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// Waits for people.
    Open,
    /// Decided; the signals may be on their way.
    Executing { approvers: Vec<UserId> },
    /// Over. `approvers` is empty if it was not executed.
    Ended { resolution: Resolution, at: Timestamp, approvers: Vec<UserId> },
}

/// A record that cannot follow those before it.
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

/// The state of every request in `records`, which are in the order in which they were appended for each request.
/// Records of attempts that became no request are skipped.
pub fn fold<'a>(
    records: impl IntoIterator<Item = &'a Recorded>,
) -> BTreeMap<RequestId, Result<Request, InvalidTransition>> {
    let mut requests = BTreeMap::new();
    for record in records {
        let Some(id) = record.entry().request else {
            continue;
        };
        let next = match requests.remove(&id) {
            Some(Err(invalid)) => Err(invalid),
            Some(Ok(request)) => Request::apply(Some(request), id, record),
            None => Request::apply(None, id, record),
        };
        requests.insert(id, next);
    }
    requests
}

impl Request {
    /// The state after `record`, which is about the request `id`; `request` is its state before, if it has one.
    pub fn apply(request: Option<Self>, id: RequestId, record: &Recorded) -> Result<Self, InvalidTransition> {
        match request {
            Some(request) => request.evolve(&record.entry().event, record.entry().at),
            None => Self::start(id, record.hash(), &record.entry().event),
        }
    }

    /// The state that the first event of a request makes; `hash` is that of its record.
    pub fn start(id: RequestId, hash: &str, event: &RequestEvent) -> Result<Self, InvalidTransition> {
        let invalid = |reason| Err(InvalidTransition { request: id, reason });
        let RequestEvent::Requested(details) = event else {
            return invalid("its first record is not `requested`");
        };
        if details.backends.is_empty() {
            return invalid("it is about no session");
        }
        Ok(Self {
            id,
            mark: hash.chars().take(MARK_DIGITS).collect(),
            details: (**details).clone(),
            card: None,
            reminder: None,
            approvals: BTreeSet::new(),
            attempts: BTreeMap::new(),
            state: RequestState::Open,
        })
    }

    /// The state after `event`, which happened at `at`.
    pub fn evolve(mut self, event: &RequestEvent, at: Timestamp) -> Result<Self, InvalidTransition> {
        let invalid = |reason| Err(InvalidTransition { request: self.id, reason });
        match (&self.state, event) {
            (_, RequestEvent::Requested(_)) => return invalid("it was requested twice"),
            (_, RequestEvent::Posted { message }) => self.card = Some(*message),
            (_, RequestEvent::Reminded { message }) => self.reminder = Some(*message),
            (RequestState::Open, RequestEvent::ApprovalAdded { actor }) => {
                if *actor == self.details.requester {
                    return invalid("its requester approved it");
                }
                if !self.approvals.insert(*actor) {
                    return invalid("the same person approved twice");
                }
            }
            (RequestState::Open, RequestEvent::ApprovalRemoved { actor }) => {
                if !self.approvals.remove(actor) {
                    return invalid("an approval was removed that was not there");
                }
            }
            (_, RequestEvent::AttemptRefused { actor, .. }) => {
                *self.attempts.entry(*actor).or_default() += 1;
            }
            (RequestState::Open, RequestEvent::Executing { approvers }) => {
                if !self.is_quorum(approvers) {
                    return invalid("it was executed without enough approvals");
                }
                self.state = RequestState::Executing { approvers: approvers.clone() };
            }
            (RequestState::Open, RequestEvent::Finished(resolution)) => {
                // A ledger that was set back does not know whether the request was executed.
                let is_unknown = resolution.outcome == Outcome::Unknown && resolution.signal_sent.is_none();
                let is_executed = resolution.outcome.is_of_execution() && !is_unknown;
                if is_executed || !resolution.backends.is_empty() {
                    return invalid("it ended as if executed, and was not");
                }
                self.state =
                    RequestState::Ended { resolution: resolution.clone(), at, approvers: Vec::new() };
            }
            (RequestState::Executing { approvers }, RequestEvent::Finished(resolution)) => {
                if !resolution.is_execution_of(&self.details) {
                    return invalid("it was executed, and its end does not fit its sessions");
                }
                self.state =
                    RequestState::Ended { resolution: resolution.clone(), at, approvers: approvers.clone() };
            }
            (RequestState::Executing { .. }, _) => return invalid("it was already being executed"),
            (RequestState::Ended { .. }, _) => return invalid("it had already ended"),
        }
        Ok(self)
    }

    pub fn is_open(&self) -> bool {
        self.state == RequestState::Open
    }

    /// How it ended, if it has.
    pub fn resolution(&self) -> Option<&Resolution> {
        match &self.state {
            RequestState::Ended { resolution, .. } => Some(resolution),
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

    /// How many people must approve: at least one.
    pub fn approvals_needed(&self) -> usize {
        self.details.approvals_needed.max(1) as usize
    }

    /// Whether `approvers` are enough distinct people, all of whom approve at present and none of whom is the
    /// requester.
    pub fn is_quorum(&self, approvers: &[UserId]) -> bool {
        let distinct: BTreeSet<_> = approvers.iter().copied().collect();
        distinct.len() == approvers.len()
            && distinct.len() >= self.approvals_needed()
            && distinct.is_subset(&self.approvals)
            && !distinct.contains(&self.details.requester)
    }

    pub fn has_expired(&self, now: Timestamp) -> bool {
        now >= self.details.expires_at
    }
}
