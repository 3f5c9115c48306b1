//! One session with the ledger's server, lent to one statement at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::error::Severity;
use tokio_postgres::{Client, Error, Statement};

use super::error::{Failure, OpenError};
use super::high_water_mark::Memory;
use crate::ledger::hash_chain::Tail;
use crate::postgres::connection::{Dial, Ended, Live};
use crate::workflow::ports::{LedgerError, Unreachable};

/// How long a session that was lost is waited for, before what wants one is told that there is none.
const REOPENED_WITHIN: Duration = Duration::from_secs(1);

/// What the active replica's statements go through.
pub(super) struct Session {
    pub(super) live: Live,
    pub(super) append: Statement,
    pub(super) renew: Statement,
    pub(super) settle: Statement,
    /// Whether this session has the lock by which a living active replica is told from a dead one.
    pub(super) locked: bool,
}

/// How the ledger can be reached at present.
#[derive(Clone, Debug)]
pub(super) enum Reach {
    Up,
    /// The session was lost, and another is being opened.
    Opening,
    /// The last attempt failed so.
    Down(Unreachable),
    /// Another replica has taken over, for good.
    Deposed,
}

/// The place of the one session, and where the chain ends as far as this replica has read it.
pub(super) struct Place {
    pub(super) session: Option<Session>,
    pub(super) tail: Tail,
    pub(super) memory: Memory,
}

/// The session, lent. Unless it is given back it is closed, for a statement of unknown state may be under way.
pub(super) struct Lent {
    place: OwnedMutexGuard<Place>,
    session: Session,
}

impl Session {
    /// Makes a fresh connection ready to act through. The schema must be there.
    pub(super) async fn prepare(live: Live, locked: bool) -> Result<Self, OpenError> {
        let client = live.client();
        // A server may be set to acknowledge before it has written; a ledger's records may not be lost so.
        client
            .batch_execute(
                "SELECT set_config('synchronous_commit', 'on', false)
                 WHERE current_setting('synchronous_commit') = 'off'",
            )
            .await?;
        let append = client.prepare("SELECT killgate_ledger.append($1, $2, $3, $4, $5, $6, $7)");
        let renew = client.prepare("SELECT killgate_ledger.renew($1)");
        let settle = client.prepare("SELECT killgate_ledger.settle($1, $2)");
        let (append, renew, settle) = tokio::try_join!(append, renew, settle)?;
        Ok(Self {
            live,
            append,
            renew,
            settle,
            locked,
        })
    }
}

/// Opens a connection within `limit`.
pub(super) async fn dial(dial: &Dial, limit: Duration) -> Result<(Live, Ended), OpenError> {
    match tokio::time::timeout(limit, dial.open()).await {
        Ok(opened) => opened.map_err(OpenError::unavailable),
        Err(_) => Err(OpenError::late()),
    }
}

/// Waits for its turn with the session.
pub(super) async fn lend(
    place: &Arc<Mutex<Place>>,
    mut reach: watch::Receiver<Reach>,
    deadline: Instant,
) -> Result<Lent, LedgerError> {
    let reopened_by = deadline.min(Instant::now() + REOPENED_WITHIN);
    loop {
        match &*reach.borrow_and_update() {
            Reach::Deposed => return Err(LedgerError::Deposed),
            Reach::Down(unreachable) => return Err(LedgerError::NotRecorded(unreachable.clone().into())),
            Reach::Up | Reach::Opening => {}
        }
        let Ok(mut place) = timeout_at(deadline, Arc::clone(place).lock_owned()).await else {
            return Err(not_in_time());
        };
        match place.session.take() {
            Some(session) if !session.live.is_closed() => return Ok(Lent { place, session }),
            // Lost: the keeper will tell.
            _ => drop(place),
        }
        match timeout_at(reopened_by, reach.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Err(not_in_time()),
        }
    }
}

fn not_in_time() -> LedgerError {
    LedgerError::NotRecorded(anyhow::anyhow!("the ledger's server did not answer in time"))
}

impl Lent {
    pub(super) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    pub(super) fn client(&self) -> &Client {
        self.session.live.client()
    }

    pub(super) fn tail(&self) -> &Tail {
        &self.place.tail
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.place.memory
    }

    /// What the answer means. The session is given back when the statement is certainly over, and the chain is
    /// known to end at `tail` when it brought a result.
    pub(super) fn conclude<T>(
        self,
        answer: Result<Result<T, Error>, Elapsed>,
        tail: Option<Tail>,
    ) -> Result<T, Failure> {
        let Self { mut place, session } = self;
        let error = match answer {
            Err(_) => return Err(Failure::Lost(anyhow::anyhow!("no answer came in time"))),
            Ok(Ok(result)) => {
                place.session = Some(session);
                if let Some(tail) = tail {
                    place.memory.keep(&tail);
                    place.tail = tail;
                }
                return Ok(result);
            }
            Ok(Err(error)) => error,
        };
        match error.as_db_error() {
            Some(raised) if raised.parsed_severity() == Some(Severity::Error) => {
                place.session = Some(session);
                Err(Failure::Raised(Box::new(raised.clone())))
            }
            // FATAL and PANIC end the session, and may come from anywhere within the statement.
            _ => Err(Failure::Lost(error.into())),
        }
    }
}
