//! PostgreSQL servers: backends come and go and run one query after the other, pids are used again, and a server
//! may be another one after a failover.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use killgate::domain::approval::Approved;
use killgate::domain::event::{Action, Binding, RequestedBackend};
use killgate::domain::identity::{Pid, ServerIdentity as Identified};
use killgate::domain::ids::RequestId;
use killgate::domain::outcome::Outcome;
use killgate::domain::protection::ProtectionRules;
use killgate::domain::session::{BackendType, Session, SessionState, Snapshot};
use killgate::domain::timestamp::Timestamp;
use killgate::domain::unreachable_cause::ANOTHER_SERVER;
use killgate::workflow::ports::SignalResult;

use super::State as World;
use super::cast::HOSTILE;
use super::facts::{Fact, Facts};

/// Pids that are in use, over and over again.
pub const PIDS: [i32; 6] = [4711, 4712, 4713, 4714, 4715, 4716];

/// A backend of one server, and the transaction and the query that it ran. Where it stands for what a card shows, they are
/// `None` unless the request is bound to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Victim {
    pub server: Identified,
    pub pid: Pid,
    pub backend_start: Timestamp,
    pub xact_start: Option<Timestamp>,
    pub query_start: Option<Timestamp>,
}

impl Victim {
    /// What a card shows.
    pub fn shown(server: Identified, backend: &RequestedBackend) -> Self {
        let identity = &backend.identity;
        Self {
            server,
            pid: identity.pid,
            backend_start: identity.backend_start,
            xact_start: identity.xact_start.filter(|_| backend.bound_to == Binding::Transaction),
            query_start: identity.query_start.filter(|_| backend.bound_to == Binding::Query),
        }
    }

    /// Whether `signalled` is what a card shows.
    pub fn is_shown_by(&self, shown: &Self) -> bool {
        shown.server == self.server
            && shown.pid == self.pid
            && shown.backend_start == self.backend_start
            && (shown.xact_start.is_none() || shown.xact_start == self.xact_start)
            && (shown.query_start.is_none() || shown.query_start == self.query_start)
    }
}

pub struct Server {
    identified: Identified,
    backends: BTreeMap<Pid, Session>,
    /// How backends take a signal: after how long, or never.
    pub obeys_after: Option<Duration>,
    /// How far its clock is ahead.
    ahead: Duration,
}

/// Something that happens to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The session ends, by itself or by a signal that was for exactly this backend.
    SessionEnds(Pid),
    /// Its query ends, and it is idle.
    QueryEnds(Pid),
    /// It begins another query, in a transaction of its own.
    NextQuery(Pid),
    /// It begins another query in the same transaction.
    NextStatement(Pid),
    /// The session ends and another one gets its pid.
    PidReused(Pid),
    /// The server is started anew, or another one takes over its address.
    Restarts,
    Failover,
    /// Its clock jumps ahead by an hour, or is set right again.
    ClockJumps,
    ClockIsSet,
    /// Its user becomes a protected one.
    Protected(Pid),
    /// It waits for another.
    Blocks {
        holder: Pid,
        waiter: Pid,
    },
    /// A backend attends to a signal it was sent.
    Obeys {
        action: Action,
        victim: Victim,
    },
}

impl Server {
    pub fn identified(&self) -> Identified {
        self.identified
    }

    pub fn new(identified: Identified, at: Timestamp) -> Self {
        let mut server = Self {
            identified,
            backends: BTreeMap::new(),
            obeys_after: Some(Duration::ZERO),
            ahead: Duration::ZERO,
        };
        for (number, pid) in PIDS.into_iter().enumerate() {
            let backend = session(pid_of(pid), at.plus(Duration::from_secs(number as u64 + 1)));
            server.backends.insert(backend.pid, backend);
        }
        server
    }

    pub fn find(&self, pid: Pid) -> Option<&Session> {
        self.backends.get(&pid)
    }

    /// The time by its own clock.
    pub fn time(&self, at: Timestamp) -> Timestamp {
        at.plus(self.ahead)
    }

