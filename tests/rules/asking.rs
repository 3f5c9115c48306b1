//! May this be asked, and of which session?

use std::time::Duration;

use killgate::domain::creation::{Given, NotAsked, Wish, ask};
use killgate::domain::event::{Action, Asked, Why};
use killgate::domain::identity::Server;
use killgate::domain::ids::{ChannelId, MessageId, RequestId, UserId};
use killgate::domain::policy::{Limits, Policy};
use killgate::domain::protection::Rule;
use killgate::domain::request::Request;
use killgate::domain::session::{BackendKind, Session, Snapshot};
use killgate::domain::timestamp::Moment;

use crate::cast::{ASKED_AT, asked, open_request, session};
use crate::given::*;

/// Asks for it as somebody, with all that it rests on.
struct Asking {
    wish: Wish,
    by: UserId,
    open: Vec<Request>,
    target: &'static str,
    policy: Policy,
    limits: Limits,
    snapshot: Snapshot,
}

fn asking() -> Asking {
    Asking {
        wish: Wish {
            backend_start: None,
            action: Action::Terminate,
            pid: pid(4711),
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

impl Asking {
    fn result(&self) -> Result<Asked, NotAsked> {
        let given = Given {
            now: ASKED_AT,
            target: self.target,
            policy: &self.policy,
            limits: &self.limits,
            snapshot: &self.snapshot,
            signal_left: true,
        };
        ask(&self.wish, &person(self.by), self.open.iter(), given)
    }

    #[track_caller]
    fn refusal(&self) -> NotAsked {
        self.result().expect_err("it is refused")
    }
}

fn waiting(number: i32, behind: i32) -> Session {
    Session {
        blocked_by: vec![behind],
        ..session(number)
    }
}

fn worker(number: i32, leader: Option<i32>) -> Session {
    Session {
        kind: BackendKind::ParallelWorker,
        leader: leader.map(pid),
        ..session(number)
    }
}

#[test]
fn what_was_seen_was_seen_by_the_clock_of_the_server() {
    let mut asking = asking();
    asking.snapshot.at = ASKED_AT.minus(Duration::from_secs(90));
    let asked = asking.result().expect("it is asked");
    assert_eq!(asked.asked_at, ASKED_AT);
    assert_eq!(asked.seen_at, Some(asking.snapshot.at));
}

#[test]
fn a_wish_becomes_what_is_asked_for() {
    let mut asking = asking();
    asking
        .snapshot
        .sessions
        .extend([waiting(1, 4711), waiting(2, 1), waiting(3, 2)]);
    asking.snapshot.sessions.remove(0);
    assert_eq!(asking.result(), Ok(asked(1)));
}

#[test]
fn a_policy_that_claims_to_need_nobody_still_needs_one_other_person() {
    let mut asking = asking();
    for (configured, needed) in [(0, 1), (1, 1), (2, 2)] {
        asking.policy.approvals = configured;
        assert_eq!(asking.result().map(|asked| asked.needed), Ok(needed));
    }
}

#[test]
fn only_requesters_ask() {
    let mut asking = asking();
    for (by, refusal) in [
        (UserId(5), None),
        (APPROVER, Some(NotAsked::NotARequester)),
        (STRANGER, Some(NotAsked::NotARequester)),
        (BOT, Some(NotAsked::NotARequester)),
    ] {
        asking.by = by;
        assert_eq!(asking.result().err(), refusal, "user {by}");
    }
}

#[test]
fn a_reason_is_needed_only_where_the_policy_says_so() {
    let mut asking = asking();
    asking.wish.reason = None;
    assert!(asking.result().is_ok());
    asking.policy.require_reason = true;
    assert_eq!(asking.refusal(), NotAsked::ReasonMissing);
    asking.wish.reason = Some("it blocks the shop".to_owned());
    assert!(asking.result().is_ok());
}

#[test]
fn a_pid_that_nobody_has_cannot_be_asked_for() {
    let mut asking = asking();
    asking.wish.pid = pid(4712);
    assert_eq!(asking.refusal(), NotAsked::NoSuchBackend);
}

#[test]
fn the_backend_that_answers_killgate_is_its_own_and_protected() {
    let mut asking = asking();
    asking.snapshot.answered_by = Some(pid(4712));
    asking.wish.pid = pid(4712);
    assert_eq!(asking.refusal(), NotAsked::Protected { rule: Rule::Own });
    assert!(asking.snapshot.has(pid(4712)) && asking.snapshot.has(pid(4711)));
    assert!(!asking.snapshot.has(pid(4713)));
}

#[test]
fn a_parallel_worker_stands_for_its_leader() {
    let mut asking = asking();
    asking.snapshot.sessions.push(worker(4712, Some(4711)));
    asking.wish.pid = pid(4712);
    let asked = asking.result().expect("the leader can be asked for");
    assert_eq!((asked.identity.pid, asked.worker), (pid(4711), Some(pid(4712))));
    assert_eq!(asked.session, session(4711));

    for leader in [None, Some(4713)] {
        asking.snapshot.sessions[2] = worker(4712, leader);
        let leader = leader.map(pid);
        assert_eq!(asking.refusal(), NotAsked::LeaderGone { leader });
    }
}

#[test]
fn a_protected_session_cannot_be_asked_for_nor_its_parallel_worker() {
    let mut asking = asking();
    let superuser = Session {
        superuser: true,
        ..session(4711)
    };
    asking.snapshot = snapshot(vec![superuser, worker(4712, Some(4711))]);
    for number in [4711, 4712] {
        asking.wish.pid = pid(number);
        let rule = Rule::Superuser;
        assert_eq!(asking.refusal(), NotAsked::Protected { rule });
    }
}

#[test]
fn the_same_twice_is_one_request() {
    let mut asking = asking();
    asking.open = vec![Request {
        message: Some(MessageId(5)),
        ..open_request(1)
    }];
    let joined = NotAsked::AlreadyOpen {
        request: RequestId(7),
        channel: ChannelId(100),
        message: Some(MessageId(5)),
    };
    assert_eq!(asking.refusal(), joined);
    asking.by = UserId(5);
    assert_eq!(asking.refusal(), joined, "whoever asks");
}

#[test]
fn another_backend_server_target_or_action_is_not_the_same() {
    let differently: [fn(&mut Asked); 5] = [
        |asked| asked.action = Action::Cancel,
        |asked| asked.target = "billing".to_owned(),
        |asked| asked.identity.pid = pid(4712),
        |asked| asked.identity.backend_start = Moment::from_micros(900_000_001),
        |asked| {
            asked.identity.server = Server {
                system_identifier: 8,
                ..asked.identity.server
            }
        },
    ];
    for make_different in differently {
        let mut other = open_request(1);
        make_different(&mut other.asked);
        let mut asking = asking();
        asking.open = vec![other];
        assert!(asking.result().is_ok(), "{:?}", asking.open[0].asked);
    }
}

#[test]
fn the_next_query_of_a_session_is_another_one_to_cancel_but_not_to_terminate() {
    for (action, is_another) in [(Action::Cancel, true), (Action::Terminate, false)] {
        let mut asking = asking();
        asking.wish.action = action;
        asking.open = vec![open_request(1)];
        asking.open[0].asked.action = action;
        assert!(asking.result().is_err());
        asking.snapshot.sessions[1].query_start = Some(Moment::from_micros(970_000_000));
        assert_eq!(asking.result().is_ok(), is_another, "{action:?}");
    }
}

#[test]
fn an_attempt_is_recorded_and_a_slip_is_not() {
    let limit = 1;
    for (refusal, recorded) in [
        (NotAsked::NotARequester, Some(Why::NotARequester)),
        (NotAsked::Protected { rule: Rule::Own }, Some(Why::Protected)),
        (NotAsked::TooManyOpenByYou { limit }, Some(Why::Limited)),
        (NotAsked::TooManyOpen { limit }, Some(Why::Limited)),
        (NotAsked::SignalsUsedUp { limit }, Some(Why::Limited)),
        (NotAsked::ReasonMissing, None),
        (NotAsked::NoSuchBackend, None),
        (NotAsked::LeaderGone { leader: None }, None),
        (
            NotAsked::AlreadyOpen {
                request: RequestId(7),
                channel: ChannelId(100),
                message: None,
            },
            None,
        ),
    ] {
        assert_eq!(refusal.recorded_as(), recorded, "{refusal:?}");
    }
}
