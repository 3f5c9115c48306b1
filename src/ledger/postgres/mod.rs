//! The ledger in a PostgreSQL database, shared by several replicas of which one is active. An acknowledged
//! record is committed with `synchronous_commit` (PostgreSQL documentation, "Write-Ahead Log").
//!
//! | file | what it does |
//! |---|---|
//! | `leadership` | decides which replica is the active one |
//! | `session` | the active replica's session and lease |
//! | [`high_water_mark`](HighWaterMark) | what must be in the ledger, whichever server answers |
//! | `queries` | finds records |
//! | [`reader`] | reads all records, for `audit` |
//! | `schema`, `schema.sql` | creates the schema and checks its version |
//! | `error` | what an error of the server means |

mod error;
mod high_water_mark;
mod leadership;
mod queries;
pub mod reader;
mod schema;
mod session;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

pub use self::error::PostgresOpenError;
use self::error::not_read;
pub use self::high_water_mark::HighWaterMark;
use self::leadership::AcquiredLease;
pub use self::leadership::LeaseTimings;
use self::session::LedgerSession;
use crate::domain::event::{LedgerEntry, Recorded};
use crate::domain::ids::RequestId;
use crate::domain::timestamp::Timestamp;
use crate::ledger::hash_chain::{self, ChainTail};
use crate::ledger::pending::{self, PendingState};
use crate::postgres::connection::ConnectOptions;
use crate::workflow::ports::{Lease, LeaseState, Ledger, LedgerError, PendingRequests, RequestSearch};

/// The limit of every call. Shorter than [`LeaseTimings::expiry`]: while this session holds its lock and renews its lease, an
/// answer in time is from before another replica could have taken over.
const LIMIT: Duration = Duration::from_secs(3);

/// The ledger, held by the active replica.
pub struct PostgresLedger {
    session: Arc<LedgerSession>,
    _lease_keeper: JoinSet<()>,
}

impl PostgresLedger {
    fn start(
        options: ConnectOptions,
        timings: LeaseTimings,
        lease: AcquiredLease,
        high_water_mark: HighWaterMark,
    ) -> Self {
        let session = Arc::new(LedgerSession::start(options, timings, lease, high_water_mark));
        let mut lease_keeper = JoinSet::new();
        lease_keeper.spawn(Arc::clone(&session).keep_lease(timings.heartbeat));
        Self { session, _lease_keeper: lease_keeper }
    }

    /// Completes once another replica has taken over.
    pub fn deposed(&self) -> impl Future<Output = ()> + Send + 'static {
        self.session.deposed()
    }

    /// Lets another replica take over at once. Nothing may be appended afterwards.
    pub async fn resign(&self) -> Result<(), LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let mut guard = self.session.acquire(deadline).await?;
        let resign = "UPDATE killgate_ledger.lease SET renewed_at = '-infinity' WHERE epoch = $1";
        let epoch = guard.prepared().epoch;
        let client = guard.connection().client();
        let answer = timeout_at(deadline, client.execute(resign, &[&epoch])).await;
        Ok(guard.conclude(answer).map(drop)?)
    }
}

#[async_trait]
impl Lease for PostgresLedger {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        self.session.renew_lease().await?;
        Ok(Some(self.session.grace))
    }

    fn lease_state(&self) -> LeaseState {
        self.session.lease_state()
    }
}