    pub fn look_up(&self, at: Timestamp, pids: &BTreeSet<Pid>) -> Snapshot {
        let is_needed = |session: &&Session| pids.contains(&session.pid) || session.waits_for_lock();
        let sessions = self.backends.values().filter(is_needed).cloned().collect();
        Snapshot { looked_up: Some(pids.clone()), ..self.snapshot_of(at, sessions) }
    }

    pub fn snapshot(&self, at: Timestamp) -> Snapshot {
        self.snapshot_of(at, self.backends.values().cloned().collect())
    }

    fn snapshot_of(&self, at: Timestamp, sessions: Vec<Session>) -> Snapshot {
        Snapshot {
            server: self.identified,
            order: at.as_micros().unsigned_abs(),
            looked_up: None,
            taken_at: self.time(at),
            own_pid: None,
            is_standby: false,
            connection_slots: None,
            signal_obstacle: None,
            hidden_pids: Vec::new(),
            sessions,
        }
    }

    pub fn identity(&self, session: &Session) -> Victim {
        Victim {
            server: self.identified,
            pid: session.pid,
            backend_start: session.backend_start,
            xact_start: session.xact_start,
            query_start: session.query_start,
        }
    }

    pub fn change(&mut self, at: Timestamp, change: Change, facts: &mut Facts) {
        let at = self.time(at);
        match change {
            Change::ClockJumps => self.ahead = Duration::from_hours(1),
            Change::ClockIsSet => self.ahead = Duration::ZERO,
            Change::SessionEnds(pid) => self.end(at, pid, facts),
            Change::PidReused(pid) => {
                self.end(at, pid, facts);
                self.backends.insert(pid, session(pid, at));
            }
            Change::QueryEnds(pid) => self.end_query(at, pid, facts),
            Change::NextQuery(pid) | Change::NextStatement(pid) => {
                let transaction = self.find(pid).and_then(|backend| backend.xact_start);
                self.end_query(at, pid, facts);
                if let Some(backend) = self.backends.get_mut(&pid) {
                    let is_same = matches!(change, Change::NextStatement(_));
                    backend.xact_start = transaction.filter(|_| is_same).or(Some(at));
                    backend.state = SessionState::Active;
                    backend.query_start = Some(at);
                    backend.state_change = Some(at);
                }
            }
            Change::Restarts | Change::Failover => {
                for pid in PIDS.map(pid_of) {
                    self.end(at, pid, facts);
                }
                let mut identified = self.identified;
                identified.postmaster_start = at;
                if change == Change::Failover {
                    identified.system_identifier += 100;
                }
                let ahead = self.ahead;
                *self = Self { obeys_after: self.obeys_after, ahead, ..Self::new(identified, at) };
            }
            Change::Protected(pid) => {
                if let Some(backend) = self.backends.get_mut(&pid) {
                    backend.user = Some("replicator".to_owned());
                }
            }
            Change::Blocks { holder, waiter } => {
                if let Some(backend) = self.backends.get_mut(&waiter).filter(|_| holder != waiter) {
                    backend.blocked_by = vec![holder.number()];
                }
            }
            Change::Obeys { action, victim } => {
                let same = |session: &&Session| {
                    session.backend_start == victim.backend_start
                        && (action == Action::Terminate || session.query_start == victim.query_start)
                };
                if self.identified == victim.server && self.find(victim.pid).as_ref().is_some_and(same) {
                    match action {
                        Action::Cancel => self.end_query(at, victim.pid, facts),
                        Action::Terminate => self.end(at, victim.pid, facts),
                    }
                }
            }
        }
    }

    fn end(&mut self, at: Timestamp, pid: Pid, facts: &mut Facts) {
        self.end_query(at, pid, facts);
        if let Some(gone) = self.backends.remove(&pid) {
            let victim = self.identity(&gone);
            facts.note(at, None, Fact::Finished { victim, whole: true });
        }
        for backend in self.backends.values_mut() {
            backend.blocked_by.retain(|holder| *holder != pid.number());
        }
    }

