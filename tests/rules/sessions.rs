//! What can be read from a session, and what of it changes.

use std::time::Duration;

use killgate::domain::lock_graph::Blocking;
use killgate::domain::session::{Futility, Session, State, Wait};
use killgate::domain::session_diff::{Change, Sight, changes};
use killgate::domain::timestamp::Moment;

use crate::cast::session;
use crate::given::{pid, snapshot};

/// Fifty seconds after the transaction of the cast's session began, and forty after its query did.
const NOW: Moment = Moment::from_micros(1_000_000_000);

fn in_state(state: State) -> Session {
    Session {
        state,
        ..session(4711)
    }
}

fn sight(session: Session) -> Sight {
    Sight { session, waiters: 3 }
}

#[test]
fn ages_are_told_from_when_something_began() {
    let session = Session {
        state_change: Some(Moment::from_micros(990_000_000)),
        ..session(4711)
    };
    assert_eq!(session.transaction_age(NOW), Some(Duration::from_secs(50)));
    assert_eq!(session.query_age(NOW), Some(Duration::from_secs(40)));
    assert_eq!(session.state_age(NOW), Some(Duration::from_secs(10)));
}

#[test]
fn what_does_not_run_has_no_age() {
    let resting = in_state(State::IdleInTransaction);
    assert_eq!(resting.query_age(NOW), None, "its last query is over");
    let idle = Session {
        xact_start: None,
        query_start: None,
        state_change: None,
        ..session(4711)
    };
    assert_eq!(idle.transaction_age(NOW), None);
    assert_eq!(idle.query_age(NOW), None);
    assert_eq!(idle.state_age(NOW), None);
}

#[test]
fn a_cancel_helps_where_a_query_runs_that_can_notice_it() {
    let waiting_for = |event: &str| Session {
        wait: Some(Wait {
            kind: "Client".to_owned(),
            event: event.to_owned(),
        }),
        ..session(4711)
    };
    for (session, futility) in [
        (in_state(State::Active), None),
        (in_state(State::FastpathFunctionCall), None),
        (in_state(State::Disabled), None),
        (in_state(State::Unknown), None),
        (in_state(State::Idle), Some(Futility::Idle)),
        (
            in_state(State::IdleInTransaction),
            Some(Futility::IdleInTransaction),
        ),
        (
            in_state(State::IdleInTransactionAborted),
            Some(Futility::IdleInTransaction),
        ),
        (waiting_for("ClientWrite"), Some(Futility::ClientWrite)),
        (waiting_for("ClientRead"), None),
    ] {
        assert_eq!(
            session.cancel_is_futile(),
            futility,
            "{} {:?}",
            session.state,
            session.wait
        );
    }
}

#[test]
fn a_snapshot_finds_a_session_by_its_pid() {
    let snapshot = snapshot(vec![session(1), session(2)]);
    assert_eq!(snapshot.find(pid(2)), Some(&session(2)));
    assert_eq!(snapshot.find(pid(3)), None);
}

#[test]
fn one_that_is_blocked_in_two_ways_waits_once() {
    let twice = Session {
        blocked_by: vec![1, 2, 1],
        ..session(3)
    };
    assert!(twice.is_blocked());
    assert!(!session(1).is_blocked());
    let blocking = Blocking::of(&snapshot(vec![session(1), session(2), twice]));
    assert_eq!(blocking.direct(1), [pid(3)]);
    assert_eq!(blocking.direct(2), [pid(3)]);
    assert!(blocking.direct(3).is_empty());
}

#[test]
fn time_that_passes_is_no_change() {
    let later = Session {
        state_change: Some(NOW),
        wait: Some(Wait {
            kind: "IO".to_owned(),
            event: "DataFileRead".to_owned(),
        }),
        ..session(4711)
    };
    assert_eq!(changes(&sight(session(4711)), &sight(later)), []);
}

#[test]
fn what_could_change_a_mind_is_told_with_what_it_was_before() {
    let after = Sight {
        session: Session {
            state: State::IdleInTransaction,
            query_start: Some(NOW),
            query: Some("commit".to_owned()),
            ..session(4711)
        },
        waiters: 4,
    };
    assert_eq!(
        changes(&sight(session(4711)), &after),
        [
            Change::Query {
                before: session(4711).query
            },
            Change::State {
                before: State::Active
            },
            Change::Waiters { before: 3 },
        ]
    );
}
