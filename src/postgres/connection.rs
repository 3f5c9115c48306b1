//! One connection to a PostgreSQL server, for targets and for a ledger alike.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::unreachable_because;
use super::hosts::{self, HostConfig, ServerKind, SessionAttributes};
use super::session_settings;
use super::tls::{TlsMode, TlsOptions};

/// The `application_name` of killgate's connections in `pg_stat_activity`.
pub const APPLICATION_NAME: &str = "killgate";

/// How long the only host may take, login included. Servers in trouble are slow.
const ONLY_HOST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long each of several may take, so that a dead one costs seconds.
const HOST_TIMEOUT: Duration = Duration::from_secs(3);

/// The capacity for notices of one statement. None of killgate's statements raises more.
const NOTICE_CAPACITY: usize = 64;

/// Reads the password. It is called for every connection, because passwords are rotated. Its error is a sentence for
/// people.
pub type PasswordProvider =
    Arc<dyn Fn() -> BoxFuture<'static, anyhow::Result<Option<SecretString>>> + Send + Sync>;

/// How to reach a server.
#[derive(Clone)]
pub struct ConnectOptions {
    /// Hosts, port, database and user. [`connect`](Self::connect) overrides password, TLS, keepalive and
    /// `application_name`. `connect_timeout` is the limit of each host, login included.
    pub config: Config,
    /// Which of several hosts to use.
    pub session_attributes: SessionAttributes,
    pub tls: TlsOptions,
    pub password: PasswordProvider,
    /// The server ends a statement after this time.
    pub statement_timeout: Duration,
    /// The server ends a statement that waits this long for a lock, for example on a system catalog.
    pub lock_timeout: Duration,
}

/// What is read for each connection. The files and programs that provide it may have changed since the last one.
struct Login {
    password: Option<SecretString>,
    /// `None` if no host is connected to with TLS.
    tls: Option<MakeRustlsConnect>,
}

/// An open connection. Dropping it closes the socket at once, even while a statement runs.
pub struct PostgresConnection {
    client: Client,
    /// The host that was reached, with the password that it accepted.
    host: HostConfig,
    /// How it is encrypted; `None`: not at all.
    tls: Option<MakeRustlsConnect>,
    /// The server's version, as it reported it at the login.
    version: u32,
    notices: mpsc::Receiver<DbError>,
    /// Drives the socket; a set of tasks is aborted when it is dropped.
    _driver: JoinSet<()>,
}

/// Completes, with an error, as soon as the connection is closed for any reason.
pub type ConnectionClosed = oneshot::Receiver<Infallible>;

impl ConnectOptions {
    /// The hosts and ports of the URL, for people.
    pub fn addresses(&self) -> String {
        let hosts = hosts::split(&self.config).into_iter().map(|host| host.address);
        hosts.collect::<Vec<_>>().join(", ")
    }

    /// Each host of the URL by itself, with its address for people, whatever kind of server it is.
    pub fn each_host(&self) -> Vec<(String, Self)> {
        let alone = |host: HostConfig| {
            let session_attributes = SessionAttributes::Any;
            (host.address, Self { config: host.config, session_attributes, ..self.clone() })
        };
        hosts::split(&self.config).into_iter().map(alone).collect()
    }

    /// Opens a connection to the first host of the URL that answers within its own limit, login included, and is of the
    /// wanted kind. Overrides the session settings that would change how statements run.
    pub async fn connect(&self) -> anyhow::Result<(PostgresConnection, ConnectionClosed)> {
        let hosts = hosts::split(&self.config);
        let login = self.read_login(&hosts).await?;
        let is_only = hosts.len() == 1;
        let default = if is_only { ONLY_HOST_TIMEOUT } else { HOST_TIMEOUT };
        let limit = self.config.get_connect_timeout().copied().unwrap_or(default);
        let mut failures = Vec::new();
        for host in hosts {
            let address = host.address.clone();
            let error = match timeout(limit, self.connect_to(host, &login)).await {
                Ok(Ok(opened)) => return Ok(opened),
                Ok(Err(error)) => error,
                Err(_) => io::Error::from(io::ErrorKind::TimedOut).into(),
            };
            if is_only {
                return Err(error);
            }
            failures.push(format!("{address}: {}", unreachable_because(error).message));
        }
        bail!("no host can be used: {}", failures.join("; "))
    }

