//! What runs on a target.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::connection_manager::{ConnectionGuard, ConnectionManager, StatementError};
use super::error::{unreachable, unreachable_because};
use super::rows::{self, QueryRedactor};
use super::server_info::PreparedStatements;
use super::target::StatementTimeouts;
use crate::domain::identity::Pid;
use crate::domain::session::{Session, Snapshot};
use crate::workflow::ports::{Freshness, TargetUnreachable};

/// Lists sessions, one statement at a time.
pub(super) struct ActivityReader {
    pub(super) kept: Arc<ConnectionManager<PreparedStatements>>,
    pub(super) limits: StatementTimeouts,
    pub(super) redact: QueryRedactor,
    /// The last listing. Whoever holds this runs the next one; those that wait for it while one runs find,
    /// when their turn comes, that the first of them has just run one that began after they asked.
    pub(super) last: Mutex<Option<CachedSnapshot>>,
}

/// How a listing went, and when it began.
#[derive(Clone)]
pub(super) struct CachedSnapshot {
    began: Instant,
    result: Result<Arc<Snapshot>, TargetUnreachable>,
}

impl ActivityReader {
    pub(super) async fn snapshot(
        self: Arc<Self>,
        wanted: Freshness,
    ) -> Result<Arc<Snapshot>, TargetUnreachable> {
        let asked = Instant::now();
        let oldest = match wanted {
            Freshness::Now => asked,
            Freshness::Within(age) => asked.checked_sub(age).unwrap_or(asked),
        };
        // A task of its own: whoever stops waiting leaves the statement to the others.
        let turn = tokio::spawn(async move {
            let mut last = self.last.lock().await;
            // A failure is shared by those who waited for it; a failure from before may be over.
            let fits =
                |seen: &&CachedSnapshot| seen.began >= asked || seen.began >= oldest && seen.result.is_ok();
            if let Some(seen) = last.as_ref().filter(fits) {
                return seen.result.clone();
            }
            let began = Instant::now();
            let result = self.list(began + self.limits.listing).await.map(Arc::new);
            *last = Some(CachedSnapshot {
                began,
                result: result.clone(),
            });
            result
        });
        turn.await
            .unwrap_or_else(|error| Err(unreachable_because(anyhow::Error::new(error))))
    }

    /// The session that has this pid now.
    pub(super) async fn find_session(&self, pid: Pid) -> Result<Option<Session>, TargetUnreachable> {
        let deadline = Instant::now() + self.limits.listing;
        let lease = self.lease(deadline).await?;
        let look = lease.prepared().find_session.clone();
        let answer = lease.run(&look, &[&pid.number()], deadline).await;
        let row = answered(answer)?
            .rows
            .pop()
            .ok_or_else(|| unreachable("it answered with no row"))?;
        rows::session(&row, &*self.redact).map_err(unreachable_because)
    }

    async fn list(&self, deadline: Instant) -> Result<Snapshot, TargetUnreachable> {
        let lease = self.lease(deadline).await?;
        let kit = Arc::clone(lease.prepared());
        let mut reading = rows::SnapshotBuilder::begin(kit.server_info.system_identifier, &self.redact);
        let answer = lease.run_and_read(&kit.listing, &[], deadline, |row| reading.read(&row));
        answered(answer.await)?;
        reading.finish().map_err(unreachable_because)
    }

    async fn lease(
        &self,
        deadline: Instant,
    ) -> Result<ConnectionGuard<PreparedStatements>, TargetUnreachable> {
        let lease = self.kept.acquire(deadline).await?;
        let findings = &lease.prepared().server_info;
        if findings.sees_all_sessions {
            return Ok(lease);
        }
        // Without that right the sessions of others have no backend_start, and none could be told from
        // another that got its pid.
        let problem = format!(
            "the role {role} does not see other users' sessions: GRANT pg_read_all_stats TO {role}, then restart killgate",
            role = findings.role
        );
        lease.release();
        Err(unreachable(problem))
    }
}

fn answered<T>(answer: Result<T, StatementError>) -> Result<T, TargetUnreachable> {
    answer.map_err(|failure| match failure {
        StatementError::Late => unreachable("it did not answer in time"),
        failure => unreachable_because(failure),
    })
}
