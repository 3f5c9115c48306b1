//! The sessions of the shop's database, from PostgreSQL.

use anyhow::Context;
use serde::Serialize;
use throwaway_postgres::{Client, Cluster};

use crate::shop::DATABASE;

/// `pg_stat_activity` and `pg_blocking_pids`: PostgreSQL's chapter "The Cumulative Statistics System" and its
/// section "System Information Functions". The duration is that of the running statement, or else of the current state.
const SESSIONS: &str = "select pid, coalesce(usename, ''), application_name, coalesce(state, ''), \
        coalesce(wait_event_type = 'Lock', false), \
        coalesce(extract(epoch from clock_timestamp() \
            - case state when 'active' then query_start else state_change end), 0)::float8, \
        pg_blocking_pids(pid) \
    from pg_stat_activity \
    where datname = $1 and backend_type = 'client backend' \
    order by backend_start, pid";

/// A session.
#[derive(Debug, Serialize)]
pub struct Session {
    pub pid: i32,
    user: String,
    application: String,
    state: String,
    waits: bool,
    seconds: f64,
    blocked_by: Vec<i32>,
}

/// Reads the sessions through its own connection, which is not in the shop's database.
pub struct Observer(Client);

impl Observer {
    pub async fn of(cluster: &Cluster) -> anyhow::Result<Self> {
        Ok(Self(cluster.superuser().await?))
    }

    pub async fn sessions(&self) -> anyhow::Result<Vec<Session>> {
        let rows = self.0.query(SESSIONS, &[&DATABASE]).await;
        let rows = rows.context("reading the sessions of the temporary PostgreSQL")?;
        let session = |row: &tokio_postgres::Row| Session {
            pid: row.get(0),
            user: row.get(1),
            application: row.get(2),
            state: row.get(3),
            waits: row.get(4),
            seconds: row.get(5),
            blocked_by: row.get(6),
        };
        Ok(rows.iter().map(session).collect())
    }
}
