//! One connection to a PostgreSQL server, for targets and for a ledger alike.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};

use super::tls::{TlsMode, TlsOptions};

/// The `application_name` of killgate's connections in `pg_stat_activity`.
pub const APPLICATION_NAME: &str = "killgate";

/// The capacity for notices of one statement. None of killgate's statements raises more.
const NOTICE_CAPACITY: usize = 64;

/// Reads the password. It is called for every connection, because passwords are rotated. Its error is a sentence for
/// people.
pub type PasswordProvider = Arc<dyn Fn() -> anyhow::Result<Option<SecretString>> + Send + Sync>;

/// How to reach a server.
#[derive(Clone)]
pub struct ConnectOptions {
    /// Hosts, port, database and user. [`connect`](Self::connect) overrides password, TLS, keepalive and
    /// `application_name`.
    pub config: Config,
    pub tls: TlsOptions,
    pub password: PasswordProvider,
    /// The server ends a statement after this time.
    pub statement_timeout: Duration,
    /// The server ends a statement that waits this long for a lock, for example on a system catalog.
    pub lock_timeout: Duration,
}

/// An open connection. Dropping it closes the socket at once, even while a statement runs.
pub struct PostgresConnection {
    client: Client,
    notices: mpsc::Receiver<DbError>,
    /// Drives the socket; a set of tasks is aborted when it is dropped.
    _driver: JoinSet<()>,
}

/// Completes, with an error, as soon as the connection is closed for any reason.
pub type ConnectionClosed = oneshot::Receiver<Infallible>;

impl ConnectOptions {
    /// Opens a connection and overrides the session settings that would change how statements run. `work_mem` is a limit:
    /// with less, megabytes of query text would go to a temporary file, for which there can be a limit too.
    pub async fn connect(&self) -> anyhow::Result<(PostgresConnection, ConnectionClosed)> {
        let mut config = self.config.clone();
        config
            .application_name(APPLICATION_NAME)
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3);
        if let Some(password) = (self.password)()? {
            config.password(password.expose_secret());
        }
        let opened = if self.is_plain() {
            config.ssl_mode(SslMode::Disable);
            let (client, connection) = config.connect(NoTls).await?;
            PostgresConnection::drive(client, connection)
        } else {
            config.ssl_mode(SslMode::Require);
            let (client, connection) = config.connect(self.tls.connector()?).await?;
            PostgresConnection::drive(client, connection)
        };
        let settings = format!(
            "SET search_path = pg_catalog; SET statement_timeout = {}; SET lock_timeout = {}; \
             SET idle_in_transaction_session_timeout = 0; SET client_min_messages = notice; \
             SET work_mem = '1GB'",
            self.statement_timeout.as_millis(),
            self.lock_timeout.as_millis(),
        );
        opened
            .0
            .client
            .batch_execute(&settings)
            .await
            .context("the session settings could not be applied")?;
        Ok(opened)
    }

    /// PostgreSQL offers no TLS on a Unix socket.
    fn is_plain(&self) -> bool {
        let hosts = self.config.get_hosts();
        let sockets = !hosts.is_empty() && !hosts.iter().any(|host| matches!(host, Host::Tcp(_)));
        self.tls.mode == TlsMode::Disable || sockets
    }
}

impl PostgresConnection {
    /// Run one statement at a time: [`notices`](Self::notices) cannot tell which statement raised them.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// For transactions.
    pub fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// The notices received since the last call.
    pub fn notices(&mut self) -> Vec<DbError> {
        std::iter::from_fn(|| self.notices.try_recv().ok()).collect()
    }

    /// Whether it is known to be closed: a statement would not reach the socket.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    fn drive<S, T>(client: Client, mut connection: Connection<S, T>) -> (Self, ConnectionClosed)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (notice, notices) = mpsc::channel(NOTICE_CAPACITY);
        let (ending, ended) = oneshot::channel::<Infallible>();
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            let _ending = ending;
            loop {
                match poll_fn(|context| connection.poll_message(context)).await {
                    // A notice arrives before the end of the statement that raised it. When the channel is full it
                    // is dropped, so that the connection never blocks.
                    Some(Ok(AsyncMessage::Notice(raised))) => drop(notice.try_send(raised)),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        tracing::debug!(error = &error as &dyn std::error::Error, "a connection failed");
                        return;
                    }
                    None => return,
                }
            }
        });
        let connection = Self { client, notices, _driver: driver };
        (connection, ended)
    }
}
