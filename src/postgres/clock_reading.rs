//! The target's clock, which bounds when a signalling statement may be executed.
//!
//! It is read before the lease is confirmed. To save a round trip, the reading is begun while the decision is still on its way
//! to the ledger. If that reading failed or is too old, the clock is read again.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::connection_manager::ConnectionManager;
use super::error::unreachable;
use super::prepared_statements::PreparedStatements;
use super::sql;
use crate::workflow::ports::TargetUnreachable;

/// How old an early reading may be. An older one would leave the statement too little of the lease. And if the server's clock was
/// set back since then, the statement could be executed that much too late.
const MAX_AGE: Duration = Duration::from_millis(200);

/// What the server's clock showed.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockReading {
    pub(super) micros: i64,
    /// An instant after the server's clock showed it.
    pub(super) read_at: Instant,
}

/// A reading that is under way.
pub(super) struct EarlyReading(JoinHandle<Result<ClockReading, TargetUnreachable>>);

impl EarlyReading {
    pub(super) fn begin(connection: Arc<ConnectionManager<PreparedStatements>>, deadline: Instant) -> Self {
        Self(tokio::spawn(async move { read(&connection, deadline).await }))
    }

    /// The reading, if it succeeds in time and is not old.
    async fn finish(self, deadline: Instant) -> Option<ClockReading> {
        let reading = timeout_at(deadline, self.0).await.ok()?.ok()?.ok()?;
        (reading.read_at.elapsed() <= MAX_AGE).then_some(reading)
    }
}

/// The reading that was begun early if it can be used, else a new one.
pub(super) async fn finish_or_read(
    early: Option<EarlyReading>,
    connection: &ConnectionManager<PreparedStatements>,
    deadline: Instant,
) -> Result<ClockReading, TargetUnreachable> {
    if let Some(early) = early
        && let Some(reading) = early.finish(deadline).await
    {
        return Ok(reading);
    }
    read(connection, deadline).await
}

async fn read(
    connection: &ConnectionManager<PreparedStatements>,
    deadline: Instant,
) -> Result<ClockReading, TargetUnreachable> {
    let mut guard = connection.acquire(deadline).await?;
    let answer = timeout_at(deadline, guard.connection().client().query_typed(sql::CLOCK, &[])).await;
    let rows = guard.conclude(answer);
    let rows = rows.map_err(|error| unreachable(format!("its clock could not be read: {error}")))?;
    let micros = rows.first().and_then(|row| row.try_get("at").ok());
    let micros = micros.ok_or_else(|| unreachable("its clock could not be read"))?;
    Ok(ClockReading { micros, read_at: Instant::now() })
}
