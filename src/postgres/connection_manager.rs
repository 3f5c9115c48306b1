//! A connection that is kept: opened in the background, opened again when it is lost, and lent to one
//! statement at a time.

use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use super::connection::{ConnectOptions, ConnectionClosed, PostgresConnection};
use super::error::{unreachable, unreachable_because};
use crate::workflow::ports::TargetUnreachable;

/// How long opening may take, until the statements are prepared.
const OPENING: Duration = Duration::from_secs(5);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is done with a connection before it is used.
#[async_trait]
pub trait ConnectionSetup: Send + Sync + 'static {
    /// What using it takes: prepared statements, what was found out about the server.
    type Prepared: Send + Sync + 'static;

    async fn prepare(&self, live: &mut PostgresConnection) -> anyhow::Result<Self::Prepared>;
}

/// How a kept connection is at present.
#[derive(Debug)]
pub enum ConnectionStatus<K> {
    /// Being opened; the outcome of this attempt is not known yet.
    Connecting,
    Up(Arc<K>),
    /// The last attempt failed so; the next one follows within five seconds.
    Down(TargetUnreachable),
}

/// The kept connection. It closes when this is dropped.
pub struct ConnectionManager<K> {
    slot: ConnectionSlot<K>,
    status: watch::Receiver<ConnectionStatus<K>>,
    /// Has the keeper try at once, for somebody waits.
    wanted: Arc<Notify>,
    _keeper: JoinSet<()>,
}

/// The connection, lent. Unless it is given back it is closed, for a statement of unknown state may be
/// under way on it.
pub struct ConnectionGuard<K> {
    place: OwnedMutexGuard<Option<ReadyConnection<K>>>,
    furnished: ReadyConnection<K>,
}

/// What a statement brought.
#[derive(Debug)]
pub struct StatementResult {
    pub rows: Vec<Row>,
    /// What the server said besides, in its order.
    pub notices: Vec<DbError>,
}

