//! Keeps the active replica's session and its lease for as long as nobody else has taken over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::error::{LedgerStatementError, PostgresOpenError};
use super::leadership::{self, LeaseTimings, OPENING};
use super::queries;
use super::session::{LedgerSession, SessionSlot, SessionStatus, acquire, connect};
use crate::postgres::connection::{ConnectOptions, ConnectionClosed};
use crate::postgres::error::unreachable;
use crate::workflow::ports::LedgerError;

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct LeaseKeeper {
    pub(super) to: ConnectOptions,
    pub(super) terms: LeaseTimings,
    pub(super) epoch: i64,
    pub(super) place: Arc<Mutex<SessionSlot>>,
    pub(super) reach: watch::Sender<SessionStatus>,
}

impl LeaseKeeper {
    pub(super) async fn keep(self, mut ended: ConnectionClosed) {
        loop {
            tokio::select! {
                // It never carries a value: it is over when the connection is.
                _ = &mut ended => {
                    self.reach.send_if_modified(|reach| {
                        let was_up = matches!(reach, SessionStatus::Up);
                        if was_up {
                            *reach = SessionStatus::Opening;
                        }
                        was_up
                    });
                    tracing::warn!("the connection to the ledger's server was lost; opening another");
                    match self.reopen().await {
                        Some(anew) => ended = anew,
                        None => break,
                    }
                }
                () = sleep(self.terms.heartbeat) => match self.renew().await {
                    Err(LedgerError::Deposed) => break,
                    // Whatever else: either the session goes on, or its end is noticed above.
                    Err(problem) => tracing::warn!(error = ?problem, "the lease could not be renewed"),
                    Ok(()) => {}
                },
            }
        }
        tracing::warn!(epoch = self.epoch, "another replica has taken over");
        self.reach.send_replace(SessionStatus::Deposed);
        self.place.lock().await.session = None;
    }

    /// Renews the lease; takes the lock again where an earlier session of this replica's still had it.
    async fn renew(&self) -> Result<(), LedgerError> {
        let deadline = Instant::now() + super::LIMIT;
        let mut lent = acquire(&self.place, self.reach.subscribe(), deadline).await?;
        if !lent.session().locked {
            lent.session().locked = leadership::lock(&lent.session().live)
                .await
                .map_err(|problem| LedgerError::NotRecorded(problem.into()))?;
        }
        let renew = lent.session().renew.clone();
        let answer = timeout_at(deadline, lent.client().execute(&renew, &[&self.epoch])).await;
        Ok(lent.conclude(answer, None).map(drop)?)
    }

    /// Opens sessions until one is open; `None` when another replica has taken over.
    async fn reopen(&self) -> Option<ConnectionClosed> {
        let mut pause = SHORTEST_PAUSE;
        loop {
            match timeout(OPENING, self.open()).await {
                Ok(Ok(Some(ended))) => {
                    tracing::info!("the ledger's server is reached again");
                    self.reach.send_replace(SessionStatus::Up);
                    return Some(ended);
                }
                Ok(Ok(None)) => return None,
                Ok(Err(problem)) => self.tell_down(problem),
                Err(_) => self.tell_down(PostgresOpenError::late()),
            }
            sleep(pause).await;
            pause = (pause * 2).min(self.terms.heartbeat);
        }
    }

    async fn open(&self) -> Result<Option<ConnectionClosed>, PostgresOpenError> {
        let (live, ended) = connect(&self.to, OPENING).await?;
        let locked = leadership::lock(&live).await?;
        let session = LedgerSession::prepare(live, locked).await?;
        let renewed = session
            .live
            .client()
            .execute(&session.renew, &[&self.epoch])
            .await;
        if let Err(error) = renewed {
            let is_deposed = error
                .as_db_error()
                .is_some_and(|raised| LedgerStatementError::Raised(Box::new(raised.clone())).is_deposed());
            return if is_deposed { Ok(None) } else { Err(error.into()) };
        }
        let mut place = self.place.lock().await;
        let known = place.memory.last();
        let end = queries::end_after(session.live.client(), &known).await?;
        place.memory.confirm(&known, end)?;
        place.session = Some(session);
        Ok(Some(ended))
    }

    fn tell_down(&self, problem: PostgresOpenError) {
        let unreachable = match problem {
            PostgresOpenError::Unavailable(unreachable) => unreachable,
            other => unreachable(other.to_string()),
        };
        let is_known = matches!(&*self.reach.borrow(), SessionStatus::Down(known) if known.message == unreachable.message);
        if !is_known {
            tracing::warn!(problem = %unreachable, "the ledger cannot be used");
        }
        self.reach.send_replace(SessionStatus::Down(unreachable));
    }
}
