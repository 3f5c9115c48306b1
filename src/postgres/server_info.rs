//! What is read from a server when a connection is opened: its version and the role's privileges.

use std::collections::BTreeMap;
use std::fmt;

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::connection::{ConnectOptions, PostgresConnection};
use super::error::format_notice;
use super::raw_text::RawText;
use super::version::ServerVersion;
use super::{guard, pooler, sql};
use crate::domain::identity::Pid;

/// Why nothing is signalled through a pooler, and what to do about it.
pub const POOLED: &str = "a connection pooler in transaction mode answers there, so statements do not stay on one backend: \
     name the server itself in the url, or let the pooler use session mode for killgate";

/// A server, and what the role may do on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct ServerInfo {
    pub version: ServerVersion,
    /// The role that killgate is logged in as.
    pub role: String,
    /// Whether the role is a superuser, which it should not be.
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
    pub(super) function: u32,
    pub(super) owner: u32,
    /// Whether the role may use its schema and execute it.
    pub is_granted: bool,
    /// Why it is not the guard that the script installs, in words. Nothing is signalled through it then.
    pub faults: Vec<String>,
}

/// The encodings of databases by their oids, where they differ from that of killgate's own.
pub(super) type Encodings = BTreeMap<u32, String>;

/// What can change on a connection: how the role may signal, and which databases there are.
pub(super) struct SignalRights {
    pub(super) may_signal: bool,
    pub(super) guard: Option<GuardFunction>,
    pub(super) encodings: Encodings,
}

impl SignalRights {
    pub(super) fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
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

/// Reads it from the server of a new connection.
pub async fn query(
    connection: &mut PostgresConnection,
    options: &ConnectOptions,
) -> anyhow::Result<ServerInfo> {
    let is_pooled = pooler::is_pooled(options, connection).await?;
    read_server_info(connection, is_pooled).await
}

pub(super) async fn read_server_info(
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
