//! The ledger, and with it the right to act: whoever holds the ledger is the one that runs the bot.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::warn;

use crate::config::{self, PostgresAddress, Settings};
use crate::ledger::postgres::{HighWaterMark, LeaseTimings, PostgresLedger};
use crate::ledger::sqlite::SqliteLedger;
use crate::postgres::connection::ConnectOptions;
use crate::workflow::ports::Ledger;

/// The server ends a statement of the ledger's before killgate gives it up, so that its end is known.
const STATEMENT_WITHIN: Duration = Duration::from_secs(2);
/// How long a stop may be held up by telling the other replicas.
const RESIGN_WITHIN: Duration = Duration::from_secs(1);

/// The held ledger.
#[derive(Clone)]
pub enum Leadership {
    /// Nobody else can have it while this process lives.
    Sole(Arc<SqliteLedger>),
    /// Another replica may take it over.
    Shared(Arc<PostgresLedger>),
}

impl Leadership {
    /// Opens the ledger, for this process alone to write to; where replicas share it, waits for its turn. Why it
    /// waits is told through `waiting`; what a shared one must still hold is in `memory`.
    pub async fn take(
        settings: &Settings,
        waiting: &watch::Sender<String>,
        high_water_mark: &HighWaterMark,
    ) -> anyhow::Result<Self> {
        match &settings.ledger {
            config::LedgerLocation::Sqlite { path } => {
                let ledger =
                    SqliteLedger::open(path).with_context(|| format!("[ledger] url: {}", path.display()))?;
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

    /// Is over once another replica has taken over.
    pub async fn lost(&self) {
        match self {
            Self::Sole(_) => std::future::pending().await,
            Self::Shared(ledger) => ledger.deposed().await,
        }
    }

    /// Lets another replica begin at once.
    pub async fn leave(self) {
        let Self::Shared(ledger) = self else { return };
        match timeout(RESIGN_WITHIN, ledger.resign()).await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => {
                warn!(error = ?problem, "the other replicas will notice the stop by themselves");
            }
            Err(_) => warn!("the other replicas will notice the stop by themselves"),
        }
    }
}

/// How to connect to the ledger's server.
pub(super) fn connect_options(address: &PostgresAddress) -> ConnectOptions {
    address.connect_options(STATEMENT_WITHIN, STATEMENT_WITHIN)
}
