//! The sessions of a request, in the names and types of the export.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::values::{exact_if_any, milliseconds, named, optional_timestamp, pid, timestamp};
use super::wait_form::{LockForm, ProgressForm};
use super::{RecordError, time};
use crate::domain::event::{BackendResolution, Binding, RequestedBackend};
use crate::domain::identity::{BackendIdentity, Pid};
use crate::domain::outcome::Outcome;
use crate::domain::session::{BackendType, Session, SessionState, WaitEvent};

#[derive(Serialize, Deserialize)]
pub(super) struct BackendForm {
    pid: i32,
    bound_to: String,
    backend_start: String,
    xact_start: Option<String>,
    query_start: Option<String>,
    session: SessionForm,
    waiters: u32,
    worker: Option<i32>,
}

#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct SessionForm {
    pid: i32,
    backend_start: String,
    backend_type: String,
    leader_pid: Option<i32>,
    user: Option<String>,
    superuser: bool,
    own: bool,
    database: Option<String>,
    application: String,
    client: Option<String>,
    state: String,
    wait: Option<WaitForm>,
    xact_start: Option<String>,
    query_start: Option<String>,
    state_change: Option<String>,
    query: Option<String>,
    blocked_by: Vec<i32>,
    lock: Option<LockForm>,
    has_xid: bool,
    progress: Option<ProgressForm>,
    begun_backup: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WaitForm {
    r#type: String,
    event: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ResolvedBackendForm {
    pid: i32,
    outcome: String,
    #[serde(serialize_with = "exact_if_any")]
    elapsed_ms: Option<u64>,
    signal_sent: Option<bool>,
    detail: String,
    postgres: Option<String>,
}

impl BackendForm {
    pub(super) fn of(backend: &RequestedBackend) -> Self {
        Self {
            pid: backend.identity.pid.number(),
            bound_to: backend.bound_to.name().to_owned(),
            backend_start: time::write(backend.identity.backend_start),
            xact_start: backend.identity.xact_start.map(time::write),
            query_start: backend.identity.query_start.map(time::write),
            session: SessionForm::of(&backend.session),
            waiters: backend.waiters,
            worker: backend.worker.map(Pid::number),
        }
    }

    pub(super) fn backend(&self) -> Result<RequestedBackend, RecordError> {
        Ok(RequestedBackend {
            identity: BackendIdentity {
                pid: pid("pid", self.pid)?,
                backend_start: timestamp("backend_start", &self.backend_start)?,
                xact_start: optional_timestamp("xact_start", self.xact_start.as_deref())?,
                query_start: optional_timestamp("query_start", self.query_start.as_deref())?,
            },
            bound_to: named("bound_to", &self.bound_to, Binding::from_name)?,
            session: self.session.session()?,
            waiters: self.waiters,
            worker: self.worker.map(|number| pid("worker", number)).transpose()?,
        })
    }
}

impl SessionForm {
    pub(super) fn of(session: &Session) -> Self {
        Self {
            pid: session.pid.number(),
            backend_start: time::write(session.backend_start),
            backend_type: session.backend_type.name().to_owned(),
            leader_pid: session.leader_pid.map(Pid::number),
            user: session.user.clone(),
            superuser: session.is_superuser,
            own: session.is_own,
            database: session.database.clone(),
            application: session.application.clone(),
            client: session.client.clone(),
            state: session.state.name().to_owned(),
            wait: session
                .wait
                .as_ref()
                .map(|wait| WaitForm { r#type: wait.kind.clone(), event: wait.event.clone() }),
            xact_start: session.xact_start.map(time::write),
            query_start: session.query_start.map(time::write),
            state_change: session.state_change.map(time::write),
            query: session.query.clone(),
            blocked_by: session.blocked_by.clone(),
            lock: session.lock_wait.as_ref().map(LockForm::of),
            has_xid: session.has_xid,
            progress: session.progress.as_ref().map(ProgressForm::of),
            begun_backup: session.has_begun_backup,
        }
    }

    fn session(&self) -> Result<Session, RecordError> {
        Ok(Session {
            pid: pid("pid", self.pid)?,
            backend_start: timestamp("backend_start", &self.backend_start)?,
            backend_type: BackendType::from_name(Some(&self.backend_type)),
            leader_pid: self.leader_pid.map(|number| pid("leader_pid", number)).transpose()?,
            user: self.user.clone(),
            is_superuser: self.superuser,
            is_own: self.own,
            database: self.database.clone(),
            application: self.application.clone(),
            client: self.client.clone(),
            state: SessionState::of_column(Some(&self.state)),
            wait: self
                .wait
                .as_ref()
                .map(|wait| WaitEvent { kind: wait.r#type.clone(), event: wait.event.clone() }),
            xact_start: optional_timestamp("xact_start", self.xact_start.as_deref())?,
            query_start: optional_timestamp("query_start", self.query_start.as_deref())?,
            state_change: optional_timestamp("state_change", self.state_change.as_deref())?,
            query: self.query.clone(),
            blocked_by: self.blocked_by.clone(),
            lock_wait: self.lock.as_ref().map(LockForm::wait).transpose()?,
            has_xid: self.has_xid,
            progress: self.progress.as_ref().map(ProgressForm::progress),
            has_begun_backup: self.begun_backup,
        })
    }
}

impl ResolvedBackendForm {
    pub(super) fn of(backend: &BackendResolution) -> Self {
        Self {
            pid: backend.pid.number(),
            outcome: backend.outcome.name().to_owned(),
            elapsed_ms: backend.elapsed.map(milliseconds),
            signal_sent: backend.signal_sent,
            detail: backend.detail.clone(),
            postgres: backend.postgres.clone(),
        }
    }

    pub(super) fn resolution(&self) -> Result<BackendResolution, RecordError> {
        Ok(BackendResolution {
            pid: pid("pid", self.pid)?,
            outcome: named("outcome", &self.outcome, Outcome::from_name)?,
            elapsed: self.elapsed_ms.map(Duration::from_millis),
            signal_sent: self.signal_sent,
            detail: self.detail.clone(),
            postgres: self.postgres.clone(),
        })
    }
}
