//! The active replica's session with the ledger's server, and its lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{bail, ensure};
use async_trait::async_trait;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_postgres::{Client, Error, Statement};

use super::error::PostgresOpenError;
use super::high_water_mark::HighWaterMark;
use super::leadership::{self, AcquiredLease};
use super::{LIMIT, LeaseTimings, queries};
use crate::common::backoff::Backoff;
use crate::ledger::hash_chain::ChainTail;
use crate::postgres::connection::{ConnectOptions, ConnectionClosed, PostgresConnection};
use crate::postgres::connection_manager::{
    ConnectionGuard, ConnectionManager, ConnectionSetup, ConnectionStatus, RECONNECT_BACKOFF,
};
use crate::workflow::ports::{LeaseState, LedgerError, TargetUnreachable};

/// How long a caller waits for a lost session to be reopened before its call fails.
const REOPENED_WITHIN: Duration = Duration::from_secs(1);
/// By how much a reconnection raises the epoch, so that a late statement of a lost connection is refused. A takeover adds
/// one, so the two are never confused.
const RECONNECTION_STEP: i64 = 1 << 20;

pub(super) struct LedgerSession {
    pub(super) high_water_mark: HighWaterMark,
    /// How long after a renewal no other replica can take over.
    pub(super) grace: Duration,
    connection: ConnectionManager<LedgerStatements>,
    /// Where the chain ends, as far as this replica has read it. Locked before the connection is acquired and until the
    /// answer is known, so that no append builds on a tail that another one is about to move.
    tail: Mutex<ChainTail>,
    /// When the last renewal that succeeded was sent.
    renewed_at: watch::Sender<Instant>,
    /// Whether another replica has taken over, which is final.
    deposed: watch::Sender<bool>,
}

/// The active replica's statements, prepared once per connection.
pub(super) struct LedgerStatements {
    /// The epoch of this connection.
    pub(super) epoch: i64,
    pub(super) append: Statement,
    pub(super) renew: Statement,
    pub(super) mark_delivered: Statement,
    pub(super) probe: Statement,
    /// Whether this session holds the advisory lock.
    has_lock: AtomicBool,
}

struct LedgerSetup {
    /// The epoch of the takeover.
    first_epoch: i64,
    /// How often a new connection has tried to raise the epoch.
    attempts: AtomicI64,
    high_water_mark: HighWaterMark,
    deposed: watch::Sender<bool>,
}

impl LedgerSession {
    pub(super) fn start(
        options: ConnectOptions,
        timings: LeaseTimings,
        lease: AcquiredLease,
        high_water_mark: HighWaterMark,
    ) -> Self {
        high_water_mark.advance(&lease.tail);
        let deposed = watch::Sender::new(false);
        let setup = LedgerSetup {
            first_epoch: lease.epoch,
            attempts: AtomicI64::new(0),
            high_water_mark: high_water_mark.clone(),
            deposed: deposed.clone(),
        };
        // A session that comes back within the lease's grace period keeps it.
        let backoff = Backoff {
            shortest: RECONNECT_BACKOFF.shortest.min(timings.heartbeat),
            longest: timings.heartbeat,
        };
        Self {
            high_water_mark,
            grace: timings.grace,
            connection: ConnectionManager::open("ledger", options, backoff, setup, Some(lease.connected)),
            tail: Mutex::new(lease.tail),
            renewed_at: watch::Sender::new(lease.taken_at),
            deposed,
        }
    }

    pub(super) async fn acquire(
        &self,
        deadline: Instant,
    ) -> Result<ConnectionGuard<LedgerStatements>, LedgerError> {
        let deadline = match &*self.connection.status().borrow() {
            _ if self.is_deposed() => return Err(LedgerError::Deposed),
            ConnectionStatus::Up(_) => deadline,
            ConnectionStatus::Connecting => deadline.min(Instant::now() + REOPENED_WITHIN),
            // Callers wait in turn for the ledger. So while the connection is down, each fails at once.
            ConnectionStatus::Down(unreachable) => return Err(not_recorded(unreachable.clone())),
        };
        let acquired = self.connection.acquire(deadline).await;
        acquired.map_err(
            |unreachable| {
                if self.is_deposed() { LedgerError::Deposed } else { not_recorded(unreachable) }
            },
        )
    }

