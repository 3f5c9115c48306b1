//! Sessions that make trouble, each as one meets them at work.

use throwaway_postgres::{Cluster, Victim};

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

const END_WHAT_IS_LEFT: &str = "select pg_terminate_backend(pid) from pg_stat_activity \
                                where usename in ('reporting', 'pricing', 'migrator', 'payments')";

/// The troublemakers. They are gone when this is dropped.
pub struct Trouble {
    pub report: Victim,
    pub forgotten: Victim,
    pub migration: Victim,
    pub payment: Victim,
}

impl Trouble {
    /// A report that never ends, and a queue behind a transaction that somebody forgot to commit. What is left of an earlier trouble
    /// is ended first.
    pub async fn make(cluster: &Cluster) -> anyhow::Result<Self> {
        cluster.sql(END_WHAT_IS_LEFT).await?;
        let session = |user, application| cluster.victim(user).database(DATABASE).application(application);
        let report = session("reporting", "monthly-report").running(REPORT).await?;
        let payment = session("payments", "card-terminal")
            .idle_in_transaction(PAYMENT)
            .await?;
        let forgotten = session("pricing", "psql").idle_in_transaction(NEW_PRICES).await?;
        let migration = session("migrator", "deploy").waiting(MIGRATION).await?;
        Ok(Self {
            report,
            forgotten,
            migration,
            payment,
        })
    }
}
