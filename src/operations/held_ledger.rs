//! Holds the ledger, and with it the right to act: only the process that holds the ledger runs the bot.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::warn;

use crate::config::{self, PostgresAddress, Settings};
use crate::ledger::postgres::{HighWaterMark, LeaseTimings, PostgresLedger};
use crate::ledger::sqlite::SqliteLedger;
use crate::postgres::connection::ConnectOptions;
use crate::workflow::ports::Ledger;

/// Shorter than the ledger's own limit, so that the server reports the end of the statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a stop may wait for the resignation.
const RESIGN_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub enum HeldLedger {
    /// No other process can hold it while this one lives.
    Sole(Arc<SqliteLedger>),
    /// Another replica may take over.
    Shared(Arc<PostgresLedger>),
}

impl HeldLedger {
    /// Opens the ledger. If replicas share it, waits until this one is the active one, and sends the reason to `waiting`.
    /// A shared ledger must contain the record at `high_water_mark`.
    pub async fn acquire(
        settings: &Settings,
        waiting: &watch::Sender<String>,
        high_water_mark: &HighWaterMark,
    ) -> anyhow::Result<Self> {
        match &settings.ledger {
            config::LedgerLocation::Sqlite { path } => {
                // On a thread that may wait, so that a disk that hangs does not keep the process from being stopped.
                let (file, context) = (path.clone(), format!("[ledger] url: {}", path.display()));
                let opened = spawn_blocking(move || SqliteLedger::open(&file)).await;
                let ledger = opened.context("opening the ledger failed")?.context(context)?;
                Ok(Self::Sole(Arc::new(ledger)))
            }
            config::LedgerLocation::Postgres { connection } => {
                let ledger = PostgresLedger::stand_by(
                    connect_options(connection),
                    LeaseTimings::default(),
                    waiting,
                    high_water_mark,
                )
                .await
                .with_context(|| format!("[ledger] url: {}", connection.address()))?;
                Ok(Self::Shared(Arc::new(ledger)))
            }
        }
    }

    pub fn ledger(&self) -> Arc<dyn Ledger> {
        match self {
            Self::Sole(ledger) => Arc::clone(ledger) as _,
            Self::Shared(ledger) => Arc::clone(ledger) as _,
        }
    }

    /// Completes once another replica has taken over.
    pub async fn lost(&self) {
        match self {
            Self::Sole(_) => std::future::pending().await,
            Self::Shared(ledger) => ledger.deposed().await,
        }
    }

    /// Lets another replica take over at once.
    pub async fn resign(self) {
        let Self::Shared(ledger) = self else { return };
        match timeout(RESIGN_TIMEOUT, ledger.resign()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                warn!(?error, "could not resign; the other replicas will notice the stop");
            }
            Err(_) => warn!("could not resign in time; the other replicas will notice the stop"),
        }
    }
}

/// How to connect to the ledger's server.
pub(super) fn connect_options(address: &PostgresAddress) -> ConnectOptions {
    address.connect_options(STATEMENT_TIMEOUT, STATEMENT_TIMEOUT)
}
