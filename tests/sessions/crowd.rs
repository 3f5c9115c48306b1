//! A large incident: a thousand sessions, of which two hundred wait for one.

use anyhow::Result;
use throwaway_postgres::{Client, Cluster, eventually};
use tokio::task::JoinSet;

use crate::environment::TestEnvBuilder;

const SESSIONS: usize = 1_000;
const WAITING: usize = 200;
/// How many connections are opened at the same time.
const BATCH_SIZE: usize = 20;

/// The sessions end when this is dropped.
pub struct Crowd {
    /// The pid of the session that all others wait for.
    pub blocker: i32,
    _sessions: Vec<Client>,
    _waiting: JoinSet<()>,
}

impl Crowd {
    /// What the server needs for it.
    pub fn settings(builder: TestEnvBuilder) -> TestEnvBuilder {
        builder
            .cluster_setting("max_connections", &(SESSIONS + 50).to_string())
            // During a deadlock check, a session does not appear as waiting for a moment.
            .cluster_setting("deadlock_timeout", "10min")
    }

    /// Opens the sessions as the role `app`, and waits until the queue has formed.
    pub async fn start(cluster: &Cluster) -> Result<Self> {
        cluster.role("app").await?;
        cluster
            .sql("create table orders (id int primary key, paid bool); insert into orders values (1); grant all on orders to app")
            .await?;
        let mut sessions = Vec::new();
        while sessions.len() < SESSIONS {
            let opening = (0..BATCH_SIZE).map(|_| cluster.connect("app", "postgres"));
            sessions.extend(futures_util::future::try_join_all(opening).await?);
        }
        let first = sessions.pop().expect("a session");
        first.batch_execute("begin; update orders set paid = true where id = 1").await?;
        let blocker = first.query_one("select pg_backend_pid()", &[]).await?.get(0);
        let mut waiting = JoinSet::new();
        for client in sessions.drain(..WAITING) {
            waiting.spawn(async move {
                // It fails when the server stops.
                let _ = client.batch_execute("update orders set paid = false where id = 1").await;
            });
        }
        let observer = cluster.superuser().await?;
        eventually("the queue", async || {
            let count = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";
            let queued: i64 = observer.query_one(count, &[]).await?.get(0);
            Ok((usize::try_from(queued)? == WAITING).then_some(()))
        })
        .await?;
        sessions.push(first);
        Ok(Self { blocker, _sessions: sessions, _waiting: waiting })
    }
}
