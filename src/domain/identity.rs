//! Which backend is meant. Its pid alone does not identify it, because the operating system reuses pids.

use std::fmt;

use super::timestamp::Timestamp;

/// The process id of a PostgreSQL backend: positive, and small enough for `int4`, which is what
/// `pg_terminate_backend` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(i32);

/// A number that cannot be a pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPid(pub i64);

impl TryFrom<i64> for Pid {
    type Error = InvalidPid;

    fn try_from(number: i64) -> Result<Self, InvalidPid> {
        i32::try_from(number).ok().and_then(Self::new).ok_or(InvalidPid(number))
    }
}

impl Pid {
    /// A pid, unless the number is zero or negative: `kill(2)` gives those another meaning.
    pub const fn new(number: i32) -> Option<Self> {
        if number > 0 { Some(Self(number)) } else { None }
    }

    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for InvalidPid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "There is no pid {}: a pid is a whole number from 1 to {}", self.0, i32::MAX)
    }
}

/// A PostgreSQL server, as opposed to one that took over its address.
///
/// After a failover the same host name leads to another `system_identifier` or another postmaster, where an equal pid
/// means nothing. Two are compared with [`ServerIdentity::is_same`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerIdentity {
    /// `pg_control_system().system_identifier`: made by `initdb`, shared with physical standbys. 0 if it is not known,
    /// because the role may not execute that function.
    pub system_identifier: u64,
    /// `pg_postmaster_start_time()`.
    pub postmaster_start: Timestamp,
}

impl ServerIdentity {
    /// Whether both are the same server since the same start, as far as known.
    pub fn is_same(self, other: Self) -> bool {
        self.postmaster_start == other.postmaster_start && !self.is_of_another_system(other)
    }

    /// Whether the two certainly are of different systems.
    pub fn is_of_another_system(self, other: Self) -> bool {
        let known = [self.system_identifier, other.system_identifier];
        !known.contains(&0) && known[0] != known[1]
    }

    /// Whether `answering` is this server after a restart, which no session survives. A standby proves nothing: it has the
    /// identifier of its primary, whose sessions may still be alive. The same is true of a standby that was promoted since. A
    /// promoted standby usually started before `seen_at`, when the sessions were seen.
    pub fn was_restarted_as(self, answering: Self, is_standby: bool, seen_at: Timestamp) -> bool {
        let is_known = self.system_identifier != 0 && self.system_identifier == answering.system_identifier;
        is_known && !is_standby && answering.postmaster_start > self.postmaster_start.max(seen_at)
    }
}

/// A backend of a server, and what it ran when it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BackendIdentity {
    pub pid: Pid,
    /// `pg_stat_activity.backend_start`: tells the backend from a later one with the same pid.
    pub backend_start: Timestamp,
    /// `pg_stat_activity.xact_start`; `None` outside of a transaction.
    pub xact_start: Option<Timestamp>,
    /// `pg_stat_activity.query_start`. A cancel compares it, because it would otherwise hit a later query of the same
    /// session.
    pub query_start: Option<Timestamp>,
}
