//! The sessions of a target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use super::connection_manager::{ConnectionGuard, ConnectionManager, StatementError};
use super::error::{unreachable, unreachable_because};
use super::lock_waits;
use super::prepared_statements::{PreparedStatements, TargetSetup};
use super::rows::{self, ProcessRow, QueryRedactor};
use super::server_info::ServerInfo;
use super::target::StatementTimeouts;
use crate::domain::identity::{Pid, ServerIdentity};
use crate::domain::session::{Session, Snapshot};
use crate::domain::unreachable_cause::SESSION_HIDDEN;
use crate::workflow::ports::{Freshness, SessionResult, TargetUnreachable};

/// Lists sessions, or looks some of them up.
pub(super) struct ActivityReader {
    connection: Arc<ConnectionManager<PreparedStatements>>,
    setup: TargetSetup,
    timeouts: StatementTimeouts,
    redact: QueryRedactor,
    /// The last listing. The caller that locks it runs the next one. Callers that wait for the lock meanwhile share the
    /// result of the first of them, because that listing began after they asked.
    last_listing: Mutex<Option<CachedSnapshot>>,
    /// The same for sessions that are looked up.
    last_look_up: Mutex<Option<CachedSnapshot>>,
    /// The pids that the next look-up is about, for all that wait for it.
    wanted_pids: StdMutex<BTreeSet<Pid>>,
}

/// The result of a statement, and when it began.
struct CachedSnapshot {
    began: Instant,
    result: Result<Arc<Snapshot>, TargetUnreachable>,
}

impl CachedSnapshot {
    /// Whether it answers for all of these pids. An error does.
    fn covers(&self, pids: &BTreeSet<Pid>) -> bool {
        self.result.as_ref().map_or(true, |snapshot| pids.iter().all(|pid| snapshot.covers(*pid)))
    }
}

impl ActivityReader {
    pub(super) fn new(
        connection: Arc<ConnectionManager<PreparedStatements>>,
        setup: TargetSetup,
        timeouts: StatementTimeouts,
        redact: QueryRedactor,
    ) -> Self {
        Self {
            connection,
            setup,
            timeouts,
            redact,
            last_listing: Mutex::default(),
            last_look_up: Mutex::default(),
            wanted_pids: StdMutex::default(),
        }
    }

    /// The same over the same connection, with other settings.
    pub(super) fn with_settings(&self, timeouts: StatementTimeouts, redact: QueryRedactor) -> Self {
        Self::new(Arc::clone(&self.connection), self.setup.clone(), timeouts, redact)
    }

    pub(super) async fn snapshot(
        self: Arc<Self>,
        freshness: Freshness,
    ) -> Result<Arc<Snapshot>, TargetUnreachable> {
        let asked_at = Instant::now();
        let oldest = match freshness {
            Freshness::Now => asked_at,
            Freshness::Within(age) => asked_at.checked_sub(age).unwrap_or(asked_at),
        };
        run_to_end(async move {
            let mut last = self.last_listing.lock().await;
            // Callers that waited for the same listing share its error. The cause of an older error may be over.
            let is_fresh = |cached: &&CachedSnapshot| {
                cached.began >= asked_at || cached.began >= oldest && cached.result.is_ok()
            };
            if let Some(cached) = last.as_ref().filter(is_fresh) {
                return cached.result.clone();
            }
            let began = Instant::now();
            // Boxed, so that callers that wait for the lock do not hold its memory.
            let result = Box::pin(self.read(None, previous(last.as_ref()))).await.map(Arc::new);
            *last = Some(CachedSnapshot { began, result: result.clone() });
            result
        })
        .await
    }

    /// The sessions with these pids, the leaders of those that are parallel workers, and, if one of these waits for a lock or
    /// blocks another, all that wait for a lock.
    pub(super) async fn look_up(
        self: Arc<Self>,
        mut pids: BTreeSet<Pid>,
    ) -> Result<Arc<Snapshot>, TargetUnreachable> {
        let asked_at = Instant::now();
        self.wanted_pids().extend(&pids);
        run_to_end(async move {
            let mut last = self.last_look_up.lock().await;
            let is_shared = |cached: &&CachedSnapshot| cached.began >= asked_at && cached.covers(&pids);
            if let Some(cached) = last.as_ref().filter(is_shared) {
                return cached.result.clone();
            }
            let began = Instant::now();
            pids.append(&mut self.wanted_pids());
            let reading = Box::pin(self.read_with_leaders(pids, previous(last.as_ref())));
            let result = reading.await.map(Arc::new);
            *last = Some(CachedSnapshot { began, result: result.clone() });
            result
        })
        .await
    }

