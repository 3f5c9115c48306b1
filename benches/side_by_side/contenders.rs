//! The contenders: each ends sessions, and is timed.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

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
    Warm(WarmConnection),
    Durable(WarmConnection, NamedTempFile),
    Bot(Box<Bot>),
}

/// An open connection with a prepared statement.
pub struct WarmConnection {
    client: Client,
    terminate: Statement,
}

impl WarmConnection {
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

/// From the decision to the end of the session.
pub struct EndTimes {
    pub dead: Duration,
    /// Until the result was posted, where there is one.
    pub told: Option<Duration>,
}

impl Contender {
    /// Ends a new session.
    pub async fn ends(&mut self, cluster: &Cluster) -> Result<EndTimes> {
        let victim = Victim::open(cluster).await?;
        let pid = victim.pid;
        sleep(PAUSE).await;
        let began = Instant::now();
        match self {
            Self::Psql(program) => {
                let statement = format!("select pg_terminate_backend({pid})");
                let database = cluster.url("peer", "postgres");
                let (done, died) = tokio::join!(psql::run(program, &database, &statement), victim.died());
                done?;
                Ok(EndTimes { dead: died? - began, told: None })
            }
            Self::Warm(warm) => {
                warm.ends(pid).await?;
                Ok(EndTimes { dead: victim.died().await? - began, told: None })
            }
            Self::Durable(warm, file) => {
                file.write_all(&RECORD)?;
                file.as_file().sync_data()?;
                warm.ends(pid).await?;
                Ok(EndTimes { dead: victim.died().await? - began, told: None })
            }
            Self::Bot(bot) => {
                let times = approved(bot, vec![victim]).await?;
                Ok(EndTimes { dead: times.dead, told: Some(times.told) })
            }
        }
    }
}

/// A bot's times for one request.
pub struct ApprovalTimes {
    /// When the approver clicked.
    pub clicked: SystemTime,
    /// From the command to the card.
    pub card: Duration,
    /// From the approval to the end of the last session.
    pub dead: Duration,
    /// From the approval to the result.
    pub told: Duration,
}

/// A request about these sessions, from the command to the result.
pub async fn approved(bot: &Bot, victims: Vec<Victim>) -> Result<ApprovalTimes> {
    let pids: Vec<_> = victims.iter().map(|victim| victim.pid).collect();
    let (card, card_took) = bot.card(&pids).await?;
    sleep(PAUSE).await;
    let clicked = SystemTime::now();
    let began = bot.guild.approves(&card);
    let all_died = async {
        let mut last = began;
        for victim in victims {
            last = last.max(victim.died().await?);
        }
        Ok::<_, anyhow::Error>(last)
    };
    let told = async {
        bot.guild.is_told(&card).await;
        Instant::now()
    };
    let (died, told) = tokio::join!(all_died, told);
    Ok(ApprovalTimes { clicked, card: card_took, dead: died? - began, told: told - began })
}
