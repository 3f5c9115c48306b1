//! Sessions that cause typical problems.

use serde::{Deserialize, Serialize};
use throwaway_postgres::victim::STUBBORN;
use throwaway_postgres::{Cluster, Victim};

use crate::database::Session;
use crate::shop::DATABASE;

/// Reads slowly, row by row, for hours.
const REPORT: &str = "select date_trunc('day', placed_at) as day, count(*), sum(amount), count(pg_sleep(0.5)) \
                      from orders where amount > 3 group by day";
/// A price update that is not committed.
const NEW_PRICES: &str = "update products set price = round(price * 1.04, 2) where category = 'tea'";
/// Needs an exclusive lock on the table. While it waits, all later queries wait too.
const MIGRATION: &str = "alter table products add column if not exists barcode text";
/// Rows of which no other session of the pool changes any.
const STOCK: &str = "update products set stock = stock where id % 20 = ";
const POOL: i32 = 20;
/// Protected by the configuration.
const PAYMENT: &str = "insert into payments (amount) values (12.50)";

const END_REMAINING_SESSIONS: &str =
    "select pg_terminate_backend(pid) from pg_stat_activity where usename::text = any($1)";

/// The kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// A forgotten transaction, a migration that waits for it, and the shop that waits for the migration.
    Queue,
    /// A report that runs for hours.
    Report,
    /// A payment in the middle of its transaction.
    Payment,
    /// An import that ignores a cancel.
    Import,
    /// The connections of a pool, each of which keeps its transaction open and blocks a part of the shop.
    Pool,
}

impl Trouble {
    pub const ALL: [Self; 5] = [Self::Queue, Self::Report, Self::Payment, Self::Import, Self::Pool];
    /// The trouble at the start of the demo.
    pub const INITIAL: [Self; 3] = [Self::Report, Self::Payment, Self::Queue];

    fn title(self) -> &'static str {
        match self {
            Self::Queue => "A forgotten transaction blocks the shop",
            Self::Report => "A report runs for hours",
            Self::Payment => "A payment hangs, and is protected",
            Self::Import => "An import ignores a cancel",
            Self::Pool => "A deploy leaves twenty sessions stuck",
        }
    }

    /// The roles of its sessions, which nothing else uses.
    fn users(self) -> &'static [&'static str] {
        match self {
            Self::Queue => &["pricing", "migrator"],
            Self::Report => &["reporting"],
            Self::Payment => &["payments"],
            Self::Import => &["importer"],
            Self::Pool => &["inventory"],
        }
    }

    /// What ends it, where one look does not show it. Commands and buttons are between backticks.
    fn way_out(self) -> &'static str {
        match self {
            Self::Queue | Self::Report | Self::Payment | Self::Import => "",
            Self::Pool => {
                ". One request ends them all: as `@ana`, send `/sessions view:idle-in-transaction application:stock-sync`, \
                 then click `Ask for all 20`"
            }
        }
    }

    /// Another trouble whose locks this one would wait for.
    fn rival(self) -> Option<Self> {
        match self {
            Self::Queue => Some(Self::Pool),
            Self::Pool => Some(Self::Queue),
            Self::Report | Self::Payment | Self::Import => None,
        }
    }

    /// Opens the sessions. Of a queue, the others wait for the first.
    async fn open_sessions(self, cluster: &Cluster) -> anyhow::Result<Vec<Victim>> {
        let session = |user, application| cluster.victim(user).database(DATABASE).application(application);
        Ok(match self {
            Self::Queue => vec![
                session("pricing", "psql").idle_in_transaction(NEW_PRICES).await?,
                session("migrator", "deploy").waiting(MIGRATION).await?,
            ],
            Self::Report => vec![session("reporting", "monthly-report").running(REPORT).await?],
            Self::Payment => vec![session("payments", "card-terminal").idle_in_transaction(PAYMENT).await?],
            Self::Import => vec![session("importer", "price-import").running(STUBBORN).await?],
            Self::Pool => {
                let mut pool = Vec::new();
                for part in 0..POOL {
                    let stuck = session("inventory", "stock-sync");
                    pool.push(stuck.idle_in_transaction(&format!("{STOCK}{part}")).await?);
                }
                pool
            }
        })
    }
}

/// The state of a kind of trouble.
#[derive(Serialize)]
pub struct TroubleState {
    trouble: Trouble,
    title: &'static str,
    was_started: bool,
    /// The sessions that cause it, while they exist.
    pids: Vec<i32>,
    way_out: &'static str,
}

/// All trouble that was started. Dropping it ends the sessions.
#[derive(Default)]
pub struct Troubles {
    started: Vec<(Trouble, Vec<Victim>)>,
}

impl Troubles {
    /// Starts a trouble. First ends what remains of an earlier one, and of its rival.
    pub async fn start(&mut self, trouble: Trouble, cluster: &Cluster) -> anyhow::Result<()> {
        self.started.retain(|(started, _)| *started != trouble);
        let superuser = cluster.superuser().await?;
        for ended in [Some(trouble), trouble.rival()].into_iter().flatten() {
            superuser.execute(END_REMAINING_SESSIONS, &[&ended.users()]).await?;
        }
        self.started.push((trouble, trouble.open_sessions(cluster).await?));
        Ok(())
    }

    /// The sessions of a trouble, the one to end first.
    pub fn pids(&self, trouble: Trouble) -> Vec<i32> {
        let started = self.started.iter().find(|(started, _)| *started == trouble);
        started.map(|(_, sessions)| sessions.iter().map(Victim::pid).collect()).unwrap_or_default()
    }

    /// The session to end. 0, which is not a pid, if the trouble was not started.
    pub fn root_blocker(&self, trouble: Trouble) -> i32 {
        self.pids(trouble).first().copied().unwrap_or_default()
    }

    /// The state of every kind of trouble.
    pub fn states(&self, sessions: &[Session]) -> Vec<TroubleState> {
        let exists = |pid: &i32| sessions.iter().any(|session| session.pid == *pid);
        let state = |trouble| {
            let mut pids = self.pids(trouble);
            let was_started = !pids.is_empty();
            if trouble != Trouble::Pool {
                pids.truncate(1);
            }
            pids.retain(exists);
            TroubleState { trouble, title: trouble.title(), was_started, pids, way_out: trouble.way_out() }
        };
        Trouble::ALL.map(state).into()
    }
}
