//! Which sessions match a filter.

use std::time::Duration;

use killgate::discord::session_list::filter::SessionFilter;
use killgate::domain::session::{Session, Snapshot};

use crate::fixtures::session;
use crate::helpers::{ago, snapshot};

/// The pids of the matching sessions.
fn passing(sessions: Vec<Session>, filter: &SessionFilter) -> Vec<i32> {
    let snapshot: Snapshot = snapshot(sessions);
    let passes = filter.predicate(&snapshot);
    let passing = snapshot.sessions.iter().filter(|session| passes(session));
    passing.map(|session| session.pid.number()).collect()
}

/// The fixture's session, and sessions with another database, another application, and an unknown user.
fn different() -> Vec<Session> {
    vec![
        session(1),
        Session { database: Some("billing".to_owned()), ..session(2) },
        Session { application: "psql".to_owned(), ..session(3) },
        Session { user: None, ..session(4) },
    ]
}

#[test]
fn without_a_filter_every_session_matches() {
    assert!(SessionFilter::default().is_empty());
    assert_eq!(passing(different(), &SessionFilter::default()), [1, 2, 3, 4]);
}

#[test]
fn a_part_of_a_name_matches_ignoring_case() {
    let by_user = SessionFilter { user: Some("PP".to_owned()), ..SessionFilter::default() };
    let by_database = SessionFilter { database: Some("Bill".to_owned()), ..SessionFilter::default() };
    let by_application = SessionFilter { application: Some("sql".to_owned()), ..SessionFilter::default() };
    for (filter, expected) in [(by_user, &[1, 2, 3][..]), (by_database, &[2]), (by_application, &[3])] {
        assert!(!filter.is_empty());
        assert_eq!(passing(different(), &filter), expected, "{filter:?}");
    }
}

#[test]
fn an_exact_name_matches_no_other_name() {
    let mut sessions = different();
    sessions.push(Session { database: Some("shop_archive".to_owned()), ..session(5) });
    let filter = SessionFilter { database: Some("shop".to_owned()), ..SessionFilter::default() };
    assert_eq!(passing(sessions, &filter), [1, 3, 4]);
}

#[test]
fn all_filters_must_match() {
    let both = SessionFilter {
        database: Some("billing".to_owned()),
        application: Some("psql".to_owned()),
        ..SessionFilter::default()
    };
    assert_eq!(passing(different(), &both), [0; 0]);
    let and_old = SessionFilter {
        database: Some("billing".to_owned()),
        min_age: Some(Duration::from_hours(1)),
        ..SessionFilter::default()
    };
    assert_eq!(passing(different(), &and_old), [0; 0]);
    let of_the_application = SessionFilter {
        user: Some("app".to_owned()),
        application: Some("psql".to_owned()),
        ..SessionFilter::default()
    };
    assert_eq!(passing(different(), &of_the_application), [3]);
    let of_another_user = SessionFilter {
        user: Some("batch".to_owned()),
        application: Some("psql".to_owned()),
        ..SessionFilter::default()
    };
    assert_eq!(passing(different(), &of_another_user), [0; 0]);
}

#[test]
fn the_age_is_that_of_the_transaction_the_query_or_the_state() {
    let began = |number, transaction: Option<u64>, query: Option<u64>, state: Option<u64>| Session {
        xact_start: transaction.map(ago),
        query_start: query.map(ago),
        state_change: state.map(ago),
        ..session(number)
    };
    let sessions = vec![
        began(1, Some(10), Some(1), Some(1)),
        began(2, Some(1), Some(10), Some(1)),
        began(3, None, None, Some(10)),
        began(4, Some(9), Some(9), Some(99)),
        began(5, None, None, Some(9)),
        began(6, None, None, None),
    ];
    let filter = SessionFilter { min_age: Some(Duration::from_secs(10)), ..SessionFilter::default() };
    assert_eq!(passing(sessions, &filter), [1, 2, 3]);
}

#[test]
fn a_name_that_matches_nothing_lists_the_existing_names() {
    let snapshots = [snapshot(different())];
    let snapshots: Vec<_> = snapshots.iter().collect();
    let told = |filter: SessionFilter| -> Vec<_> {
        filter
            .existing_names(&snapshots)
            .map(|(option, names)| (option, names.into_iter().map(str::to_owned).collect::<Vec<_>>()))
            .collect()
    };
    let mistyped = SessionFilter {
        user: Some("ap p".to_owned()),
        database: Some("BILL".to_owned()),
        ..SessionFilter::default()
    };
    assert_eq!(
        told(mistyped),
        [("user", vec!["app".to_owned()])],
        "a part of a name that there is needs no advice"
    );
    assert_eq!(told(SessionFilter::default()), []);
}
