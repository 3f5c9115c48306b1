//! Which replica is the active one.
//!
//! The active replica's session holds an advisory lock (PostgreSQL documentation, "Advisory Locks"), which is released
//! with the session, and renews its lease periodically. The lock reveals a dead replica at once. The lease reveals one
//! that keeps its connection and does nothing: a stopped process, a network that drops packets. Neither prevents two
//! replicas from acting. The epoch does: every append carries it, and every takeover increments it. So a lock that somebody
//! else holds, as anybody who may connect can, keeps no replica from becoming the active one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Transaction};

use super::error::PostgresOpenError;
use super::session::{LedgerStatements, connect};
use super::{HighWaterMark, PostgresLedger, queries, schema};
use crate::ledger::hash_chain::{self, ChainTail};
use crate::postgres::connection::{ConnectOptions, ConnectionClosed, PostgresConnection};
use crate::postgres::connection_manager::ReadyConnection;

/// The lock's key: the letters "killgate". Advisory locks are separate for each database.
const LOCK: i64 = 0x6b69_6c6c_6761_7465;
/// How long one step of becoming active may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// The intervals of the lease, each by the clock of the replica that waits.
#[derive(Clone, Copy, Debug)]
pub struct LeaseTimings {
    /// How often the active replica renews its lease, and how often the others read it.
    pub heartbeat: Duration,
    /// How long after the last renewal a replica that lost its session may come back.
    pub grace: Duration,
    /// Without a renewal for this long, the active replica's session is terminated.
    pub expiry: Duration,
}

impl Default for LeaseTimings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(1),
            grace: Duration::from_secs(2),
            expiry: Duration::from_secs(5),
        }
    }
}

/// What a replica has when it becomes the active one.
pub(super) struct AcquiredLease {
    /// When it was taken, or earlier.
    pub(super) taken_at: Instant,
    pub(super) connected: (ReadyConnection<LedgerStatements>, ConnectionClosed),
    pub(super) epoch: i64,
    pub(super) tail: ChainTail,
}

/// A lease of another replica, and since when it has not been renewed. Measured by this replica's monotonic clock:
/// the server's may be set back or forward.
struct WatchedLease {
    epoch: i64,
    holder: String,
    /// As PostgreSQL writes it.
    renewed_at: String,
    unchanged_since: Instant,
}

/// The renewal time of a lease that nobody holds, because the ledger is new or the replica resigned.
const FREE: &str = "-infinity";

/// Waits until this replica is the active one, and sends the reason why it waits to `waiting`. Fails on permanent errors.
pub(super) async fn stand_by(
    options: &ConnectOptions,
    timings: LeaseTimings,
    waiting: &watch::Sender<String>,
    high_water_mark: &HighWaterMark,
) -> Result<AcquiredLease, PostgresOpenError> {
    let mut watched = None;
    loop {
        match try_to_lead(options, timings, waiting, high_water_mark, &mut watched).await {
            Err(error) if error.is_temporary() => {
                if *waiting.borrow() != error.to_string() {
                    tracing::warn!(%error, "standing by");
                }
                waiting.send_replace(error.to_string());
                sleep(timings.heartbeat).await;
            }
            result => return result,
        }
    }
}

/// Reads the lease over one connection until it is taken or the connection fails.
async fn try_to_lead(
    options: &ConnectOptions,
    timings: LeaseTimings,
    waiting: &watch::Sender<String>,
    high_water_mark: &HighWaterMark,
    watched: &mut Option<WatchedLease>,
) -> Result<AcquiredLease, PostgresOpenError> {
    let (mut connection, closed) = connect(options).await?;
    loop {
        let taken_at = Instant::now();
        let attempt = try_to_take_lease(&mut connection, timings, high_water_mark, watched);
        let status = timeout(STEP_TIMEOUT, attempt).await;
        match status.unwrap_or_else(|_| Err(PostgresOpenError::late()))? {
            LeaseStatus::Taken { epoch, tail, has_lock } => {
                let preparing = LedgerStatements::prepare(connection.client(), epoch, has_lock);
                let prepared =
                    timeout(STEP_TIMEOUT, preparing).await.map_err(|_| PostgresOpenError::late())??;
                let ready = ReadyConnection { connection, prepared: Arc::new(prepared) };
                return Ok(AcquiredLease { taken_at, connected: (ready, closed), epoch, tail });
            }
            LeaseStatus::Held { holder } => {
                waiting.send_if_modified(|reason| {
                    let new_reason = format!("standby: the active replica is the one at {holder}");
                    let differs = *reason != new_reason;
                    if differs {
                        tracing::info!(holder, "standing by: another replica is active");
                        *reason = new_reason;
                    }
                    differs
                });
            }
        }
        sleep(timings.heartbeat).await;
    }
}

