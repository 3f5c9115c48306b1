//! May this be asked at all? What is refused here never becomes a request.

use super::event::{Action, RefusalReason, RequestDetails};
use super::identity::{BackendIdentity, Pid};
use super::ids::{ChannelId, MessageId, Person, RequestId};
use super::lock_graph::LockGraph;
use super::policy::{RequestLimits, TargetPolicy};
use super::protection::ProtectionRule;
use super::request::Request;
use super::session::{BackendType, Session, Snapshot};
use super::timestamp::Timestamp;

/// What a person wants, before anything was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRequest {
    pub action: Action,
    pub pid: Pid,
    /// When the backend began that the person looked at, where that is known: their wish is about no later one.
    pub backend_start: Option<Timestamp>,
    pub reason: Option<String>,
    pub channel: ChannelId,
}

/// Why a wish does not become a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreationError {
    NotARequester,
    ReasonMissing,
    /// No backend of the target has this pid.
    NoSuchBackend,
    /// The pid belongs to another backend than the one that was looked at.
    Replaced,
    /// A parallel worker whose leader is no longer there.
    LeaderGone {
        leader: Option<Pid>,
    },
    Protected {
        rule: ProtectionRule,
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
    /// The same is already asked for: the two are one request.
    Duplicate {
        request: RequestId,
        channel: ChannelId,
        message: Option<MessageId>,
    },
}

impl CreationError {
    /// Under which name the attempt is recorded; `None` for a slip that is no attempt at anything.
    pub fn attempt_reason(&self) -> Option<RefusalReason> {
        match self {
            Self::NotARequester => Some(RefusalReason::NotARequester),
            Self::Protected { .. } => Some(RefusalReason::Protected),
            Self::OpenLimitPerUserReached { .. }
            | Self::OpenLimitReached { .. }
            | Self::SignalLimitReached { .. } => Some(RefusalReason::Limited),
            Self::ReasonMissing
            | Self::NoSuchBackend
            | Self::Replaced
            | Self::LeaderGone { .. }
            | Self::Duplicate { .. } => None,
        }
    }
}

/// What asking rests on.
#[derive(Clone, Copy, Debug)]
pub struct CreationContext<'a> {
    pub now: Timestamp,
    pub target: &'a str,
    pub policy: &'a TargetPolicy,
    pub limits: &'a RequestLimits,
    pub snapshot: &'a Snapshot,
    pub signal_budget_left: bool,
}

/// Turns a wish into what is asked for, or says why not. `open` are the requests that are not yet ended.
pub fn create_request<'a>(
    wish: &NewRequest,
    by: &Person,
    open: impl Iterator<Item = &'a Request> + Clone,
    given: CreationContext<'_>,
) -> Result<RequestDetails, CreationError> {
    if !given.policy.access.may_request(by) {
        return Err(CreationError::NotARequester);
    }
    if given.policy.require_reason && wish.reason.is_none() {
        return Err(CreationError::ReasonMissing);
    }
    let (session, worker) = find_session(given.snapshot, wish)?;
    if let Some(rule) = given.policy.protection.matching_rule(session) {
        return Err(CreationError::Protected { rule });
    }
    let identity = BackendIdentity {
        server: given.snapshot.server,
        pid: session.pid,
        backend_start: session.backend_start,
        query_start: session.query_start,
    };
    if let Some(same) = open
        .clone()
        .find(|request| is_duplicate(&request.details, wish.action, given.target, &identity))
    {
        return Err(CreationError::Duplicate {
            request: same.id,
            channel: same.details.channel,
            message: same.card,
        });
    }
    check_limits(by, open, given)?;
    let waiters = LockGraph::from_snapshot(given.snapshot)
        .all_waiters(session.pid)
        .len();
    Ok(RequestDetails {
        action: wish.action,
        target: given.target.to_owned(),
        identity,
        session: session.clone(),
        waiters: u32::try_from(waiters).unwrap_or(u32::MAX),
        worker,
        requester: by.id,
        channel: wish.channel,
        reason: wish.reason.clone(),
        approvals_needed: given.policy.approvals.max(1),
        asked_at: given.now,
        seen_at: Some(given.snapshot.taken_at),
        expires_at: given.now.plus(given.policy.expires_after),
    })
}