    pub(super) async fn lock_tail(
        &self,
        deadline: Instant,
    ) -> Result<MutexGuard<'_, ChainTail>, LedgerError> {
        timeout_at(deadline, self.tail.lock()).await.map_err(|_| {
            LedgerError::NotRecorded(anyhow::anyhow!("the ledger's server did not answer in time"))
        })
    }

    /// Completes once another replica has taken over.
    pub(super) fn deposed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut deposed = self.deposed.subscribe();
        async move {
            // An error means that the session was dropped, so it is over as well.
            let _ = deposed.wait_for(|deposed| *deposed).await;
        }
    }

    /// Renews the lease until another replica has taken over.
    pub(super) async fn keep_lease(self: Arc<Self>, heartbeat: Duration) {
        while !self.is_deposed() {
            sleep(heartbeat).await;
            if !matches!(&*self.connection.status().borrow(), ConnectionStatus::Up(_)) {
                continue;
            }
            match self.renew_lease().await {
                Err(LedgerError::Deposed) => drop(self.deposed.send_replace(true)),
                // The session continues, or it is reopened.
                Err(error) => tracing::warn!(error = ?error, "the lease could not be renewed"),
                Ok(()) => {}
            }
        }
        tracing::warn!("another replica has taken over");
    }

    /// The renewal is not older than the call. Also takes the lock when an earlier session of this replica still held it.
    pub(super) async fn renew_lease(&self) -> Result<(), LedgerError> {
        let sent_at = Instant::now();
        let deadline = sent_at + LIMIT;
        let mut guard = self.acquire(deadline).await?;
        let statements = Arc::clone(guard.prepared());
        let client = guard.connection().client();
        let renewing = async {
            if !statements.has_lock.load(Ordering::Relaxed) {
                let has_lock = leadership::try_lock(client).await?;
                statements.has_lock.store(has_lock, Ordering::Relaxed);
            }
            client.execute(&statements.renew, &[&statements.epoch]).await
        };
        let answer = timeout_at(deadline, renewing).await;
        guard.conclude(answer)?;
        self.renewed_at.send_replace(sent_at);
        Ok(())
    }

    pub(super) fn lease_state(&self) -> LeaseState {
        if self.is_deposed() {
            LeaseState::Lost
        } else if self.renewed_at.borrow().elapsed() < self.grace {
            LeaseState::Held
        } else {
            LeaseState::Unconfirmed
        }
    }

    fn is_deposed(&self) -> bool {
        *self.deposed.borrow()
    }
}

impl LedgerStatements {
    /// The schema must exist.
    pub(super) async fn prepare(client: &Client, epoch: i64, has_lock: bool) -> Result<Self, Error> {
        // A server may be configured to acknowledge a commit before it is written, which would lose records.
        client
            .batch_execute(
                "SELECT set_config('synchronous_commit', 'on', false)
                 WHERE current_setting('synchronous_commit') = 'off'",
            )
            .await?;
        let append = client.prepare("SELECT killgate_ledger.append($1, $2, $3, $4, $5, $6, $7)");
        let renew = client.prepare("SELECT killgate_ledger.renew($1)");
        let mark_delivered = client.prepare("SELECT killgate_ledger.mark_delivered($1, $2)");
        let probe = client.prepare("SELECT killgate_ledger.probe($1)");
        let (append, renew, mark_delivered, probe) = tokio::try_join!(append, renew, mark_delivered, probe)?;
        Ok(Self { epoch, append, renew, mark_delivered, probe, has_lock: AtomicBool::new(has_lock) })
    }
}

#[async_trait]
impl ConnectionSetup for LedgerSetup {
    type Prepared = LedgerStatements;

    async fn prepare(&self, connection: &mut PostgresConnection) -> anyhow::Result<LedgerStatements> {
        // A deposed replica must not take the lock from its successor.
        ensure!(!*self.deposed.borrow(), "another replica has taken over");
        let client = connection.client();
        let has_lock = leadership::try_lock(client).await?;
        if !has_lock {
            leadership::terminate_earlier_session(client, self.first_epoch, RECONNECTION_STEP).await?;
        }
        let Some(epoch) = self.raise_epoch(client).await? else {
            self.deposed.send_replace(true);
            bail!("another replica has taken over");
        };
        let statements = LedgerStatements::prepare(client, epoch, has_lock).await?;
        let known = self.high_water_mark.last();
        let end = queries::fetch_tail_if_contains(client, &known).await?;
        self.high_water_mark.confirm(&known, end)?;
        Ok(statements)
    }
}

impl LedgerSetup {
    /// Renews the lease under an epoch of this connection; `None` if another replica has taken over. An earlier attempt may have
    /// succeeded without an answer, or still be on its way, so each attempt uses a higher epoch.
    async fn raise_epoch(&self, client: &Client) -> Result<Option<i64>, Error> {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        let epoch = self.first_epoch + attempt * RECONNECTION_STEP;
        let raise = "UPDATE killgate_ledger.lease SET epoch = $2, renewed_at = clock_timestamp()
                     WHERE epoch >= $1 AND epoch < $2 AND (epoch - $1) % $3 = 0";
        let raised = client.execute(raise, &[&self.first_epoch, &epoch, &RECONNECTION_STEP]).await?;
        Ok((raised == 1).then_some(epoch))
    }
}

/// Opens a connection, which has limits of its own.
pub(super) async fn connect(
    options: &ConnectOptions,
) -> Result<(PostgresConnection, ConnectionClosed), PostgresOpenError> {
    options.connect().await.map_err(PostgresOpenError::unavailable)
}

fn not_recorded(unreachable: TargetUnreachable) -> LedgerError {
    LedgerError::NotRecorded(unreachable.into())
}
