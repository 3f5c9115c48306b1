//! Decides whether a signal may be requested at all. What is refused here never becomes a request.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{Action, Binding, RefusalReason, RequestDetails, RequestedBackend};
use super::identity::Pid;
use super::ids::{ChannelId, MessageId, Person, RequestId};
use super::lock_graph::LockGraph;
use super::policy::{RequestLimits, TargetPolicy};
use super::protection::ProtectionRule;
use super::request::Request;
use super::session::{BackendType, Session, SessionState, Snapshot};
use super::timestamp::Timestamp;

/// A session that has been in its transaction for this long is terminated only in this transaction, unless the requester
/// chooses otherwise.
const LONG_TRANSACTION: Duration = Duration::from_secs(5);

/// What a person asks for, before anything was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRequest {
    pub action: Action,
    /// At least one.
    pub sessions: Vec<SessionSelector>,
    /// The pids that only another target has, each with that target's name, as far as known.
    pub elsewhere: BTreeMap<Pid, String>,
    /// What a terminate is bound to; `None` leaves it to how long each session has been in its transaction.
    pub bound_to: Option<Binding>,
    pub reason: Option<String>,
    pub channel: ChannelId,
}

/// Which session a person means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSelector {
    pub pid: Pid,
    /// When the backend that the person saw started, if known. A later backend with this pid is not meant.
    pub backend_start: Option<Timestamp>,
}

/// Why no request was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreationError {
    /// The person may not request a signal on this target.
    NotARequester,
    /// The target requires a reason.
    ReasonMissing,
    /// The role may signal no session of the target; why, for people.
    NoSignalRight { obstacle: String },
    /// PostgreSQL shows nothing of the process but its pid, or not what it runs: nothing could be compared later.
    Hidden { pid: Pid },
    /// No backend of the target has this pid.
    NoSuchBackend { pid: Pid },
    /// The pid belongs to another backend than the one that was seen.
    Replaced { pid: Pid },
    /// A parallel worker whose leader is no longer there.
    LeaderGone { pid: Pid, leader: Option<Pid> },
    /// The protection rules forbid it.
    Protected { pid: Pid, rule: ProtectionRule },
    /// The same session was given twice.
    Repeated { pid: Pid },
    /// Another target has a session with this pid, and this one has none.
    OnAnotherTarget { pid: Pid, target: String },
    /// A terminate was to be bound to a transaction, and the session is in none.
    NotInTransaction { pid: Pid },
    /// There is no query to cancel.
    NothingToCancel { session: SessionSelector, state: SessionState },
    /// Of several sessions, some cannot be asked for: `refused` has an error for each of them. `others` can.
    SomeRefused { refused: Vec<CreationError>, others: Vec<SessionSelector>, bound_to: Option<Binding> },
    /// More sessions than one request may be about.
    TooManySessions { limit: u32, given: u32 },
    /// The person has too many open requests.
    OpenLimitPerUserReached { limit: u32 },
    /// All people together have too many open requests.
    OpenLimitReached { limit: u32 },
    /// Of the `limit` signals in an hour only `left` are left, and the request needs one for each of its `sessions`.
    SignalLimitReached { limit: u32, left: u32, sessions: u32 },
    /// An open request asks for the same already.
    Duplicate { request: RequestId, channel: ChannelId, card: Option<MessageId> },
}

impl SessionSelector {
    /// This very session.
    pub fn of(session: &Session) -> Self {
        Self { pid: session.pid, backend_start: Some(session.backend_start) }
    }
}

impl CreationError {
    /// The pid of the protected session, if protection is the reason.
    pub fn protected_pid(&self) -> Option<Pid> {
        match self {
            Self::Protected { pid, .. } => Some(*pid),
            _ => None,
        }
    }

    /// The sessions that cannot be cancelled because they run no query. A terminate could be asked for instead.
    pub fn nothing_to_cancel(&self) -> Vec<SessionSelector> {
        match self {
            Self::NothingToCancel { session, .. } => vec![*session],
            Self::SomeRefused { refused, .. } => refused.iter().flat_map(Self::nothing_to_cancel).collect(),
            _ => Vec::new(),
        }
    }

