//! Which requests may be created, and for which session.

use std::collections::BTreeMap;
use std::time::Duration;

use killgate::domain::creation::{
    CreationContext, CreationError, NewRequest, SessionSelector, create_request,
};
use killgate::domain::event::{Action, Binding, RefusalReason, RequestDetails};
use killgate::domain::identity::ServerIdentity;
use killgate::domain::ids::{ChannelId, MessageId, RequestId, UserId};
use killgate::domain::policy::{RequestLimits, TargetPolicy};
use killgate::domain::protection::ProtectionRule;
use killgate::domain::request::Request;
use killgate::domain::session::{BackendType, Session, Snapshot};
use killgate::domain::timestamp::Timestamp;

use crate::fixtures::{ASKED_AT, asked, open_request, session};
use crate::helpers::*;

/// The inputs for creating a request.
pub(crate) struct Asking {
    pub(crate) wish: NewRequest,
    pub(crate) by: UserId,
    pub(crate) open: Vec<Request>,
    target: &'static str,
    pub(crate) policy: TargetPolicy,
    limits: RequestLimits,
    pub(crate) snapshot: Snapshot,
}

pub(crate) fn asking() -> Asking {
    Asking {
        wish: NewRequest {
            action: Action::Terminate,
            sessions: vec![selector(4711)],
            elsewhere: BTreeMap::new(),
            bound_to: None,
            reason: Some("it blocks the shop".to_owned()),
            channel: ChannelId(100),
        },
        by: REQUESTER,
        open: Vec::new(),
        target: "orders",
        policy: policy(),
        limits: limits(),
        snapshot: snapshot(vec![session(1), session(4711)]),
    }
}

pub(crate) fn selector(number: i32) -> SessionSelector {
    SessionSelector { pid: pid(number), backend_start: None }
}

impl Asking {
    pub(crate) fn result(&self) -> Result<RequestDetails, CreationError> {
        let given = CreationContext {
            now: ASKED_AT,
            target: self.target,
            policy: &self.policy,
            limits: &self.limits,
            snapshot: &self.snapshot,
            signal_budget: 30,
        };
        create_request(&self.wish, &person(self.by), self.open.iter(), given)
    }

    #[track_caller]
    pub(crate) fn refusal(&self) -> CreationError {
        self.result().expect_err("it is refused")
    }
}

fn waiting(number: i32, behind: i32) -> Session {
    Session { blocked_by: vec![behind], ..session(number) }
}

fn worker(number: i32, leader: Option<i32>) -> Session {
    Session { backend_type: BackendType::ParallelWorker, leader_pid: leader.map(pid), ..session(number) }
}

#[test]
fn seen_at_is_by_the_servers_clock() {
    let mut asking = asking();
    asking.snapshot.taken_at = ASKED_AT.minus(Duration::from_secs(90));
    let asked = asking.result().expect("it is asked");
    assert_eq!(asked.asked_at, ASKED_AT);
    assert_eq!(asked.seen_at, asking.snapshot.taken_at);
}

#[test]
fn a_new_request_has_the_requested_details() {
    let mut asking = asking();
    asking.snapshot.sessions.extend([waiting(1, 4711), waiting(2, 1), waiting(3, 2)]);
    asking.snapshot.sessions.remove(0);
    assert_eq!(asking.result(), Ok(asked(1)));
}

#[test]
fn a_policy_with_zero_approvals_still_needs_one() {
    let mut asking = asking();
    for (configured, needed) in [(0, 1), (1, 1), (2, 2)] {
        asking.policy.approvals = configured;
        assert_eq!(asking.result().map(|asked| asked.approvals_needed), Ok(needed));
    }
}

#[test]
fn only_requesters_may_request() {
    let mut asking = asking();
    for (by, refusal) in [
        (UserId(5), None),
        (APPROVER, Some(CreationError::NotARequester)),
        (STRANGER, Some(CreationError::NotARequester)),
        (BOT, Some(CreationError::NotARequester)),
    ] {
        asking.by = by;
        assert_eq!(asking.result().err(), refusal, "user {by}");
    }
}

#[test]
fn a_reason_is_required_only_by_policy() {
    let mut asking = asking();
    asking.wish.reason = None;
    assert!(asking.result().is_ok());
    asking.policy.require_reason = true;
    assert_eq!(asking.refusal(), CreationError::ReasonMissing);
    asking.wish.reason = Some("it blocks the shop".to_owned());
    assert!(asking.result().is_ok());
}

#[test]
fn an_unknown_pid_is_refused() {
    let mut asking = asking();
    asking.wish.sessions = vec![selector(4712)];
    assert_eq!(asking.refusal(), CreationError::NoSuchBackend { pid: pid(4712) });
}

#[test]
fn killgates_own_backend_is_protected() {
    let mut asking = asking();
    asking.snapshot.own_pid = Some(pid(4712));
    asking.wish.sessions = vec![selector(4712)];
    assert_eq!(asking.refusal(), CreationError::Protected { pid: pid(4712), rule: ProtectionRule::Own });
    assert!(asking.snapshot.contains_pid(pid(4712)) && asking.snapshot.contains_pid(pid(4711)));
    assert!(!asking.snapshot.contains_pid(pid(4713)));
}

