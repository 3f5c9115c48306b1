//! Which session waits for which, built once from a snapshot.

use std::collections::{BTreeSet, HashMap};

use super::identity::Pid;
use super::session::Snapshot;

/// The edges of the lock queues: from each blocker to the sessions that wait for it.
#[derive(Debug, Default)]
pub struct LockGraph {
    waiters_by_blocker: HashMap<i32, Vec<Pid>>,
}

impl LockGraph {
    /// Collects the edges that `pg_blocking_pids` reported.
    pub fn from_snapshot(snapshot: &Snapshot) -> Self {
        let mut waiters_by_blocker: HashMap<i32, Vec<Pid>> = HashMap::new();
        for session in &snapshot.sessions {
            for &blocker in &session.blocked_by {
                let waiters = waiters_by_blocker.entry(blocker).or_default();
                // PostgreSQL lists a blocker twice when it blocks in two ways. Each session is visited once, so a
                // duplicate can only be the last entry.
                if waiters.last() != Some(&session.pid) {
                    waiters.push(session.pid);
                }
            }
        }
        Self { waiters_by_blocker }
    }

    /// The sessions that wait for `blocker` directly.
    pub fn direct_waiters(&self, blocker: i32) -> &[Pid] {
        self.waiters_by_blocker.get(&blocker).map_or(&[], Vec::as_slice)
    }

    /// The sessions that wait for `pid`, directly or through others. Never contains `pid` itself, even in a deadlock.
    pub fn all_waiters(&self, pid: Pid) -> BTreeSet<Pid> {
        let mut waiters = BTreeSet::new();
        let mut unvisited = vec![pid];
        while let Some(blocker) = unvisited.pop() {
            for &waiter in self.direct_waiters(blocker.number()) {
                if waiter != pid && waiters.insert(waiter) {
                    unvisited.push(waiter);
                }
            }
        }
        waiters
    }
}
