//! Keeps the active replica's session and its lease for as long as nobody else has taken over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::error::{Failure, OpenError};
use super::leadership::{self, OPENING, Terms};
use super::queries;
use super::session::{Place, Reach, Session, dial, lend};
use crate::postgres::connection::{Dial, Ended};
use crate::postgres::error::plain;
use crate::workflow::ports::LedgerError;

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Keeper {
    pub(super) to: Dial,
    pub(super) terms: Terms,
    pub(super) epoch: i64,
    pub(super) place: Arc<Mutex<Place>>,
    pub(super) reach: watch::Sender<Reach>,
}

impl Keeper {
    pub(super) async fn keep(self, mut ended: Ended) {
        loop {
            tokio::select! {
                // It never carries a value: it is over when the connection is.
                _ = &mut ended => {
                    self.reach.send_if_modified(|reach| {
                        let was_up = matches!(reach, Reach::Up);
                        if was_up {
                            *reach = Reach::Opening;
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
        self.reach.send_replace(Reach::Deposed);
        self.place.lock().await.session = None;
    }

    /// Renews the lease; takes the lock again where an earlier session of this replica's still had it.
    async fn renew(&self) -> Result<(), LedgerError> {
        let deadline = Instant::now() + super::LIMIT;
        let mut lent = lend(&self.place, self.reach.subscribe(), deadline).await?;
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
    async fn reopen(&self) -> Option<Ended> {
        let mut pause = SHORTEST_PAUSE;
        loop {
            match timeout(OPENING, self.open()).await {
                Ok(Ok(Some(ended))) => {
                    tracing::info!("the ledger's server is reached again");
                    self.reach.send_replace(Reach::Up);
                    return Some(ended);
                }
                Ok(Ok(None)) => return None,
                Ok(Err(problem)) => self.tell_down(problem),
                Err(_) => self.tell_down(OpenError::late()),
            }
            sleep(pause).await;
            pause = (pause * 2).min(self.terms.heartbeat);
        }
    }

    async fn open(&self) -> Result<Option<Ended>, OpenError> {
        let (live, ended) = dial(&self.to, OPENING).await?;
        let locked = leadership::lock(&live).await?;
        let session = Session::prepare(live, locked).await?;
        let renewed = session
            .live
            .client()
            .execute(&session.renew, &[&self.epoch])
            .await;
        if let Err(error) = renewed {
            let is_deposed = error
                .as_db_error()
                .is_some_and(|raised| Failure::Raised(Box::new(raised.clone())).is_deposed());
            return if is_deposed { Ok(None) } else { Err(error.into()) };
        }
        let mut place = self.place.lock().await;
        let known = place.memory.last();
        let end = queries::end_after(session.live.client(), &known).await?;
        place.memory.confirm(&known, end)?;
        place.session = Some(session);
        Ok(Some(ended))
    }

    fn tell_down(&self, problem: OpenError) {
        let unreachable = match problem {
            OpenError::Unavailable(unreachable) => unreachable,
            other => plain(other.to_string()),
        };
        let is_known =
            matches!(&*self.reach.borrow(), Reach::Down(known) if known.problem == unreachable.problem);
        if !is_known {
            tracing::warn!(problem = %unreachable, "the ledger cannot be used");
        }
        self.reach.send_replace(Reach::Down(unreachable));
    }
}
