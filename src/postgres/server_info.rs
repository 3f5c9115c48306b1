//! What is read from a server when a connection is opened: its version, the role's privileges, and the statements
//! prepared on it.

use std::collections::BTreeMap;
use std::fmt;
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
use super::error::{format_notice, unreachable, unreachable_because};
use super::raw_text::RawText;
use super::version::ServerVersion;
use super::{guard, lock_waits, pooler, signal, sql};
use crate::domain::identity::Pid;
use crate::workflow::ports::TargetUnreachable;

/// Why nothing is signalled through a pooler, and what to do about it.
pub const POOLED: &str = "a connection pooler in transaction mode answers there, so statements do not stay on one backend: \
     name the server itself in the url, or let the pooler use session mode for killgate";

/// The errors of a statement that did not get a lock: in time, or because the lock table is full.
const LOCK_ERRORS: [SqlState; 2] = [SqlState::LOCK_NOT_AVAILABLE, SqlState::OUT_OF_MEMORY];

/// A server, and what the role may do on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct ServerInfo {
    pub version: ServerVersion,
    /// The role that killgate is logged in as.
    pub role: String,
    /// It should not be one.
    pub is_superuser: bool,
    /// Whether it sees other users' sessions (`pg_read_all_stats`).
    pub sees_all_sessions: bool,
    pub signal_right: SignalRight,
    pub is_standby: bool,
    /// How many sessions it accepts of users who are no superusers. A change needs a restart.
    pub connection_slots: Option<usize>,
    /// Whether a connection pooler in transaction mode is in front of it. Nothing is signalled through one.
    pub is_pooled: bool,
    /// Whether the role is itself a member of `pg_signal_backend`.
    pub may_signal: bool,
    /// The function `killgate.signal_backend`, if there is one.
    pub guard: Option<GuardFunction>,
    pub(super) encodings: Encodings,
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

/// A function `killgate.signal_backend`, which may be the guard or resemble it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardFunction {
    function: u32,
    owner: u32,
    /// Whether the role may use its schema and execute it.
    pub is_granted: bool,
    /// Why it is not the guard that the script installs, in words. Nothing is signalled through it then.
    pub faults: Vec<String>,
}

/// The encodings of databases by their oids, where they differ from that of killgate's own.
pub(super) type Encodings = BTreeMap<u32, String>;

/// What can change on a connection: how the role may signal, and which databases there are.
struct SignalRights {
    may_signal: bool,
    guard: Option<GuardFunction>,
    encodings: Encodings,
}

/// A target's statements, prepared once per connection so that each takes one round trip.
pub(super) struct PreparedStatements {
    pub(super) server_info: ServerInfo,
    pub(super) listing: Statement,
    pub(super) look_up: Statement,
    pub(super) progress: Statement,
    pub(super) find_sessions: Statement,
    pub(super) lock_waits: Statement,
    rights: Statement,
    reserve: Statement,
    /// `None` when the role may not signal.
    pub(super) signal: Option<Statement>,
}

/// Reads and publishes the [`ServerInfo`], then prepares the statements.
#[derive(Clone)]
pub(super) struct TargetSetup {
    /// For the second connection that tells a pooler.
    pub(super) options: ConnectOptions,
    pub(super) server_info: watch::Sender<Option<ServerInfo>>,
}

#[async_trait]
impl ConnectionSetup for TargetSetup {
    type Prepared = PreparedStatements;

