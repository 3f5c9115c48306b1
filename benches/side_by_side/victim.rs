//! A session to be terminated, whose own connection reports its end.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use throwaway_postgres::{Client, Cluster, SqlState};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Error, NoTls};

use crate::guild::LIMIT;

/// Idle in a transaction that it began, as most of those are that are terminated.
pub struct Victim {
    pub pid: i32,
    end: JoinHandle<(Instant, Result<(), Error>)>,
    _client: Client,
}

impl Victim {
    pub async fn open(cluster: &Cluster) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(&cluster.url("app", "postgres"), NoTls).await?;
        let end = tokio::spawn(async move {
            let end = connection.await;
            // Taken by who read it from the socket, before anybody else is told.
            (Instant::now(), end)
        });
        let pid = client.query_one("select pg_backend_pid()", &[]).await?.get(0);
        client.batch_execute("begin; update orders set paid = true where id = 0").await?;
        Ok(Self { pid, end, _client: client })
    }

    /// The time of its end.
    pub async fn died(self) -> Result<Instant> {
        let ended = timeout(LIMIT, self.end).await;
        let (at, end) = ended.with_context(|| format!("{} still lives", self.pid))??;
        let code = end.err().and_then(|error| error.code().cloned());
        ensure!(code == Some(SqlState::ADMIN_SHUTDOWN), "{} was not terminated: {code:?}", self.pid);
        Ok(at)
    }
}
