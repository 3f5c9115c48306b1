//! Derived values of a session, and its changes.

use std::time::Duration;

use killgate::domain::session::{CancelObstacle, Session, SessionState, WaitEvent};
use killgate::domain::session_diff::{Observation, SessionChange, material_changes};
use killgate::domain::timestamp::Timestamp;

use crate::fixtures::session;
use crate::helpers::{pid, snapshot};

/// Fifty seconds after the start of the fixture's transaction, and forty after that of its query.
const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

fn in_state(state: SessionState) -> Session {
    Session { state, ..session(4711) }
}

fn sight(session: Session) -> Observation {
    Observation { session, waiters: 3 }
}

#[test]
fn ages_count_from_the_start() {
    let session = Session { state_change: Some(Timestamp::from_micros(990_000_000)), ..session(4711) };
    assert_eq!(session.transaction_age(NOW), Some(Duration::from_secs(50)));
    assert_eq!(session.query_age(NOW), Some(Duration::from_secs(40)));
    assert_eq!(session.state_age(NOW), Some(Duration::from_secs(10)));
}

#[test]
fn without_a_start_there_is_no_age() {
    let resting = in_state(SessionState::IdleInTransaction);
    assert_eq!(resting.query_age(NOW), None, "its last query is over");
    let idle = Session { xact_start: None, query_start: None, state_change: None, ..session(4711) };
    assert_eq!(idle.transaction_age(NOW), None);
    assert_eq!(idle.query_age(NOW), None);
    assert_eq!(idle.state_age(NOW), None);
}

#[test]
fn a_cancel_helps_only_a_running_query_that_can_notice_it() {
    let waiting_for = |event: &str| Session {
        wait: Some(WaitEvent { kind: "Client".to_owned(), event: event.to_owned() }),
        ..session(4711)
    };
    for (session, futility) in [
        (in_state(SessionState::Active), None),
        (in_state(SessionState::FastpathFunctionCall), None),
        (in_state(SessionState::Disabled), None),
        (in_state(SessionState::Unknown), None),
        (in_state(SessionState::Idle), Some(CancelObstacle::Idle)),
        (in_state(SessionState::IdleInTransaction), Some(CancelObstacle::IdleInTransaction)),
        (in_state(SessionState::IdleInTransactionAborted), Some(CancelObstacle::IdleInTransaction)),
        (waiting_for("ClientWrite"), Some(CancelObstacle::ClientWrite)),
        (waiting_for("ClientRead"), Some(CancelObstacle::CopyData)),
    ] {
        assert_eq!(session.cancel_obstacle(), futility, "{} {:?}", session.state, session.wait);
    }
}

#[test]
fn a_snapshot_finds_a_session_by_its_pid() {
    let snapshot = snapshot(vec![session(1), session(2)]);
    assert_eq!(snapshot.find(pid(2)), Some(&session(2)));
    assert_eq!(snapshot.find(pid(3)), None);
}

#[test]
fn passing_time_is_not_a_change() {
    let later = Session {
        state_change: Some(NOW),
        wait: Some(WaitEvent { kind: "IO".to_owned(), event: "DataFileRead".to_owned() }),
        ..session(4711)
    };
    assert_eq!(material_changes(&sight(session(4711)), &sight(later)), []);
}

#[test]
fn material_changes_are_reported_with_the_previous_value() {
    let after = Observation {
        session: Session {
            state: SessionState::IdleInTransaction,
            query_start: Some(NOW),
            query: Some("commit".to_owned()),
            ..session(4711)
        },
        waiters: 4,
    };
    assert_eq!(
        material_changes(&sight(session(4711)), &after),
        [
            SessionChange::Query { before: session(4711).query },
            SessionChange::State { before: SessionState::Active },
            SessionChange::Waiters { before: 3 },
        ]
    );
}
