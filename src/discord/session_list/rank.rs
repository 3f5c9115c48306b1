//! How bad a session's trouble is, compared with others.

use std::cmp::Reverse;
use std::time::Duration;

use super::filter::age;
use super::{Row, is_idle_in_transaction};
use crate::domain::identity::Pid;
use crate::domain::timestamp::Moment;

/// A transaction that rests for less than this is one between two statements.
const LONG_REST: Duration = Duration::from_secs(30);

/// A session's place in a list: the lesser, the worse its trouble.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    trouble: Trouble,
    waiters: Reverse<usize>,
    age: Reverse<Option<Duration>>,
    pid: Pid,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
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

impl Rank {
    /// The rank of a session among those seen at `now`.
    pub fn of(row: &Row<'_>, now: Moment) -> Self {
        let session = row.session;
        let age = age(session, now);
        let trouble = match (row.waiters, session.is_blocked()) {
            (1.., false) => Trouble::Root,
            (1.., true) => Trouble::Between,
            (0, true) => Trouble::Waiting,
            (0, false) if is_idle_in_transaction(session) && age >= Some(LONG_REST) => {
                Trouble::IdleInTransaction
            }
            (0, false) if session.state.is_running() || is_idle_in_transaction(session) => Trouble::Working,
            (0, false) => Trouble::Idle,
        };
        Self {
            trouble,
            waiters: Reverse(row.waiters),
            age: Reverse(age),
            pid: session.pid,
        }
    }
}