    async fn prepare(&self, connection: &mut PostgresConnection) -> anyhow::Result<PreparedStatements> {
        let server_info = query(connection, &self.options).await?;
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
                // Somebody's locks hold up the query for the rights alone: those that are known hold.
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
            let server_info = read_server_info(guard.connection(), is_pooled).await?;
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

impl SignalRights {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let function: Option<u32> = row.try_get("function")?;
        let guard = match function {
            None => None,
            Some(function) => {
                let fits: bool = row.try_get("fits")?;
                let faults: Vec<RawText> = row.try_get("faults")?;
                Some(GuardFunction {
                    function,
                    owner: row.try_get("owner")?,
                    is_granted: row.try_get("is_granted")?,
                    faults: if fits {
                        faults.into_iter().map(|fault| fault.decode(None)).collect()
                    } else {
                        vec!["its function takes other arguments: it is of another version".to_owned()]
                    },
                })
            }
        };
        let encodings: Vec<&str> = row.try_get("encodings")?;
        let encodings = encodings.into_iter().filter_map(|encoding| encoding.split_once(' '));
        let encodings = encodings.filter_map(|(oid, name)| Some((oid.parse().ok()?, name.to_owned())));
        Ok(Self { may_signal: row.try_get("may_signal")?, guard, encodings: encodings.collect() })
    }

    fn signal_right(&self) -> SignalRight {
        match &self.guard {
            Some(guard) if guard.is_granted && guard.faults.is_empty() => SignalRight::Guard,
            _ if self.may_signal => SignalRight::Direct,
            _ => SignalRight::Nothing,
        }
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
    let prepared = PreparedStatements {
        server_info,
        lock_waits: prepare(&lock_waits::sql(version.has_lock_wait_start()), "query for locks").await?,
        listing: prepare(&sql::listing(), "listing").await?,
        look_up: prepare(&sql::look_up(), "query for some sessions").await?,
        progress: prepare(&sql::progress(version.reports_copy()), "query for progress").await?,
        find_sessions: prepare(&sql::find_sessions(), "query for one session").await?,
        rights: prepare(&rights, "query for the right to signal").await?,
        reserve: prepare(&sql::keep_locks_in_reserve(), "reserve of locks").await?,
        signal,
    };
    warm_up(client, &prepared).await;
    Ok(prepared)
}

impl PreparedStatements {
    /// Runs a statement that frees the locks in reserve, and takes them again. Without them everything works until somebody
    /// takes all other locks, so it does not matter why they cannot be taken.
    pub(super) async fn keep_reserve<T>(&self, client: &Client, running: impl Future<Output = T>) -> T {
        join(running, client.query(&self.reserve, &[])).await.0
    }
}

/// Runs each statement once with no effect, so that the server has planned it and read its catalog. Otherwise the first
/// approval or list on a connection would wait milliseconds for that. The most urgent ones come first.
async fn warm_up(client: &Client, prepared: &PreparedStatements) {
    let (nobody, body) = (None::<&[i32]>, guard::body());
    let all: [(&Statement, &[&(dyn ToSql + Sync)]); 7] = [
        (&prepared.find_sessions, &[&nobody]),
        (&prepared.look_up, &[&nobody]),
        (&prepared.rights, &[&body]),
        (&prepared.listing, &[]),
        (&prepared.progress, &[]),
        (&prepared.lock_waits, &[&nobody, &nobody]),
        (&prepared.reserve, &[]),
    ];
    let warmed = async {
        if let Some(statement) = &prepared.signal {
            signal::warm_up(client, statement).await?;
        }
        for (statement, parameters) in all {
            client.query(statement, parameters).await?;
        }
        client.batch_execute(sql::NAMES).await?;
        Ok::<_, tokio_postgres::Error>(())
    };
    if let Err(error) = warmed.await {
        // The statement runs again when it is needed, and then reports its error.
        tracing::debug!(error = &error as &dyn std::error::Error, "a statement could not be warmed up");
    }
}

impl ServerInfo {
    /// Why the role may not signal, and what to do about it.
    pub(super) fn signal_obstacle(&self) -> String {
        let role = &self.role;
        if self.is_pooled {
            return POOLED.to_owned();
        }
        match &self.guard {
            None => format!(
                "the role {role} may not signal here: install the guard (killgate guard-sql), or GRANT pg_signal_backend TO {role}"
            ),
            Some(guard) => format!(
                "the role {role} may signal only through the guard, which is not used: {}. Run killgate check",
                guard.why_unusable()
            ),
        }
    }

    /// This server's own message about a pid that is not one of its backends.
    pub fn no_such_pid_message(&self, pid: Pid) -> Option<String> {
        // The pid is the only number in the message in every language of `lc_messages`.
        self.pid_0_message.as_ref().map(|message| message.replacen('0', &pid.to_string(), 1))
    }
}

impl GuardFunction {
    /// Why the role cannot use it.
    pub fn why_unusable(&self) -> String {
        if self.faults.is_empty() && !self.is_granted {
            return "killgate.signal_backend was installed for another role, and this one may not execute it"
                .to_owned();
        }
        self.faults.join("; ")
    }
}

/// Prepares every statement, as when a target connects.
pub async fn try_statements(connection: &PostgresConnection, server_info: &ServerInfo) -> anyhow::Result<()> {
    prepare_statements(connection, server_info.clone()).await.map(drop)
}

/// Reads it from the server of a new connection.
pub async fn query(
    connection: &mut PostgresConnection,
    options: &ConnectOptions,
) -> anyhow::Result<ServerInfo> {
    let is_pooled = pooler::is_pooled(options, connection).await?;
    read_server_info(connection, is_pooled).await
}

async fn read_server_info(
    connection: &mut PostgresConnection,
    is_pooled: bool,
) -> anyhow::Result<ServerInfo> {
    let row = connection.client().query_one(sql::SERVER_INFO, &[]).await?;
    let role: RawText = row.try_get("role")?;
    let rights = connection.client().query_one(&sql::signal_rights(), &[&guard::body()]).await?;
    let rights = SignalRights::from_row(&rights)?;
    Ok(ServerInfo {
        version: ServerVersion(row.try_get("version")?),
        role: role.decode(None),
        is_superuser: row.try_get("superuser")?,
        sees_all_sessions: row.try_get("sees_all")?,
        is_standby: row.try_get("is_standby")?,
        connection_slots: usize::try_from(row.try_get::<_, i32>("connection_slots")?).ok(),
        is_pooled,
        signal_right: if is_pooled { SignalRight::Nothing } else { rights.signal_right() },
        may_signal: rights.may_signal,
        guard: rights.guard,
        encodings: rights.encodings,
        system_identifier: system_identifier(connection).await?,
        pid_0_message: read_pid_0_message(connection).await?,
    })
}

async fn system_identifier(connection: &PostgresConnection) -> Result<u64, tokio_postgres::Error> {
    let answer = connection
        .client()
        .query_one("SELECT system_identifier FROM pg_catalog.pg_control_system()", &[])
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
    match connection.client().query_one("SELECT pg_catalog.pg_cancel_backend(0)", &[]).await {
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