    fn wanted_pids(&self) -> MutexGuard<'_, BTreeSet<Pid>> {
        // A panic leaves nothing half done.
        self.wanted_pids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sessions that have these pids now, in the order of `pids`.
    pub(super) async fn find_sessions(
        &self,
        server: ServerIdentity,
        pids: &[Pid],
    ) -> Result<Vec<SessionResult>, TargetUnreachable> {
        let deadline = Instant::now() + self.timeouts.listing;
        let mut guard = self.connection.acquire(deadline).await?;
        let prepared = Arc::clone(guard.prepared());
        let numbers: Vec<_> = pids.iter().map(|pid| pid.number()).collect();
        let client = guard.connection().client();
        let parameters: [&(dyn ToSql + Sync); 1] = [&numbers];
        let rows = client.query(&prepared.find_sessions, &parameters);
        let rows = timeout_at(deadline, prepared.keep_reserve(client, rows)).await;
        let rows = unreachable_on_error(guard.conclude(rows))?;
        let first = rows.first().ok_or_else(|| unreachable("it returned no row"))?;
        let answering = rows::server(first, prepared.server_info.system_identifier);
        if !server.is_same(answering.map_err(unreachable_because)?) {
            return Err(unreachable("the server was restarted, or another one answers at its address"));
        }
        if !rows::sees_all_sessions(first).map_err(unreachable_because)? {
            return Err(sessions_not_visible(&prepared.server_info));
        }
        let mut found = BTreeMap::new();
        for row in &rows {
            match rows::process(row, &prepared.server_info.encodings, &*self.redact)
                .map_err(unreachable_because)?
            {
                ProcessRow::None => {}
                ProcessRow::Session(session) => {
                    found.insert(session.pid, Ok(Some(*session)));
                }
                ProcessRow::Hidden(pid) => {
                    let hidden = format!("PostgreSQL shows nothing of the process {pid} but its pid");
                    found.insert(pid, Err(unreachable(hidden)));
                }
            }
        }
        Ok(pids.iter().map(|pid| found.remove(pid).unwrap_or(Ok(None))).collect())
    }

    /// A parallel worker's leader is known only when the worker was seen.
    async fn read_with_leaders(
        &self,
        pids: BTreeSet<Pid>,
        previous: Option<&Snapshot>,
    ) -> Result<Snapshot, TargetUnreachable> {
        let snapshot = self.read(Some(&pids), previous).await?;
        let leaders = snapshot.sessions.iter().filter(|session| snapshot.covers(session.pid));
        let leaders = leaders.filter_map(|session| session.leader_pid);
        let missing: BTreeSet<_> = leaders.filter(|leader| !snapshot.covers(*leader)).collect();
        if missing.is_empty() {
            return Ok(snapshot);
        }
        self.read(Some(&(&pids | &missing)), previous).await
    }

    /// All sessions, or those with these pids and, if one of them waits or blocks another, those that wait.
    async fn read(
        &self,
        pids: Option<&BTreeSet<Pid>>,
        previous: Option<&Snapshot>,
    ) -> Result<Snapshot, TargetUnreachable> {
        let deadline = Instant::now() + self.timeouts.listing;
        let guard = self.connection.acquire(deadline).await?;
        let prepared = Arc::clone(guard.prepared());
        let numbers: Option<Vec<_>> = pids.map(|pids| pids.iter().map(|pid| pid.number()).collect());
        let (statement, parameters): (_, &[&(dyn ToSql + Sync)]) = match &numbers {
            None => (&prepared.listing, &[]),
            Some(numbers) => (&prepared.look_up, &[numbers]),
        };
        let mut rows =
            rows::SnapshotBuilder::begin(prepared.server_info.system_identifier, &self.redact, pids.cloned());
        let guard = self
            .setup
            .run_and_renew_rights(guard, (statement, parameters), deadline, |row, encodings| {
                rows.read(row, encodings);
            })
            .await?;
        let prepared = Arc::clone(guard.prepared());
        guard.release();
        let mut snapshot = rows
            .finish(&prepared.server_info)
            .map_err(unreachable_because)?
            .ok_or_else(|| sessions_not_visible(&prepared.server_info))?;
        if snapshot.sessions.iter().any(|session| session.state.is_running()) {
            let guard = self.connection.acquire(deadline).await?;
            add_progress(guard, &prepared.progress, deadline, &mut snapshot).await;
        }
        if snapshot.sessions.iter().any(Session::waits_for_lock) {
            let guard = self.connection.acquire(deadline).await?;
            lock_waits::add(guard, &prepared.lock_waits, deadline, &mut snapshot, previous).await;
        }
        Ok(snapshot)
    }
}

/// When this fails, the sessions are shown without it.
async fn add_progress(
    guard: ConnectionGuard<PreparedStatements>,
    statement: &Statement,
    deadline: Instant,
    snapshot: &mut Snapshot,
) {
    let answer = guard.run(statement, &[], deadline).await;
    match answer.map(|answer| rows::progress_by_pid(&answer.rows)) {
        Ok(Ok(mut found)) => {
            for session in &mut snapshot.sessions {
                session.progress = found.remove(&session.pid);
            }
        }
        Ok(Err(error)) => tracing::debug!(%error, "the progress of commands could not be read"),
        Err(error) => tracing::debug!(%error, "the progress of commands could not be looked up"),
    }
}

fn previous(last: Option<&CachedSnapshot>) -> Option<&Snapshot> {
    last.and_then(|cached| cached.result.as_deref().ok())
}

/// Runs it in a task of its own, so that a caller that stops waiting does not cancel the statement for the others.
async fn run_to_end(
    reading: impl Future<Output = Result<Arc<Snapshot>, TargetUnreachable>> + Send + 'static,
) -> Result<Arc<Snapshot>, TargetUnreachable> {
    tokio::spawn(reading).await.unwrap_or_else(|error| Err(unreachable_because(anyhow::Error::new(error))))
}

/// Without the privilege the sessions of other roles have no `backend_start`, so a session could not be distinguished
/// from a later one with the same pid.
fn sessions_not_visible(server_info: &ServerInfo) -> TargetUnreachable {
    let role = &server_info.role;
    let message =
        format!("the role {role} does not see other users' sessions: GRANT pg_read_all_stats TO {role}");
    TargetUnreachable { cause: &SESSION_HIDDEN, ..unreachable(message) }
}

fn unreachable_on_error<T>(answer: Result<T, StatementError>) -> Result<T, TargetUnreachable> {
    answer.map_err(|error| match error {
        StatementError::Late => unreachable("it did not answer in time"),
        error => unreachable_because(error),
    })
}
