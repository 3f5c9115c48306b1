//! A PostgreSQL server as the workflow uses it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::Instant;

use super::activity::ActivityReader;
use super::clock_reading::EarlyReading;
use super::connection::ConnectOptions;
use super::connection_manager::{ConnectionManager, ConnectionStatus, RECONNECT_BACKOFF};
use super::prepared_statements::{PreparedStatements, TargetSetup};
use super::rows::QueryRedactor;
use super::server_info::ServerInfo;
use super::signal;
use crate::domain::approval::Approved;
use crate::domain::identity::{Pid, ServerIdentity};
use crate::domain::protection::ProtectionRules;
use crate::domain::session::Snapshot;
use crate::workflow::ports::{Freshness, Lease, SessionResult, SignalResult, Target, TargetUnreachable};

/// How long to wait for a statement's answer, including the wait for the connection.
#[derive(Clone, Copy, Debug)]
pub struct StatementTimeouts {
    pub listing: Duration,
    pub signalling: Duration,
}

/// A target with one connection that stays open.
pub struct PostgresTarget {
    name: String,
    connection: Arc<ConnectionManager<PreparedStatements>>,
    activity: Arc<ActivityReader>,
    timeouts: StatementTimeouts,
    /// For the next signal.
    early_reading: Mutex<Option<EarlyReading>>,
    /// From the last connection; kept while there is none.
    server_info: watch::Receiver<Option<ServerInfo>>,
}

/// The present state of a target, for metrics and logs.
#[derive(Clone, Debug)]
pub enum TargetStatus {
    Connecting,
    Up(ServerInfo),
    Down(TargetUnreachable),
}

impl PostgresTarget {
    /// Connects in the background and returns at once. Needs a tokio runtime.
    pub fn open(
        name: impl Into<String>,
        options: ConnectOptions,
        timeouts: StatementTimeouts,
        redact: QueryRedactor,
    ) -> Self {
        let name = name.into();
        let (server_info_sender, server_info) = watch::channel(None);
        let setup = TargetSetup { options: options.clone(), server_info: server_info_sender };
        let connection =
            Arc::new(ConnectionManager::open(&name, options, RECONNECT_BACKOFF, setup.clone(), None));
        let activity = Arc::new(ActivityReader::new(Arc::clone(&connection), setup, timeouts, redact));
        Self { name, connection, activity, timeouts, early_reading: Mutex::default(), server_info }
    }

    /// The same target over the same connection, with other settings.
    #[must_use]
    pub fn with_settings(&self, timeouts: StatementTimeouts, redact: QueryRedactor) -> Self {
        let activity = Arc::new(self.activity.with_settings(timeouts, redact));
        Self {
            name: self.name.clone(),
            connection: Arc::clone(&self.connection),
            activity,
            timeouts,
            early_reading: Mutex::default(),
            server_info: self.server_info.clone(),
        }
    }

    /// The present state.
    pub fn status(&self) -> TargetStatus {
        match &*self.connection.status().borrow() {
            ConnectionStatus::Connecting => TargetStatus::Connecting,
            ConnectionStatus::Up(prepared) => {
                let renewed = self.server_info.borrow().clone();
                TargetStatus::Up(renewed.unwrap_or_else(|| prepared.server_info.clone()))
            }
            ConnectionStatus::Down(unreachable) => TargetStatus::Down(unreachable.clone()),
        }
    }

    fn early_reading(&self) -> MutexGuard<'_, Option<EarlyReading>> {
        // It is replaced as a whole, so a panic leaves nothing half done.
        self.early_reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the result of an attempt to connect.
    pub async fn wait_for_connection_attempt(&self) -> TargetStatus {
        let mut status = self.connection.status();
        // The sender lives as long as this target.
        let _ = status.wait_for(|status| !matches!(status, ConnectionStatus::Connecting)).await;
        self.status()
    }
}

#[async_trait]
impl Target for PostgresTarget {
    fn name(&self) -> &str {
        &self.name
    }

    async fn snapshot(&self, freshness: Freshness) -> Result<Arc<Snapshot>, TargetUnreachable> {
        Arc::clone(&self.activity).snapshot(freshness).await
    }

    async fn look_up(&self, pids: &BTreeSet<Pid>) -> Result<Arc<Snapshot>, TargetUnreachable> {
        Arc::clone(&self.activity).look_up(pids.clone()).await
    }

    fn expect_signal(&self) {
        let deadline = Instant::now() + self.timeouts.signalling;
        *self.early_reading() = Some(EarlyReading::begin(Arc::clone(&self.connection), deadline));
    }

    async fn signal(
        &self,
        approved: &Approved,
        protection: &ProtectionRules,
        lease: &dyn Lease,
    ) -> Vec<SignalResult> {
        let deadline = Instant::now() + self.timeouts.signalling;
        let early = self.early_reading().take();
        signal::signal(&self.connection, (early, deadline), approved, protection, lease).await
    }

    async fn find_sessions(&self, server: ServerIdentity, pids: &[Pid]) -> Vec<SessionResult> {
        let found = self.activity.find_sessions(server, pids).await;
        found.unwrap_or_else(|error| vec![Err(error); pids.len()])
    }

    fn no_such_pid_message(&self, pid: Pid) -> Option<String> {
        self.server_info.borrow().as_ref()?.no_such_pid_message(pid)
    }
}
