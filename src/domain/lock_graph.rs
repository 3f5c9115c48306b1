//! Who waits for whom, worked out once from a snapshot.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use super::identity::Pid;
use super::session::Snapshot;

/// The edges of the lock queue: from each blocker to those that wait for it.
#[derive(Debug, Default)]
pub struct LockGraph {
    waiting_for: HashMap<i32, Vec<Pid>, ByPid>,
}

type ByPid = BuildHasherDefault<PidHasher>;

/// A queue of two hundred has some twenty thousand edges, and each is looked up. The operating system gives out pids, so
/// nobody can choose them to collide: to multiply is enough (Knuth, "Fibonacci hashing").
#[derive(Debug, Default)]
struct PidHasher(u64);

impl Hasher for PidHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_i32(byte.into());
        }
    }

    fn write_i32(&mut self, pid: i32) {
        self.0 = (self.0 ^ u64::from(pid.cast_unsigned())).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        // The table takes its place from the lowest bits, and the product is best mixed in its highest.
        self.0.rotate_left(32)
    }
}

impl LockGraph {
    /// Reads the edges that `pg_blocking_pids` gave. One pass, linear in their number.
    pub fn from_snapshot(snapshot: &Snapshot) -> Self {
        let mut waiting_for: HashMap<i32, Vec<Pid>, _> = HashMap::default();
        for session in &snapshot.sessions {
            for &blocker in &session.blocked_by {
                let waiters = waiting_for.entry(blocker).or_default();
                // PostgreSQL names a blocker twice when it blocks in two ways; a row comes once, so that
                // a repetition can only be the last one added.
                if waiters.last() != Some(&session.pid) {
                    waiters.push(session.pid);
                }
            }
        }
        Self { waiting_for }
    }

    /// Those that wait for `blocker` itself.
    pub fn direct_waiters(&self, blocker: i32) -> &[Pid] {
        self.waiting_for.get(&blocker).map_or(&[], Vec::as_slice)
    }

    /// Those that wait for `pid`, directly or through others; never `pid` itself, also in a deadlock.
    pub fn all_waiters(&self, pid: Pid) -> BTreeSet<Pid> {
        let mut found: HashSet<Pid, ByPid> = HashSet::default();
        let mut open = vec![pid];
        while let Some(blocker) = open.pop() {
            for &waiter in self.direct_waiters(blocker.number()) {
                if waiter != pid && found.insert(waiter) {
                    open.push(waiter);
                }
            }
        }
        found.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::ServerIdentity;
    use crate::domain::session::{BackendType, Session, SessionState};
    use crate::domain::timestamp::Timestamp;

    fn waiting(pid: i32, blocked_by: &[i32]) -> Session {
        Session {
            pid: pid_of(pid),
            backend_start: Timestamp::from_micros(1),
            backend_type: BackendType::Client,
            leader_pid: None,
            user: None,
            is_superuser: false,
            is_own: false,
            database: None,
            application: String::new(),
            client: None,
            state: SessionState::Active,
            wait: None,
            xact_start: None,
            query_start: None,
            state_change: None,
            query: None,
            blocked_by: blocked_by.to_vec(),
        }
    }

    fn pid_of(number: i32) -> Pid {
        Pid::new(number).expect("a positive number")
    }

    fn blocking(sessions: &[(i32, &[i32])]) -> LockGraph {
        LockGraph::from_snapshot(&Snapshot {
            server: ServerIdentity {
                system_identifier: 1,
                postmaster_start: Timestamp::from_micros(0),
            },
            taken_at: Timestamp::from_micros(2),
            own_pid: None,
            sessions: sessions.iter().map(|(pid, by)| waiting(*pid, by)).collect(),
        })
    }

    #[test]
    fn waiters_are_counted_through_others() {
        let queue = blocking(&[(1, &[]), (2, &[1]), (3, &[2, 2]), (4, &[])]);
        assert_eq!(
            queue.all_waiters(pid_of(1)),
            BTreeSet::from([pid_of(2), pid_of(3)])
        );
        assert_eq!(queue.direct_waiters(2), [pid_of(3)]);
        assert!(queue.all_waiters(pid_of(4)).is_empty());
    }

    #[test]
    fn a_deadlock_does_not_go_round_for_ever() {
        let queue = blocking(&[(1, &[2]), (2, &[1])]);
        assert_eq!(queue.all_waiters(pid_of(1)), BTreeSet::from([pid_of(2)]));
    }
}