/// The session to act on: for a parallel worker its leader, since a signal to the worker would fail the
/// leader's query all the same (PostgreSQL documentation, chapter "Parallel Query").
fn find_session<'a>(
    snapshot: &'a Snapshot,
    wish: &NewRequest,
) -> Result<(&'a Session, Option<Pid>), CreationError> {
    if snapshot.own_pid == Some(wish.pid) {
        return Err(CreationError::Protected {
            rule: ProtectionRule::Own,
        });
    }
    let session = snapshot.find(wish.pid).ok_or(CreationError::NoSuchBackend)?;
    if wish
        .backend_start
        .is_some_and(|start| start != session.backend_start)
    {
        return Err(CreationError::Replaced);
    }
    if session.backend_type != BackendType::ParallelWorker {
        return Ok((session, None));
    }
    let leader = session.leader_pid.and_then(|leader| snapshot.find(leader));
    leader
        .map(|leader| (leader, Some(wish.pid)))
        .ok_or(CreationError::LeaderGone {
            leader: session.leader_pid,
        })
}

fn is_duplicate(asked: &RequestDetails, action: Action, target: &str, identity: &BackendIdentity) -> bool {
    let same_query = action == Action::Terminate || asked.identity.query_start == identity.query_start;
    asked.action == action
        && asked.target == target
        && asked.identity.server == identity.server
        && asked.identity.pid == identity.pid
        && asked.identity.backend_start == identity.backend_start
        && same_query
}

fn check_limits<'a>(
    by: &Person,
    open: impl Iterator<Item = &'a Request> + Clone,
    given: CreationContext<'_>,
) -> Result<(), CreationError> {
    let limits = given.limits;
    let reached = |count: usize, limit: u32| u32::try_from(count).is_ok_and(|count| count >= limit);
    if reached(
        open.clone()
            .filter(|request| request.details.requester == by.id)
            .count(),
        limits.open_requests_per_user,
    ) {
        return Err(CreationError::OpenLimitPerUserReached {
            limit: limits.open_requests_per_user,
        });
    }
    if reached(open.count(), limits.open_requests) {
        return Err(CreationError::OpenLimitReached {
            limit: limits.open_requests,
        });
    }
    if !given.signal_budget_left {
        return Err(CreationError::SignalLimitReached {
            limit: limits.signals_per_hour,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::ServerIdentity;
    use crate::domain::session::SessionState;

    fn backend(pid: i32, began: i64) -> Session {
        Session {
            pid: Pid::new(pid).expect("a positive number"),
            backend_start: Timestamp::from_micros(began),
            backend_type: BackendType::Client,
            leader_pid: None,
            user: Some("app".to_owned()),
            is_superuser: false,
            is_own: false,
            database: None,
            application: String::new(),
            client: None,
            state: SessionState::Active,
            wait: None,
            xact_start: None,
            query_start: None,
            state_change: None,
            query: None,
            blocked_by: Vec::new(),
        }
    }

    #[test]
    fn a_pid_that_was_looked_at_means_no_later_backend_with_the_same_pid() {
        let snapshot = Snapshot {
            server: ServerIdentity {
                system_identifier: 1,
                postmaster_start: Timestamp::from_micros(0),
            },
            taken_at: Timestamp::from_micros(9),
            own_pid: Some(Pid::new(4713).expect("a positive number")),
            sessions: vec![backend(4711, 5)],
        };
        let found = |pid, looked_at: Option<i64>| {
            let wish = NewRequest {
                action: Action::Terminate,
                pid: Pid::new(pid).expect("a positive number"),
                backend_start: looked_at.map(Timestamp::from_micros),
                reason: None,
                channel: ChannelId(1),
            };
            find_session(&snapshot, &wish).map(|(session, _)| session.pid.number())
        };
        assert_eq!(found(4711, None), Ok(4711));
        assert_eq!(found(4711, Some(5)), Ok(4711));
        assert_eq!(found(4711, Some(4)), Err(CreationError::Replaced));
        assert_eq!(found(4712, Some(5)), Err(CreationError::NoSuchBackend));
        let own = CreationError::Protected {
            rule: ProtectionRule::Own,
        };
        assert_eq!(found(4713, None), Err(own));
    }
}
