//! Ledgers with many records.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use killgate::domain::event::LedgerEntry;
use killgate::domain::ids::RequestId;
use killgate::ledger::postgres::{HighWaterMark, LeaseTimings, PostgresLedger};
use killgate::ledger::sqlite::SqliteLedger;
use killgate::postgres::connection::ConnectOptions;
use killgate::postgres::tls::{TlsMode, TlsOptions};
use killgate::workflow::ports::Ledger;
use throwaway_postgres::Cluster;
use tokio::sync::watch;

use crate::given;

/// Records of one request, from the command to the outcome.
pub const RECORDS: u64 = 5;
/// Requests that are appended together while a history is made.
const TOGETHER: u64 = 200;
/// Three years before the incident: nothing of it counts any more.
const LONG_AGO: i64 = -100_000_000;

/// The records of a request that is long over.
fn whole(request: u64) -> Vec<LedgerEntry> {
    given::whole(request, LONG_AGO)
}

/// The first record of a request.
pub fn requested(request: u64) -> LedgerEntry {
    given::requested(request, LONG_AGO, given::pid(4_711), given::ALICE)
}

/// Brings a ledger of `from` records to `to`, all of requests that are over and whose results were posted.
pub async fn lengthen(ledger: &Arc<dyn Ledger>, from: u64, to: u64) -> Result<()> {
    let mut next = from / RECORDS + 1;
    let last = to / RECORDS;
    while next <= last {
        let end = (next + TOGETHER - 1).min(last);
        ledger.append((next..=end).flat_map(whole).collect()).await?;
        for request in next..=end {
            ledger.mark_delivered(RequestId(request)).await?;
        }
        next = end + 1;
    }
    Ok(())
}

/// A ledger in a file.
pub fn in_file(path: &Path) -> Result<Arc<dyn Ledger>> {
    Ok(Arc::new(SqliteLedger::open(path)?))
}

/// A ledger in the database of that name, with this process as the active replica.
pub async fn in_database(cluster: &Cluster, name: &str) -> Result<Arc<dyn Ledger>> {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(cluster.port()).user("keeper").dbname(name);
    let dial = ConnectOptions {
        config,
        session_attributes: killgate::postgres::hosts::SessionAttributes::Any,
        tls: TlsOptions { mode: TlsMode::Disable, ..TlsOptions::default() },
        password: Arc::new(|| Box::pin(async { Ok(None) })),
        statement_timeout: Duration::from_secs(4),
        lock_timeout: Duration::from_secs(2),
    };
    // As the active replica of before is gone, nobody has to be waited for long.
    let terms = LeaseTimings {
        heartbeat: Duration::from_millis(20),
        grace: Duration::from_millis(100),
        expiry: Duration::from_secs(5),
    };
    let ledger =
        PostgresLedger::stand_by(dial, terms, &watch::Sender::default(), &HighWaterMark::default()).await?;
    Ok(Arc::new(ledger))
}

/// Makes a database for [`in_database`].
pub async fn make_database(cluster: &Cluster, name: &str) -> Result<()> {
    cluster.role("keeper").await?;
    cluster.sql(&format!("create database {name} owner keeper")).await
}
