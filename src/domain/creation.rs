//! Decides whether a signal may be requested at all. What is refused here never becomes a request.

use super::event::{Action, Binding, RefusalReason, RequestDetails, RequestedBackend};
use super::identity::{BackendIdentity, Pid};
use super::ids::{ChannelId, MessageId, Person, RequestId};
use super::lock_graph::LockGraph;
use super::policy::{RequestLimits, TargetPolicy};
use super::protection::ProtectionRule;
use super::request::Request;
use super::session::{BackendType, Session, Snapshot};
use super::timestamp::Timestamp;

/// What a person asks for, before anything was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRequest {
    pub action: Action,
    /// At least one.
    pub sessions: Vec<SessionSelector>,
    pub reason: Option<String>,
    pub channel: ChannelId,
}

/// Which session a person means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSelector {
    pub pid: Pid,
    /// The start of the backend that the person saw, if it is known: they mean no later one with the same pid.
    pub backend_start: Option<Timestamp>,
}

/// Why no request was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreationError {
    NotARequester,
    ReasonMissing,
    /// The role may signal no session of the target; why, for people.
    NoSignalRight {
        obstacle: String,
    },
    /// PostgreSQL shows nothing of the process but its pid, or not what it runs: nothing could be compared later.
    Hidden {
        pid: Pid,
    },
    /// No backend of the target has this pid.
    NoSuchBackend {
        pid: Pid,
    },
    /// The pid belongs to another backend than the one that was seen.
    Replaced {
        pid: Pid,
    },
    /// A parallel worker whose leader is no longer there.
    LeaderGone {
        pid: Pid,
        leader: Option<Pid>,
    },
    Protected {
        pid: Pid,
        rule: ProtectionRule,
    },
    /// The same session was given twice.
    Repeated {
        pid: Pid,
    },
    OpenLimitPerUserReached {
        limit: u32,
    },
    OpenLimitReached {
        limit: u32,
    },
    SignalLimitReached {
        limit: u32,
    },
    /// An open request asks for the same already.
    Duplicate {
        request: RequestId,
        channel: ChannelId,
        card: Option<MessageId>,
    },
}

impl CreationError {
    /// The session that is protected, where that is why.
    pub fn protected_pid(&self) -> Option<Pid> {
        match self {
            Self::Protected { pid, .. } => Some(*pid),
            _ => None,
        }
    }

    /// Under which reason the attempt is recorded; `None` for a mistake that attempts nothing.
    pub fn attempt_reason(&self) -> Option<RefusalReason> {
        match self {
            Self::NotARequester => Some(RefusalReason::NotARequester),
            Self::Protected { .. } => Some(RefusalReason::Protected),
            Self::OpenLimitPerUserReached { .. }
            | Self::OpenLimitReached { .. }
            | Self::SignalLimitReached { .. } => Some(RefusalReason::Limited),
            Self::ReasonMissing
            | Self::NoSignalRight { .. }
            | Self::Hidden { .. }
            | Self::NoSuchBackend { .. }
            | Self::Replaced { .. }
            | Self::LeaderGone { .. }
            | Self::Repeated { .. }
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
    let locks = LockGraph::from_snapshot(context.snapshot);
    let mut backends: Vec<RequestedBackend> = Vec::with_capacity(new.sessions.len());
    for selector in &new.sessions {
        let backend = requested_backend(new.action, selector, &locks, context)?;
        if backends.iter().any(|other| other.identity == backend.identity) {
            return Err(CreationError::Repeated { pid: selector.pid });
        }
        backends.push(backend);
    }
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

fn requested_backend(
    action: Action,
    selector: &SessionSelector,
    locks: &LockGraph,
    context: CreationContext<'_>,
) -> Result<RequestedBackend, CreationError> {
    let (session, worker) = find_session(context.snapshot, selector)?;
    if let Some(rule) = context.policy.protection.matching_rule(session) {
        return Err(CreationError::Protected { pid: selector.pid, rule });
    }
    if action == Action::Cancel && session.state.is_hidden() {
        return Err(CreationError::Hidden { pid: selector.pid });
    }
    Ok(RequestedBackend {
        identity: session.identity(),
        bound_to: match action {
            Action::Cancel => Binding::Query,
            Action::Terminate => Binding::Session,
        },
        session: session.clone(),
        waiters: u32::try_from(locks.all_waiters(session.pid).len()).unwrap_or(u32::MAX),
        worker,
    })
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
    let leader = session.leader_pid.and_then(|leader| snapshot.find(leader));
    leader
        .map(|leader| (leader, Some(pid)))
        .ok_or(CreationError::LeaderGone { pid, leader: session.leader_pid })
}

/// Whether an open request already asks for all that `new` asks for.
fn is_covered(new: &RequestDetails, open: &RequestDetails) -> bool {
    let is_same = |new_backend: &BackendIdentity, open_backend: &BackendIdentity| {
        new_backend.pid == open_backend.pid
            && new_backend.backend_start == open_backend.backend_start
            && (new.action == Action::Terminate || new_backend.query_start == open_backend.query_start)
    };
    new.action == open.action
        && new.target == open.target
        && new.server == open.server
        && new.backends.iter().all(|new_backend| {
            open.backends.iter().any(|open_backend| is_same(&new_backend.identity, &open_backend.identity))
        })
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
    if is_reached(details.backends.len() - 1, context.signal_budget) {
        return Err(CreationError::SignalLimitReached { limit: limits.signals_per_hour });
    }
    Ok(())
}