#[async_trait]
impl Ledger for PostgresLedger {
    async fn append(&self, entries: Vec<LedgerEntry>) -> Result<Vec<Recorded>, LedgerError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + LIMIT;
        let mut tail = self.session.lock_tail(deadline).await?;
        let sealed = SealedBatch::seal(tail.clone(), entries)?;
        let guard = self.session.acquire(deadline).await?;
        let prepared = Arc::clone(guard.prepared());
        let (last_seq, requests, undelivered) = (int8(tail.seq), sealed.requests(), sealed.undelivered());
        guard
            .run(
                &prepared.append,
                &[
                    &prepared.epoch,
                    &last_seq,
                    &tail.hash,
                    &sealed.lines,
                    &sealed.tail.hash,
                    &requests,
                    &undelivered,
                ],
                deadline,
            )
            .await?;
        self.session.high_water_mark.advance(&sealed.tail);
        *tail = sealed.tail;
        if Instant::now() > deadline {
            // This process was paused while the answer was waiting to be read. It may be deposed by now.
            return Err(LedgerError::Uncertain(anyhow::anyhow!(
                "the answer was read too late to be acted on"
            )));
        }
        Ok(sealed.recorded)
    }

    async fn load_pending(&self, since: Timestamp) -> Result<PendingRequests, LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let mut tail = self.session.lock_tail(deadline).await?;
        let mut guard = self.session.acquire(deadline).await?;
        let known = self.session.high_water_mark.last();
        let loading = queries::load_pending(guard.connection(), since, &known);
        let answer = timeout_at(deadline, loading).await;
        let rows = guard.conclude(answer).map_err(not_read)?;
        let Some(end) = rows.tail.clone() else { return Err(records_missing(&known)) };
        self.session.high_water_mark.advance(&end);
        *tail = end;
        rows.parse()
    }

    async fn mark_delivered(&self, request: RequestId) -> Result<(), LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let guard = self.session.acquire(deadline).await?;
        let prepared = Arc::clone(guard.prepared());
        guard.run(&prepared.mark_delivered, &[&prepared.epoch, &int8(request.0)], deadline).await?;
        Ok(())
    }

    async fn history(&self, search: RequestSearch) -> Result<Vec<Recorded>, LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let mut guard = self.session.acquire(deadline).await?;
        let searching = queries::history(guard.connection().client(), &search);
        let answer = timeout_at(deadline, searching).await;
        hash_chain::read_all(guard.conclude(answer).map_err(not_read)?)
    }

    async fn probe(&self) -> Result<(), LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let mut guard = self.session.acquire(deadline).await?;
        let prepared = Arc::clone(guard.prepared());
        let known = self.session.high_water_mark.last();
        let client = guard.connection().client();
        let probing = async {
            client.execute(&prepared.probe, &[&prepared.epoch]).await?;
            queries::fetch_tail_if_contains(client, &known).await
        };
        let answer = timeout_at(deadline, probing).await;
        match guard.conclude(answer)? {
            Some(_) => Ok(()),
            None => Err(records_missing(&known)),
        }
    }
}

fn records_missing(known: &ChainTail) -> LedgerError {
    LedgerError::NotRecorded(PostgresOpenError::Behind { seq: known.seq }.into())
}

/// Entries sealed as consecutive records.
struct SealedBatch {
    recorded: Vec<Recorded>,
    lines: Vec<String>,
    /// The state of their requests after them.
    pending: BTreeMap<u64, PendingState>,
    tail: ChainTail,
}

impl SealedBatch {
    fn seal(mut tail: ChainTail, entries: Vec<LedgerEntry>) -> Result<Self, LedgerError> {
        let mut recorded = Vec::with_capacity(entries.len());
        let mut lines = Vec::with_capacity(entries.len());
        let mut pending_states = BTreeMap::new();
        for entry in entries {
            if let (Some(RequestId(request)), Some(state)) =
                (entry.request, pending::state_after(&entry.event))
            {
                pending_states.insert(request, state);
            }
            let sealed = tail.seal(&entry).map_err(|error| {
                LedgerError::NotRecorded(
                    anyhow::Error::new(error).context("the record could not be serialized"),
                )
            })?;
            lines.push(sealed.line);
            recorded.push(sealed.recorded);
        }
        Ok(Self { recorded, lines, pending: pending_states, tail })
    }

    fn requests(&self) -> Vec<i64> {
        self.pending.keys().copied().map(int8).collect()
    }

    fn undelivered(&self) -> Vec<bool> {
        self.pending.values().map(|state| *state == PendingState::Undelivered).collect()
    }
}

/// PostgreSQL has no unsigned integers, and none of these numbers exceeds a signed one.
fn int8(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Tests whether killgate could keep its records there: does everything that a start would do, and rolls it back.
pub async fn dry_run(options: &ConnectOptions) -> Result<(), PostgresOpenError> {
    let (mut connection, _closed) = session::connect(options).await?;
    let attempt = async {
        let transaction = connection.client_mut().transaction().await?;
        schema::create_if_missing(&transaction).await?;
        transaction.execute("UPDATE killgate_ledger.lease SET holder = holder", &[]).await?;
        transaction.rollback().await?;
        Ok(())
    };
    timeout(LIMIT, attempt).await.unwrap_or_else(|_| Err(PostgresOpenError::late()))
}
