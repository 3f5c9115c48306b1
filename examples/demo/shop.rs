//! A small shop with a healthy application, whose throughput tells how the database does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use killgate::postgres::guard::guard_sql;
use throwaway_postgres::{BOT, Client, Cluster};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep};

pub const DATABASE: &str = "shop";
/// Connections of the application.
const TILLS: u64 = 6;
/// What a customer takes to decide; keeps the machine quiet.
const BETWEEN_ORDERS: Duration = Duration::from_millis(40);
const RECONNECT: Duration = Duration::from_millis(500);
const LOOKS_A_SECOND: u64 = 2;
/// Without an order for so long, the shop stands still.
const STILL_AFTER: Duration = Duration::from_millis(1_500);

const ORDER: &str = "with sold as (update products set stock = stock - 1 where id = $1 returning id, price) \
                     insert into orders (product, amount) select id, price from sold";

/// The application at work; it stops when this is dropped.
pub struct Shop {
    orders: Arc<AtomicU64>,
    seen: u64,
    sells: bool,
    last_sale: Instant,
    look: Interval,
    _tills: JoinSet<()>,
}

/// What changed for the customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    StandsStill,
    Sells { orders_per_second: u64 },
}

/// Makes the shop's database, and killgate's guard in it.
pub async fn furnish(cluster: &Cluster) -> anyhow::Result<()> {
    cluster.sql(&format!("create database {DATABASE}")).await?;
    let database = cluster.connect("postgres", DATABASE).await?;
    database.batch_execute(include_str!("shop.sql")).await?;
    database
        .batch_execute(&guard_sql(BOT))
        .await
        .context("killgate's guard")
}

impl Shop {
    /// Opens the shop, and returns after its first sale.
    pub async fn open(cluster: &Cluster) -> anyhow::Result<Self> {
        let url = format!(
            "{}?application_name=web-checkout",
            cluster.url("checkout", DATABASE)
        );
        let orders = Arc::new(AtomicU64::new(0));
        let mut tills = JoinSet::new();
        for till in 0..TILLS {
            tills.spawn(sell(url.clone(), till, Arc::clone(&orders)));
        }
        let mut look = interval(Duration::from_millis(1_000 / LOOKS_A_SECOND));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        throwaway_postgres::eventually("the shop's first sale", async || {
            Ok((orders.load(Ordering::Relaxed) > 0).then_some(()))
        })
        .await?;
        Ok(Self {
            orders,
            seen: 0,
            sells: true,
            last_sale: Instant::now(),
            look,
            _tills: tills,
        })
    }

    /// Waits until the shop stops selling, or sells again.
    pub async fn news(&mut self) -> News {
        loop {
            if self.sold().await > 0 {
                self.last_sale = Instant::now();
            }
            let sells = self.last_sale.elapsed() < STILL_AFTER;
            if sells != self.sells {
                self.sells = sells;
                return if sells {
                    // The look before saw only part of a good time.
                    let orders_per_second = self.sold().await * LOOKS_A_SECOND;
                    News::Sells { orders_per_second }
                } else {
                    News::StandsStill
                };
            }
        }
    }

    /// How many orders there were since the look before.
    async fn sold(&mut self) -> u64 {
        self.look.tick().await;
        let now = self.orders.load(Ordering::Relaxed);
        now - std::mem::replace(&mut self.seen, now)
    }
}

/// Sells one product after the other. A lost connection is opened again, as an application's pool does.
async fn sell(url: String, till: u64, orders: Arc<AtomicU64>) {
    loop {
        if let Ok(client) = throwaway_postgres::connect(&url).await {
            while order(&client, till, &orders).await.is_ok() {
                sleep(BETWEEN_ORDERS).await;
            }
        }
        sleep(RECONNECT).await;
    }
}

async fn order(client: &Client, till: u64, orders: &AtomicU64) -> anyhow::Result<()> {
    // Any spread over the products will do.
    let sold = orders.load(Ordering::Relaxed);
    let product = i32::try_from((sold * 7 + till * 331) % 2_000)? + 1;
    client.execute(ORDER, &[&product]).await?;
    orders.fetch_add(1, Ordering::Relaxed);
    Ok(())
}