    /// The reason to record for the attempt; `None` if it is only a mistake, which is not recorded.
    pub fn attempt_reason(&self) -> Option<RefusalReason> {
        match self {
            Self::NotARequester => Some(RefusalReason::NotARequester),
            Self::Protected { .. } => Some(RefusalReason::Protected),
            Self::OpenLimitPerUserReached { .. }
            | Self::OpenLimitReached { .. }
            | Self::SignalLimitReached { .. } => Some(RefusalReason::Limited),
            Self::SomeRefused { refused, .. } => refused.iter().find_map(Self::attempt_reason),
            Self::ReasonMissing
            | Self::NoSignalRight { .. }
            | Self::Hidden { .. }
            | Self::NoSuchBackend { .. }
            | Self::Replaced { .. }
            | Self::LeaderGone { .. }
            | Self::Repeated { .. }
            | Self::OnAnotherTarget { .. }
            | Self::NotInTransaction { .. }
            | Self::NothingToCancel { .. }
            | Self::TooManySessions { .. }
            | Self::Duplicate { .. } => None,
        }
    }
}

/// What the decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct CreationContext<'a> {
    pub now: Timestamp,
    /// The name of the target.
    pub target: &'a str,
    pub policy: &'a TargetPolicy,
    pub limits: &'a RequestLimits,
    pub snapshot: &'a Snapshot,
    /// How many more signals the target's hourly budget allows.
    pub signal_budget: u32,
}

/// Turns what `by` asks for into the details of a request, or says why not. `open` are the open requests.
pub fn create_request<'a>(
    new: &NewRequest,
    by: &Person,
    open: impl Iterator<Item = &'a Request> + Clone,
    context: CreationContext<'_>,
) -> Result<RequestDetails, CreationError> {
    if !context.policy.access.may_request(by) {
        return Err(CreationError::NotARequester);
    }
    if context.policy.require_reason && new.reason.is_none() {
        return Err(CreationError::ReasonMissing);
    }
    if let Some(obstacle) = &context.snapshot.signal_obstacle {
        return Err(CreationError::NoSignalRight { obstacle: obstacle.clone() });
    }
    let given = number_of(new.sessions.len());
    if given > context.limits.sessions_per_request {
        return Err(CreationError::TooManySessions { limit: context.limits.sessions_per_request, given });
    }
    let backends = requested_backends(new, context)?;
    let details = RequestDetails {
        action: new.action,
        target: context.target.to_owned(),
        server: context.snapshot.server,
        requester: by.id,
        channel: new.channel,
        reason: new.reason.clone(),
        approvals_needed: context.policy.approvals.max(1),
        asked_at: context.now,
        seen_at: context.snapshot.taken_at,
        expires_at: context.now.plus(context.policy.expires_after),
        backends,
    };
    if let Some(same) = open.clone().find(|request| is_covered(&details, &request.details)) {
        return Err(CreationError::Duplicate {
            request: same.id,
            channel: same.details.channel,
            card: same.card,
        });
    }
    check_limits(&details, open, context)?;
    Ok(details)
}

/// All sessions that were asked for, or why some of them are refused: then none is asked for.
fn requested_backends(
    new: &NewRequest,
    context: CreationContext<'_>,
) -> Result<Vec<RequestedBackend>, CreationError> {
    let locks = LockGraph::from_snapshot(context.snapshot);
    let mut backends: Vec<RequestedBackend> = Vec::with_capacity(new.sessions.len());
    let mut refused = Vec::new();
    for selector in &new.sessions {
        match requested_backend(new, selector, &locks, context) {
            Ok(backend) if backends.iter().any(|other| other.identity == backend.identity) => {
                refused.push(CreationError::Repeated { pid: selector.pid });
            }
            Ok(backend) => backends.push(backend),
            Err(error) => refused.push(error),
        }
    }
    match refused.pop() {
        None => Ok(backends),
        Some(error) if new.sessions.len() == 1 => Err(error),
        Some(last) => {
            refused.push(last);
            let others = backends.iter().map(|backend| SessionSelector::of(&backend.session)).collect();
            Err(CreationError::SomeRefused { refused, others, bound_to: new.bound_to })
        }
    }
}

fn requested_backend(
    new: &NewRequest,
    selector: &SessionSelector,
    locks: &LockGraph,
    context: CreationContext<'_>,
) -> Result<RequestedBackend, CreationError> {
    let (session, worker) = find_session(context.snapshot, selector).map_err(|error| {
        match (new.elsewhere.get(&selector.pid), error) {
            (Some(target), CreationError::NoSuchBackend { pid }) => {
                CreationError::OnAnotherTarget { pid, target: target.clone() }
            }
            (_, error) => error,
        }
    })?;
    if let Some(rule) = context.policy.protection.matching_rule(session) {
        return Err(CreationError::Protected { pid: selector.pid, rule });
    }
    Ok(RequestedBackend {
        identity: session.identity(),
        bound_to: binding(new, selector.pid, session, context.snapshot.taken_at)?,
        session: session.clone(),
        waiters: number_of(locks.all_waiters(session.pid).len()),
        worker,
    })
}

