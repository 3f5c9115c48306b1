//! Which sessions a view shows, and in which order.

use std::time::Duration;

use killgate::discord::session_list::filter::SessionFilter;
use killgate::discord::session_list::tree::TreeRoot;
use killgate::discord::session_list::{HiddenCounts, ListedSessions, SessionView, list_sessions};
use killgate::domain::session::{BackendType, Session, SessionState, Snapshot};

use crate::fixture::*;

fn pids(snapshot: &Snapshot, view: SessionView, filter: &SessionFilter) -> Vec<i32> {
    match list_sessions(snapshot, view, filter).shown {
        ListedSessions::Sessions(rows) => rows.iter().map(|row| row.session.pid.number()).collect(),
        ListedSessions::Trees(trees) => trees
            .iter()
            .map(|tree| match tree.root {
                TreeRoot::Session(session) => session.pid.number(),
                TreeRoot::Prepared => 0,
                TreeRoot::Unseen(pid) => -pid,
            })
            .collect(),
    }
}

fn of_user(number: i32, user: &str) -> Session {
    Session { user: Some(user.to_owned()), ..session(number) }
}

#[test]
fn a_long_queue_for_one_row_does_not_hide_other_problems() {
    let mut sessions = vec![idle_in_transaction(900, 60), idle_in_transaction(800, 9_000)];
    for number in 1_000..1_200 {
        let ahead: Vec<_> = std::iter::once(900).chain(1_000..number).collect();
        sessions.push(waiting(number, &ahead, 50));
    }
    let snapshot = snapshot(sessions);
    assert_eq!(pids(&snapshot, SessionView::Busy, &SessionFilter::default())[..2], [900, 800]);
}

#[test]
fn an_idle_session_that_blocks_others_is_busy() {
    let snapshot = snapshot(vec![idle(1), idle(2), waiting(3, &[1], 9)]);
    assert_eq!(pids(&snapshot, SessionView::Busy, &SessionFilter::default()), [1, 3]);
}

#[test]
fn a_deadlock_is_one_tree() {
    let snapshot =
        snapshot(vec![waiting(1, &[2], 9), waiting(2, &[1], 9), waiting(3, &[1], 9), waiting(9, &[8], 1)]);
    assert_eq!(pids(&snapshot, SessionView::Blocking, &SessionFilter::default()), [1, -8]);
}

#[test]
fn a_tree_is_shown_if_any_session_in_it_matches() {
    let snapshot = snapshot(vec![
        idle_in_transaction(1, 60),
        Session { user: Some("billing".to_owned()), ..waiting(2, &[1], 9) },
        idle_in_transaction(3, 60),
        waiting(4, &[3], 9),
    ]);
    let filter = SessionFilter { user: Some("billing".to_owned()), ..SessionFilter::default() };
    assert_eq!(pids(&snapshot, SessionView::Blocking, &filter), [1]);
    assert_eq!(list_sessions(&snapshot, SessionView::Blocking, &filter).hidden.filtered, 2);
}

#[test]
fn an_existing_name_matches_exactly_and_a_part_matches_all_names_that_contain_it() {
    let snapshot = snapshot(vec![of_user(1, "app"), of_user(2, "app_ro"), of_user(3, "batch")]);
    let named = |name: &str| SessionFilter { user: Some(name.to_owned()), ..SessionFilter::default() };
    assert_eq!(pids(&snapshot, SessionView::Busy, &named("app")), [1]);
    assert_eq!(pids(&snapshot, SessionView::Busy, &named("AP")), [1, 2]);
}

#[test]
fn min_age_uses_the_older_of_transaction_and_query() {
    let in_old_transaction = Session { xact_start: Some(ago(900)), ..session(1) };
    let snapshot = snapshot(vec![in_old_transaction, session(2), idle_in_transaction(3, 895)]);
    let filter = SessionFilter { min_age: Some(Duration::from_mins(15)), ..SessionFilter::default() };
    assert_eq!(pids(&snapshot, SessionView::Busy, &filter), [3, 1]);
}

#[test]
fn parallel_workers_are_counted_with_their_leader() {
    let worker = |number| Session {
        backend_type: BackendType::ParallelWorker,
        leader_pid: Some(pid(1)),
        ..session(number)
    };
    let snapshot = snapshot(vec![worker(2), session(1), worker(3)]);
    let ListedSessions::Sessions(rows) =
        list_sessions(&snapshot, SessionView::Busy, &SessionFilter::default()).shown
    else {
        panic!("busy is a list");
    };
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].workers, 2);
}

#[test]
fn hidden_sessions_are_counted_by_reason() {
    let snapshot = snapshot(vec![
        idle(1),
        idle(2),
        session(3),
        idle_in_transaction(4, 60),
        Session { is_own: true, ..idle(5) },
        Session {
            backend_type: BackendType::Other("checkpointer".to_owned()),
            state: SessionState::Unknown,
            ..session(6)
        },
        Session { backend_type: BackendType::Other("autovacuum worker".to_owned()), ..session(7) },
    ]);
    let listing = list_sessions(&snapshot, SessionView::IdleInTransaction, &SessionFilter::default());
    let expected = HiddenCounts { idle: 2, other: 2, filtered: 0, background: 2 };
    assert_eq!(listing.hidden, expected);
}
