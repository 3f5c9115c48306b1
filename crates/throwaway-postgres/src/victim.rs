//! A session to be signalled. Its client reports what happened to it.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Error, NoTls, error::SqlState};

use crate::cluster::{Cluster, connect};
use crate::eventually::{LIMIT, eventually};

/// A statement that catches every cancel and continues. Only a termination ends it.
pub const STUBBORN: &str = "do $$ begin loop begin perform pg_sleep(600); \
    exception when query_canceled then null; end; end loop; end $$";

/// Opens a session in a given state, and waits until the server shows that state.
#[derive(Clone, Debug)]
#[must_use]
pub struct SessionBuilder<'a> {
    cluster: &'a Cluster,
    user: String,
    database: String,
    application: String,
}

impl<'a> SessionBuilder<'a> {
    pub(crate) fn new(cluster: &'a Cluster, user: &str) -> Self {
        Self { cluster, user: user.to_owned(), database: "postgres".to_owned(), application: String::new() }
    }

    /// The database it connects to, instead of `postgres`.
    pub fn database(mut self, name: &str) -> Self {
        name.clone_into(&mut self.database);
        self
    }

    /// Its `application_name`.
    pub fn application(mut self, name: &str) -> Self {
        name.clone_into(&mut self.application);
        self
    }

    /// Idle.
    pub async fn idle(self) -> Result<Victim> {
        Victim::connect(self).await
    }

    /// Executing `statement`, which should take long. One that sleeps does so already.
    pub async fn running(self, statement: &str) -> Result<Victim> {
        let mut victim = Victim::connect(self).await?;
        victim.run(statement).await?;
        Ok(victim)
    }

    /// Idle in a transaction that has executed `statement` and holds its locks.
    pub async fn idle_in_transaction(self, statement: &str) -> Result<Victim> {
        let victim = Victim::connect(self).await?;
        victim.client.batch_execute(&format!("begin; {statement}")).await?;
        victim.seen("state = 'idle in transaction'").await?;
        Ok(victim)
    }

    /// Executing `statement` and waiting for a lock.
    pub async fn waiting(self, statement: &str) -> Result<Victim> {
        let mut victim = Victim::connect(self).await?;
        victim.run(statement).await?;
        victim.seen("wait_event_type = 'Lock'").await?;
        Ok(victim)
    }
}

/// An open session. Dropping it closes the connection.
#[derive(Debug)]
pub struct Victim {
    pid: i32,
    backend_start_us: i64,
    client: Arc<Client>,
    connection: Option<Task>,
    statement: Option<Task>,
    observer_url: String,
}

type Task = JoinHandle<Result<(), Error>>;

impl Victim {
    async fn connect(builder: SessionBuilder<'_>) -> Result<Self> {
        let SessionBuilder { cluster, user, database, application } = builder;
        cluster.role(&user).await?;
        let (client, connection) = tokio_postgres::Config::new()
            .host("127.0.0.1")
            .port(cluster.port())
            .user(user)
            .dbname(database)
            .application_name(application)
            .connect(NoTls)
            .await?;
        let connection = Some(tokio::spawn(connection));
        let own = "select pid, (extract(epoch from backend_start) * 1e6)::int8 \
                   from pg_stat_activity where pid = pg_backend_pid()";
        // Not prepared: the message that closes a prepared statement could reach a session that is just being terminated, and
        // the answer to that, a reset connection, hides PostgreSQL's own words.
        let rows = client.query_typed(own, &[]).await?;
        let row = rows.first().context("a session sees itself")?;
        Ok(Self {
            pid: row.get(0),
            backend_start_us: row.get(1),
            client: Arc::new(client),
            connection,
            statement: None,
            observer_url: cluster.url("postgres", "postgres"),
        })
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// When its backend started, in microseconds since 1970.
    pub fn backend_start_us(&self) -> i64 {
        self.backend_start_us
    }

    /// The session's own connection, to execute more.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Starts `statement`, and waits until the server shows it as active. The previous statement must have
    /// [`ended`](Self::ended).
    pub async fn run(&mut self, statement: &str) -> Result<()> {
        ensure!(self.statement.is_none(), "the session still executes a statement: await `ended` first");
        let client = Arc::clone(&self.client);
        let text = statement.to_owned();
        self.statement = Some(tokio::spawn(async move { client.batch_execute(&text).await }));
        // A block that catches cancels is active before it catches the first one.
        let sleeps = statement.contains("query_canceled");
        self.seen(if sleeps { "state = 'active' and wait_event = 'PgSleep'" } else { "state = 'active'" })
            .await
    }

    /// Waits for the end of the statement, or without one of the session, and returns the SQLSTATE that its client received:
    /// `QUERY_CANCELED` (the session continues), `ADMIN_SHUTDOWN` (it was terminated), `SUCCESSFUL_COMPLETION`, or another error.
    pub async fn ended(&mut self) -> Result<SqlState> {
        let pid = self.pid;
        let task = if self.statement.is_some() { &mut self.statement } else { &mut self.connection };
        let handle = task.as_mut().context("the end of the session was already awaited")?;
        let result =
            timeout(LIMIT, handle).await.with_context(|| format!("{pid} did not end within {LIMIT:?}"))??;
        *task = None;
        match result {
            Ok(()) => Ok(SqlState::SUCCESSFUL_COMPLETION),
            Err(error) => match error.code() {
                Some(code) => Ok(code.clone()),
                None => Err(error)
                    .with_context(|| format!("{pid} lost its connection without an error from the server")),
            },
        }
    }

    /// Whether the session still exists. Uses its own connection, or `pg_stat_activity` while it is busy.
    pub async fn still_alive(&self) -> Result<bool> {
        if self.statement.is_some() {
            return self.matches("true").await;
        }
        match timeout(LIMIT, self.client.simple_query("select")).await? {
            Ok(_) => Ok(true),
            // In a failed transaction this fails too, but the error comes from the living session.
            Err(error) => Ok(error.as_db_error().is_some_and(|answer| answer.severity() == "ERROR")),
        }
    }

    /// Waits until the session matches `condition`, which is SQL over the columns of `pg_stat_activity`.
    pub async fn seen(&self, condition: &str) -> Result<()> {
        let what = format!("session {} with {condition}", self.pid);
        let seen = eventually(&what, async || {
            if self.matches(condition).await? {
                return Ok(Some(true));
            }
            let has_ended = self.statement.as_ref().is_some_and(JoinHandle::is_finished);
            Ok(has_ended.then_some(false))
        });
        ensure!(seen.await?, "the statement ended before: {what}");
        Ok(())
    }

    /// Uses a short-lived connection, for tests that use up every slot.
    async fn matches(&self, condition: &str) -> Result<bool> {
        let observer = connect(&self.observer_url).await?;
        let query = format!(
            "select exists (select from pg_stat_activity \
             where pid = $1 and (extract(epoch from backend_start) * 1e6)::int8 = $2 and {condition})"
        );
        Ok(observer.query_one(&query, &[&self.pid, &self.backend_start_us]).await?.get(0))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        for task in [&self.statement, &self.connection].into_iter().flatten() {
            task.abort();
        }
    }
}
