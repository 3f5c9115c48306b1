//! A PostgreSQL server as the desk knows it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, watch};

use super::activity::Listing;
use super::connection::Dial;
use super::connection_manager::{Kept, Status};
use super::rows::Redact;
use super::server_info::{Findings, Kit, Targeting};
use super::signal;
use crate::domain::approval::Approved;
use crate::domain::identity::Pid;
use crate::domain::protection::Protection;
use crate::domain::session::{Session, Snapshot};
use crate::workflow::ports::{Freshness, Signalled, Target, Unreachable};

/// How long to wait for an answer before a statement is given up, its turn on the connection included.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub listing: Duration,
    pub signalling: Duration,
}

/// A target, over one kept connection.
pub struct PostgresTarget {
    name: String,
    kept: Arc<Kept<Kit>>,
    listing: Arc<Listing>,
    limits: Limits,
    /// What was found out last, for when there is no connection.
    found: watch::Receiver<Option<Findings>>,
}

/// How a target is at present, for those who watch over killgate.
#[derive(Clone, Debug)]
pub enum Reach {
    Connecting,
    Up(Findings),
    Down(Unreachable),
}

impl PostgresTarget {
    /// Begins to connect in the background; returns at once. Needs a tokio runtime.
    pub fn open(name: impl Into<String>, dial: Dial, limits: Limits, redact: Redact) -> Self {
        let name = name.into();
        let (finding, found) = watch::channel(None);
        let kept = Arc::new(Kept::open(&name, dial, Targeting { finding }));
        let listing = Arc::new(Listing {
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
    pub fn reach(&self) -> Reach {
        match &*self.kept.status().borrow() {
            Status::Connecting => Reach::Connecting,
            Status::Up(kit) => Reach::Up(kit.findings.clone()),
            Status::Down(unreachable) => Reach::Down(unreachable.clone()),
        }
    }

    /// Waits until an attempt to connect has come to its end, and says which.
    pub async fn settled(&self) -> Reach {
        let mut status = self.kept.status();
        // It cannot end before this target does.
        let _ = status
            .wait_for(|status| !matches!(status, Status::Connecting))
            .await;
        self.reach()
    }
}

#[async_trait]
impl Target for PostgresTarget {
    fn name(&self) -> &str {
        &self.name
    }

    async fn snapshot(&self, wanted: Freshness) -> Result<Arc<Snapshot>, Unreachable> {
        Arc::clone(&self.listing).snapshot(wanted).await
    }

    async fn signal(&self, approved: Approved, protection: &Protection) -> Signalled {
        signal::signal(&self.kept, self.limits.signalling, &approved, protection).await
    }

    async fn look(&self, pid: Pid) -> Result<Option<Session>, Unreachable> {
        self.listing.look(pid).await
    }

    fn disclaimer(&self, pid: Pid) -> Option<String> {
        self.found.borrow().as_ref()?.disclaimer(pid)
    }
}
