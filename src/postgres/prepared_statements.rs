//! The statements prepared on a target's connection, and their renewal when the role's rights change.

use std::pin::pin;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use futures_util::TryStreamExt;
use futures_util::future::join;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::connection::{ConnectOptions, PostgresConnection};
use super::connection_manager::{ConnectionGuard, ConnectionSetup, StatementError};
use super::error::{unreachable, unreachable_because};
use super::server_info::{self, Encodings, ServerInfo, SignalRight, SignalRights};
use super::{guard, lock_waits, signal, sql};
use crate::workflow::ports::TargetUnreachable;

/// The errors of a statement that did not get a lock: in time, or because the lock table is full.
const LOCK_ERRORS: [SqlState; 2] = [SqlState::LOCK_NOT_AVAILABLE, SqlState::OUT_OF_MEMORY];

/// A target's statements, prepared once per connection so that each takes one round trip.
pub(super) struct PreparedStatements {
    pub(super) server_info: ServerInfo,
    pub(super) listing: Statement,
    pub(super) look_up: Statement,
    pub(super) progress: Statement,
    pub(super) find_sessions: Statement,
    pub(super) lock_waits: Statement,
    rights: Statement,
    /// Takes locks in reserve, after a statement that freed them. `None` behind a pooler, which would send it to another backend.
    pub(super) reserve: Option<Statement>,
    /// `None` when the role may not signal.
    pub(super) signal: Option<Statement>,
}

/// Reads and publishes the [`ServerInfo`], then prepares the statements.
#[derive(Clone)]
pub(super) struct TargetSetup {
    /// For the second connection, which shows whether there is a pooler.
    pub(super) options: ConnectOptions,
    pub(super) server_info: watch::Sender<Option<ServerInfo>>,
}

#[async_trait]
impl ConnectionSetup for TargetSetup {
    type Prepared = PreparedStatements;

    async fn prepare(&self, connection: &mut PostgresConnection) -> anyhow::Result<PreparedStatements> {
        let server_info = server_info::query(connection, &self.options).await?;
        self.server_info.send_replace(Some(server_info.clone()));
        prepare_statements(connection, server_info).await
    }
}

impl TargetSetup {
    /// Runs a statement and, in the same round trip, asks again how the role may signal. Prepares the statements anew if
    /// that has changed.
    pub(super) async fn run_and_renew_rights(
        &self,
        mut guard: ConnectionGuard<PreparedStatements>,
        (statement, parameters): (&Statement, &[&(dyn ToSql + Sync)]),
        deadline: Instant,
        mut read: impl FnMut(&Row, &Encodings) + Send,
    ) -> Result<ConnectionGuard<PreparedStatements>, TargetUnreachable> {
        let prepared = Arc::clone(guard.prepared());
        let known = &prepared.server_info;
        let client = guard.connection().client();
        let body = guard::body();
        let all = async {
            let body: [&(dyn ToSql + Sync); 1] = [&body];
            let rights = client.query_one(&prepared.rights, &body);
            let (rights, rows) = join(rights, client.query_raw(statement, parameters.iter().copied())).await;
            let rights = rights.and_then(|row| SignalRights::from_row(&row));
            let encodings = rights.as_ref().map_or(&known.encodings, |rights| &rights.encodings);
            // Each row is read as it arrives, while the server still computes the next ones.
            let rows = async {
                let mut rows = pin!(rows?);
                while let Some(row) = rows.try_next().await? {
                    read(&row, encodings);
                }
                Ok(())
            };
            let rows = prepared.keep_reserve(client, rows).await;
            match rights {
                // If somebody's lock blocks only the query for the rights, the known rights stay valid.
                Err(error) if error.code().is_some_and(|code| LOCK_ERRORS.contains(code)) => {
                    rows.map(|()| None)
                }
                rights => rows.and(rights).map(Some),
            }
        };
        let rights = match timeout_at(deadline, all).await {
            Ok(Ok(rights)) => rights,
            failed => {
                let failed = failed.map(|answer| answer.map(drop));
                return Err(match guard.conclude(failed) {
                    Err(StatementError::Late) | Ok(()) => unreachable("it did not answer in time"),
                    Err(error) => unreachable_because(error),
                });
            }
        };
        let Some(rights) = rights else {
            tracing::warn!(
                "how the role may signal could not be read: the system catalog is locked, or no more locks are free"
            );
            return Ok(guard);
        };
        if rights.may_signal == known.may_signal
            && rights.guard == known.guard
            && rights.encodings == known.encodings
        {
            return Ok(guard);
        }
        let is_pooled = known.is_pooled;
        let renewing = async {
            let server_info = server_info::read_server_info(guard.connection(), is_pooled).await?;
            self.server_info.send_replace(Some(server_info.clone()));
            prepare_statements(guard.connection(), server_info).await
        };
        let renewed = timeout_at(deadline, renewing)
            .await
            .map_err(|_| unreachable("it did not answer in time"))?
            .map_err(unreachable_because)?;
        tracing::info!(right = %renewed.server_info.signal_right, "the role's right to signal or the databases have changed");
        guard.replace_prepared(renewed);
        Ok(guard)
    }
}