    fn end_query(&mut self, at: Timestamp, pid: Pid, facts: &mut Facts) {
        let identified = self.identified;
        let Some(backend) = self.backends.get_mut(&pid).filter(|backend| backend.state.is_running()) else {
            return;
        };
        let victim = Victim {
            server: identified,
            pid,
            backend_start: backend.backend_start,
            xact_start: backend.xact_start,
            query_start: backend.query_start,
        };
        backend.state = SessionState::Idle;
        backend.xact_start = None;
        backend.state_change = Some(at);
        backend.blocked_by.clear();
        facts.note(at, None, Fact::Finished { victim, whole: false });
    }

    /// What the one statement decides: the backend to signal, or why none.
    fn check(
        &self,
        approved: &Approved,
        backend: &RequestedBackend,
        protection: &ProtectionRules,
    ) -> Result<Session, (Outcome, &'static str)> {
        let identity = &backend.identity;
        if approved.server().was_restarted_as(self.identified, false, approved.seen_at()) {
            return Err((Outcome::Gone, "the server was restarted"));
        }
        if !approved.server().is_same(self.identified) {
            return Err((Outcome::Unreachable, ANOTHER_SERVER.detail));
        }
        let session = self.find(identity.pid).ok_or((Outcome::Gone, "the session had ended"))?;
        if session.backend_start != identity.backend_start {
            return Err((Outcome::Replaced, "another session has its pid now"));
        }
        if protection.matching_rule(session).is_some() {
            return Err((Outcome::Protected, "it is protected now"));
        }
        let same_query = session.state.is_running() && session.query_start == identity.query_start;
        if approved.action() == Action::Cancel && !same_query {
            return Err((Outcome::MovedOn, "the query had ended"));
        }
        if backend.bound_to == Binding::Transaction && session.xact_start != identity.xact_start {
            return Err((Outcome::MovedOn, "the transaction had ended"));
        }
        Ok(session.clone())
    }
}

impl World {
    /// The one statement that checks and signals.
    pub fn execute(
        &mut self,
        name: &str,
        epoch: u64,
        approved: &Approved,
        backend: &RequestedBackend,
        protection: &ProtectionRules,
    ) -> SignalResult {
        match self.servers[name].check(approved, backend, protection) {
            Ok(session) => {
                self.send_signal(name, epoch, approved.request(), approved.action(), &session);
                SignalResult::Sent
            }
            Err((outcome, detail)) => {
                SignalResult::NotSent { outcome, detail: detail.to_owned(), postgres: None }
            }
        }
    }

    /// Signals a backend, whichever it is.
    pub fn send_signal(
        &mut self,
        name: &str,
        epoch: u64,
        request: RequestId,
        action: Action,
        session: &Session,
    ) {
        let server = &self.servers[name];
        let (victim, obeys_after) = (server.identity(session), server.obeys_after);
        self.note(Fact::Signalled { epoch, request, action, victim });
        if let Some(after) = obeys_after {
            self.plan(after, name, Change::Obeys { action, victim });
        }
    }
}

pub fn pid_of(number: i32) -> Pid {
    Pid::new(number).expect("a positive number")
}

fn session(pid: Pid, started: Timestamp) -> Session {
    let application = HOSTILE[pid.number().unsigned_abs() as usize % HOSTILE.len()];
    Session {
        pid,
        backend_start: started,
        backend_type: BackendType::Client,
        leader_pid: None,
        user: Some("app".to_owned()),
        is_superuser: false,
        is_own: false,
        database: Some("shop".to_owned()),
        application: application.to_owned(),
        client: None,
        state: SessionState::Active,
        wait: None,
        xact_start: Some(started),
        query_start: Some(started),
        state_change: Some(started),
        query: Some(format!("update stock set n = ? /* {application} */")),
        blocked_by: Vec::new(),
        lock_wait: None,
        has_xid: false,
        progress: None,
        has_begun_backup: false,
    }
}
