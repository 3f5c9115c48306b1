//! A PostgreSQL server as the desk knows it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, watch};

use super::activity::ActivityReader;
use super::connection::ConnectOptions;
use super::connection_manager::{ConnectionManager, ConnectionStatus, RECONNECT_BACKOFF};
use super::rows::QueryRedactor;
use super::server_info::{PreparedStatements, ServerInfo, TargetSetup};
use super::signal;
use crate::domain::approval::Approved;
use crate::domain::identity::Pid;
use crate::domain::protection::ProtectionRules;
use crate::domain::session::{Session, Snapshot};
use crate::workflow::ports::{Freshness, SignalResult, Target, TargetUnreachable};

/// How long to wait for an answer before a statement is given up, its turn on the connection included.
#[derive(Clone, Copy, Debug)]
pub struct StatementTimeouts {
    pub listing: Duration,
    pub signalling: Duration,
}

/// A target, over one kept connection.
pub struct PostgresTarget {
    name: String,
    kept: Arc<ConnectionManager<PreparedStatements>>,
    listing: Arc<ActivityReader>,
    limits: StatementTimeouts,
    /// What was found out last, for when there is no connection.
    found: watch::Receiver<Option<ServerInfo>>,
}

/// How a target is at present, for those who watch over killgate.
#[derive(Clone, Debug)]
pub enum TargetStatus {
    Connecting,
    Up(ServerInfo),
    Down(TargetUnreachable),
}

impl PostgresTarget {
    /// Begins to connect in the background; returns at once. Needs a tokio runtime.
    pub fn open(
        name: impl Into<String>,
        dial: ConnectOptions,
        limits: StatementTimeouts,
        redact: QueryRedactor,
    ) -> Self {
        let name = name.into();
        let (finding, found) = watch::channel(None);
        let kept = Arc::new(ConnectionManager::open(
            &name,
            dial,
            RECONNECT_BACKOFF,
            TargetSetup { finding },
            None,
        ));
        let listing = Arc::new(ActivityReader {
            kept: Arc::clone(&kept),
            limits,
            redact,
            last: Mutex::new(None),
        });
        Self {
            name,
            kept,
            listing,
            limits,
            found,
        }
    }

    /// How it is now.
    pub fn status(&self) -> TargetStatus {
        match &*self.kept.status().borrow() {
            ConnectionStatus::Connecting => TargetStatus::Connecting,
            ConnectionStatus::Up(kit) => TargetStatus::Up(kit.server_info.clone()),
            ConnectionStatus::Down(unreachable) => TargetStatus::Down(unreachable.clone()),
        }
    }

    /// Waits until an attempt to connect has come to its end, and says which.
    pub async fn settled(&self) -> TargetStatus {
        let mut status = self.kept.status();
        // It cannot end before this target does.
        let _ = status
            .wait_for(|status| !matches!(status, ConnectionStatus::Connecting))
            .await;
        self.status()
    }
}

#[async_trait]
impl Target for PostgresTarget {
    fn name(&self) -> &str {
        &self.name
    }

    async fn snapshot(&self, wanted: Freshness) -> Result<Arc<Snapshot>, TargetUnreachable> {
        Arc::clone(&self.listing).snapshot(wanted).await
    }

    async fn signal(&self, approved: Approved, protection: &ProtectionRules) -> SignalResult {
        signal::signal(&self.kept, self.limits.signalling, &approved, protection).await
    }

    async fn find_session(&self, pid: Pid) -> Result<Option<Session>, TargetUnreachable> {
        self.listing.find_session(pid).await
    }

    fn no_such_pid_message(&self, pid: Pid) -> Option<String> {
        self.found.borrow().as_ref()?.no_such_pid_message(pid)
    }
}
