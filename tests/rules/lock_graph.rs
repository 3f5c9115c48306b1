//! Which session waits for which.

use std::collections::BTreeSet;

use killgate::domain::lock_graph::LockGraph;
use killgate::domain::session::Session;

use crate::fixtures::session;
use crate::helpers::{pid, snapshot, waiting};

#[test]
fn a_session_blocked_in_two_ways_waits_once() {
    let blocked_twice = Session { blocked_by: vec![1, 2, 1], ..session(3) };
    assert!(blocked_twice.is_blocked());
    assert!(!session(1).is_blocked());
    let lock_graph = LockGraph::from_snapshot(&snapshot(vec![session(1), session(2), blocked_twice]));
    assert_eq!(lock_graph.direct_waiters(1), [pid(3)]);
    assert_eq!(lock_graph.direct_waiters(2), [pid(3)]);
    assert!(lock_graph.direct_waiters(3).is_empty());
}

#[test]
fn all_waiters_include_those_that_wait_through_others() {
    let sessions = vec![session(1), waiting(2, &[1], 9), waiting(3, &[2, 2], 9), session(4)];
    let lock_graph = LockGraph::from_snapshot(&snapshot(sessions));
    assert_eq!(lock_graph.all_waiters(pid(1)), BTreeSet::from([pid(2), pid(3)]));
    assert_eq!(lock_graph.direct_waiters(2), [pid(3)]);
    assert!(lock_graph.all_waiters(pid(4)).is_empty());
}

#[test]
fn a_deadlock_does_not_loop_forever() {
    let sessions = vec![waiting(1, &[2], 9), waiting(2, &[1], 9)];
    let lock_graph = LockGraph::from_snapshot(&snapshot(sessions));
    assert_eq!(lock_graph.all_waiters(pid(1)), BTreeSet::from([pid(2)]));
}