/// What must not change about the session until it is signalled.
fn binding(new: &NewRequest, pid: Pid, session: &Session, now: Timestamp) -> Result<Binding, CreationError> {
    let transaction = session.transaction_age(now);
    match (new.action, new.bound_to) {
        (Action::Cancel, _) if session.state.is_hidden() => Err(CreationError::Hidden { pid }),
        (Action::Cancel, _) if !session.state.is_running() => Err(CreationError::NothingToCancel {
            session: SessionSelector::of(session),
            state: session.state,
        }),
        (Action::Cancel, _) => Ok(Binding::Query),
        (Action::Terminate, Some(Binding::Transaction)) if transaction.is_none() => {
            Err(CreationError::NotInTransaction { pid })
        }
        (Action::Terminate, Some(chosen @ (Binding::Transaction | Binding::Session))) => Ok(chosen),
        (Action::Terminate, None | Some(Binding::Query)) => {
            let is_long = transaction.is_some_and(|age| age >= LONG_TRANSACTION);
            Ok(if is_long { Binding::Transaction } else { Binding::Session })
        }
    }
}

/// The session to signal. For a parallel worker that is its leader, because a signal to the worker would fail the
/// leader's query anyway (PostgreSQL documentation, chapter "Parallel Query").
fn find_session<'a>(
    snapshot: &'a Snapshot,
    selector: &SessionSelector,
) -> Result<(&'a Session, Option<Pid>), CreationError> {
    let pid = selector.pid;
    if snapshot.own_pid == Some(pid) {
        return Err(CreationError::Protected { pid, rule: ProtectionRule::Own });
    }
    if snapshot.hidden_pids.contains(&pid) {
        return Err(CreationError::Hidden { pid });
    }
    let session = snapshot.find(pid).ok_or(CreationError::NoSuchBackend { pid })?;
    if selector.backend_start.is_some_and(|start| start != session.backend_start) {
        return Err(CreationError::Replaced { pid });
    }
    if session.backend_type != BackendType::ParallelWorker {
        return Ok((session, None));
    }
    snapshot
        .leader_of(session)
        .map(|leader| (leader, Some(pid)))
        .ok_or(CreationError::LeaderGone { pid, leader: session.leader_pid })
}

/// Whether an open request already asks for all that `new` asks for. One that ends with a transaction asks for less than
/// one that does not.
fn is_covered(new: &RequestDetails, open: &RequestDetails) -> bool {
    let is_same = |new_backend: &RequestedBackend, open_backend: &RequestedBackend| {
        let (new_identity, open_identity) = (&new_backend.identity, &open_backend.identity);
        new_identity.pid == open_identity.pid
            && new_identity.backend_start == open_identity.backend_start
            && match open_backend.bound_to {
                Binding::Query => new_identity.query_start == open_identity.query_start,
                Binding::Transaction => {
                    new_backend.bound_to == Binding::Transaction
                        && new_identity.xact_start == open_identity.xact_start
                }
                Binding::Session => true,
            }
    };
    new.action == open.action
        && new.target == open.target
        && new.server.is_same(open.server)
        && new
            .backends
            .iter()
            .all(|new_backend| open.backends.iter().any(|open_backend| is_same(new_backend, open_backend)))
}

fn check_limits<'a>(
    details: &RequestDetails,
    open: impl Iterator<Item = &'a Request> + Clone,
    context: CreationContext<'_>,
) -> Result<(), CreationError> {
    let limits = context.limits;
    let is_reached = |count: usize, limit: u32| u32::try_from(count).is_ok_and(|count| count >= limit);
    let own = open.clone().filter(|request| request.details.requester == details.requester);
    if is_reached(own.count(), limits.open_requests_per_user) {
        return Err(CreationError::OpenLimitPerUserReached { limit: limits.open_requests_per_user });
    }
    if is_reached(open.count(), limits.open_requests) {
        return Err(CreationError::OpenLimitReached { limit: limits.open_requests });
    }
    let (left, sessions) = (context.signal_budget, number_of(details.backends.len()));
    if sessions > left {
        return Err(CreationError::SignalLimitReached { limit: limits.signals_per_hour, left, sessions });
    }
    Ok(())
}

fn number_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
