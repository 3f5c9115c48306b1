//! The order of sessions in a list, the worst first.

use std::cmp::Reverse;
use std::time::Duration;

use super::filter::age;
use super::{SessionRow, is_idle_in_transaction};
use crate::domain::identity::Pid;
use crate::domain::timestamp::Timestamp;

/// A transaction that is idle for less than this is between two statements.
const LONG_IDLE: Duration = Duration::from_secs(30);

/// A session's place in a list. Lower is worse.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SessionRank {
    class: RankClass,
    waiters: Reverse<usize>,
    age: Reverse<Option<Duration>>,
    pid: Pid,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RankClass {
    /// Others wait for it, and it waits for no one.
    RootBlocker,
    /// It holds its locks and does nothing.
    IdleInTransaction,
    Running,
    /// It waits, and others wait for it. In a queue for one row this is every session but the last. They come after
    /// the running sessions so that they do not hide other problems.
    WaitingAndBlocking,
    /// It waits, and no one waits for it.
    Waiting,
    Idle,
}

impl SessionRank {
    /// The rank of a session in a snapshot taken at `now`.
    pub(super) fn new(row: &SessionRow<'_>, now: Timestamp) -> Self {
        let session = row.session;
        let age = age(session, now);
        let class = match (row.waiters, session.is_blocked()) {
            (1.., false) => RankClass::RootBlocker,
            (1.., true) => RankClass::WaitingAndBlocking,
            (0, true) => RankClass::Waiting,
            (0, false) if is_idle_in_transaction(session) && age >= Some(LONG_IDLE) => {
                RankClass::IdleInTransaction
            }
            (0, false) if session.state.is_running() || is_idle_in_transaction(session) => RankClass::Running,
            (0, false) => RankClass::Idle,
        };
        Self { class, waiters: Reverse(row.waiters), age: Reverse(age), pid: session.pid }
    }
}
