//! A small shop with a healthy application, whose throughput tells how the database does.

use std::collections::VecDeque;
use std::pin::pin;
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
/// Three minutes of them: the fall is still there to be seen when the healing comes.
const LOOKS_KEPT: usize = 360;
/// Without an order for so long, the shop stands still.
const STILL_AFTER: Duration = Duration::from_millis(1_500);

const ORDER: &str = "with sold as (update products set stock = stock - 1 where id = $1 returning id, price) \
                     insert into orders (product, amount) select id, price from sold";

/// The application at work; it stops when this is dropped.
pub struct Shop {
    orders: Arc<AtomicU64>,
    seen: u64,
    /// Orders a second, by look.
    takings: VecDeque<u64>,
    /// What the customers were last told.
    told: bool,
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
            takings: VecDeque::with_capacity(LOOKS_KEPT),
            told: true,
            last_sale: Instant::now(),
            look,
            _tills: tills,
        })
    }

    /// Looks on until something else is done.
    pub async fn sells_during<T>(&mut self, done: impl Future<Output = T>) -> T {
        let mut done = pin!(done);
        loop {
            tokio::select! {
                done = &mut done => return done,
                _ = self.look() => {}
            }
        }
    }

    /// Waits until it is time for the next look; what it finds is told only where it is new.
    pub async fn look(&mut self) -> Option<News> {
        self.look.tick().await;
        let now = self.orders.load(Ordering::Relaxed);
        let sold = now - std::mem::replace(&mut self.seen, now);
        let before = self.takings.back().copied().unwrap_or_default();
        if self.takings.len() == LOOKS_KEPT {
            self.takings.pop_front();
        }
        self.takings.push_back(sold * LOOKS_A_SECOND);
        if sold > 0 {
            self.last_sale = Instant::now();
        }
        // The first look with orders in it saw only part of a good time.
        let counted = before > 0 || !self.sells();
        if self.sells() == self.told || !counted {
            return None;
        }
        self.told = self.sells();
        Some(if self.told {
            let orders_per_second = sold * LOOKS_A_SECOND;
            News::Sells { orders_per_second }
        } else {
            News::StandsStill
        })
    }

    pub fn sells(&self) -> bool {
        self.last_sale.elapsed() < STILL_AFTER
    }

    /// Orders a second of the last three minutes, oldest first.
    pub fn takings(&self) -> Vec<u64> {
        self.takings.iter().copied().collect()
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
