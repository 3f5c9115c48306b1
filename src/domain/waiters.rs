//! Who waits for a session, by what they are: what an approver needs to know about a queue.

use super::identity::Pid;
use super::lock_graph::LockGraph;
use super::lock_wait::LockWait;
use super::session::{Session, Snapshot};
use super::timestamp::Timestamp;

/// The sessions that wait for one session, directly or through others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaiterSummary {
    /// Those of each application, the most numerous first.
    pub groups: Vec<WaiterGroup>,
    /// When the longest wait began, by the server's clock.
    pub longest_since: Option<Timestamp>,
    /// The lock of the longest wait for the session itself.
    pub lock: Option<LockWait>,
    /// How many wait for nothing but the session, and so go on when it ends.
    pub alone: usize,
    /// Since when a standby's replay of the primary's changes has waited for it.
    pub replay_since: Option<Timestamp>,
}

/// Waiters that one name describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaiterGroup {
    /// The application; the user where there is none; `None` where neither is known.
    pub name: Option<String>,
    pub count: usize,
}

impl WaiterSummary {
    /// Those that wait for `pid` in `snapshot`.
    pub fn of(pid: Pid, snapshot: &Snapshot, locks: &LockGraph) -> Self {
        let waiters = locks.all_waiters(pid);
        let sessions: Vec<_> =
            snapshot.sessions.iter().filter(|session| waiters.contains(&session.pid)).collect();
        let mut groups: Vec<WaiterGroup> = Vec::new();
        for session in &sessions {
            let name = session.group_name().map(str::to_owned);
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.count += 1,
                None => groups.push(WaiterGroup { name, count: 1 }),
            }
        }
        groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        let direct = locks.direct_waiters(pid.number());
        let directly = sessions.iter().filter(|session| direct.contains(&session.pid));
        let lock_waits =
            directly.filter_map(|session| Some((session.lock_wait.as_ref()?, session.query_start)));
        let replay = sessions.iter().find(|session| session.is_replay());
        Self {
            groups,
            longest_since: sessions.iter().filter_map(|session| session.waits_since()).min(),
            // One that waits for the relation itself says more than one that waits for a transaction. Before 14, waits that
            // were first seen together have one time.
            lock: lock_waits
                .min_by_key(|(wait, query_start)| (wait.relation.is_none(), wait.since, *query_start))
                .map(|(wait, _)| wait.clone()),
            alone: sessions.iter().filter(|session| waits_for_alone(session, pid)).count(),
            replay_since: replay.and_then(|session| session.waits_since()),
        }
    }
}

/// Whether it goes on as soon as `pid` ends. A session that waits for the tuple lock of a row does not: when it gets that lock,
/// it waits for the transaction that holds the row.
fn waits_for_alone(session: &Session, pid: Pid) -> bool {
    let is_next_for_a_row = |wait: &LockWait| wait.lock == "tuple";
    let is_alone = session.is_blocked() && session.blocked_by.iter().all(|blocker| *blocker == pid.number());
    is_alone && session.lock_wait.as_ref().is_some_and(|wait| !is_next_for_a_row(wait))
}

impl Session {
    /// What people call it: its application, or else its user.
    pub fn group_name(&self) -> Option<&str> {
        Some(self.application.as_str()).filter(|name| !name.is_empty()).or(self.user.as_deref())
    }
}
