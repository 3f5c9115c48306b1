//! Which sessions a view chooses, and in which order.

use std::time::Duration;

use killgate::discord::session_list::filter::Filter;
use killgate::discord::session_list::tree::Root;
use killgate::discord::session_list::{LeftOut, Shown, View, list};
use killgate::domain::session::{BackendKind, Session, Snapshot, State};

use crate::fixture::*;

fn pids(snapshot: &Snapshot, view: View, filter: &Filter) -> Vec<i32> {
    match list(snapshot, view, filter).shown {
        Shown::Sessions(rows) => rows.iter().map(|row| row.session.pid.number()).collect(),
        Shown::Trees(trees) => trees
            .iter()
            .map(|tree| match tree.root {
                Root::Session(session) => session.pid.number(),
                Root::Prepared => 0,
                Root::Unseen(pid) => -pid,
            })
            .collect(),
    }
}

fn of_user(number: i32, user: &str) -> Session {
    Session {
        user: Some(user.to_owned()),
        ..session(number)
    }
}

#[test]
fn a_long_queue_for_one_row_does_not_hide_the_other_troubles() {
    let mut sessions = vec![resting(900, 60), resting(800, 9_000)];
    for number in 1_000..1_200 {
        let ahead: Vec<_> = std::iter::once(900).chain(1_000..number).collect();
        sessions.push(waiting(number, &ahead, 50));
    }
    let snapshot = snapshot(sessions);
    assert_eq!(pids(&snapshot, View::Busy, &Filter::default())[..2], [900, 800]);
}

#[test]
fn an_idle_session_that_others_wait_for_is_not_plainly_idle() {
    let snapshot = snapshot(vec![idle(1), idle(2), waiting(3, &[1], 9)]);
    assert_eq!(pids(&snapshot, View::Busy, &Filter::default()), [1, 3]);
}

#[test]
fn a_ring_of_waiters_is_one_tree() {
    let snapshot = snapshot(vec![
        waiting(1, &[2], 9),
        waiting(2, &[1], 9),
        waiting(3, &[1], 9),
        waiting(9, &[8], 1),
    ]);
    assert_eq!(pids(&snapshot, View::Blocking, &Filter::default()), [1, -8]);
}

#[test]
fn a_tree_is_shown_when_anybody_in_it_matches() {
    let snapshot = snapshot(vec![
        resting(1, 60),
        Session {
            user: Some("billing".to_owned()),
            ..waiting(2, &[1], 9)
        },
        resting(3, 60),
        waiting(4, &[3], 9),
    ]);
    let filter = Filter {
        user: Some("billing".to_owned()),
        ..Filter::default()
    };
    assert_eq!(pids(&snapshot, View::Blocking, &filter), [1]);
    assert_eq!(list(&snapshot, View::Blocking, &filter).left_out.filtered, 2);
}

#[test]
fn a_name_that_exists_means_itself_and_a_part_of_names_means_them_all() {
    let snapshot = snapshot(vec![of_user(1, "app"), of_user(2, "app_ro"), of_user(3, "batch")]);
    let named = |name: &str| Filter {
        user: Some(name.to_owned()),
        ..Filter::default()
    };
    assert_eq!(pids(&snapshot, View::Busy, &named("app")), [1]);
    assert_eq!(pids(&snapshot, View::Busy, &named("AP")), [1, 2]);
}

#[test]
fn min_age_counts_the_transaction_or_the_query_whichever_is_older() {
    let in_old_transaction = Session {
        xact_start: Some(ago(900)),
        ..session(1)
    };
    let snapshot = snapshot(vec![in_old_transaction, session(2), resting(3, 895)]);
    let filter = Filter {
        min_age: Some(Duration::from_mins(15)),
        ..Filter::default()
    };
    assert_eq!(pids(&snapshot, View::Busy, &filter), [3, 1]);
}

#[test]
fn parallel_workers_are_counted_with_their_leader() {
    let worker = |number| Session {
        kind: BackendKind::ParallelWorker,
        leader: Some(pid(1)),
        ..session(number)
    };
    let snapshot = snapshot(vec![worker(2), session(1), worker(3)]);
    let Shown::Sessions(rows) = list(&snapshot, View::Busy, &Filter::default()).shown else {
        panic!("busy is a list");
    };
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].workers, 2);
}

#[test]
fn what_is_left_out_is_counted_by_reason() {
    let snapshot = snapshot(vec![
        idle(1),
        idle(2),
        session(3),
        resting(4, 60),
        Session { own: true, ..idle(5) },
        Session {
            kind: BackendKind::Other("checkpointer".to_owned()),
            state: State::Unknown,
            ..session(6)
        },
        Session {
            kind: BackendKind::Other("autovacuum worker".to_owned()),
            ..session(7)
        },
    ]);
    let listing = list(&snapshot, View::IdleInTransaction, &Filter::default());
    let expected = LeftOut {
        idle: 2,
        other: 2,
        filtered: 0,
        background: 2,
    };
    assert_eq!(listing.left_out, expected);
}
