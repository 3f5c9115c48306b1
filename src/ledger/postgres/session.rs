//! One session with the ledger's server, lent to one statement at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::error::Severity;
use tokio_postgres::{Client, Error, Statement};

use super::error::{LedgerStatementError, PostgresOpenError};
use super::high_water_mark::HighWaterMark;
use crate::ledger::hash_chain::ChainTail;
use crate::postgres::connection::{ConnectOptions, ConnectionClosed, PostgresConnection};
use crate::workflow::ports::{LedgerError, TargetUnreachable};

/// How long a session that was lost is waited for, before what wants one is told that there is none.
const REOPENED_WITHIN: Duration = Duration::from_secs(1);

/// What the active replica's statements go through.
pub(super) struct LedgerSession {
    pub(super) live: PostgresConnection,
    pub(super) append: Statement,
    pub(super) renew: Statement,
    pub(super) settle: Statement,
    /// Whether this session has the lock by which a living active replica is told from a dead one.
    pub(super) locked: bool,
}

/// How the ledger can be reached at present.
#[derive(Clone, Debug)]
pub(super) enum SessionStatus {
    Up,
    /// The session was lost, and another is being opened.
    Opening,
    /// The last attempt failed so.
    Down(TargetUnreachable),
    /// Another replica has taken over, for good.
    Deposed,
}

/// The place of the one session, and where the chain ends as far as this replica has read it.
pub(super) struct SessionSlot {
    pub(super) session: Option<LedgerSession>,
    pub(super) tail: ChainTail,
    pub(super) memory: HighWaterMark,
}

/// The session, lent. Unless it is given back it is closed, for a statement of unknown state may be under way.
pub(super) struct SessionGuard {
    place: OwnedMutexGuard<SessionSlot>,
    session: LedgerSession,
}

impl LedgerSession {
    /// Makes a fresh connection ready to act through. The schema must be there.
    pub(super) async fn prepare(live: PostgresConnection, locked: bool) -> Result<Self, PostgresOpenError> {
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
pub(super) async fn connect(
    dial: &ConnectOptions,
    limit: Duration,
) -> Result<(PostgresConnection, ConnectionClosed), PostgresOpenError> {
    match tokio::time::timeout(limit, dial.connect()).await {
        Ok(opened) => opened.map_err(PostgresOpenError::unavailable),
        Err(_) => Err(PostgresOpenError::late()),
    }
}

/// Waits for its turn with the session.
pub(super) async fn acquire(
    place: &Arc<Mutex<SessionSlot>>,
    mut reach: watch::Receiver<SessionStatus>,
    deadline: Instant,
) -> Result<SessionGuard, LedgerError> {
    let reopened_by = deadline.min(Instant::now() + REOPENED_WITHIN);
    loop {
        match &*reach.borrow_and_update() {
            SessionStatus::Deposed => return Err(LedgerError::Deposed),
            SessionStatus::Down(unreachable) => {
                return Err(LedgerError::NotRecorded(unreachable.clone().into()));
            }
            SessionStatus::Up | SessionStatus::Opening => {}
        }
        let Ok(mut place) = timeout_at(deadline, Arc::clone(place).lock_owned()).await else {
            return Err(not_in_time());
        };
        match place.session.take() {
            Some(session) if !session.live.is_closed() => return Ok(SessionGuard { place, session }),
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

impl SessionGuard {
    pub(super) fn session(&mut self) -> &mut LedgerSession {
        &mut self.session
    }

    pub(super) fn client(&self) -> &Client {
        self.session.live.client()
    }

    pub(super) fn tail(&self) -> &ChainTail {
        &self.place.tail
    }

    pub(super) fn memory(&self) -> &HighWaterMark {
        &self.place.memory
    }

    /// What the answer means. The session is given back when the statement is certainly over, and the chain is
    /// known to end at `tail` when it brought a result.
    pub(super) fn conclude<T>(
        self,
        answer: Result<Result<T, Error>, Elapsed>,
        tail: Option<ChainTail>,
    ) -> Result<T, LedgerStatementError> {
        let Self { mut place, session } = self;
        let error = match answer {
            Err(_) => {
                return Err(LedgerStatementError::Lost(anyhow::anyhow!(
                    "no answer came in time"
                )));
            }
            Ok(Ok(result)) => {
                place.session = Some(session);
                if let Some(tail) = tail {
                    place.memory.advance(&tail);
                    place.tail = tail;
                }
                return Ok(result);
            }
            Ok(Err(error)) => error,
        };
        match error.as_db_error() {
            Some(raised) if raised.parsed_severity() == Some(Severity::Error) => {
                place.session = Some(session);
                Err(LedgerStatementError::Raised(Box::new(raised.clone())))
            }
            // FATAL and PANIC end the session, and may come from anywhere within the statement.
            _ => Err(LedgerStatementError::Lost(error.into())),
        }
    }
}
