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

pub use self::error::OpenError;
use self::error::not_read;
pub use self::high_water_mark::Memory;
use self::leadership::Taken;
pub use self::leadership::Terms;
use self::lease_keeper::Keeper;
use self::session::{Lent, Place, Reach, lend};
use crate::domain::event::{Entry, Recorded};
use crate::domain::ids::RequestId;
use crate::domain::timestamp::Moment;
use crate::ledger::hash_chain::Tail;
use crate::ledger::pending::{self, Standing};
use crate::postgres::connection::Dial;
use crate::workflow::ports::{Ledger, LedgerError, Recall, Search};

/// How long anything asked of the ledger may take. Shorter than a lease, so that an answer in time is one from
/// before anybody could have taken the lease away.
const LIMIT: Duration = Duration::from_secs(3);

/// The ledger, held by the active replica.
pub struct Postgres {
    epoch: i64,
    place: Arc<Mutex<Place>>,
    reach: watch::Receiver<Reach>,
    _keeper: JoinSet<()>,
}

impl Postgres {
    fn begin(to: Dial, terms: Terms, taken: Taken, memory: Memory) -> Self {
        let Taken {
            session,
            ended,
            epoch,
            tail,
        } = taken;
        memory.keep(&tail);
        let place = Arc::new(Mutex::new(Place {
            session: Some(session),
            tail,
            memory,
        }));
        let (told, reach) = watch::channel(Reach::Up);
        let keeper = Keeper {
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
            let _ = reach.wait_for(|reach| matches!(reach, Reach::Deposed)).await;
        }
    }

    /// Lets another replica take over at once. Nothing may be appended afterwards.
    pub async fn resign(&self) -> Result<(), LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let lent = self.lend(deadline).await?;
        let resign = "UPDATE killgate_ledger.lease SET renewed_at = '-infinity' WHERE epoch = $1";
        let answer = timeout_at(deadline, lent.client().execute(resign, &[&self.epoch])).await;
        Ok(lent.conclude(answer, None).map(drop)?)
    }

    async fn lend(&self, deadline: Instant) -> Result<Lent, LedgerError> {
        lend(&self.place, self.reach.clone(), deadline).await
    }
}

#[async_trait]
impl Ledger for Postgres {
    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Recorded>, LedgerError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + LIMIT;
        let mut lent = self.lend(deadline).await?;
        let last = lent.tail().clone();
        let sealed = Sealed::after(last.clone(), entries)?;
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

    async fn recall(&self, since: Moment) -> Result<Recall, LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let mut lent = self.lend(deadline).await?;
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

    async fn settle(&self, request: RequestId) -> Result<(), LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let mut lent = self.lend(deadline).await?;
        let settle = lent.session().settle.clone();
        let answer = timeout_at(
            deadline,
            lent.client().execute(&settle, &[&self.epoch, &whole(request.0)]),
        )
        .await;
        Ok(lent.conclude(answer, None).map(drop)?)
    }

    async fn history(&self, search: Search) -> Result<Vec<Recorded>, LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let lent = self.lend(deadline).await?;
        let answer = timeout_at(deadline, queries::history(lent.client(), &search)).await;
        queries::verified(lent.conclude(answer, None).map_err(not_read)?)
    }

    async fn probe(&self) -> Result<(), LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let mut lent = self.lend(deadline).await?;
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

fn behind(known: &Tail) -> LedgerError {
    LedgerError::NotRecorded(OpenError::Behind { seq: known.seq }.into())
}

/// Entries made into records that follow one another.
struct Sealed {
    recorded: Vec<Recorded>,
    lines: Vec<String>,
    /// How the requests among them stand afterwards.
    standing: BTreeMap<u64, Standing>,
    tail: Tail,
}

impl Sealed {
    fn after(mut tail: Tail, entries: Vec<Entry>) -> Result<Self, LedgerError> {
        let mut recorded = Vec::with_capacity(entries.len());
        let mut lines = Vec::with_capacity(entries.len());
        let mut standing = BTreeMap::new();
        for entry in entries {
            if let (Some(RequestId(request)), Some(now)) = (entry.request, pending::after(&entry.event)) {
                standing.insert(request, now);
            }
            let sealed = tail.seal(entry).map_err(|error| {
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
        self.standing.values().map(|now| *now == Standing::Owed).collect()
    }
}

/// PostgreSQL has no unsigned numbers; none of ours comes near the end of its signed ones.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Does all that a start would do to the ledger behind `to`, and takes it back: whether this killgate could keep
/// its records there.
pub async fn try_out(to: &Dial) -> Result<(), OpenError> {
    let trying = async {
        let (mut live, _ended) = session::dial(to, LIMIT).await?;
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
        .unwrap_or_else(|_| Err(OpenError::late()))
}
