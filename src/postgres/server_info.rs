//! What is read from a server when a connection is opened: its version, the role's privileges, and the statements
//! prepared on it.

use std::fmt;

use anyhow::Context;
use async_trait::async_trait;
use tokio::sync::watch;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement};

use super::connection::PostgresConnection;
use super::connection_manager::ConnectionSetup;
use super::error::format_notice;
use super::version::ServerVersion;
use super::{signal, sql};
use crate::domain::identity::Pid;

/// A server, and what the role may do on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    pub version: ServerVersion,
    /// The role that killgate is logged in as.
    pub role: String,
    /// It should not be one.
    pub is_superuser: bool,
    /// Whether it sees other users' sessions (`pg_read_all_stats`).
    pub sees_all_sessions: bool,
    pub signal_right: SignalRight,
    /// Set by `initdb`. 0 when the role may not execute `pg_control_system()`; servers are then distinguished by
    /// their postmaster's start time alone.
    pub system_identifier: u64,
    /// The server's message about pid 0, which is never a backend.
    pid_0_message: Option<String>,
}

/// How the role may signal backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalRight {
    /// Through `killgate.signal_backend` alone.
    Guard,
    /// As a member of `pg_signal_backend`.
    Direct,
    /// Not at all.
    Nothing,
}

/// A target's statements, prepared once per connection so that each takes one round trip.
pub(super) struct PreparedStatements {
    pub(super) server_info: ServerInfo,
    pub(super) listing: Statement,
    pub(super) find_session: Statement,
    /// `None` when the role may not signal.
    pub(super) signal: Option<Statement>,
}

/// Reads and publishes the [`ServerInfo`], then prepares the statements.
pub(super) struct TargetSetup {
    pub(super) server_info: watch::Sender<Option<ServerInfo>>,
}

#[async_trait]
impl ConnectionSetup for TargetSetup {
    type Prepared = PreparedStatements;

    async fn prepare(&self, connection: &mut PostgresConnection) -> anyhow::Result<PreparedStatements> {
        let server_info = query(connection).await?;
        self.server_info.send_replace(Some(server_info.clone()));
        let client = connection.client();
        client
            .batch_execute(sql::PLAN_ONCE)
            .await
            .context("the session settings could not be applied")?;
        let signal = match server_info.signal_right {
            SignalRight::Guard => Some(sql::signal_through_guard()),
            SignalRight::Direct => Some(sql::signal_directly()),
            SignalRight::Nothing => None,
        };
        let signal = match signal {
            Some(sql) => Some(
                client
                    .prepare(&sql)
                    .await
                    .context("preparing the signalling statement")?,
            ),
            None => None,
        };
        let prepared = PreparedStatements {
            server_info,
            listing: client
                .prepare(&sql::listing())
                .await
                .context("preparing the listing")?,
            find_session: client
                .prepare(&sql::find_session())
                .await
                .context("preparing the query for one session")?,
            signal,
        };
        warm_up(client, &prepared).await;
        Ok(prepared)
    }
}

/// Runs the urgent statements once with no effect, so that the server has planned them and read its catalog. Otherwise
/// the first approval on a connection would wait milliseconds for that.
async fn warm_up(client: &Client, prepared: &PreparedStatements) {
    let found = client.query(&prepared.find_session, &[&None::<i32>]).await;
    let signalled = match &prepared.signal {
        Some(statement) => signal::warm_up(client, statement).await,
        None => Ok(()),
    };
    if let Err(error) = found.map(drop).and(signalled) {
        // The statement runs again when it is needed, and then reports its error.
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a statement could not be warmed up"
        );
    }
}

impl ServerInfo {
    /// This server's own message about a pid that is not one of its backends.
    pub fn no_such_pid_message(&self, pid: Pid) -> Option<String> {
        // The pid is the only number in the message in every language of `lc_messages`.
        self.pid_0_message
            .as_ref()
            .map(|message| message.replacen('0', &pid.to_string(), 1))
    }
}

/// Prepares every statement, as when a target connects.
pub async fn try_statements(connection: &mut PostgresConnection) -> anyhow::Result<()> {
    let server_info = watch::Sender::new(None);
    TargetSetup { server_info }.prepare(connection).await.map(drop)
}

/// Reads it from the server of a new connection.
pub async fn query(connection: &mut PostgresConnection) -> anyhow::Result<ServerInfo> {
    let row = connection.client().query_one(sql::SERVER_INFO, &[]).await?;
    let signal_right = if row.try_get("guard")? {
        SignalRight::Guard
    } else if row.try_get("may_signal")? {
        SignalRight::Direct
    } else {
        SignalRight::Nothing
    };
    Ok(ServerInfo {
        version: ServerVersion(row.try_get("version")?),
        role: row.try_get("role")?,
        is_superuser: row.try_get("superuser")?,
        sees_all_sessions: row.try_get("sees_all")?,
        signal_right,
        system_identifier: system_identifier(connection).await?,
        pid_0_message: read_pid_0_message(connection).await?,
    })
}

async fn system_identifier(connection: &PostgresConnection) -> Result<u64, tokio_postgres::Error> {
    let answer = connection
        .client()
        .query_one(
            "SELECT system_identifier FROM pg_catalog.pg_control_system()",
            &[],
        )
        .await;
    match answer {
        // It is unsigned, and PostgreSQL returns it as an int8.
        Ok(row) => Ok(row.try_get::<_, i64>(0)?.cast_unsigned()),
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Ok(0),
        Err(error) => Err(error),
    }
}

/// This signals nothing: PostgreSQL finds no backend with pid 0 (`BackendPidGetProc`), raises the warning that it raises
/// for any such pid, and returns `false`.
async fn read_pid_0_message(
    connection: &mut PostgresConnection,
) -> Result<Option<String>, tokio_postgres::Error> {
    let _ = connection.notices();
    match connection
        .client()
        .query_one("SELECT pg_catalog.pg_cancel_backend(0)", &[])
        .await
    {
        Ok(_) => Ok(connection.notices().first().map(format_notice)),
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Ok(None),
        Err(error) => Err(error),
    }
}

impl fmt::Display for SignalRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Guard => "guard",
            Self::Direct => "direct",
            Self::Nothing => "not at all",
        })
    }
}