    /// Opens another connection to the same host, with the same password and certificates, because providing them may take
    /// seconds.
    pub(super) async fn connect_again(
        &self,
        connection: &PostgresConnection,
    ) -> anyhow::Result<(PostgresConnection, ConnectionClosed)> {
        let (opened, closed) = self.open(connection.host.clone(), connection.tls.as_ref()).await?;
        self.prepare(&opened).await?;
        Ok((opened, closed))
    }

    async fn connect_to(
        &self,
        mut host: HostConfig,
        login: &Login,
    ) -> anyhow::Result<(PostgresConnection, ConnectionClosed)> {
        host.config
            .application_name(APPLICATION_NAME)
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3);
        if let Some(password) = &login.password {
            host.config.password(password.expose_secret());
        }
        let (opened, closed) = self.open(host, login.tls.as_ref()).await?;
        let Err(error) = self.prepare(&opened).await else { return Ok((opened, closed)) };
        if !session_settings::may_be_the_cause_of(&error) {
            return Err(error);
        }
        // A pooler rejects such parameters of the startup message, so they are sent only where they are needed.
        let mut host = opened.host.clone();
        let own = host.config.get_options().unwrap_or_default();
        let options = session_settings::startup_options(opened.version, self.statement_timeout);
        host.config.options(format!("{own} {options}"));
        drop(opened);
        let (opened, closed) = self.open(host, login.tls.as_ref()).await?;
        self.prepare(&opened).await?;
        Ok((opened, closed))
    }

    /// Not within the limit of a host: a file or a program may take seconds, and that is not the host's fault.
    async fn read_login(&self, hosts: &[HostConfig]) -> anyhow::Result<Login> {
        let password = (self.password)().await?;
        let uses_tls = self.tls.mode != TlsMode::Disable && hosts.iter().any(|host| !host.is_socket);
        let tls = if uses_tls { Some(self.tls.connector().await?) } else { None };
        Ok(Login { password, tls })
    }

    async fn open(
        &self,
        mut host: HostConfig,
        tls: Option<&MakeRustlsConnect>,
    ) -> anyhow::Result<(PostgresConnection, ConnectionClosed)> {
        let Some(tls) = tls.filter(|_| !host.is_socket) else {
            host.config.ssl_mode(SslMode::Disable);
            let (client, connection) = host.config.connect(NoTls).await?;
            return Ok(PostgresConnection::drive(client, connection, host, None));
        };
        host.config.ssl_mode(SslMode::Require);
        let (client, connection) = host.config.connect(tls.clone()).await?;
        Ok(PostgresConnection::drive(client, connection, host, Some(tls.clone())))
    }

    /// Checks that the server is of the wanted kind, and sets the session's settings.
    async fn prepare(&self, opened: &PostgresConnection) -> anyhow::Result<()> {
        if self.session_attributes != SessionAttributes::Any {
            let kind = opened.server_kind().await?;
            if let Some(mismatch) = self.session_attributes.mismatch(kind) {
                bail!("{mismatch}, and target_session_attrs is {}", self.session_attributes);
            }
        }
        let settings = session_settings::set_all(opened.version, self.statement_timeout, self.lock_timeout);
        opened.client.batch_execute(&settings).await.context("the session settings could not be applied")
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

    /// These are `SHOW` statements, which work under every setting.
    async fn server_kind(&self) -> Result<ServerKind, tokio_postgres::Error> {
        let show = async |name: &str| {
            let answer = self.client.simple_query(&format!("SHOW {name}")).await?;
            let rows = answer.iter().filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            Ok::<_, tokio_postgres::Error>(rows.into_iter().any(|value| value == "on"))
        };
        let is_read_only = show("default_transaction_read_only").await?;
        // 13 has no `in_hot_standby`; there `transaction_read_only` is on in recovery.
        let is_standby = if self.version >= 140_000 {
            show("in_hot_standby").await?
        } else {
            let row = self.client.simple_query("SET default_transaction_read_only = off").await.map(drop);
            row?;
            show("transaction_read_only").await?
        };
        Ok(ServerKind { is_standby, is_read_only })
    }

    fn drive<S, T>(
        client: Client,
        mut connection: Connection<S, T>,
        host: HostConfig,
        tls: Option<MakeRustlsConnect>,
    ) -> (Self, ConnectionClosed)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (notice, notices) = mpsc::channel(NOTICE_CAPACITY);
        let (ending, ended) = oneshot::channel::<Infallible>();
        let version = connection.parameter("server_version").map_or(0, session_settings::version_number);
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
        let connection = Self { client, host, tls, version, notices, _driver: driver };
        (connection, ended)
    }
}
