//! How bad a session's trouble is, compared with others.

use std::cmp::Reverse;
use std::time::Duration;

use super::filter::age;
use super::{SessionRow, is_idle_in_transaction};
use crate::domain::identity::Pid;
use crate::domain::timestamp::Timestamp;

/// A transaction that rests for less than this is one between two statements.
const LONG_REST: Duration = Duration::from_secs(30);

/// A session's place in a list: the lesser, the worse its trouble.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionRank {
    trouble: RankClass,
    waiters: Reverse<usize>,
    age: Reverse<Option<Duration>>,
    pid: Pid,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum RankClass {
    /// Others wait for it, and it waits for nobody.
    Root,
    /// It holds what it has locked, and does nothing.
    IdleInTransaction,
    /// It works.
    Working,
    /// It waits, and others wait for it. In a queue for one row that is all but the last, and would hide
    /// whatever else is wrong.
    Between,
    /// It waits, and nobody waits for it: the consequence of another's trouble.
    Waiting,
    Idle,
}

impl SessionRank {
    /// The rank of a session among those seen at `now`.
    pub fn of(row: &SessionRow<'_>, now: Timestamp) -> Self {
        let session = row.session;
        let age = age(session, now);
        let trouble = match (row.waiters, session.is_blocked()) {
            (1.., false) => RankClass::Root,
            (1.., true) => RankClass::Between,
            (0, true) => RankClass::Waiting,
            (0, false) if is_idle_in_transaction(session) && age >= Some(LONG_REST) => {
                RankClass::IdleInTransaction
            }
            (0, false) if session.state.is_running() || is_idle_in_transaction(session) => RankClass::Working,
            (0, false) => RankClass::Idle,
        };
        Self {
            trouble,
            waiters: Reverse(row.waiters),
            age: Reverse(age),
            pid: session.pid,
        }
    }
}