/// Why a statement brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The server answered with an error, and the session goes on.
    #[error("the server raised an error")]
    Raised(#[source] Box<DbError>),
    /// It was handed over, and what became of it is not known.
    #[error("the connection was lost before the answer came")]
    Lost(#[source] tokio_postgres::Error),
    /// It was handed over, and no answer came in time.
    #[error("no answer came in time")]
    Late,
}

type ConnectionSlot<K> = Arc<Mutex<Option<ReadyConnection<K>>>>;

struct ReadyConnection<K> {
    live: PostgresConnection,
    kit: Arc<K>,
}

impl<K: Send + Sync + 'static> ConnectionManager<K> {
    /// Begins to open a connection to `name` in the background; returns at once. Needs a tokio runtime.
    pub fn open(name: &str, dial: ConnectOptions, prepare: impl ConnectionSetup<Prepared = K>) -> Self {
        let slot = ConnectionSlot::default();
        let (status, observed) = watch::channel(ConnectionStatus::Connecting);
        let wanted = Arc::new(Notify::new());
        let keeping = ConnectionTask {
            name: name.to_owned(),
            dial,
            prepare,
            slot: Arc::clone(&slot),
            status,
            wanted: Arc::clone(&wanted),
        };
        let mut keeper = JoinSet::new();
        keeper.spawn(keeping.run());
        Self {
            slot,
            status: observed,
            wanted,
            _keeper: keeper,
        }
    }

    /// How it is, and how it becomes.
    pub fn status(&self) -> watch::Receiver<ConnectionStatus<K>> {
        self.status.clone()
    }

    /// The connection, once it is this caller's turn; while one is being opened, that is waited for.
    pub async fn acquire(&self, deadline: Instant) -> Result<ConnectionGuard<K>, TargetUnreachable> {
        timeout_at(deadline, self.wait_for_lease())
            .await
            .unwrap_or_else(|_| {
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

    async fn wait_for_lease(&self) -> Result<ConnectionGuard<K>, TargetUnreachable> {
        let mut status = self.status.clone();
        if matches!(&*status.borrow_and_update(), ConnectionStatus::Down(_)) {
            // How it was is no answer: the server may be back since. The outcome of a fresh attempt is.
            self.wanted.notify_one();
            if status.changed().await.is_err() {
                return Err(unreachable("killgate is stopping"));
            }
        }
        loop {
            if let ConnectionStatus::Down(unreachable) = &*status.borrow_and_update() {
                return Err(unreachable.clone());
            }
            let mut place = Arc::clone(&self.slot).lock_owned().await;
            match place.take() {
                Some(furnished) if !furnished.live.is_closed() => {
                    return Ok(ConnectionGuard { place, furnished });
                }
                // Lost, or not yet open: the keeper will tell.
                _ => drop(place),
            }
            if status.changed().await.is_err() {
                return Err(unreachable("killgate is stopping"));
            }
        }
    }
}

impl<K> ConnectionGuard<K> {
    pub fn prepared(&self) -> &Arc<K> {
        &self.furnished.kit
    }

    pub fn connection(&mut self) -> &mut PostgresConnection {
        &mut self.furnished.live
    }

    /// Lets the next one have the connection. Nothing may be under way on it.
    pub fn release(self) {
        let Self { mut place, furnished } = self;
        *place = Some(furnished);
    }

    /// Runs one statement, and gives the connection back when it is certain that it is over.
    pub async fn run(
        self,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
        deadline: Instant,
    ) -> Result<StatementResult, StatementError> {
        let mut rows = Vec::new();
        let notices = self
            .run_and_read(statement, parameters, deadline, |row| rows.push(row))
            .await?;
        Ok(StatementResult { rows, notices })
    }

    /// The same, with each row read as soon as it is there: while the server is still at those that follow. Returns
    /// what the server said besides, in its order.
    pub async fn run_and_read(
        mut self,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
        deadline: Instant,
        mut read: impl FnMut(Row) + Send,
    ) -> Result<Vec<DbError>, StatementError> {
        // Whatever the server said on its own before now belongs to no statement.
        let _ = self.connection().notices();
        let client = self.connection().client();
        let reading = async {
            let rows = client.query_raw(statement, parameters.iter().copied()).await?;
            let mut rows = pin!(rows);
            while let Some(row) = rows.try_next().await? {
                read(row);
            }
            Ok::<_, tokio_postgres::Error>(())
        };
        match timeout_at(deadline, reading).await {
            Err(_) => Err(StatementError::Late),
            Ok(Ok(())) => {
                let notices = self.connection().notices();
                self.release();
                Ok(notices)
            }
            Ok(Err(error)) => match error.as_db_error() {
                Some(raised) if raised.parsed_severity() == Some(Severity::Error) => {
                    let raised = Box::new(raised.clone());
                    self.release();
                    Err(StatementError::Raised(raised))
                }
                // FATAL and PANIC end the session, and may come from anywhere within the statement.
                _ => Err(StatementError::Lost(error)),
            },
        }
    }
}

/// What keeps the connection.
struct ConnectionTask<P: ConnectionSetup> {
    name: String,
    dial: ConnectOptions,
    prepare: P,
    slot: ConnectionSlot<P::Prepared>,
    status: watch::Sender<ConnectionStatus<P::Prepared>>,
    wanted: Arc<Notify>,
}

impl<P: ConnectionSetup> ConnectionTask<P> {
    async fn run(self) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            match open(&self.dial, &self.prepare).await {
                Ok((furnished, ended)) => {
                    let since = Instant::now();
                    let kit = Arc::clone(&furnished.kit);
                    *self.slot.lock().await = Some(furnished);
                    self.status.send_replace(ConnectionStatus::Up(kit));
                    tracing::info!(target = self.name, "connected");
                    // It never carries a value: it is over when the connection is.
                    let _ = ended.await;
                    self.status.send_replace(ConnectionStatus::Connecting);
                    self.slot.lock().await.take();
                    tracing::warn!(target = self.name, "the connection was lost; opening another");
                    if since.elapsed() > LONGEST_PAUSE {
                        pause = SHORTEST_PAUSE;
                    }
                }
                Err(unreachable) => {
                    tracing::warn!(target = self.name, problem = unreachable.message, "not reachable");
                    self.status.send_replace(ConnectionStatus::Down(unreachable));
                }
            }
            // However many wait for it, the server is not knocked at more often than this.
            sleep(SHORTEST_PAUSE).await;
            tokio::select! {
                () = sleep(jittered(pause)) => pause = (pause * 2).min(LONGEST_PAUSE),
                () = self.wanted.notified() => {}
            }
        }
    }
}

async fn open<P: ConnectionSetup>(
    dial: &ConnectOptions,
    prepare: &P,
) -> Result<(ReadyConnection<P::Prepared>, ConnectionClosed), TargetUnreachable> {
    let opening = async {
        let (mut live, ended) = dial.connect().await?;
        let kit = Arc::new(prepare.prepare(&mut live).await?);
        Ok((ReadyConnection { live, kit }, ended))
    };
    match timeout(OPENING, opening).await {
        Ok(opened) => opened.map_err(|error: anyhow::Error| unreachable_because(error)),
        Err(_) => Err(unreachable("it did not answer in time")),
    }
}

/// Between half of `pause` and all of it, so that replicas do not knock in step.
fn jittered(pause: Duration) -> Duration {
    // The standard library seeds its hash maps at random, which is random enough to spread a pause.
    let random = RandomState::new().hash_one(()) % 1000;
    pause.mul_f64(0.5 + f64::from(u32::try_from(random).unwrap_or(0)) / 2000.0)
}
