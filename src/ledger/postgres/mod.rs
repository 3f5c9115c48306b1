//! The ledger in a PostgreSQL database, shared by several replicas of which one is active. An acknowledged
//! record is committed with `synchronous_commit` (PostgreSQL documentation, "Write-Ahead Log").
//!
//! | file | what it does |
//! |---|---|
//! | `election` | which replica is the active one |
//! | `keeping` | keeps its session, and its lease |
//! | `session` | lends the session to one statement at a time |
//! | `memory` | what must be in it, whichever server answers |
//! | `lookup` | finds records |
//! | [`pages`] | reads all of them, for the auditor |
//! | `migration`, `schema.sql` | the schema, and its versions |
//! | `failure` | what went wrong |

mod error;
mod high_water_mark;
mod leadership;
mod lease_keeper;
mod queries;
pub mod reader;
mod schema;
mod session;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

pub use self::error::PostgresOpenError;
use self::error::not_read;
pub use self::high_water_mark::HighWaterMark;
use self::leadership::AcquiredLease;
pub use self::leadership::LeaseTimings;
use self::lease_keeper::LeaseKeeper;
use self::session::{SessionGuard, SessionSlot, SessionStatus, acquire};
use crate::domain::event::{LedgerEntry, Recorded};
use crate::domain::ids::RequestId;
use crate::domain::timestamp::Timestamp;
use crate::ledger::hash_chain::ChainTail;
use crate::ledger::pending::{self, PendingState};
use crate::postgres::connection::ConnectOptions;
use crate::workflow::ports::{Ledger, LedgerError, PendingRequests, RequestSearch};

/// How long anything asked of the ledger may take. Shorter than a lease, so that an answer in time is one from
/// before anybody could have taken the lease away.
const LIMIT: Duration = Duration::from_secs(3);

/// The ledger, held by the active replica.
pub struct PostgresLedger {
    epoch: i64,
    place: Arc<Mutex<SessionSlot>>,
    reach: watch::Receiver<SessionStatus>,
    _keeper: JoinSet<()>,
}

impl PostgresLedger {
    fn begin(to: ConnectOptions, terms: LeaseTimings, taken: AcquiredLease, memory: HighWaterMark) -> Self {
        let AcquiredLease {
            session,
            ended,
            epoch,
            tail,
        } = taken;
        memory.advance(&tail);
        let place = Arc::new(Mutex::new(SessionSlot {
            session: Some(session),
            tail,
            memory,
        }));
        let (told, reach) = watch::channel(SessionStatus::Up);
        let keeper = LeaseKeeper {
            to,
            terms,
            epoch,
            place: Arc::clone(&place),
            reach: told,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(keeper.keep(ended));
        Self {
            epoch,
            place,
            reach,
            _keeper: tasks,
        }
    }

    /// Is over once another replica has taken over.
    pub fn deposed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut reach = self.reach.clone();
        async move {
            // The keeper ends without a word only together with the ledger.
            let _ = reach
                .wait_for(|reach| matches!(reach, SessionStatus::Deposed))
                .await;
        }
    }

    /// Lets another replica take over at once. Nothing may be appended afterwards.
    pub async fn resign(&self) -> Result<(), LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let lent = self.acquire(deadline).await?;
        let resign = "UPDATE killgate_ledger.lease SET renewed_at = '-infinity' WHERE epoch = $1";
        let answer = timeout_at(deadline, lent.client().execute(resign, &[&self.epoch])).await;
        Ok(lent.conclude(answer, None).map(drop)?)
    }

    async fn acquire(&self, deadline: Instant) -> Result<SessionGuard, LedgerError> {
        acquire(&self.place, self.reach.clone(), deadline).await
    }
}

