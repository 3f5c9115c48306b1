//! Sessions that make trouble, each as one meets them at work.

use serde::{Deserialize, Serialize};
use throwaway_postgres::victim::STUBBORN;
use throwaway_postgres::{Cluster, Victim};

use crate::patient::Session;
use crate::shop::DATABASE;

/// Reads row by row, slowly, for hours.
const REPORT: &str = "select date_trunc('day', placed_at) as day, count(*), sum(amount), count(pg_sleep(0.5)) \
                      from orders where amount > 3 group by day";
/// Somebody's new prices, without the commit.
const NEW_PRICES: &str = "update products set price = round(price * 1.04, 2) where category = 'tea'";
/// Needs the table for itself for a moment; while it waits, everybody else waits behind it.
const MIGRATION: &str = "alter table products add column if not exists barcode text";
/// Protected by the configuration.
const PAYMENT: &str = "insert into payments (amount) values (12.50)";

const END_WHAT_IS_LEFT: &str =
    "select pg_terminate_backend(pid) from pg_stat_activity where usename::text = any($1)";

/// The kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// A transaction that somebody forgot to commit, a migration that waits for it, and the shop behind that.
    Queue,
    /// A report that runs for hours.
    Report,
    /// A payment in the middle of its transaction.
    Payment,
    /// An import that goes on when it is cancelled.
    Import,
}

impl Trouble {
    pub const ALL: [Self; 4] = [Self::Queue, Self::Report, Self::Payment, Self::Import];
    /// What there is when the demo starts.
    pub const AT_FIRST: [Self; 3] = [Self::Report, Self::Payment, Self::Queue];

    fn title(self) -> &'static str {
        match self {
            Self::Queue => "A forgotten transaction blocks the shop",
            Self::Report => "A report runs for hours",
            Self::Payment => "A payment hangs, and is protected",
            Self::Import => "An import shrugs off a cancel",
        }
    }

    /// Whose sessions they are; nobody else's are.
    fn users(self) -> &'static [&'static str] {
        match self {
            Self::Queue => &["pricing", "migrator"],
            Self::Report => &["reporting"],
            Self::Payment => &["payments"],
            Self::Import => &["importer"],
        }
    }

    /// The sessions; the first is the one that the others wait for.
    async fn make(self, cluster: &Cluster) -> anyhow::Result<Vec<Victim>> {
        let session = |user, application| cluster.victim(user).database(DATABASE).application(application);
        Ok(match self {
            Self::Queue => vec![
                session("pricing", "psql").idle_in_transaction(NEW_PRICES).await?,
                session("migrator", "deploy").waiting(MIGRATION).await?,
            ],
            Self::Report => vec![session("reporting", "monthly-report").running(REPORT).await?],
            Self::Payment => vec![
                session("payments", "card-terminal")
                    .idle_in_transaction(PAYMENT)
                    .await?,
            ],
            Self::Import => vec![session("importer", "price-import").running(STUBBORN).await?],
        })
    }
}

/// A kind of trouble, and whether it is there.
#[derive(Serialize)]
pub struct Known {
    trouble: Trouble,
    title: &'static str,
    /// The session that makes it, while that lives.
    pid: Option<i32>,
}

/// All troubles that were made. They are gone when this is dropped.
#[derive(Default)]
pub struct Troubles {
    made: Vec<(Trouble, Vec<Victim>)>,
}

impl Troubles {
    /// Makes a trouble, once more if it was made before. What is left of the earlier one is ended first.
    pub async fn make(&mut self, trouble: Trouble, cluster: &Cluster) -> anyhow::Result<()> {
        self.made.retain(|(made, _)| *made != trouble);
        let superuser = cluster.superuser().await?;
        superuser.execute(END_WHAT_IS_LEFT, &[&trouble.users()]).await?;
        self.made.push((trouble, trouble.make(cluster).await?));
        Ok(())
    }

    /// The sessions of a trouble that was made, the one to be ended first.
    pub fn pids(&self, trouble: Trouble) -> Vec<i32> {
        let made = self.made.iter().find(|(made, _)| *made == trouble);
        made.map(|(_, sessions)| sessions.iter().map(Victim::pid).collect())
            .unwrap_or_default()
    }

    /// The session to be ended; 0, which no session has, for a trouble that was not made.
    pub fn culprit(&self, trouble: Trouble) -> i32 {
        self.pids(trouble).first().copied().unwrap_or_default()
    }

    /// Every kind, and whether its culprit is among the sessions.
    pub fn known(&self, sessions: &[Session]) -> Vec<Known> {
        let lives = |pid: &i32| sessions.iter().any(|session| session.pid == *pid);
        let all = Trouble::ALL.into_iter();
        all.map(|trouble| Known {
            trouble,
            title: trouble.title(),
            pid: self.pids(trouble).first().copied().filter(lives),
        })
        .collect()
    }
}