/// The result of an attempt to take the lease.
enum LeaseStatus {
    Held { holder: String },
    Taken { epoch: i64, tail: ChainTail, has_lock: bool },
}

async fn try_to_take_lease(
    connection: &mut PostgresConnection,
    timings: LeaseTimings,
    high_water_mark: &HighWaterMark,
    watched: &mut Option<WatchedLease>,
) -> Result<LeaseStatus, PostgresOpenError> {
    let known = high_water_mark.last();
    if schema::exists(connection.client()).await? {
        let end = queries::fetch_tail_if_contains(connection.client(), &known).await?;
        if end.is_none() {
            // A missing record that the chain's end refers to is damage, which is permanent.
            verify_tail(&queries::snapshot(connection).await?).await?;
        }
        high_water_mark.confirm(&known, end)?;
        let lease = watch_lease(connection.client(), watched).await?;
        if lease.renewed_at != FREE && lease.unchanged_since.elapsed() < timings.grace {
            return Ok(LeaseStatus::Held { holder: lease.holder.clone() });
        }
    } else if known.seq > 0 {
        return Err(PostgresOpenError::Behind { seq: known.seq });
    } else {
        *watched = None;
    }
    let has_lock = try_lock(connection.client()).await?;
    if !has_lock && is_locked_by_replica(connection.client()).await? {
        let Some(lease) = watched else {
            return Ok(LeaseStatus::Held { holder: "a replica that is creating the ledger".to_owned() });
        };
        if lease.unchanged_since.elapsed() >= timings.expiry {
            terminate_holder(connection, lease).await?;
        }
        return Ok(LeaseStatus::Held { holder: lease.holder.clone() });
    }
    let transaction = connection.client_mut().transaction().await?;
    schema::create_if_missing(&transaction).await?;
    let Some(epoch) = take_over(&transaction, watched.as_ref()).await? else {
        transaction.rollback().await?;
        if has_lock {
            unlock(connection.client()).await?;
        }
        let holder = watched.as_ref().map_or_else(String::new, |lease| lease.holder.clone());
        return Ok(LeaseStatus::Held { holder });
    };
    let tail = verify_tail(&transaction).await?;
    transaction.commit().await?;
    Ok(LeaseStatus::Taken { epoch, tail, has_lock })
}

/// Reads the lease. `watched` is the one that was read before, if any.
async fn watch_lease<'w>(
    client: &Client,
    watched: &'w mut Option<WatchedLease>,
) -> Result<&'w WatchedLease, PostgresOpenError> {
    let row = queries::only_row(client, "lease", "epoch, holder, renewed_at::text AS renewed_at").await?;
    let (epoch, renewed_at) = (row.try_get("epoch")?, row.try_get("renewed_at")?);
    let unchanged_since = match watched.take() {
        Some(lease) if lease.epoch == epoch && lease.renewed_at == renewed_at => lease.unchanged_since,
        _ => Instant::now(),
    };
    Ok(watched.insert(WatchedLease { epoch, holder: row.try_get("holder")?, renewed_at, unchanged_since }))
}

/// Tries to acquire the advisory lock for this session.
pub(super) async fn try_lock(client: &Client) -> Result<bool, Error> {
    let row = client.query_one("SELECT pg_try_advisory_lock($1) AS is_locked", &[&LOCK]).await?;
    row.try_get("is_locked")
}

/// Releases the lock, which outlives a transaction.
async fn unlock(client: &Client) -> Result<(), Error> {
    client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await.map(drop)
}

/// Whether a session of this role holds the lock. All replicas log in as the same role.
async fn is_locked_by_replica(client: &Client) -> Result<bool, Error> {
    let row = client
        .query_one(
            "SELECT bool_or(activity.usesysid = self.oid) AS is_own, min(activity.usename::text) AS role
             FROM pg_locks AS lock JOIN pg_stat_activity AS activity USING (pid),
                  (SELECT oid FROM pg_roles WHERE rolname = session_user) AS self
             WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
               AND lock.classid::int8 = $1::int8 >> 32 AND lock.objid::int8 = $1::int8 & 4294967295
               AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            &[&LOCK],
        )
        .await?;
    let is_own: Option<bool> = row.try_get("is_own")?;
    if is_own != Some(true) {
        let role: Option<String> = row.try_get("role")?;
        tracing::warn!(
            role,
            "somebody else holds killgate's advisory lock; the lease alone decides who is active"
        );
    }
    Ok(is_own == Some(true))
}

