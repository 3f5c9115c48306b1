//! What the rules are tried on, besides the people and the session of the cast.

use std::time::Duration;

use killgate::domain::decision::{Circumstances, Command, Decision, decide};
use killgate::domain::event::{Ending, Event};
use killgate::domain::identity::Pid;
use killgate::domain::ids::{Person, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::policy::{Limits, Policy};
use killgate::domain::protection::Protection;
use killgate::domain::request::Request;
use killgate::domain::session::{Session, Snapshot, State};
use killgate::domain::timestamp::Moment;

use crate::cast::{ASKED_AT, OPEN_FOR, access, asked, everybody, open_request, session};

/// Asked for the termination, and is an approver as well.
pub(crate) const REQUESTER: UserId = UserId(1);
/// Two who may approve.
pub(crate) const APPROVER: UserId = UserId(2);
pub(crate) const SECOND: UserId = UserId(3);
/// Has no role.
pub(crate) const STRANGER: UserId = UserId(4);
/// Has the approvers' role, and is a bot.
pub(crate) const BOT: UserId = UserId(6);

/// A minute after it was asked, and the last moment at which a request is open, and the first at which it is not.
pub(crate) const SOON: Moment = Moment::from_micros(ASKED_AT.as_micros() + 60_000_000);
pub(crate) fn last_moment() -> Moment {
    expiry().minus(Duration::from_micros(1))
}
pub(crate) fn expiry() -> Moment {
    ASKED_AT.plus(OPEN_FOR)
}

pub(crate) fn person(id: UserId) -> Person {
    let mut people = everybody().into_iter();
    people.find(|person| person.id == id).expect("of the cast")
}

pub(crate) fn pid(number: i32) -> Pid {
    Pid::new(number).expect("a pid is positive")
}

/// What follows at `now`, while the target has signals left.
pub(crate) fn at(now: Moment, request: &Request, command: Command<'_>) -> Decision {
    let given = Circumstances {
        now,
        access: &access(),
        signal_left: true,
    };
    decide(request, command, given)
}

pub(crate) fn approve(request: &Request, by: UserId) -> Decision {
    at(SOON, request, Command::Approve { by: &person(by) })
}

pub(crate) fn deny(request: &Request, by: UserId) -> Decision {
    at(SOON, request, Command::Deny { by: &person(by) })
}

pub(crate) fn approved(by: UserId) -> Event {
    Event::Approved { actor: by }
}

pub(crate) fn executing(approvers: &[UserId]) -> Event {
    Event::Executing {
        approvers: approvers.to_vec(),
    }
}

/// The session was seen to end after the signal.
pub(crate) fn terminated() -> Ending {
    Ending {
        elapsed: Some(Duration::from_millis(143)),
        signal_sent: Some(true),
        ..Ending::unsignalled(Outcome::Terminated, "the session ended")
    }
}

pub(crate) fn denied() -> Ending {
    Ending::unsignalled(Outcome::Denied, "an approver said no").by(APPROVER)
}

/// An open request that needs `needed` approvals, after `events`.
pub(crate) fn request_after(needed: u32, events: &[Event]) -> Request {
    events.iter().fold(open_request(needed), |request, event| {
        request.evolve(event, SOON).expect("a story that can be told")
    })
}

/// Approved and about to be signalled.
pub(crate) fn being_executed() -> Request {
    request_after(1, &[approved(APPROVER), executing(&[APPROVER])])
}

pub(crate) fn ended() -> Request {
    request_after(1, &[Event::Finished(denied())])
}

/// What the decision comes to, when it is a single event and nobody is told anything.
#[track_caller]
pub(crate) fn only_event(decision: Decision) -> Event {
    assert_eq!(decision.tell, None);
    let [event] = <[Event; 1]>::try_from(decision.events).expect("one event");
    event
}

/// The one ending that the decision comes to.
#[track_caller]
pub(crate) fn ending(decision: Decision) -> Ending {
    match only_event(decision) {
        Event::Finished(ending) => ending,
        other => panic!("no ending: {other:?}"),
    }
}

pub(crate) fn nothing() -> Decision {
    Decision::default()
}

/// What holds on the target, as the cast's request was asked for.
pub(crate) fn policy() -> Policy {
    Policy {
        access: access(),
        protection: Protection::default(),
        approvals: 1,
        expires_after: OPEN_FOR,
        require_reason: false,
    }
}

pub(crate) fn limits() -> Limits {
    Limits {
        open_requests_per_user: 2,
        open_requests: 3,
        signals_per_hour: 30,
        confirm_within: Duration::from_secs(5),
    }
}

/// All that the cast's server shows.
pub(crate) fn snapshot(sessions: Vec<Session>) -> Snapshot {
    Snapshot {
        server: asked(1).identity.server,
        at: ASKED_AT,
        answered_by: None,
        sessions,
    }
}

pub(crate) fn ago(seconds: u64) -> Moment {
    ASKED_AT.minus(Duration::from_secs(seconds))
}

/// One that rests in a transaction that has been open for so long.
pub(crate) fn resting(number: i32, seconds: u64) -> Session {
    Session {
        state: State::IdleInTransaction,
        xact_start: Some(ago(seconds)),
        ..session(number)
    }
}

/// One that waits for others, and has for so long.
pub(crate) fn waiting(number: i32, behind: &[i32], seconds: u64) -> Session {
    Session {
        xact_start: Some(ago(seconds)),
        query_start: Some(ago(seconds)),
        blocked_by: behind.to_vec(),
        ..session(number)
    }
}
