//! What is found out about a server and one's rights on it when a connection is opened, and the statements
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

/// What a server is, and what may be done on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    pub version: ServerVersion,
    /// The role that killgate is there.
    pub role: String,
    /// Whether that role is a superuser, which it should not be.
    pub is_superuser: bool,
    /// Whether it sees other users' sessions (`pg_read_all_stats`).
    pub sees_all_sessions: bool,
    pub signal_right: SignalRight,
    /// Made by `initdb`; 0 where the role may not execute `pg_control_system()`, so that servers are told
    /// apart by their postmaster's start alone.
    pub system_identifier: u64,
    /// What this server says of pid 0, which is never a backend.
    disclaimer: Option<String>,
}

/// How the role may signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalRight {
    /// Through `killgate.signal_backend` alone.
    Guard,
    /// As a member of `pg_signal_backend`.
    Direct,
    /// Not at all.
    Nothing,
}

/// A target's statements, prepared once a connection so that each is one round trip.
pub(super) struct PreparedStatements {
    pub(super) server_info: ServerInfo,
    pub(super) listing: Statement,
    pub(super) find_session: Statement,
    /// `None` without a right to signal.
    pub(super) signal: Option<Statement>,
}

/// Finds out and tells, then prepares.
pub(super) struct TargetSetup {
    pub(super) finding: watch::Sender<Option<ServerInfo>>,
}

#[async_trait]
impl ConnectionSetup for TargetSetup {
    type Prepared = PreparedStatements;

    async fn prepare(&self, live: &mut PostgresConnection) -> anyhow::Result<PreparedStatements> {
        let findings = query(live).await?;
        self.finding.send_replace(Some(findings.clone()));
        let client = live.client();
        client
            .batch_execute(sql::PLAN_ONCE)
            .await
            .context("the session's settings were not taken")?;
        let signal = match findings.signal_right {
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
        let kit = PreparedStatements {
            server_info: findings,
            listing: client
                .prepare(&sql::listing())
                .await
                .context("preparing the listing")?,
            find_session: client
                .prepare(&sql::look())
                .await
                .context("preparing the look at one session")?,
            signal,
        };
        warm_up(client, &kit).await;
        Ok(kit)
    }
}

/// Runs what is urgent later once on nothing, so that the server has planned it and read its catalogue by then: the
/// first approval on a connection would wait milliseconds for that.
async fn warm_up(client: &Client, kit: &PreparedStatements) {
    let looked = client.query(&kit.find_session, &[&None::<i32>]).await;
    let signalled = match &kit.signal {
        Some(statement) => signal::warm_up(client, statement).await,
        None => Ok(()),
    };
    if let Err(error) = looked.map(drop).and(signalled) {
        // It is tried again when it matters, and then people are told.
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a statement could not be rehearsed"
        );
    }
}

impl ServerInfo {
    /// What this server says of a pid that is not one of its backends, in its own words.
    pub fn no_such_pid_message(&self, pid: Pid) -> Option<String> {
        // The pid is the only number in it, whatever language `lc_messages` asks for.
        self.disclaimer
            .as_ref()
            .map(|words| words.replacen('0', &pid.to_string(), 1))
    }
}

/// Prepares every statement, as for a kept connection.
pub async fn try_statements(live: &mut PostgresConnection) -> anyhow::Result<()> {
    let finding = watch::Sender::new(None);
    TargetSetup { finding }.prepare(live).await.map(drop)
}

/// Asks the server at the other end of a fresh connection.
pub async fn query(live: &mut PostgresConnection) -> anyhow::Result<ServerInfo> {
    let row = live.client().query_one(sql::FINDINGS, &[]).await?;
    let right = if row.try_get("guard")? {
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
        signal_right: right,
        system_identifier: system_identifier(live).await?,
        disclaimer: read_no_such_pid_message(live).await?,
    })
}

async fn system_identifier(live: &PostgresConnection) -> Result<u64, tokio_postgres::Error> {
    let asked = live
        .client()
        .query_one(
            "SELECT system_identifier FROM pg_catalog.pg_control_system()",
            &[],
        )
        .await;
    match asked {
        // It is unsigned, and PostgreSQL hands it out as an int8.
        Ok(row) => Ok(row.try_get::<_, i64>(0)?.cast_unsigned()),
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Nothing can be signalled so: PostgreSQL finds no backend with pid 0 (`BackendPidGetProc`), says what it
/// says of any such pid, and answers `false`.
async fn read_no_such_pid_message(
    live: &mut PostgresConnection,
) -> Result<Option<String>, tokio_postgres::Error> {
    let _ = live.notices();
    match live
        .client()
        .query_one("SELECT pg_catalog.pg_cancel_backend(0)", &[])
        .await
    {
        Ok(_) => Ok(live.notices().first().map(format_notice)),
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