/// Prepares every statement that this server and role need.
async fn prepare_statements(
    connection: &PostgresConnection,
    server_info: ServerInfo,
) -> anyhow::Result<PreparedStatements> {
    let client = connection.client();
    client.batch_execute(sql::PLANNING).await.context("the session settings could not be applied")?;
    let prepare =
        async |sql: &str, what| client.prepare(sql).await.with_context(|| format!("preparing the {what}"));
    let signal = match (server_info.signal_right, &server_info.guard) {
        (SignalRight::Guard, Some(guard)) => Some(sql::signal_through_guard(guard.function, guard.owner)),
        (SignalRight::Direct, _) => Some(sql::signal_directly()),
        (SignalRight::Guard | SignalRight::Nothing, _) => None,
    };
    let signal = match signal {
        Some(sql) => Some(prepare(&sql, "signalling statement").await?),
        None => None,
    };
    let version = server_info.version;
    let rights = match &server_info.guard {
        Some(_) => sql::signal_rights(),
        None => sql::signal_rights_without_guard(),
    };
    let reserve = if server_info.is_pooled {
        None
    } else {
        Some(prepare(&sql::keep_locks_in_reserve(), "reserve of locks").await?)
    };
    let prepared = PreparedStatements {
        server_info,
        lock_waits: prepare(&lock_waits::sql(version.has_lock_wait_start()), "query for locks").await?,
        listing: prepare(&sql::listing(), "listing").await?,
        look_up: prepare(&sql::look_up(), "query for some sessions").await?,
        progress: prepare(&sql::progress(version.reports_copy()), "query for progress").await?,
        find_sessions: prepare(&sql::find_sessions(), "query for one session").await?,
        rights: prepare(&rights, "query for the right to signal").await?,
        reserve,
        signal,
    };
    warm_up(client, &prepared).await;
    Ok(prepared)
}

impl PreparedStatements {
    /// Runs a statement that frees the locks in reserve, and takes them again. Without them everything works until somebody
    /// takes all other locks, so it does not matter why they cannot be taken.
    pub(super) async fn keep_reserve<T>(&self, client: &Client, running: impl Future<Output = T>) -> T {
        let keeping = async {
            if let Some(reserve) = &self.reserve {
                let _ = client.query(reserve, &[]).await;
            }
        };
        join(running, keeping).await.0
    }
}

/// Runs each statement once with no effect, so that the server has planned it and read its catalog. Otherwise the first
/// approval or list on a connection would wait milliseconds for that. The most urgent ones come first.
async fn warm_up(client: &Client, prepared: &PreparedStatements) {
    let (nobody, body) = (None::<&[i32]>, guard::body());
    let all: [(&Statement, &[&(dyn ToSql + Sync)]); 6] = [
        (&prepared.find_sessions, &[&nobody]),
        (&prepared.look_up, &[&nobody]),
        (&prepared.rights, &[&body]),
        (&prepared.listing, &[]),
        (&prepared.progress, &[]),
        (&prepared.lock_waits, &[&nobody, &nobody]),
    ];
    if let Some(statement) = &prepared.signal {
        note_failure(signal::warm_up(client, statement).await);
    }
    for (statement, parameters) in all {
        note_failure(client.query(statement, parameters).await);
    }
    note_failure(client.batch_execute(sql::NAMES).await);
    prepared.keep_reserve(client, async {}).await;
}

/// A statement that could not be warmed up runs again when it is needed, and then reports its error.
fn note_failure<T>(warmed: Result<T, tokio_postgres::Error>) {
    if let Err(error) = warmed {
        tracing::debug!(error = &error as &dyn std::error::Error, "a statement could not be warmed up");
    }
}

/// Prepares every statement, as when a target connects.
pub async fn try_statements(connection: &PostgresConnection, server_info: &ServerInfo) -> anyhow::Result<()> {
    prepare_statements(connection, server_info.clone()).await.map(drop)
}
