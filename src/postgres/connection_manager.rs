//! A connection that is opened in the background, reopened when it is lost, and lent to one statement at a time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join, join_all};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, watch};
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use super::connection::{ConnectOptions, ConnectionClosed, PostgresConnection};
use super::error::{unreachable, unreachable_because};
use crate::common::backoff::{Backoff, Jitter};
use crate::workflow::ports::TargetUnreachable;

/// How long the setup of a new connection may take.
const SETUP_TIMEOUT: Duration = Duration::from_secs(5);

/// For a target.
pub const RECONNECT_BACKOFF: Backoff =
    Backoff { shortest: Duration::from_millis(100), longest: Duration::from_secs(5) };

/// What is done with a new connection before it is used.
#[async_trait]
pub trait ConnectionSetup: Send + Sync + 'static {
    /// The statements prepared on the connection, and what was read from the server.
    type Prepared: Send + Sync + 'static;

    async fn prepare(&self, connection: &mut PostgresConnection) -> anyhow::Result<Self::Prepared>;
}

/// The present state of a managed connection.
#[derive(Debug)]
pub enum ConnectionStatus<P> {
    /// An attempt to connect is under way, and its result is not known yet.
    Connecting,
    Up(Arc<P>),
    /// The last attempt failed; the next one follows after the backoff.
    Down(TargetUnreachable),
}

/// Owns the connection, which closes when this is dropped.
pub struct ConnectionManager<P> {
    slot: ConnectionSlot<P>,
    status: watch::Receiver<ConnectionStatus<P>>,
    /// Ends the backoff early, because a caller waits.
    retry_now: Arc<Notify>,
    _task: JoinSet<()>,
}

/// A connection and what was prepared on it.
pub struct ReadyConnection<P> {
    pub connection: PostgresConnection,
    pub prepared: Arc<P>,
}

/// The connection, lent to one caller. It is closed on drop unless it was released, because a statement of unknown
/// state may still run on it.
pub struct ConnectionGuard<P> {
    slot: OwnedMutexGuard<Option<ReadyConnection<P>>>,
    ready: ReadyConnection<P>,
}

/// The answer to a statement.
#[derive(Debug)]
pub struct StatementResult {
    pub rows: Vec<Row>,
    /// The notices that the statement raised, in order.
    pub notices: Vec<DbError>,
}

/// Why a statement has no result.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The server answered with an error, and the session continues.
    #[error("the server raised an error")]
    Raised(#[source] Box<DbError>),
    /// The statement was sent, and whether it took effect is not known.
    #[error("the connection was lost before the answer came")]
    Lost(#[source] tokio_postgres::Error),
    /// The statement was sent, and no answer came in time.
    #[error("no answer came in time")]
    Late,
}

type ConnectionSlot<P> = Arc<Mutex<Option<ReadyConnection<P>>>>;

impl<P: Send + Sync + 'static> ConnectionManager<P> {
    /// Connects to the server `name` in the background and returns at once; a connection that is open and set up
    /// already can be handed over as `connected`. Needs a tokio runtime.
    pub fn open(
        name: &str,
        options: ConnectOptions,
        backoff: Backoff,
        setup: impl ConnectionSetup<Prepared = P>,
        connected: Option<(ReadyConnection<P>, ConnectionClosed)>,
    ) -> Self {
        let (slot, status, closed) = match connected {
            None => (None, ConnectionStatus::Connecting, None),
            Some((ready, closed)) => {
                let status = ConnectionStatus::Up(Arc::clone(&ready.prepared));
                (Some(ready), status, Some(closed))
            }
        };
        let slot = Arc::new(Mutex::new(slot));
        let (status_sender, status) = watch::channel(status);
        let retry_now = Arc::new(Notify::new());
        let reconnect = ReconnectTask {
            name: name.to_owned(),
            options,
            backoff,
            setup,
            slot: Arc::clone(&slot),
            status: status_sender,
            retry_now: Arc::clone(&retry_now),
        };
        let mut task = JoinSet::new();
        task.spawn(reconnect.run(closed));
        Self { slot, status, retry_now, _task: task }
    }

    /// The present state, and every change to it.
    pub fn status(&self) -> watch::Receiver<ConnectionStatus<P>> {
        self.status.clone()
    }

    /// Waits for the connection: for other callers to release it, and for an attempt to connect that is under way.
    pub async fn acquire(&self, deadline: Instant) -> Result<ConnectionGuard<P>, TargetUnreachable> {
        timeout_at(deadline, self.wait_for_connection()).await.unwrap_or_else(|_| {
            Err(match &*self.status.borrow() {
                ConnectionStatus::Up(_) => {
                    unreachable("an earlier statement still holds the only connection")
                }
                ConnectionStatus::Connecting | ConnectionStatus::Down(_) => {
                    unreachable("it did not answer in time")
                }
            })
        })
    }

    async fn wait_for_connection(&self) -> Result<ConnectionGuard<P>, TargetUnreachable> {
        let mut status = self.status.clone();
        if matches!(&*status.borrow_and_update(), ConnectionStatus::Down(_)) {
            // The server may be back since the last attempt, so the result of a new one decides.
            self.retry_now.notify_one();
            if status.changed().await.is_err() {
                return Err(unreachable("killgate is stopping"));
            }
        }
        loop {
            if let ConnectionStatus::Down(unreachable) = &*status.borrow_and_update() {
                return Err(unreachable.clone());
            }
            let mut slot = Arc::clone(&self.slot).lock_owned().await;
            match slot.take() {
                Some(ready) if !ready.connection.is_closed() => {
                    return Ok(ConnectionGuard { slot, ready });
                }
                // It was lost or is not open yet. The task reports when that changes.
                _ => drop(slot),
            }
            if status.changed().await.is_err() {
                return Err(unreachable("killgate is stopping"));
            }
        }
    }
}

