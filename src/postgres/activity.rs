//! What runs on a target.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::connection_manager::{Failure, Kept, Lease};
use super::error::{explained, plain};
use super::rows::{self, Redact};
use super::server_info::Kit;
use super::target::Limits;
use crate::domain::identity::Pid;
use crate::domain::session::{Session, Snapshot};
use crate::workflow::ports::{Freshness, Unreachable};

/// Lists sessions, one statement at a time.
pub(super) struct Listing {
    pub(super) kept: Arc<Kept<Kit>>,
    pub(super) limits: Limits,
    pub(super) redact: Redact,
    /// The last listing. Whoever holds this runs the next one; those that wait for it while one runs find,
    /// when their turn comes, that the first of them has just run one that began after they asked.
    pub(super) last: Mutex<Option<Seen>>,
}

/// How a listing went, and when it began.
#[derive(Clone)]
pub(super) struct Seen {
    began: Instant,
    result: Result<Arc<Snapshot>, Unreachable>,
}

impl Listing {
    pub(super) async fn snapshot(self: Arc<Self>, wanted: Freshness) -> Result<Arc<Snapshot>, Unreachable> {
        let asked = Instant::now();
        let oldest = match wanted {
            Freshness::Now => asked,
            Freshness::Within(age) => asked.checked_sub(age).unwrap_or(asked),
        };
        // A task of its own: whoever stops waiting leaves the statement to the others.
        let turn = tokio::spawn(async move {
            let mut last = self.last.lock().await;
            // A failure is shared by those who waited for it; a failure from before may be over.
            let fits = |seen: &&Seen| seen.began >= asked || seen.began >= oldest && seen.result.is_ok();
            if let Some(seen) = last.as_ref().filter(fits) {
                return seen.result.clone();
            }
            let began = Instant::now();
            let result = self.list(began + self.limits.listing).await.map(Arc::new);
            *last = Some(Seen {
                began,
                result: result.clone(),
            });
            result
        });
        turn.await
            .unwrap_or_else(|error| Err(explained(anyhow::Error::new(error))))
    }

    /// The session that has this pid now.
    pub(super) async fn look(&self, pid: Pid) -> Result<Option<Session>, Unreachable> {
        let deadline = Instant::now() + self.limits.listing;
        let lease = self.lease(deadline).await?;
        let look = lease.kit().look.clone();
        let answer = lease.run(&look, &[&pid.number()], deadline).await;
        let row = answered(answer)?
            .rows
            .pop()
            .ok_or_else(|| plain("it answered with no row"))?;
        rows::session(&row, &*self.redact).map_err(explained)
    }

    async fn list(&self, deadline: Instant) -> Result<Snapshot, Unreachable> {
        let lease = self.lease(deadline).await?;
        let kit = Arc::clone(lease.kit());
        let mut reading = rows::Reading::begin(kit.findings.system_identifier, &self.redact);
        let answer = lease.run_and_read(&kit.listing, &[], deadline, |row| reading.read(&row));
        answered(answer.await)?;
        reading.finish().map_err(explained)
    }

    async fn lease(&self, deadline: Instant) -> Result<Lease<Kit>, Unreachable> {
        let lease = self.kept.lease(deadline).await?;
        let findings = &lease.kit().findings;
        if findings.sees_all {
            return Ok(lease);
        }
        // Without that right the sessions of others have no backend_start, and none could be told from
        // another that got its pid.
        let problem = format!(
            "the role {role} does not see other users' sessions: GRANT pg_read_all_stats TO {role}, then restart killgate",
            role = findings.role
        );
        lease.give_back();
        Err(plain(problem))
    }
}

fn answered<T>(answer: Result<T, Failure>) -> Result<T, Unreachable> {
    answer.map_err(|failure| match failure {
        Failure::Late => plain("it did not answer in time"),
        failure => explained(failure),
    })
}