#[async_trait]
impl Ledger for PostgresLedger {
    async fn append(&self, entries: Vec<LedgerEntry>) -> Result<Vec<Recorded>, LedgerError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + LIMIT;
        let mut lent = self.acquire(deadline).await?;
        let last = lent.tail().clone();
        let sealed = SealedBatch::after(last.clone(), entries)?;
        let append = lent.session().append.clone();
        let (last_seq, requests, owed) = (whole(last.seq), sealed.requests(), sealed.owed());
        let answer = timeout_at(
            deadline,
            lent.client().execute(
                &append,
                &[
                    &self.epoch,
                    &last_seq,
                    &last.hash,
                    &sealed.lines,
                    &sealed.tail.hash,
                    &requests,
                    &owed,
                ],
            ),
        )
        .await;
        lent.conclude(answer, Some(sealed.tail))?;
        if Instant::now() > deadline {
            // This replica was stopped while the answer was there to be read: it may be deposed by now.
            return Err(LedgerError::Uncertain(anyhow::anyhow!(
                "the answer was read too late to be acted on"
            )));
        }
        Ok(sealed.recorded)
    }

    async fn load_pending(&self, since: Timestamp) -> Result<PendingRequests, LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let mut lent = self.acquire(deadline).await?;
        let known = lent.memory().last();
        let live = &mut lent.session().live;
        let answer = timeout_at(deadline, queries::recall(live, since, &known)).await;
        let tail = answer.as_ref().ok().and_then(|found| found.as_ref().ok());
        let tail = tail.and_then(|found| found.tail.clone());
        let found = lent.conclude(answer, tail).map_err(not_read)?;
        if found.tail.is_none() {
            return Err(behind(&known));
        }
        found.verified()
    }

    async fn mark_delivered(&self, request: RequestId) -> Result<(), LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let mut lent = self.acquire(deadline).await?;
        let settle = lent.session().settle.clone();
        let answer = timeout_at(
            deadline,
            lent.client().execute(&settle, &[&self.epoch, &whole(request.0)]),
        )
        .await;
        Ok(lent.conclude(answer, None).map(drop)?)
    }

    async fn history(&self, search: RequestSearch) -> Result<Vec<Recorded>, LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let lent = self.acquire(deadline).await?;
        let answer = timeout_at(deadline, queries::history(lent.client(), &search)).await;
        queries::verified(lent.conclude(answer, None).map_err(not_read)?)
    }

    async fn probe(&self) -> Result<(), LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let mut lent = self.acquire(deadline).await?;
        let renew = lent.session().renew.clone();
        let known = lent.memory().last();
        let trying = async {
            lent.client().execute(&renew, &[&self.epoch]).await?;
            queries::end_after(lent.client(), &known).await
        };
        let answer = timeout_at(deadline, trying).await;
        match lent.conclude(answer, None)? {
            Some(_) => Ok(()),
            None => Err(behind(&known)),
        }
    }
}

fn behind(known: &ChainTail) -> LedgerError {
    LedgerError::NotRecorded(PostgresOpenError::Behind { seq: known.seq }.into())
}

/// Entries made into records that follow one another.
struct SealedBatch {
    recorded: Vec<Recorded>,
    lines: Vec<String>,
    /// How the requests among them stand afterwards.
    standing: BTreeMap<u64, PendingState>,
    tail: ChainTail,
}

impl SealedBatch {
    fn after(mut tail: ChainTail, entries: Vec<LedgerEntry>) -> Result<Self, LedgerError> {
        let mut recorded = Vec::with_capacity(entries.len());
        let mut lines = Vec::with_capacity(entries.len());
        let mut standing = BTreeMap::new();
        for entry in entries {
            if let (Some(RequestId(request)), Some(now)) = (entry.request, pending::state_after(&entry.event))
            {
                standing.insert(request, now);
            }
            let sealed = tail.seal(&entry).map_err(|error| {
                LedgerError::NotRecorded(
                    anyhow::Error::new(error).context("the record cannot be written as JSON"),
                )
            })?;
            lines.push(sealed.line);
            recorded.push(sealed.recorded);
        }
        Ok(Self {
            recorded,
            lines,
            standing,
            tail,
        })
    }

    fn requests(&self) -> Vec<i64> {
        self.standing.keys().copied().map(whole).collect()
    }

    fn owed(&self) -> Vec<bool> {
        self.standing
            .values()
            .map(|now| *now == PendingState::Undelivered)
            .collect()
    }
}

/// PostgreSQL has no unsigned numbers; none of ours comes near the end of its signed ones.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Does all that a start would do to the ledger behind `to`, and takes it back: whether this killgate could keep
/// its records there.
pub async fn dry_run(to: &ConnectOptions) -> Result<(), PostgresOpenError> {
    let trying = async {
        let (mut live, _ended) = session::connect(to, LIMIT).await?;
        let transaction = live.client_mut().transaction().await?;
        schema::migrate(&transaction).await?;
        transaction
            .execute("UPDATE killgate_ledger.lease SET holder = holder", &[])
            .await?;
        transaction.rollback().await?;
        Ok(())
    };
    timeout(LIMIT * 2, trying)
        .await
        .unwrap_or_else(|_| Err(PostgresOpenError::late()))
}
