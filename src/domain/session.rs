//! A session as `pg_stat_activity` showed it (PostgreSQL documentation, chapter "Monitoring Database Activity").

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::identity::{BackendIdentity, Pid, ServerIdentity};
use super::lock_wait::LockWait;
use super::named_enum::named_enum;
use super::progress::Progress;
use super::timestamp::Timestamp;

/// One row of `pg_stat_activity`. Of its query text it has only what the configuration lets people see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Session {
    pub pid: Pid,
    pub backend_start: Timestamp,
    pub backend_type: BackendType,
    /// The leader of a parallel worker.
    pub leader_pid: Option<Pid>,
    pub user: Option<String>,
    pub is_superuser: bool,
    /// One of killgate's own connections to this server.
    pub is_own: bool,
    pub database: Option<String>,
    /// `application_name`, which the client chooses.
    pub application: String,
    /// The client's address, or `local` for a Unix socket.
    pub client: Option<String>,
    pub state: SessionState,
    pub wait: Option<WaitEvent>,
    pub xact_start: Option<Timestamp>,
    pub query_start: Option<Timestamp>,
    pub state_change: Option<Timestamp>,
    /// What may be shown of the query text; `None` if nothing may be shown or there is none.
    pub query: Option<String>,
    /// The pids that `pg_blocking_pids` names; 0 stands for a prepared transaction.
    pub blocked_by: Vec<i32>,
    /// The lock it waits for, where that was looked up.
    pub lock_wait: Option<LockWait>,
    /// Whether its transaction has an id (`backend_xid`): it has changed or locked rows, or a table's definition.
    pub has_xid: bool,
    /// How far its command is, if it reports that.
    pub progress: Option<Progress>,
    /// Its last query began a base backup (`pg_backup_start`; before 15 `pg_start_backup`), which ends with the session.
    pub has_begun_backup: bool,
}

/// `pg_stat_activity.backend_type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendType {
    /// `client backend`: the only kind that killgate signals.
    Client,
    /// `parallel worker`: a request for it is about its leader.
    ParallelWorker,
    /// `walsender`: replication, which even a cancel ends.
    WalSender,
    /// Any other, by PostgreSQL's name.
    Other(String),
}

named_enum! {
    /// `pg_stat_activity.state`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum SessionState {
        Active = "active",
        Idle = "idle",
        IdleInTransaction = "idle in transaction",
        IdleInTransactionAborted = "idle in transaction (aborted)",
        FastpathFunctionCall = "fastpath function call",
        Disabled = "disabled",
        /// It authenticates: PostgreSQL does not know yet whose session it is (since 18).
        Starting = "starting",
        /// None, or one that this version of killgate does not know.
        Unknown = "unknown",
    }
}

/// What a backend waits for: `wait_event_type` and `wait_event`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitEvent {
    pub kind: String,
    pub event: String,
}

/// Sessions of one server, read by one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub server: ServerIdentity,
    /// Counts the snapshots: one that was begun later has a higher number, whatever the server's clock shows.
    pub order: u64,
    /// The pids that were looked up; `None`: every session is here. Besides those there are only sessions that wait for a
    /// lock, without their queries.
    pub looked_up: Option<BTreeSet<Pid>>,
    /// The server's clock when it answered. Ages are computed from it.
    pub taken_at: Timestamp,
    /// The backend that answered. It is killgate's own and not among the sessions.
    pub own_pid: Option<Pid>,
    /// Whether the server is a standby.
    pub is_standby: bool,
    /// How many sessions it accepts of users who are no superusers, where that is known.
    pub connection_slots: Option<usize>,
    /// Why no session of the server can be signalled, if that is so; for people.
    pub signal_obstacle: Option<String>,
    /// Processes of which PostgreSQL shows nothing but the pid. Nothing says that they ended.
    pub hidden_pids: Vec<Pid>,
    pub sessions: Vec<Session>,
}

impl Snapshot {
    pub fn find(&self, pid: Pid) -> Option<&Session> {
        self.sessions.iter().find(|session| session.pid == pid)
    }

    /// The leader of a parallel worker, if it is there.
    pub fn leader_of(&self, worker: &Session) -> Option<&Session> {
        self.find(worker.leader_pid?)
    }

    /// Whether it tells if there is a session with this pid.
    pub fn covers(&self, pid: Pid) -> bool {
        self.looked_up.as_ref().is_none_or(|looked_up| looked_up.contains(&pid))
    }

    /// Whether a backend of the server has this pid, including the one that answered.
    pub fn contains_pid(&self, pid: Pid) -> bool {
        self.own_pid == Some(pid) || self.hidden_pids.contains(&pid) || self.find(pid).is_some()
    }
}

impl Session {
    /// What it is recognized by later.
    pub fn identity(&self) -> BackendIdentity {
        BackendIdentity {
            pid: self.pid,
            backend_start: self.backend_start,
            xact_start: self.xact_start,
            query_start: self.query_start,
        }
    }

    /// Whether one of its own times is this one.
    pub fn has_time(&self, time: Timestamp) -> bool {
        [self.xact_start, self.query_start, self.state_change].contains(&Some(time))
    }

    /// How long its transaction has been open at `now`, if one is open.
    pub fn transaction_age(&self, now: Timestamp) -> Option<Duration> {
        self.xact_start.map(|start| now.duration_since(start))
    }

