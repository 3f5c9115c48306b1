//! Which replica is the active one.
//!
//! The active replica's session holds an advisory lock (PostgreSQL documentation, "Advisory Locks"), which goes
//! with the session, and it renews its lease again and again. The lock tells a death at once; the lease tells
//! what keeps its connection and yet does nothing: a process that is stopped, a network that swallows. Neither
//! keeps two from acting: that does the epoch, which every append carries and every takeover counts up.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Error, Transaction};

use super::error::PostgresOpenError;
use super::session::{LedgerStatements, connect};
use super::{HighWaterMark, PostgresLedger, queries, schema};
use crate::ledger::hash_chain::ChainTail;
use crate::postgres::connection::{ConnectOptions, ConnectionClosed, PostgresConnection};
use crate::postgres::connection_manager::ReadyConnection;

/// The lock's number: the letters "killgate". A lock of this number belongs to one database.
const LOCK: i64 = 0x6b69_6c6c_6761_7465;
/// How long opening a connection may take.
const OPENING: Duration = Duration::from_secs(5);

/// How replicas take turns. All times are the server's.
#[derive(Clone, Copy, Debug)]
pub struct LeaseTimings {
    /// How often the active replica renews its lease, and how often the others look at it.
    pub heartbeat: Duration,
    /// A replica whose session is gone may come back for this long after it renewed its lease the last time.
    pub grace: Duration,
    /// After this long without a renewal its session is ended, if it still has one.
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

/// The seat of the active replica, just taken.
pub(super) struct AcquiredLease {
    pub(super) connected: (ReadyConnection<LedgerStatements>, ConnectionClosed),
    pub(super) epoch: i64,
    pub(super) tail: ChainTail,
}

/// Waits until this replica is the active one. Why it waits is told through `waiting`. Fails on what no waiting
/// mends.
pub(super) async fn stand_by(
    to: &ConnectOptions,
    timings: LeaseTimings,
    waiting: &watch::Sender<String>,
    high_water_mark: &HighWaterMark,
) -> Result<AcquiredLease, PostgresOpenError> {
    loop {
        match campaign(to, timings, waiting, high_water_mark).await {
            Err(problem) if problem.may_pass() => {
                if *waiting.borrow() != problem.to_string() {
                    tracing::warn!(%problem, "standing by");
                }
                waiting.send_replace(problem.to_string());
                sleep(timings.heartbeat).await;
            }
            done => return done,
        }
    }
}

/// Goes on looking through one connection until the seat is taken or the connection fails.
async fn campaign(
    to: &ConnectOptions,
    timings: LeaseTimings,
    waiting: &watch::Sender<String>,
    high_water_mark: &HighWaterMark,
) -> Result<AcquiredLease, PostgresOpenError> {
    let (mut connection, ended) = connect(to, OPENING).await?;
    loop {
        let looked = timeout(OPENING, look(&mut connection, timings, high_water_mark)).await;
        match looked.unwrap_or_else(|_| Err(PostgresOpenError::late()))? {
            LeaseStatus::Taken { epoch, tail } => {
                let prepared = Arc::new(LedgerStatements::prepare(connection.client(), true).await?);
                let ready = ReadyConnection { connection, prepared };
                return Ok(AcquiredLease {
                    connected: (ready, ended),
                    epoch,
                    tail,
                });
            }
            LeaseStatus::Held { holder } => {
                waiting.send_if_modified(|told| {
                    let now = format!("standby: the active replica is the one at {holder}");
                    let differs = *told != now;
                    if differs {
                        tracing::info!(holder, "standing by: another replica is active");
                        *told = now;
                    }
                    differs
                });
            }
        }
        sleep(timings.heartbeat).await;
    }
}

/// What one look at the lease brought.
enum LeaseStatus {
    Held { holder: String },
    Taken { epoch: i64, tail: ChainTail },
}

async fn look(
    connection: &mut PostgresConnection,
    timings: LeaseTimings,
    high_water_mark: &HighWaterMark,
) -> Result<LeaseStatus, PostgresOpenError> {
    let mut seen = None;
    let known = high_water_mark.last();
    if schema::exists(connection.client()).await? {
        let end = queries::end_after(connection.client(), &known).await?;
        if end.is_none() {
            // A record that is missing although the chain's end promises it is damage, which no waiting mends.
            checked_end(&queries::one_view(connection).await?).await?;
        }
        high_water_mark.confirm(&known, end)?;
        let row = connection
            .client()
            .query_one(
                "SELECT epoch, holder,
                        renewed_at > clock_timestamp() - $1 * interval '1 second' AS is_fresh,
                        renewed_at < clock_timestamp() - $2 * interval '1 second' AS has_expired
                 FROM killgate_ledger.lease",
                &[&timings.grace.as_secs_f64(), &timings.expiry.as_secs_f64()],
            )
            .await?;
        let (epoch, holder): (i64, String) = (row.try_get("epoch")?, row.try_get("holder")?);
        if row.try_get("is_fresh")? {
            return Ok(LeaseStatus::Held { holder });
        }
        seen = Some((epoch, holder, row.try_get::<_, bool>("has_expired")?));
    } else if known.seq > 0 {
        return Err(PostgresOpenError::Behind { seq: known.seq });
    }
    if !lock(connection.client()).await? {
        let holder = match seen {
            Some((epoch, holder, true)) => {
                end_the_session_of(connection, epoch, timings).await?;
                holder
            }
            Some((_, holder, false)) => holder,
            None => "a replica that makes the ledger".to_owned(),
        };
        return Ok(LeaseStatus::Held { holder });
    }
    let transaction = connection.client_mut().transaction().await?;
    schema::create_if_missing(&transaction).await?;
    let epoch = take_over(&transaction).await?;
    let tail = checked_end(&transaction).await?;
    transaction.commit().await?;
    Ok(LeaseStatus::Taken { epoch, tail })
}

/// Tries to get the lock for this session.
pub(super) async fn lock(client: &Client) -> Result<bool, Error> {
    let row = client
        .query_one("SELECT pg_try_advisory_lock($1) AS got", &[&LOCK])
        .await?;
    row.try_get("got")
}

/// Ends whatever session has the lock, if the lease is still the expired one that was seen. A role may end its
/// own sessions, so the replicas must log in as one role.
async fn end_the_session_of(
    connection: &PostgresConnection,
    epoch: i64,
    timings: LeaseTimings,
) -> Result<(), PostgresOpenError> {
    let ended = connection
        .client()
        .query(
            "SELECT lock.pid, pg_terminate_backend(lock.pid)
             FROM pg_locks AS lock, killgate_ledger.lease
             WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
               AND lock.classid::int8 = $1::int8 >> 32 AND lock.objid::int8 = $1::int8 & 4294967295
               AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND lease.epoch = $2
               AND lease.renewed_at < clock_timestamp() - $3 * interval '1 second'",
            &[&LOCK, &epoch, &timings.expiry.as_secs_f64()],
        )
        .await?;
    for row in ended {
        let pid: i32 = row.try_get("pid")?;
        tracing::warn!(
            pid,
            "the active replica has not renewed its lease: its session is ended"
        );
    }
    Ok(())
}

async fn take_over(transaction: &Transaction<'_>) -> Result<i64, PostgresOpenError> {
    let row = transaction
        .query_one(
            "UPDATE killgate_ledger.lease
             SET epoch = epoch + 1, renewed_at = clock_timestamp(),
                 holder = coalesce(host(inet_client_addr()), 'the server itself') || ', backend ' || pg_backend_pid()
             RETURNING epoch",
            &[],
        )
        .await?;
    Ok(row.try_get("epoch")?)
}

/// Where the chain ends. The last record must be the one that was appended last, and unchanged.
async fn checked_end(transaction: &Transaction<'_>) -> Result<ChainTail, PostgresOpenError> {
    let promised = queries::end(transaction).await?;
    let last = transaction
        .query_opt(
            "SELECT seq, line FROM killgate_ledger.record ORDER BY seq DESC LIMIT 1",
            &[],
        )
        .await?
        .map(|row| queries::row(&row))
        .transpose()?;
    promised
        .confirm(last.as_ref())
        .map_err(|(seq, problem)| PostgresOpenError::Damaged { seq, problem })?;
    Ok(promised)
}

impl PostgresLedger {
    /// Waits until this replica is the active one, as long as that takes; why it waits is told through
    /// `waiting`. Fails on what no waiting mends: a newer or a damaged ledger. A ledger that lacks what is in
    /// `memory` is not taken. Needs a tokio runtime, on which the lease is renewed.
    pub async fn stand_by(
        to: ConnectOptions,
        timings: LeaseTimings,
        waiting: &watch::Sender<String>,
        high_water_mark: &HighWaterMark,
    ) -> Result<Self, PostgresOpenError> {
        let taken = stand_by(&to, timings, waiting, high_water_mark).await?;
        tracing::info!(epoch = taken.epoch, "this replica is the active one");
        Ok(Self::start(to, timings, taken, high_water_mark.clone()))
    }
}