impl<P> ConnectionGuard<P> {
    pub fn prepared(&self) -> &Arc<P> {
        &self.ready.prepared
    }

    /// Replaces what was prepared, after the statements were prepared anew on the connection.
    pub fn replace_prepared(&mut self, prepared: P) {
        self.ready.prepared = Arc::new(prepared);
    }

    pub fn connection(&mut self) -> &mut PostgresConnection {
        &mut self.ready.connection
    }

    /// Returns the connection for the next caller. No statement may be running on it.
    pub fn release(self) {
        let Self { mut slot, ready } = self;
        *slot = Some(ready);
    }

    /// Runs one statement, and returns the connection when the statement is certain to be over.
    pub async fn run(
        mut self,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
        deadline: Instant,
    ) -> Result<StatementResult, StatementError> {
        // Earlier notices belong to no statement.
        let _ = self.connection().notices();
        let answer = timeout_at(deadline, self.connection().client().query(statement, parameters)).await;
        let answer = match answer {
            Ok(Ok(rows)) => Ok(Ok(StatementResult { rows, notices: self.connection().notices() })),
            Ok(Err(error)) => Ok(Err(error)),
            Err(elapsed) => Err(elapsed),
        };
        self.conclude(answer)
    }

    /// Sends the statement once for each set of parameters, and then `after`, all at once, so that they take one round trip
    /// together. Returns the answers in their order, and all notices; and the connection when the last statement is certain
    /// to be over. What becomes of `after` does not matter.
    pub async fn run_each(
        mut self,
        statement: &Statement,
        parameters: &[Vec<&(dyn ToSql + Sync)>],
        after: Option<&Statement>,
        deadline: Instant,
    ) -> (Vec<Result<Vec<Row>, StatementError>>, Vec<DbError>) {
        let _ = self.connection().notices();
        let client = self.connection().client();
        // All are written when they are polled for the first time, and each ends with a synchronization point of its own, so
        // an error of one does not reach the others (PostgreSQL documentation, "Pipelining").
        let answers =
            parameters.iter().map(|parameters| timeout_at(deadline, client.query(statement, parameters)));
        let after = timeout_at(deadline, async {
            if let Some(after) = after {
                let _ = client.query(after, &[]).await;
            }
        });
        let (answers, _) = join(join_all(answers), after).await;
        let answers: Vec<_> = answers.into_iter().map(classify).collect();
        let notices = self.connection().notices();
        if answers.iter().all(|answer| matches!(answer, Ok(_) | Err(StatementError::Raised(_)))) {
            self.release();
        }
        (answers, notices)
    }