    /// How long its query has been running at `now`; `None` when none is running.
    pub fn query_age(&self, now: Timestamp) -> Option<Duration> {
        self.state.is_running().then_some(self.query_start).flatten().map(|start| now.duration_since(start))
    }

    /// How long it has been in its state at `now`.
    pub fn state_age(&self, now: Timestamp) -> Option<Duration> {
        self.state_change.map(|change| now.duration_since(change))
    }

    /// Whether it waits for a lock that another transaction holds or is queued for.
    pub fn is_blocked(&self) -> bool {
        !self.blocked_by.is_empty()
    }

    /// Whether it waits in the lock manager. In a long queue, the blockers are not queried for every waiter.
    pub fn waits_for_lock(&self) -> bool {
        self.is_blocked() || self.wait.as_ref().is_some_and(|wait| wait.kind == "Lock")
    }

    /// How long it has waited for its lock at `now`: as PostgreSQL tells it, else as long as its query runs.
    pub fn wait_age(&self, now: Timestamp) -> Option<Duration> {
        self.waits_since().map(|since| now.duration_since(since))
    }

    /// Since when it has waited for its lock, as far as known.
    pub fn waits_since(&self) -> Option<Timestamp> {
        let query_start = || self.waits_for_lock().then_some(self.query_start).flatten();
        self.lock_wait.as_ref().map(|wait| wait.since).or_else(query_start)
    }

    /// Whether it is the process of a standby that replays the primary's changes.
    pub fn is_replay(&self) -> bool {
        matches!(&self.backend_type, BackendType::Other(name) if name == "startup")
    }

    /// Whether it has committed and only waits until a synchronous standby confirms it.
    pub fn has_committed(&self) -> bool {
        self.wait.as_ref().is_some_and(|wait| wait.event == "SyncRep")
    }

    /// Why a cancel of this session may have no effect: there is no query to cancel, or the backend may not notice the
    /// cancel.
    pub fn cancel_obstacle(&self) -> Option<CancelObstacle> {
        match self.state {
            SessionState::Idle => Some(CancelObstacle::Idle),
            SessionState::IdleInTransaction | SessionState::IdleInTransactionAborted => {
                Some(CancelObstacle::IdleInTransaction)
            }
            _ if self.wait.as_ref().is_some_and(|wait| wait.event == "ClientWrite") => {
                Some(CancelObstacle::ClientWrite)
            }
            SessionState::Active if self.wait.as_ref().is_some_and(|wait| wait.event == "ClientRead") => {
                Some(CancelObstacle::CopyData)
            }
            _ => None,
        }
    }
}

impl WaitEvent {
    /// Whether it sleeps: `pg_sleep`.
    pub fn is_sleep(&self) -> bool {
        self.kind == "Timeout" && self.event == "PgSleep"
    }

    /// What has to happen before it goes on, in words for people (PostgreSQL documentation, "Wait Events").
    pub fn meaning(&self) -> Option<&'static str> {
        Some(match (self.kind.as_str(), self.event.as_str()) {
            ("Client", "ClientRead") => "its client has not sent what it reads",
            ("Client", "ClientWrite") => "its client does not read what it sends",
            ("IO", _) => "a disk or file system has not answered",
            ("Lock", _) => "another transaction holds the lock",
            ("LWLock", _) => "another process of the server holds an internal lock",
            ("BufferPin", _) => "another process of the server uses the page",
            ("IPC", "SyncRep") => "no synchronous standby has confirmed its commit",
            ("IPC", _) => "another process of the server has not answered",
            ("Extension", _) => "the code of an extension runs",
            ("Timeout", _) => "it sleeps",
            _ => return None,
        })
    }
}

/// Why a cancel may have no effect. Measured: PostgreSQL answers `true` even so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelObstacle {
    /// No query runs.
    Idle,
    /// No query runs; the open transaction may hold locks.
    IdleInTransaction,
    /// It waits for data that its client sends, which a running query does in `COPY … FROM STDIN`, and may not notice a
    /// cancel before the client sends more.
    CopyData,
    /// It waits for its client to read, and may not notice a cancel before the client reads.
    ClientWrite,
}

impl SessionState {
    /// Whether a query runs in this state.
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Active | Self::FastpathFunctionCall)
    }

    /// Whether PostgreSQL does not say what the session runs: `track_activities` is off, or there is no state.
    pub const fn is_hidden(self) -> bool {
        matches!(self, Self::Disabled | Self::Starting | Self::Unknown)
    }

    pub fn of_column(name: Option<&str>) -> Self {
        name.and_then(Self::from_name).unwrap_or(Self::Unknown)
    }
}

impl BackendType {
    /// PostgreSQL's own name for it.
    pub fn name(&self) -> &str {
        match self {
            Self::Client => "client backend",
            Self::ParallelWorker => "parallel worker",
            Self::WalSender => "walsender",
            Self::Other(name) => name,
        }
    }

    /// From PostgreSQL's name. Without a name it is no client backend, because nothing is known about it.
    pub fn from_name(name: Option<&str>) -> Self {
        match name {
            Some("client backend") => Self::Client,
            Some("parallel worker") => Self::ParallelWorker,
            Some("walsender") => Self::WalSender,
            other => Self::Other(other.unwrap_or("unknown").to_owned()),
        }
    }
}

impl fmt::Display for WaitEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.event)
    }
}
