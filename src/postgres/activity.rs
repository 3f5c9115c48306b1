//! The sessions of a target.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::connection_manager::{ConnectionManager, StatementError};
use super::error::{unreachable, unreachable_because};
use super::lock_waits;
use super::rows::{self, ProcessRow, QueryRedactor};
use super::server_info::{PreparedStatements, ServerInfo, TargetSetup};
use super::target::StatementTimeouts;
use crate::domain::identity::{Pid, ServerIdentity};
use crate::domain::session::{Session, Snapshot};
use crate::workflow::ports::{Freshness, SessionResult, TargetUnreachable};

/// Lists sessions, one statement at a time.
pub(super) struct ActivityReader {
    pub(super) connection: Arc<ConnectionManager<PreparedStatements>>,
    pub(super) setup: TargetSetup,
    pub(super) timeouts: StatementTimeouts,
    pub(super) redact: QueryRedactor,
    /// The last listing. Whoever locks this runs the next one. Callers that wait for the lock meanwhile share the
    /// result of the first of them, because that listing began after they asked.
    pub(super) last: Mutex<Option<CachedSnapshot>>,
}

/// The result of a listing, and when it began.
#[derive(Clone)]
pub(super) struct CachedSnapshot {
    began: Instant,
    result: Result<Arc<Snapshot>, TargetUnreachable>,
}

impl ActivityReader {
    pub(super) async fn snapshot(
        self: Arc<Self>,
        freshness: Freshness,
    ) -> Result<Arc<Snapshot>, TargetUnreachable> {
        let asked_at = Instant::now();
        let oldest = match freshness {
            Freshness::Now => asked_at,
            Freshness::Within(age) => asked_at.checked_sub(age).unwrap_or(asked_at),
        };
        // A separate task, so that a caller that stops waiting does not cancel the statement for the others.
        let listing = tokio::spawn(async move {
            let mut last = self.last.lock().await;
            // An error is shared by the callers that waited for it. An older one may be over.
            let is_fresh = |cached: &&CachedSnapshot| {
                cached.began >= asked_at || cached.began >= oldest && cached.result.is_ok()
            };
            if let Some(cached) = last.as_ref().filter(is_fresh) {
                return cached.result.clone();
            }
            let began = Instant::now();
            let previous = last.as_ref().and_then(|cached| cached.result.as_deref().ok());
            let result = self.list(began + self.timeouts.listing, previous).await.map(Arc::new);
            *last = Some(CachedSnapshot { began, result: result.clone() });
            result
        });
        listing.await.unwrap_or_else(|error| Err(unreachable_because(anyhow::Error::new(error))))
    }

    /// The sessions that have these pids now, in the order of `pids`.
    pub(super) async fn find_sessions(
        &self,
        server: ServerIdentity,
        pids: &[Pid],
    ) -> Result<Vec<SessionResult>, TargetUnreachable> {
        let deadline = Instant::now() + self.timeouts.listing;
        let guard = self.connection.acquire(deadline).await?;
        let prepared = Arc::clone(guard.prepared());
        let numbers: Vec<_> = pids.iter().map(|pid| pid.number()).collect();
        let answer = guard.run(&prepared.find_sessions, &[&numbers], deadline).await;
        let rows = unreachable_on_error(answer)?.rows;
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
            match rows::process(row, &*self.redact).map_err(unreachable_because)? {
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

    async fn list(
        &self,
        deadline: Instant,
        previous: Option<&Snapshot>,
    ) -> Result<Snapshot, TargetUnreachable> {
        let guard = self.connection.acquire(deadline).await?;
        let guard = self.setup.renew_rights(guard, deadline).await?;
        let prepared = Arc::clone(guard.prepared());
        let mut snapshot = rows::SnapshotBuilder::begin(&prepared.server_info, &self.redact);
        let answer = guard.run_and_read(&prepared.listing, &[], deadline, |row| snapshot.read(&row));
        unreachable_on_error(answer.await)?;
        let mut snapshot = snapshot
            .finish()
            .map_err(unreachable_because)?
            .ok_or_else(|| sessions_not_visible(&prepared.server_info))?;
        if snapshot.sessions.iter().any(Session::waits_for_lock) {
            let guard = self.connection.acquire(deadline).await?;
            lock_waits::add(guard, &prepared.lock_waits, deadline, &mut snapshot, previous).await;
        }
        Ok(snapshot)
    }
}

/// Without the privilege the sessions of other roles have no `backend_start`, so a session could not be distinguished
/// from a later one with the same pid.
fn sessions_not_visible(server_info: &ServerInfo) -> TargetUnreachable {
    unreachable(format!(
        "the role {role} does not see other users' sessions: GRANT pg_read_all_stats TO {role}",
        role = server_info.role
    ))
}

fn unreachable_on_error<T>(answer: Result<T, StatementError>) -> Result<T, TargetUnreachable> {
    answer.map_err(|error| match error {
        StatementError::Late => unreachable("it did not answer in time"),
        error => unreachable_because(error),
    })
}