/// Terminates the session that holds the lock, if the lease is still the expired one that was read.
async fn terminate_holder(
    connection: &PostgresConnection,
    lease: &WatchedLease,
) -> Result<(), PostgresOpenError> {
    let is_unchanged = "lease.epoch = $2 AND lease.renewed_at::text = $3";
    let parameters: [&(dyn ToSql + Sync); 2] = [&lease.epoch, &lease.renewed_at];
    for pid in terminate_lock_holder(connection.client(), is_unchanged, parameters).await? {
        tracing::warn!(pid, "the active replica has not renewed its lease: its session is terminated");
    }
    Ok(())
}

/// Terminates an earlier session of this replica, whose epochs are `first_epoch` and multiples of `step` above it. If the end of
/// its last statement was lost, it keeps the row of the lease locked, and PostgreSQL has no time limit for that: the server waits
/// for the rest of an extended query, in no statement and not idle.
pub(super) async fn terminate_earlier_session(
    client: &Client,
    first_epoch: i64,
    step: i64,
) -> Result<(), Error> {
    let is_own = "lease.epoch >= $2 AND (lease.epoch - $2) % $3 = 0";
    for pid in terminate_lock_holder(client, is_own, [&first_epoch, &step]).await? {
        tracing::warn!(pid, "an earlier session of this replica had not ended: it is terminated");
    }
    Ok(())
}

/// Terminates the session of this role that holds the lock, if `condition` on the lease is true. Returns its pid. A role may
/// terminate its own sessions, so all replicas must log in as the same role. A session of another role is left alone.
async fn terminate_lock_holder(
    client: &Client,
    condition: &str,
    [first, second]: [&(dyn ToSql + Sync); 2],
) -> Result<Vec<i32>, Error> {
    let statement = format!(
        "SELECT pid, pg_terminate_backend(pid)
         FROM pg_locks AS lock JOIN pg_stat_activity AS activity USING (pid), killgate_ledger.lease
         WHERE activity.usesysid = (SELECT oid FROM pg_roles WHERE rolname = session_user)
           AND lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
           AND lock.classid::int8 = $1::int8 >> 32 AND lock.objid::int8 = $1::int8 & 4294967295
           AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND {condition}"
    );
    let rows = client.query(&statement, &[&LOCK, first, second]).await?;
    rows.iter().map(|row| row.try_get("pid")).collect()
}

/// Begins the next epoch. `None` when the lease was renewed since it was read: the active replica may act until it ends.
async fn take_over(
    transaction: &Transaction<'_>,
    watched: Option<&WatchedLease>,
) -> Result<Option<i64>, PostgresOpenError> {
    let (epoch, renewed_at) = watched.map_or((0, FREE), |lease| (lease.epoch, lease.renewed_at.as_str()));
    let row = transaction
        .query_opt(
            "UPDATE killgate_ledger.lease
             SET epoch = epoch + 1, renewed_at = clock_timestamp(),
                 holder = coalesce(host(inet_client_addr()), 'the server itself') || ', backend ' || pg_backend_pid()
             WHERE epoch = $1 AND renewed_at::text = $2
             RETURNING epoch",
            &[&epoch, &renewed_at],
        )
        .await?;
    Ok(row.map(|row| row.try_get("epoch")).transpose()?)
}

/// The end of the chain. The last record must be the one that was appended last, and unchanged.
async fn verify_tail(transaction: &Transaction<'_>) -> Result<ChainTail, PostgresOpenError> {
    let tail = queries::fetch_tail(transaction).await?;
    let last = transaction
        .query_opt("SELECT seq, line FROM killgate_ledger.record ORDER BY seq DESC LIMIT 1", &[])
        .await?
        .map(|row| queries::read_row(&row))
        .transpose()?;
    let damaged = |(seq, problem)| PostgresOpenError::Damaged { seq, problem };
    tail.confirm(last.as_ref()).map_err(damaged)?;
    hash_chain::verify_first(queries::lowest_seq(transaction).await?).map_err(damaged)?;
    Ok(tail)
}

impl PostgresLedger {
    /// Waits until this replica is the active one, and sends the reason why it waits to `waiting`. Fails on permanent
    /// errors, such as a newer or a damaged ledger. A ledger that lacks the record at `high_water_mark` is not used.
    /// Needs a tokio runtime, on which the lease is renewed.
    pub async fn stand_by(
        options: ConnectOptions,
        timings: LeaseTimings,
        waiting: &watch::Sender<String>,
        high_water_mark: &HighWaterMark,
    ) -> Result<Self, PostgresOpenError> {
        // Boxed, because otherwise the caller's future would contain all of its states.
        let lease = Box::pin(stand_by(&options, timings, waiting, high_water_mark)).await?;
        tracing::info!(epoch = lease.epoch, "this replica is the active one");
        Ok(Self::start(options, timings, lease, high_water_mark.clone()))
    }
}