#[test]
fn a_request_for_a_parallel_worker_is_about_its_leader() {
    let mut asking = asking();
    asking.snapshot.sessions.push(worker(4712, Some(4711)));
    asking.wish.sessions = vec![selector(4712)];
    let asked = asking.result().expect("the leader can be asked for");
    let backend = &asked.backends[0];
    assert_eq!((backend.identity.pid, backend.worker), (pid(4711), Some(pid(4712))));
    assert_eq!(backend.session, session(4711));

    for leader in [None, Some(4713)] {
        asking.snapshot.sessions[2] = worker(4712, leader);
        let leader = leader.map(pid);
        let pid = pid(4712);
        assert_eq!(asking.refusal(), CreationError::LeaderGone { pid, leader });
    }
}

#[test]
fn a_protected_session_and_its_parallel_worker_are_refused() {
    let mut asking = asking();
    let superuser = Session { is_superuser: true, ..session(4711) };
    asking.snapshot = snapshot(vec![superuser, worker(4712, Some(4711))]);
    for number in [4711, 4712] {
        asking.wish.sessions = vec![selector(number)];
        let (pid, rule) = (pid(number), ProtectionRule::Superuser);
        assert_eq!(asking.refusal(), CreationError::Protected { pid, rule });
    }
}

#[test]
fn a_duplicate_is_refused_with_the_open_request() {
    let mut asking = asking();
    asking.open = vec![Request { card: Some(MessageId(5)), ..open_request(1) }];
    let joined =
        CreationError::Duplicate { request: RequestId(7), channel: ChannelId(100), card: Some(MessageId(5)) };
    assert_eq!(asking.refusal(), joined);
    asking.by = UserId(5);
    assert_eq!(asking.refusal(), joined, "whoever asks");
}

#[test]
fn another_backend_server_target_or_action_is_not_a_duplicate() {
    let differently: [fn(&mut RequestDetails); 5] = [
        |asked| asked.action = Action::Cancel,
        |asked| asked.target = "billing".to_owned(),
        |asked| asked.backends[0].identity.pid = pid(4712),
        |asked| asked.backends[0].identity.backend_start = Timestamp::from_micros(900_000_001),
        |asked| asked.server = ServerIdentity { system_identifier: 8, ..asked.server },
    ];
    for make_different in differently {
        let mut other = open_request(1);
        make_different(&mut other.details);
        let mut asking = asking();
        asking.open = vec![other];
        assert!(asking.result().is_ok(), "{:?}", asking.open[0].details);
    }
}

#[test]
fn the_next_query_is_a_new_request_to_cancel_but_not_to_terminate() {
    for (action, binding, is_another) in
        [(Action::Cancel, Binding::Query, true), (Action::Terminate, Binding::Transaction, false)]
    {
        let mut asking = asking();
        asking.wish.action = action;
        asking.open = vec![open_request(1)];
        asking.open[0].details.action = action;
        asking.open[0].details.backends[0].bound_to = binding;
        assert!(asking.result().is_err());
        asking.snapshot.sessions[1].query_start = Some(Timestamp::from_micros(970_000_000));
        assert_eq!(asking.result().is_ok(), is_another, "{action:?}");
    }
}

#[test]
fn refused_attempts_are_recorded_and_input_errors_are_not() {
    let (limit, pid) = (1, pid(4711));
    for (refusal, recorded) in [
        (CreationError::NotARequester, Some(RefusalReason::NotARequester)),
        (CreationError::Protected { pid, rule: ProtectionRule::Own }, Some(RefusalReason::Protected)),
        (CreationError::OpenLimitPerUserReached { limit }, Some(RefusalReason::Limited)),
        (CreationError::OpenLimitReached { limit }, Some(RefusalReason::Limited)),
        (CreationError::SignalLimitReached { limit, left: 0, sessions: 1 }, Some(RefusalReason::Limited)),
        (CreationError::ReasonMissing, None),
        (CreationError::NoSuchBackend { pid }, None),
        (CreationError::Replaced { pid }, None),
        (CreationError::Repeated { pid }, None),
        (CreationError::NotInTransaction { pid }, None),
        (CreationError::OnAnotherTarget { pid, target: "billing".to_owned() }, None),
        (CreationError::TooManySessions { limit, given: 2 }, None),
        (CreationError::LeaderGone { pid, leader: None }, None),
        (CreationError::Duplicate { request: RequestId(7), channel: ChannelId(100), card: None }, None),
    ] {
        assert_eq!(refusal.attempt_reason(), recorded, "{refusal:?}");
    }
}

#[test]
fn a_pid_that_was_seen_means_no_later_backend_with_the_same_pid() {
    let mut asking = asking();
    let start = session(4711).backend_start;
    asking.wish.sessions[0].backend_start = Some(start);
    assert!(asking.result().is_ok());
    asking.wish.sessions[0].backend_start = Some(start.minus(Duration::from_micros(1)));
    assert_eq!(asking.refusal(), CreationError::Replaced { pid: pid(4711) });
}

#[test]
fn each_session_of_a_request_takes_a_signal_of_the_hourly_budget() {
    let asking = Asking {
        wish: NewRequest { sessions: vec![selector(4711), selector(1)], ..asking().wish },
        ..asking()
    };
    for (signal_budget, is_enough) in [(1, false), (2, true)] {
        let context = CreationContext {
            now: ASKED_AT,
            target: asking.target,
            policy: &asking.policy,
            limits: &asking.limits,
            snapshot: &asking.snapshot,
            signal_budget,
        };
        let result = create_request(&asking.wish, &person(asking.by), [].iter(), context);
        assert_eq!(result.is_ok(), is_enough, "{signal_budget}");
    }
}
