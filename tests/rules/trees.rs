//! Trees of sessions that wait for others.

use std::time::Duration;

use killgate::discord::session_list::filter::SessionFilter;
use killgate::discord::session_list::tree::{BlockingTree, TreeRoot};
use killgate::discord::session_list::{HiddenCounts, ListedSessions, SessionView, list_sessions};
use killgate::domain::session::{Session, Snapshot};

use crate::fixtures::session;
use crate::helpers::{resting, snapshot};

/// A waiting session that is like no other.
fn waiting(number: i32, behind: &[i32], seconds: u64) -> Session {
    Session { application: format!("app-{number}"), ..crate::helpers::waiting(number, behind, seconds) }
}

fn trees<'a>(snapshot: &'a Snapshot, filter: &SessionFilter) -> (Vec<BlockingTree<'a>>, HiddenCounts) {
    let listing = list_sessions(snapshot, SessionView::Blocking, filter);
    match listing.shown {
        ListedSessions::Trees(trees) => (trees, listing.hidden),
        ListedSessions::Sessions(_) => panic!("blocking is shown as trees"),
    }
}

fn all(snapshot: &Snapshot) -> Vec<BlockingTree<'_>> {
    trees(snapshot, &SessionFilter::default()).0
}

/// Each branch: its pid, its depth, and how many sessions wait for it.
fn branches(tree: &BlockingTree<'_>) -> Vec<(i32, usize, usize)> {
    tree.branches.iter().map(|branch| (branch.session.pid.number(), branch.depth, branch.waiters)).collect()
}

#[test]
fn a_tree_shows_who_waits_for_whom_and_how_long() {
    let snapshot = snapshot(vec![
        resting(1, 60),
        waiting(2, &[1], 9),
        waiting(3, &[2], 40),
        waiting(4, &[1], 20),
        session(5),
    ]);
    let (trees, left_out) = trees(&snapshot, &SessionFilter::default());
    let [tree] = trees.as_slice() else { panic!("one tree") };
    assert_eq!(tree.root, TreeRoot::Session(&snapshot.sessions[0]));
    assert_eq!((tree.waiters, tree.direct_waiters), (3, 2));
    assert_eq!(tree.longest_wait, Some(Duration::from_secs(40)));
    assert_eq!(branches(tree), [(2, 1, 1), (3, 2, 0), (4, 1, 0)]);
    let expected = HiddenCounts { other: 1, ..HiddenCounts::default() };
    assert_eq!(left_out, expected);
}

#[test]
fn branches_are_ordered_by_waiters_age_and_pid() {
    let snapshot =
        snapshot(vec![resting(1, 60), waiting(5, &[1], 9), waiting(4, &[1], 9), waiting(3, &[1], 10)]);
    assert_eq!(branches(&all(&snapshot)[0]), [(3, 1, 0), (4, 1, 0), (5, 1, 0)]);

    let snapshot = crate::helpers::snapshot(vec![
        resting(1, 60),
        waiting(3, &[1], 10),
        waiting(4, &[1], 9),
        waiting(6, &[4], 9),
    ]);
    assert_eq!(branches(&all(&snapshot)[0]), [(4, 1, 1), (6, 2, 0), (3, 1, 0)]);
}

#[test]
fn at_most_three_siblings_and_six_branches_are_shown() {
    let behind = |numbers: std::ops::Range<i32>, blocker: i32| {
        numbers.map(move |number| waiting(number, &[blocker], 9))
    };
    let mut sessions = vec![resting(1, 60)];
    sessions.extend(behind(10..15, 1));
    let wide = snapshot(sessions.clone());
    let tree = &all(&wide)[0];
    assert_eq!((tree.waiters, tree.direct_waiters), (5, 5));
    assert_eq!(branches(tree), [(10, 1, 0), (11, 1, 0), (12, 1, 0)]);

    sessions.extend(behind(20..25, 10));
    sessions.extend(behind(30..33, 11));
    let deep = snapshot(sessions);
    let tree = &all(&deep)[0];
    assert_eq!((tree.waiters, tree.direct_waiters), (13, 5));
    assert_eq!(branches(tree), [(10, 1, 5), (20, 2, 0), (21, 2, 0), (22, 2, 0), (11, 1, 3), (30, 2, 0)]);
}

