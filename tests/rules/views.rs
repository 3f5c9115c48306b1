//! Which sessions are shown, in which order, and how the others are counted.

use killgate::discord::session_list::filter::SessionFilter;
use killgate::discord::session_list::{
    HiddenCounts, ListedSessions, SessionRow, SessionView, list_sessions, ranked_client_sessions,
};
use killgate::domain::session::{BackendType, Session, SessionState};

use crate::fixtures::session;
use crate::helpers::{ago, pid, resting, snapshot, waiting};

fn rows(sessions: Vec<Session>, view: SessionView, assert: impl FnOnce(&[SessionRow<'_>], HiddenCounts)) {
    let snapshot = snapshot(sessions);
    let listing = list_sessions(&snapshot, view, &SessionFilter::default());
    match listing.shown {
        ListedSessions::Sessions(rows) => assert(&rows, listing.hidden),
        ListedSessions::Trees(_) => panic!("{view:?} is a list"),
    }
}

fn pids(rows: &[SessionRow<'_>]) -> Vec<i32> {
    rows.iter().map(|row| row.session.pid.number()).collect()
}

fn idle(number: i32) -> Session {
    Session { state: SessionState::Idle, xact_start: None, ..session(number) }
}

fn of_kind(kind: BackendType, number: i32) -> Session {
    Session { backend_type: kind, ..session(number) }
}

fn other(number: i32) -> Session {
    of_kind(BackendType::Other("autovacuum worker".to_owned()), number)
}

#[test]
fn only_client_sessions_are_selectable_and_not_killgates_own() {
    let snapshot = snapshot(vec![
        session(1),
        idle(2),
        Session { is_own: true, ..session(3) },
        of_kind(BackendType::WalSender, 4),
        of_kind(BackendType::ParallelWorker, 5),
        other(6),
    ]);
    assert_eq!(pids(&ranked_client_sessions(&snapshot)), [1, 2]);
}

#[test]
fn the_worst_session_comes_first() {
    let sessions = vec![
        idle(1),
        waiting(2, &[4], 9),
        waiting(4, &[5], 9),
        session(3),
        resting(6, 29),
        resting(7, 30),
        resting(5, 1),
    ];
    rows(sessions, SessionView::All, |rows, _| {
        assert_eq!(
            pids(rows),
            [
                5, // Others wait for it, and it waits for nobody.
                7, // It rests, and has for long.
                3, // It works.
                6, // It rests for less than is worth a word.
                4, // It waits, and others wait for it.
                2, // It waits, and nobody waits for it.
                1, // It does nothing.
            ]
        );
    });
}

#[test]
fn equal_sessions_are_ordered_by_waiters_age_and_pid() {
    let aged = |number, seconds| Session {
        xact_start: Some(ago(seconds)),
        query_start: Some(ago(seconds)),
        ..session(number)
    };
    let sessions = vec![
        aged(9, 5),
        aged(8, 5),
        aged(7, 6),
        waiting(1, &[6, 5], 1),
        waiting(2, &[5], 1),
        aged(6, 50),
        aged(5, 2),
    ];
    rows(sessions, SessionView::Busy, |rows, _| {
        assert_eq!(pids(rows), [5, 6, 7, 8, 9, 1, 2]);
    });
}

#[test]
fn indirect_waiters_are_counted_only_at_root_blockers() {
    let sessions = vec![session(1), waiting(2, &[1], 9), waiting(3, &[2], 9), waiting(4, &[3], 9)];
    rows(sessions, SessionView::Busy, |rows, _| {
        let counts: Vec<_> = rows.iter().map(|row| (row.waiters, row.direct_waiters)).collect();
        assert_eq!(pids(rows), [1, 2, 3, 4]);
        assert_eq!(counts, [(3, 1), (1, 1), (1, 1), (0, 0)]);
    });
}

#[test]
fn parallel_workers_are_grouped_under_their_leader_except_in_all() {
    let worker = |number, leader| Session {
        leader_pid: Some(pid(leader)),
        ..of_kind(BackendType::ParallelWorker, number)
    };
    let sessions = vec![session(1), worker(2, 1), worker(3, 1), worker(4, 99)];
    rows(sessions.clone(), SessionView::Busy, |rows, _| {
        let workers: Vec<_> = rows.iter().map(|row| row.workers).collect();
        assert_eq!((pids(rows), workers), (vec![1, 4], vec![2, 0]));
    });
    rows(sessions, SessionView::All, |rows, left_out| {
        assert_eq!(rows.len(), 4);
        assert_eq!(left_out, HiddenCounts::default());
    });
}

#[test]
fn server_processes_are_shown_when_busy_or_blocked() {
    let resting = |session| Session { state: SessionState::Unknown, ..session };
    let sessions = vec![
        other(1),
        resting(other(2)),
        Session { blocked_by: vec![1], ..resting(other(3)) },
        of_kind(BackendType::WalSender, 4),
        Session { is_own: true, ..session(5) },
        idle(6),
    ];
    rows(sessions, SessionView::Busy, |rows, left_out| {
        assert_eq!(pids(rows), [1, 3]);
        let expected = HiddenCounts { idle: 1, background: 3, ..HiddenCounts::default() };
        assert_eq!(left_out, expected);
    });
}

#[test]
fn a_failed_transaction_is_open_too() {
    let failed = Session { state: SessionState::IdleInTransactionAborted, ..session(1) };
    rows(
        vec![failed, resting(2, 60), idle(3), session(4)],
        SessionView::IdleInTransaction,
        |rows, left_out| {
            assert_eq!(pids(rows), [2, 1]);
            assert_eq!((left_out.idle, left_out.other), (1, 1));
        },
    );
}
