//! The contenders: each ends sessions, and is timed.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use tempfile::NamedTempFile;
use throwaway_postgres::{Client, Cluster};
use tokio::time::sleep;
use tokio_postgres::Statement;

use crate::bots::Bot;
use crate::psql;
use crate::victim::Victim;

/// Between the preparations and what is measured.
const PAUSE: Duration = Duration::from_millis(20);
const TERMINATE: &str = "select pg_terminate_backend($1)";
/// As long as the two records of an approval are in the ledger.
const RECORD: [u8; 400] = [b'r'; 400];

/// A way to end sessions.
pub enum Contender {
    Psql(PathBuf),
    Warm(Warm),
    Durable(Warm, NamedTempFile),
    Bot(Box<Bot>),
}

/// An open connection with a prepared statement.
pub struct Warm {
    client: Client,
    terminate: Statement,
}

impl Warm {
    pub async fn open(cluster: &Cluster) -> Result<Self> {
        let client = cluster.connect("peer", "postgres").await?;
        let terminate = client.prepare(TERMINATE).await?;
        Ok(Self { client, terminate })
    }

    async fn ends(&self, pid: i32) -> Result<()> {
        self.client.query_one(&self.terminate, &[&pid]).await?;
        Ok(())
    }
}

impl Contender {
    /// The time from the decision until the session ended.
    pub async fn ends(&mut self, cluster: &Cluster) -> Result<Duration> {
        let victim = Victim::open(cluster).await?;
        let pid = victim.pid;
        match self {
            Self::Psql(program) => {
                sleep(PAUSE).await;
                let began = Instant::now();
                let statement = format!("select pg_terminate_backend({pid})");
                let database = cluster.url("peer", "postgres");
                let (done, died) = tokio::join!(psql::run(program, &database, &statement), victim.died());
                done?;
                Ok(died? - began)
            }
            Self::Warm(warm) => {
                sleep(PAUSE).await;
                let began = Instant::now();
                warm.ends(pid).await?;
                Ok(victim.died().await? - began)
            }
            Self::Durable(warm, file) => {
                sleep(PAUSE).await;
                let began = Instant::now();
                file.write_all(&RECORD)?;
                file.as_file().sync_data()?;
                warm.ends(pid).await?;
                Ok(victim.died().await? - began)
            }
            Self::Bot(bot) => Ok(approved(bot, victim).await?.dead),
        }
    }
}

/// A bot's times for one session.
pub struct Took {
    /// From the command to the card.
    pub card: Duration,
    /// From the approval to the end of the session.
    pub dead: Duration,
}

/// A request from the command to the result.
pub async fn approved(bot: &Bot, victim: Victim) -> Result<Took> {
    let (card, took) = bot.card(victim.pid).await?;
    sleep(PAUSE).await;
    let began = bot.guild.approves(&card);
    let died = victim.died().await?;
    bot.guild.is_told(&card).await;
    Ok(Took { card: took, dead: died - began })
}
