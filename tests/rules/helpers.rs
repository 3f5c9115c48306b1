//! Helpers and values for the rule tests, besides the fixtures.

use std::time::Duration;

use killgate::domain::access::Access;
use killgate::domain::decision::{Decision, DecisionContext, DecisionInput, ReactionSource, decide};
use killgate::domain::event::{BackendResolution, RequestEvent, Resolution};
use killgate::domain::identity::Pid;
use killgate::domain::ids::{Person, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::policy::{RequestLimits, TargetPolicy};
use killgate::domain::protection::ProtectionRules;
use killgate::domain::request::Request;
use killgate::domain::session::{Session, SessionState, Snapshot};
use killgate::domain::timestamp::Timestamp;

use crate::fixtures::{ASKED_AT, OPEN_FOR, access, asked, everybody, open_request, session};

/// The requester, who is also an approver.
pub(crate) const REQUESTER: UserId = UserId(1);
/// Two approvers.
pub(crate) const APPROVER: UserId = UserId(2);
pub(crate) const SECOND: UserId = UserId(3);
/// A person without roles.
pub(crate) const STRANGER: UserId = UserId(4);
/// A bot with the approvers' role.
pub(crate) const BOT: UserId = UserId(6);

/// A minute after the request, the last time at which it is open, and the first time at which it has expired.
pub(crate) const SOON: Timestamp = Timestamp::from_micros(ASKED_AT.as_micros() + 60_000_000);
pub(crate) fn last_moment() -> Timestamp {
    expiry().minus(Duration::from_micros(1))
}
pub(crate) fn expiry() -> Timestamp {
    ASKED_AT.plus(OPEN_FOR)
}

pub(crate) fn person(id: UserId) -> Person {
    let mut people = everybody().into_iter();
    people.find(|person| person.id == id).expect("of the fixtures")
}

pub(crate) fn pid(number: i32) -> Pid {
    Pid::new(number).expect("a pid is positive")
}

/// The decision at `now`, while the target has signals left.
pub(crate) fn at(now: Timestamp, request: &Request, command: DecisionInput<'_>) -> Decision {
    decide(request, command, context(now, &access()))
}

/// A target with signals left, and no unread reactions.
pub(crate) fn context(now: Timestamp, access: &Access) -> DecisionContext<'_> {
    DecisionContext { now, access, signal_budget: 30, has_unread_reactions: false }
}

pub(crate) fn approve(request: &Request, by: UserId) -> Decision {
    at(SOON, request, DecisionInput::Approve { by: &person(by), source: ReactionSource::Live })
}

pub(crate) fn deny(request: &Request, by: UserId) -> Decision {
    at(SOON, request, DecisionInput::Deny { by: &person(by), source: ReactionSource::Live })
}

pub(crate) fn approved(by: UserId) -> RequestEvent {
    RequestEvent::ApprovalAdded { actor: by }
}

pub(crate) fn executing(approvers: &[UserId]) -> RequestEvent {
    RequestEvent::Executing { approvers: approvers.to_vec() }
}

/// Terminated: the session was seen to end after the signal.
pub(crate) fn terminated() -> Resolution {
    executed(Outcome::Terminated)
}

/// The one session of the request ended so.
pub(crate) fn executed(outcome: Outcome) -> Resolution {
    let backend = BackendResolution {
        pid: pid(4711),
        outcome,
        elapsed: Some(Duration::from_millis(143)),
        signal_sent: Some(true),
        detail: "the session ended".to_owned(),
        postgres: None,
    };
    Resolution::of_execution(vec![backend], None)
}

pub(crate) fn denied() -> Resolution {
    Resolution::without_signal(Outcome::Denied, "an approver denied it").closed_by(APPROVER)
}

/// An open request that needs `needed` approvals, after `events`.
pub(crate) fn request_after(needed: u32, events: &[RequestEvent]) -> Request {
    events.iter().fold(open_request(needed), |request, event| {
        request.evolve(event, SOON).expect("a story that can be told")
    })
}

/// A request that is being executed.
pub(crate) fn being_executed() -> Request {
    request_after(1, &[approved(APPROVER), executing(&[APPROVER])])
}

pub(crate) fn ended() -> Request {
    request_after(1, &[RequestEvent::Finished(denied())])
}

/// The only event of a decision without a notice.
#[track_caller]
pub(crate) fn only_event(decision: Decision) -> RequestEvent {
    assert_eq!(decision.notify, []);
    let [event] = <[RequestEvent; 1]>::try_from(decision.events).expect("one event");
    event
}

/// The resolution of a decision that ends the request.
#[track_caller]
pub(crate) fn ending(decision: Decision) -> Resolution {
    match only_event(decision) {
        RequestEvent::Finished(ending) => ending,
        other => panic!("no ending: {other:?}"),
    }
}

pub(crate) fn nothing() -> Decision {
    Decision::default()
}

/// The target's policy for the fixture's request.
pub(crate) fn policy() -> TargetPolicy {
    TargetPolicy {
        access: access(),
        protection: ProtectionRules::default(),
        approvals: 1,
        expires_after: OPEN_FOR,
        remind_after: None,
        require_reason: false,
    }
}

pub(crate) fn limits() -> RequestLimits {
    RequestLimits {
        open_requests_per_user: 2,
        open_requests: 3,
        sessions_per_request: 3,
        signals_per_hour: 30,
        confirm_within: Duration::from_secs(5),
    }
}

/// A snapshot of the fixture's server.
pub(crate) fn snapshot(sessions: Vec<Session>) -> Snapshot {
    Snapshot {
        server: asked(1).server,
        order: 0,
        looked_up: None,
        taken_at: ASKED_AT,
        own_pid: None,
        is_standby: false,
        connection_slots: None,
        signal_obstacle: None,
        hidden_pids: Vec::new(),
        sessions,
    }
}

pub(crate) fn ago(seconds: u64) -> Timestamp {
    ASKED_AT.minus(Duration::from_secs(seconds))
}

/// A session that has been idle in transaction for this long.
pub(crate) fn resting(number: i32, seconds: u64) -> Session {
    Session { state: SessionState::IdleInTransaction, xact_start: Some(ago(seconds)), ..session(number) }
}

/// A session that has waited for others for this long.
pub(crate) fn waiting(number: i32, behind: &[i32], seconds: u64) -> Session {
    Session {
        xact_start: Some(ago(seconds)),
        query_start: Some(ago(seconds)),
        blocked_by: behind.to_vec(),
        ..session(number)
    }
}
