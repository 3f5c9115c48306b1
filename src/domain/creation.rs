//! May this be asked at all? What is refused here never becomes a request.

use super::event::{Action, Asked, Why};
use super::identity::{Identity, Pid};
use super::ids::{ChannelId, MessageId, Person, RequestId};
use super::lock_graph::Blocking;
use super::policy::{Limits, Policy};
use super::protection::Rule;
use super::request::Request;
use super::session::{BackendKind, Session, Snapshot};
use super::timestamp::Moment;

/// What a person wants, before anything was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub action: Action,
    pub pid: Pid,
    /// When the backend began that the person looked at, where that is known: their wish is about no later one.
    pub backend_start: Option<Moment>,
    pub reason: Option<String>,
    pub channel: ChannelId,
}

/// Why a wish does not become a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAsked {
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
        rule: Rule,
    },
    TooManyOpenByYou {
        limit: u32,
    },
    TooManyOpen {
        limit: u32,
    },
    SignalsUsedUp {
        limit: u32,
    },
    /// The same is already asked for: the two are one request.
    AlreadyOpen {
        request: RequestId,
        channel: ChannelId,
        message: Option<MessageId>,
    },
}

impl NotAsked {
    /// Under which name the attempt is recorded; `None` for a slip that is no attempt at anything.
    pub fn recorded_as(&self) -> Option<Why> {
        match self {
            Self::NotARequester => Some(Why::NotARequester),
            Self::Protected { .. } => Some(Why::Protected),
            Self::TooManyOpenByYou { .. } | Self::TooManyOpen { .. } | Self::SignalsUsedUp { .. } => {
                Some(Why::Limited)
            }
            Self::ReasonMissing
            | Self::NoSuchBackend
            | Self::Replaced
            | Self::LeaderGone { .. }
            | Self::AlreadyOpen { .. } => None,
        }
    }
}

/// What asking rests on.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    pub now: Moment,
    pub target: &'a str,
    pub policy: &'a Policy,
    pub limits: &'a Limits,
    pub snapshot: &'a Snapshot,
    pub signal_left: bool,
}

/// Turns a wish into what is asked for, or says why not. `open` are the requests that are not yet ended.
pub fn ask<'a>(
    wish: &Wish,
    by: &Person,
    open: impl Iterator<Item = &'a Request> + Clone,
    given: Given<'_>,
) -> Result<Asked, NotAsked> {
    if !given.policy.access.may_request(by) {
        return Err(NotAsked::NotARequester);
    }
    if given.policy.require_reason && wish.reason.is_none() {
        return Err(NotAsked::ReasonMissing);
    }
    let (session, worker) = find(given.snapshot, wish)?;
    if let Some(rule) = given.policy.protection.rule_for(session) {
        return Err(NotAsked::Protected { rule });
    }
    let identity = Identity {
        server: given.snapshot.server,
        pid: session.pid,
        backend_start: session.backend_start,
        query_start: session.query_start,
    };
    if let Some(same) = open
        .clone()
        .find(|request| is_same(&request.asked, wish.action, given.target, &identity))
    {
        return Err(NotAsked::AlreadyOpen {
            request: same.id,
            channel: same.asked.channel,
            message: same.message,
        });
    }
    within_limits(by, open, given)?;
    let waiters = Blocking::of(given.snapshot).waiters(session.pid).len();
    Ok(Asked {
        action: wish.action,
        target: given.target.to_owned(),
        identity,
        session: session.clone(),
        waiters: u32::try_from(waiters).unwrap_or(u32::MAX),
        worker,
        requester: by.id,
        channel: wish.channel,
        reason: wish.reason.clone(),
        needed: given.policy.approvals.max(1),
        asked_at: given.now,
        seen_at: Some(given.snapshot.at),
        expires_at: given.now.plus(given.policy.expires_after),
    })
}

/// The session to act on: for a parallel worker its leader, since a signal to the worker would fail the
/// leader's query all the same (PostgreSQL documentation, chapter "Parallel Query").
fn find<'a>(snapshot: &'a Snapshot, wish: &Wish) -> Result<(&'a Session, Option<Pid>), NotAsked> {
    if snapshot.answered_by == Some(wish.pid) {
        return Err(NotAsked::Protected { rule: Rule::Own });
    }
    let session = snapshot.find(wish.pid).ok_or(NotAsked::NoSuchBackend)?;
    if wish
        .backend_start
        .is_some_and(|start| start != session.backend_start)
    {
        return Err(NotAsked::Replaced);
    }
    if session.kind != BackendKind::ParallelWorker {
        return Ok((session, None));
    }
    let leader = session.leader.and_then(|leader| snapshot.find(leader));
    leader
        .map(|leader| (leader, Some(wish.pid)))
        .ok_or(NotAsked::LeaderGone {
            leader: session.leader,
        })
}

fn is_same(asked: &Asked, action: Action, target: &str, identity: &Identity) -> bool {
    let same_query = action == Action::Terminate || asked.identity.query_start == identity.query_start;
    asked.action == action
        && asked.target == target
        && asked.identity.server == identity.server
        && asked.identity.pid == identity.pid
        && asked.identity.backend_start == identity.backend_start
        && same_query
}

fn within_limits<'a>(
    by: &Person,
    open: impl Iterator<Item = &'a Request> + Clone,
    given: Given<'_>,
) -> Result<(), NotAsked> {
    let limits = given.limits;
    let reached = |count: usize, limit: u32| u32::try_from(count).is_ok_and(|count| count >= limit);
    if reached(
        open.clone()
            .filter(|request| request.asked.requester == by.id)
            .count(),
        limits.open_requests_per_user,
    ) {
        return Err(NotAsked::TooManyOpenByYou {
            limit: limits.open_requests_per_user,
        });
    }
    if reached(open.count(), limits.open_requests) {
        return Err(NotAsked::TooManyOpen {
            limit: limits.open_requests,
        });
    }
    if !given.signal_left {
        return Err(NotAsked::SignalsUsedUp {
            limit: limits.signals_per_hour,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::Server;
    use crate::domain::session::State;

    fn backend(pid: i32, began: i64) -> Session {
        Session {
            pid: Pid::new(pid).expect("a positive number"),
            backend_start: Moment::from_micros(began),
            kind: BackendKind::Client,
            leader: None,
            user: Some("app".to_owned()),
            superuser: false,
            own: false,
            database: None,
            application: String::new(),
            client: None,
            state: State::Active,
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
            server: Server {
                system_identifier: 1,
                postmaster_start: Moment::from_micros(0),
            },
            at: Moment::from_micros(9),
            answered_by: Some(Pid::new(4713).expect("a positive number")),
            sessions: vec![backend(4711, 5)],
        };
        let found = |pid, looked_at: Option<i64>| {
            let wish = Wish {
                action: Action::Terminate,
                pid: Pid::new(pid).expect("a positive number"),
                backend_start: looked_at.map(Moment::from_micros),
                reason: None,
                channel: ChannelId(1),
            };
            find(&snapshot, &wish).map(|(session, _)| session.pid.number())
        };
        assert_eq!(found(4711, None), Ok(4711));
        assert_eq!(found(4711, Some(5)), Ok(4711));
        assert_eq!(found(4711, Some(4)), Err(NotAsked::Replaced));
        assert_eq!(found(4712, Some(5)), Err(NotAsked::NoSuchBackend));
        let own = NotAsked::Protected { rule: Rule::Own };
        assert_eq!(found(4713, None), Err(own));
    }
}