#[test]
fn siblings_of_one_kind_are_one_branch_unless_somebody_waits_for_them() {
    let of = |application: &str, session| Session { application: application.to_owned(), ..session };
    let web = |number| of("web", waiting(number, &[1], 9));
    let sessions = vec![
        resting(1, 60),
        of("web", waiting(10, &[1], 20)),
        web(11),
        web(12),
        of("deploy", waiting(20, &[1], 9)),
        Session { user: Some("other".to_owned()), ..web(21) },
        web(30),
        waiting(31, &[30], 5),
    ];
    let snapshot = snapshot(sessions);
    let tree = &all(&snapshot)[0];
    let alike = |branch: usize| {
        tree.branches[branch].alike.iter().map(|session| session.pid.number()).collect::<Vec<_>>()
    };
    assert_eq!(branches(tree), [(30, 1, 1), (31, 2, 0), (10, 1, 0), (20, 1, 0), (21, 1, 0)]);
    assert_eq!(alike(2), [11, 12]);
    assert!(alike(0).is_empty() && alike(3).is_empty());
}

#[test]
fn a_session_that_waits_for_several_is_shown_under_the_nearest() {
    let snapshot = snapshot(vec![resting(1, 60), waiting(2, &[1], 9), waiting(3, &[1, 2], 9)]);
    let tree = &all(&snapshot)[0];
    assert_eq!((tree.waiters, tree.direct_waiters), (2, 2));
    assert_eq!(branches(tree), [(2, 1, 0), (3, 1, 0)]);
}

#[test]
fn a_root_can_be_a_prepared_transaction_or_a_hidden_session() {
    let snapshot = snapshot(vec![waiting(2, &[0], 9), waiting(3, &[0], 9), waiting(4, &[99], 9)]);
    let roots: Vec<_> = all(&snapshot).iter().map(|tree| tree.root).collect();
    assert_eq!(roots, [TreeRoot::Prepared, TreeRoot::Unseen(99)]);
}

#[test]
fn trees_are_ordered_by_waiters_and_longest_wait() {
    let snapshot = snapshot(vec![
        resting(1, 60),
        waiting(11, &[1], 9),
        resting(2, 60),
        waiting(21, &[2], 10),
        resting(3, 60),
        waiting(31, &[3], 1),
        waiting(32, &[31], 1),
    ]);
    let roots: Vec<_> = all(&snapshot)
        .iter()
        .map(|tree| match tree.root {
            TreeRoot::Session(session) => session.pid.number(),
            other => panic!("no session: {other:?}"),
        })
        .collect();
    assert_eq!(roots, [3, 2, 1]);
}

#[test]
fn a_deadlock_is_one_tree_with_the_most_blocking_session_as_root() {
    let snapshot = snapshot(vec![waiting(1, &[2], 9), waiting(2, &[1], 9), waiting(3, &[2], 9)]);
    let trees = all(&snapshot);
    assert_eq!(trees.len(), 1);
    assert_eq!(trees[0].root, TreeRoot::Session(&snapshot.sessions[1]));
    assert_eq!((trees[0].waiters, trees[0].direct_waiters), (2, 2));
}

#[test]
fn a_deadlock_behind_another_blocker_is_not_a_separate_tree() {
    let snapshot = snapshot(vec![resting(9, 60), waiting(2, &[9, 3], 9), waiting(3, &[2], 9)]);
    let trees = all(&snapshot);
    assert_eq!(trees.len(), 1);
    assert_eq!(trees[0].root, TreeRoot::Session(&snapshot.sessions[0]));
}

#[test]
fn a_filter_keeps_whole_trees_and_counts_the_hidden_sessions() {
    let of_billing = |session| Session { user: Some("billing".to_owned()), ..session };
    let snapshot = snapshot(vec![
        resting(1, 60),
        of_billing(waiting(2, &[1], 9)),
        resting(3, 60),
        waiting(4, &[3], 9),
        waiting(5, &[3], 9),
    ]);
    let filter = SessionFilter { user: Some("billing".to_owned()), ..SessionFilter::default() };
    let (trees, left_out) = trees(&snapshot, &filter);
    assert_eq!(trees.len(), 1);
    assert_eq!(trees[0].root, TreeRoot::Session(&snapshot.sessions[0]));
    assert_eq!(left_out.filtered, 3);
}
