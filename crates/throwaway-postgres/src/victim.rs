//! A session to be acted upon, which is its own witness: what its client was told is what happened.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Error, NoTls, error::SqlState};

use crate::cluster::{Cluster, connect};
use crate::eventually::{LIMIT, eventually};

/// A statement that no cancel ends: it catches the cancellation and goes on. A termination ends it.
pub const STUBBORN: &str = "do $$ begin loop begin perform pg_sleep(600); \
    exception when query_canceled then null; end; end loop; end $$";

/// A session that is not open yet; one of the verbs opens it and puts it in a state, seen by the server.
#[derive(Clone, Debug)]
#[must_use]
pub struct Newcomer<'a> {
    cluster: &'a Cluster,
    user: String,
    database: String,
    application: String,
}

impl<'a> Newcomer<'a> {
    pub(crate) fn new(cluster: &'a Cluster, user: &str) -> Self {
        Self {
            cluster,
            user: user.to_owned(),
            database: "postgres".to_owned(),
            application: String::new(),
        }
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

    /// Connected, with nothing to do.
    pub async fn idle(self) -> Result<Victim> {
        Victim::connect(self).await
    }

    /// Executing `statement`, which had better take long.
    pub async fn running(self, statement: &str) -> Result<Victim> {
        let mut victim = Victim::connect(self).await?;
        victim.run(statement).await?;
        Ok(victim)
    }

    /// With a transaction open in which `statement` was executed, holding the locks it took.
    pub async fn idle_in_transaction(self, statement: &str) -> Result<Victim> {
        let victim = Victim::connect(self).await?;
        victim
            .client
            .batch_execute(&format!("begin; {statement}"))
            .await?;
        victim.seen("state = 'idle in transaction'").await?;
        Ok(victim)
    }

    /// Executing `statement` and waiting for a lock that somebody else holds.
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
    async fn connect(newcomer: Newcomer<'_>) -> Result<Self> {
        let Newcomer {
            cluster,
            user,
            database,
            application,
        } = newcomer;
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
        let row = client.query_one(own, &[]).await?;
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

    /// Its own connection, to make it do more.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Starts `statement`, and waits until the server is seen executing it. The one before must have
    /// [`ended`](Self::ended).
    pub async fn run(&mut self, statement: &str) -> Result<()> {
        ensure!(
            self.statement.is_none(),
            "the session still executes a statement whose end nobody awaited"
        );
        let client = Arc::clone(&self.client);
        let text = statement.to_owned();
        self.statement = Some(tokio::spawn(async move { client.batch_execute(&text).await }));
        self.seen("state = 'active'").await
    }

    /// How its statement, or else the session, ended, as its own client was told: `QUERY_CANCELED` (the
    /// session lives on), `ADMIN_SHUTDOWN` (it was terminated), `SUCCESSFUL_COMPLETION`, or another error's.
    pub async fn ended(&mut self) -> Result<SqlState> {
        let pid = self.pid;
        let task = if self.statement.is_some() {
            &mut self.statement
        } else {
            &mut self.connection
        };
        let handle = task.as_mut().context("the session's end was awaited already")?;
        let result = timeout(LIMIT, handle)
            .await
            .with_context(|| format!("{pid} did not end within {LIMIT:?}"))??;
        *task = None;
        match result {
            Ok(()) => Ok(SqlState::SUCCESSFUL_COMPLETION),
            Err(error) => match error.code() {
                Some(code) => Ok(code.clone()),
                None => Err(error).with_context(|| format!("{pid} lost its connection and was not told why")),
            },
        }
    }

    /// Whether the session goes on: asked of itself, or of the server while it is busy.
    pub async fn still_alive(&self) -> Result<bool> {
        if self.statement.is_some() {
            return self.matches("true").await;
        }
        match timeout(LIMIT, self.client.simple_query("select")).await? {
            Ok(_) => Ok(true),
            // In a failed transaction even this fails, but somebody had to say so.
            Err(error) => Ok(error
                .as_db_error()
                .is_some_and(|answer| answer.severity() == "ERROR")),
        }
    }

    /// Waits until the server shows the session so; `condition` is SQL over `pg_stat_activity`'s columns.
    pub async fn seen(&self, condition: &str) -> Result<()> {
        let what = format!("session {} with {condition}", self.pid);
        eventually(&what, async || {
            if self.matches(condition).await? {
                return Ok(Some(()));
            }
            if self.statement.as_ref().is_some_and(JoinHandle::is_finished) {
                bail!("the statement ended before there was a {what}");
            }
            Ok(None)
        })
        .await
    }

    /// Observed through a connection that is open no longer than needed, for tests that use up every slot.
    async fn matches(&self, condition: &str) -> Result<bool> {
        let observer = connect(&self.observer_url).await?;
        let query = format!(
            "select exists (select from pg_stat_activity \
             where pid = $1 and (extract(epoch from backend_start) * 1e6)::int8 = $2 and {condition})"
        );
        Ok(observer
            .query_one(&query, &[&self.pid, &self.backend_start_us])
            .await?
            .get(0))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        for task in [&self.statement, &self.connection].into_iter().flatten() {
            task.abort();
        }
    }
}
