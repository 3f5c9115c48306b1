//! Which waiting sessions got their locks when others ended, and who holds the locks now.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::ports::{Freshness, Target};
use crate::domain::identity::{BackendIdentity, Pid, ServerIdentity};
use crate::domain::lock_graph::LockGraph;
use crate::domain::session::{Session, SessionState, Snapshot};
use crate::domain::timestamp::Timestamp;

/// How long the waiting sessions may take to get their locks before they are counted.
const RELEASE_WITHIN: Duration = Duration::from_millis(500);
/// How long to wait before the second look; doubled after each look.
const FIRST_WAIT: Duration = Duration::from_millis(2);
/// The longest wait between two looks.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// The sessions that waited for another when it was last seen, and what each ran then.
pub(super) type KnownWaiters = BTreeMap<Pid, BackendIdentity>;

/// What the end of some sessions did for the sessions that waited for them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ReleaseReport {
    /// How many of them got their locks; `None` if that could not be seen.
    pub(super) released: Option<u32>,
    /// A session that got ahead of the others and holds what they still wait for, in words for people.
    pub(super) successor: Option<String>,
}

/// Looks until all `waiters` of the `ended` sessions have their locks, or the time is up. `waiters` has an entry for each ended
/// session: a time until which it certainly still had its locks, and the sessions that waited for it.
pub(super) async fn report_released(
    server: ServerIdentity,
    ended: &BTreeSet<Pid>,
    waiters: &[(Instant, &KnownWaiters)],
    target: &dyn Target,
) -> ReleaseReport {
    let mut others = KnownWaiters::new();
    let mut held_until = BTreeMap::<Pid, Instant>::new();
    for (until, waiters) in waiters {
        for (pid, waiter) in waiters.iter().filter(|(pid, _)| !ended.contains(pid)) {
            others.insert(*pid, *waiter);
            // A session that waited for several of them needed the locks of all.
            held_until.entry(*pid).and_modify(|latest| *latest = (*latest).max(*until)).or_insert(*until);
        }
    }
    if others.is_empty() {
        return ReleaseReport { released: Some(0), successor: None };
    }
    let mut report = ReleaseReport::default();
    // PostgreSQL grants a lock to one waiter after the other, so they get some time.
    let all_released = timeout(RELEASE_WITHIN, async {
        let mut wait = FIRST_WAIT;
        loop {
            let Ok(snapshot) = target.snapshot(Freshness::Now).await else { return };
            if !server.is_same(snapshot.server) {
                return;
            }
            let waiting = still_waiting(ended, &others, &snapshot);
            let freed = others.values().filter(|waiter| !waiting.contains(&waiter.pid));
            let released = freed.filter(|waiter| {
                let held_for = held_until.get(&waiter.pid).map_or(Duration::ZERO, Instant::elapsed);
                is_released(waiter, &snapshot, snapshot.taken_at.minus(held_for))
            });
            let released = released.count();
            report.released = u32::try_from(released).ok();
            report.successor = successor(&waiting, &others, &snapshot);
            if waiting.is_empty() {
                return;
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    });
    // When the time is up, the last look is the answer.
    let _ = all_released.await;
    report
}

fn still_waiting(ended: &BTreeSet<Pid>, others: &KnownWaiters, snapshot: &Snapshot) -> BTreeSet<Pid> {
    let locks = LockGraph::from_snapshot(snapshot);
    let behind_ended: BTreeSet<_> = ended.iter().flat_map(|pid| locks.all_waiters(*pid)).collect();
    let is_waiting =
        |pid: &Pid| behind_ended.contains(pid) || snapshot.find(*pid).is_some_and(Session::is_blocked);
    others.keys().copied().filter(is_waiting).collect()
}

/// Whether a session that no longer waits got its lock, as far as PostgreSQL shows it. It did not if it is disconnected, if its
/// transaction failed, or if its statement ended before `ended_after`, when the lock was still held.
fn is_released(waiter: &BackendIdentity, snapshot: &Snapshot, ended_after: Timestamp) -> bool {
    let same = snapshot.find(waiter.pid).filter(|session| session.backend_start == waiter.backend_start);
    let Some(session) = same.filter(|session| session.state != SessionState::IdleInTransactionAborted) else {
        return false;
    };
    let is_after = |time: Option<Timestamp>| time.is_some_and(|time| time >= ended_after);
    if session.query_start == waiter.query_start {
        // For some, such as a standby's replay, PostgreSQL shows only that they no longer wait.
        session.state.is_running() || session.state.is_hidden() || is_after(session.state_change)
    } else {
        // It has run something else since. If that began after the end, it got the lock.
        is_after(session.query_start)
    }
}

/// A name that a database user chose, so that it does not read as part of the sentence.
fn quoted(name: &str) -> String {
    format!("“{}”", name.replace(['“', '”'], "\""))
}

/// The session that now blocks those still waiting, and that had not waited with them.
fn successor(waiting: &BTreeSet<Pid>, waiters: &KnownWaiters, snapshot: &Snapshot) -> Option<String> {
    let blockers =
        waiting.iter().filter_map(|pid| snapshot.find(*pid)).flat_map(|session| &session.blocked_by);
    let mut holders = blockers.filter_map(|pid| snapshot.find(Pid::new(*pid)?));
    let holder = holders.find(|holder| !holder.waits_for_lock() && !waiters.contains_key(&holder.pid))?;
    let name = holder.group_name().map_or("a session".to_owned(), quoted);
    let user = holder.user.as_deref().map_or(String::new(), |user| format!(" of user {}", quoted(user)));
    let still = match waiting.len() {
        1 => "1 session still waits".to_owned(),
        number => format!("{number} sessions still wait"),
    };
    Some(format!("{still}, for what {name}{user} ({}) holds now", holder.pid))
}
