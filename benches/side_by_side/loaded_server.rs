//! A PostgreSQL server and the sessions on it.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use throwaway_postgres::{Client, Cluster, eventually};
use tokio_postgres::Statement;

use crate::bots::Bot;

/// How many connections are opened at the same time.
const AT_ONCE: usize = 20;
/// Further connections: for bots, victims and the benchmark.
const OTHERS: usize = 100;
/// A bot's rights: list and signal all sessions.
const RIGHTS: &str = "grant pg_signal_backend, pg_read_all_stats to";

/// Sessions of an application, of ten one running a query, one idle in a transaction, eight idle.
pub struct LoadedServer {
    pub cluster: Cluster,
    sessions: Vec<Arc<Client>>,
    busy: usize,
}

/// What PostgreSQL tells of those that wait: for whom.
const WAITERS: &str =
    "select pg_blocking_pids(pid) from pg_stat_get_activity(null) where wait_event_type = 'Lock'";

/// A warm connection with the statement by which killgate lists sessions, and one about those that wait.
pub struct ListingStatement {
    client: Client,
    listing: Statement,
    waiters: Statement,
}

impl LoadedServer {
    /// A server for at most this many sessions, without any yet.
    pub async fn with_room_for(most: usize) -> Result<Self> {
        let cluster = Cluster::builder()
            .setting("max_connections", &(most + OTHERS).to_string())
            .setting("track_activity_query_size", "16384")
            .start()
            .await?;
        cluster.role("app").await?;
        cluster.bot().await?;
        cluster.role("peer").await?;
        cluster
            .sql(&format!(
                "{RIGHTS} peer; create table orders (id int primary key, paid bool); \
                 insert into orders select generate_series(1, 10); grant all on orders to app"
            ))
            .await?;
        Ok(Self { cluster, sessions: Vec::new(), busy: 0 })
    }

    /// The pids of all its sessions.
    pub async fn pids(&self) -> Result<Vec<i32>> {
        let observer = self.cluster.superuser().await?;
        let all = "select pid from pg_stat_activity where usename = 'app'";
        let rows = observer.query(all, &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The pid of an idle session.
    pub async fn idle_pid(&self) -> Result<i32> {
        let idle = self.sessions.last().context("somebody is there")?;
        Ok(idle.query_one("select pg_backend_pid()", &[]).await?.get(0))
    }

    /// Opens sessions up to this number.
    pub async fn grow_to(&mut self, sessions: usize) -> Result<()> {
        while self.sessions.len() < sessions {
            let missing = (sessions - self.sessions.len()).min(AT_ONCE);
            let opening = (0..missing).map(|_| self.cluster.connect("app", "postgres"));
            for client in try_join_all(opening).await? {
                let client = Arc::new(client);
                let query = "select paid from orders where id = 7";
                match self.sessions.len() % 10 {
                    0 => client.batch_execute(&format!("begin; {query}")).await?,
                    1 => {
                        self.busy += 1;
                        keep_busy(&client, "select pg_sleep(86400), 'a report of last month'");
                    }
                    _ => client.batch_execute(query).await?,
                }
                self.sessions.push(client);
            }
        }
        let busy = i64::try_from(self.busy)?;
        self.seen("wait_event = 'PgSleep'", busy).await
    }

    /// Makes this many sessions wait for one row.
    pub async fn queue(&mut self, waiting: usize) -> Result<()> {
        let places = self.idle_places(waiting + 1);
        let (first, rest) = places.split_first().context("somebody idle")?;
        self.sessions[*first].batch_execute("begin; update orders set paid = true where id = 1").await?;
        for place in rest {
            keep_busy(&self.sessions[*place], "update orders set paid = false where id = 1");
        }
        self.seen("wait_event_type = 'Lock'", i64::try_from(waiting)?).await
    }

    /// A connection of the role that killgate is, with the very statement by which it lists sessions, as the server's log
    /// tells it once `bot` has answered `/sessions`.
    pub async fn bare(&self, bot: &Bot) -> Result<ListingStatement> {
        self.log_statements(true).await?;
        // The change of the configuration reaches a session some time later.
        let listing = eventually("the server's log has the statement that lists sessions", async || {
            bot.asks("/sessions").await?;
            Ok(listing_in(&self.cluster.server_log()?))
        })
        .await?;
        self.log_statements(false).await?;
        let client = self.cluster.connect("killgate", "postgres").await?;
        let (listing, waiters) = (client.prepare(&listing).await?, client.prepare(WAITERS).await?);
        Ok(ListingStatement { client, listing, waiters })
    }

    /// Has the server log every statement, or no more; how many it has logged of bots so far.
    pub async fn log_statements(&self, on: bool) -> Result<usize> {
        let wanted = if on { "all" } else { "none" };
        let client = self.cluster.superuser().await?;
        // One by one: a change of the configuration cannot be part of a transaction.
        client.batch_execute(&format!("alter system set log_statement = '{wanted}'")).await?;
        client.batch_execute("select pg_reload_conf()").await?;
        let log = self.cluster.server_log()?;
        let is_a_bots = |line: &&str| {
            ["killgate@", "peer@"].iter().any(|role| line.contains(role))
                && ["LOG:  statement:", "LOG:  execute"].iter().any(|kind| line.contains(kind))
        };
        Ok(log.lines().filter(is_a_bots).count())
    }

    fn idle_places(&self, count: usize) -> Vec<usize> {
        let all = 0..self.sessions.len();
        all.filter(|place| place % 10 > 1).take(count).collect()
    }

    async fn seen(&self, condition: &str, count: i64) -> Result<()> {
        let observer = self.cluster.superuser().await?;
        let query = format!("select count(*) from pg_stat_activity where usename = 'app' and {condition}");
        eventually(&format!("{count} sessions with {condition}"), async || {
            let seen: i64 = observer.query_one(&query, &[]).await?.get(0);
            Ok((seen == count).then_some(()))
        })
        .await
    }
}

fn keep_busy(client: &Arc<Client>, statement: &'static str) {
    let client = Arc::clone(client);
    // It ends with the server.
    tokio::spawn(async move { client.batch_execute(statement).await });
}

impl ListingStatement {
    /// Lists all sessions, until the last row is read.
    pub async fn list(&self) -> Result<()> {
        self.client.query(&self.listing, &[]).await?;
        Ok(())
    }

    /// Asks of everybody who waits for whom they wait.
    pub async fn ask_waiters(&self) -> Result<()> {
        self.client.query(&self.waiters, &[]).await?;
        Ok(())
    }
}

/// The statement that killgate executed last to list sessions.
fn listing_in(log: &str) -> Option<String> {
    let mut executed = log.rsplit("LOG:  execute ").filter_map(|entry| entry.split_once(": "));
    let (_, listing) = executed.find(|(_, statement)| statement.contains("pg_stat_get_activity(NULL)"))?;
    // All lines of an entry but the first begin with a tab.
    let more = listing.match_indices('\n').find(|(at, _)| !listing[at + 1..].starts_with('\t'));
    more.map(|(end, _)| listing[..end].to_owned())
}