    /// Classifies the answer to what was run on [`connection`](Self::connection), and returns the connection when
    /// the last statement is certain to be over.
    pub fn conclude<T>(
        self,
        answer: Result<Result<T, tokio_postgres::Error>, Elapsed>,
    ) -> Result<T, StatementError> {
        let answer = classify(answer);
        if matches!(answer, Ok(_) | Err(StatementError::Raised(_))) {
            self.release();
        }
        answer
    }
}

fn classify<T>(answer: Result<Result<T, tokio_postgres::Error>, Elapsed>) -> Result<T, StatementError> {
    match answer {
        Err(_) => Err(StatementError::Late),
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => match error.as_db_error() {
            Some(raised) if raised.parsed_severity() == Some(Severity::Error) => {
                Err(StatementError::Raised(Box::new(raised.clone())))
            }
            // FATAL and PANIC end the session, and can occur anywhere within the statement.
            _ => Err(StatementError::Lost(error)),
        },
    }
}

/// Reconnects for as long as the manager exists.
struct ReconnectTask<S: ConnectionSetup> {
    name: String,
    options: ConnectOptions,
    backoff: Backoff,
    setup: S,
    slot: ConnectionSlot<S::Prepared>,
    status: watch::Sender<ConnectionStatus<S::Prepared>>,
    retry_now: Arc<Notify>,
}

impl<S: ConnectionSetup> ReconnectTask<S> {
    async fn run(self, connected: Option<ConnectionClosed>) {
        let jitter = Jitter::random();
        let mut failures = 0;
        let mut failed_attempts = 0_u32;
        if let Some(closed) = connected {
            self.wait_until_lost(closed).await;
        }
        loop {
            let opened_at = Instant::now();
            match self.connect().await {
                Ok(closed) => {
                    tracing::info!(target = self.name, failed_attempts, "connected");
                    failed_attempts = 0;
                    self.wait_until_lost(closed).await;
                    if opened_at.elapsed() > self.backoff.longest {
                        failures = 0;
                    }
                }
                Err(unreachable) => {
                    self.report_down(unreachable, failed_attempts);
                    failed_attempts += 1;
                }
            }
            failures += 1;
            // A waiting caller shortens the wait, but never below the shortest.
            let wait = self.backoff.wait(failures, &jitter);
            sleep(self.backoff.shortest).await;
            tokio::select! {
                () = sleep(wait.saturating_sub(self.backoff.shortest)) => {}
                () = self.retry_now.notified() => {}
            }
        }
    }

    async fn connect(&self) -> Result<ConnectionClosed, TargetUnreachable> {
        let (mut connection, closed) = self.options.connect().await.map_err(unreachable_because)?;
        let prepared = match timeout(SETUP_TIMEOUT, self.setup.prepare(&mut connection)).await {
            Ok(prepared) => Arc::new(prepared.map_err(unreachable_because)?),
            Err(_) => return Err(unreachable("it did not answer in time")),
        };
        let ready = ReadyConnection { connection, prepared };
        let prepared = Arc::clone(&ready.prepared);
        *self.slot.lock().await = Some(ready);
        self.status.send_replace(ConnectionStatus::Up(prepared));
        Ok(closed)
    }

    async fn wait_until_lost(&self, closed: ConnectionClosed) {
        // It never carries a value: it ends when the connection does.
        let _ = closed.await;
        self.status.send_replace(ConnectionStatus::Connecting);
        self.slot.lock().await.take();
        tracing::warn!(target = self.name, "the connection was lost; reconnecting");
    }

    fn report_down(&self, unreachable: TargetUnreachable, failed_attempts: u32) {
        // An outage of hours is not reported with every attempt, even if the reasons alternate.
        let is_known = match &*self.status.borrow() {
            ConnectionStatus::Down(known) => {
                known.message == unreachable.message || !failed_attempts.is_power_of_two()
            }
            _ => false,
        };
        if !is_known {
            let address = self.options.addresses();
            let error = &unreachable.message;
            tracing::warn!(target = self.name, address, failed_attempts, error, "not reachable");
        }
        self.status.send_replace(ConnectionStatus::Down(unreachable));
    }
}
