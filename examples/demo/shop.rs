//! A small shop, whose order rate shows the health of the database.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use killgate::postgres::guard::guard_sql;
use throwaway_postgres::{BOT, Client, Cluster};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

pub const DATABASE: &str = "shop";
/// The application's connections.
const CONNECTIONS: u64 = 6;
/// The pause between orders, which keeps the load low.
const BETWEEN_ORDERS: Duration = Duration::from_millis(40);
const RECONNECT: Duration = Duration::from_millis(500);
const SAMPLES_PER_SECOND: u64 = 2;
/// Three minutes of samples, so that the drop is still visible when the shop recovers.
const MAX_SAMPLES: usize = 360;
/// The samples of which a rate is the average. Without an order in them, the shop stands still.
const WINDOW: usize = 3;

const ORDER: &str = "with sold as (update products set stock = stock - 1 where id = $1 returning id, price) \
                     insert into orders (product, amount) select id, price from sold";

/// The running application. Dropping it stops it.
pub struct Shop {
    orders: Arc<AtomicU64>,
    counted_orders: u64,
    /// The orders of each sample.
    samples: VecDeque<u64>,
    /// The state that was reported last.
    reported_selling: bool,
    sample_interval: Interval,
    _connections: JoinSet<()>,
}

/// A change of the shop's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    StandsStill,
    SellsAgain,
}

/// Creates the shop's database, with killgate's guard in it.
pub async fn create_database(cluster: &Cluster) -> anyhow::Result<()> {
    cluster.sql(&format!("create database {DATABASE}")).await?;
    let database = cluster.connect("postgres", DATABASE).await?;
    database.batch_execute(include_str!("shop.sql")).await?;
    database.batch_execute(&guard_sql(BOT)).await.context("killgate's guard")
}

impl Shop {
    /// Starts the application, and returns after its first order.
    pub async fn open(cluster: &Cluster) -> anyhow::Result<Self> {
        let url = format!("{}?application_name=web-checkout", cluster.url("checkout", DATABASE));
        let orders = Arc::new(AtomicU64::new(0));
        let mut connections = JoinSet::new();
        for connection in 0..CONNECTIONS {
            connections.spawn(sell(url.clone(), connection, Arc::clone(&orders)));
        }
        let mut sample_interval = interval(Duration::from_millis(1_000 / SAMPLES_PER_SECOND));
        sample_interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        throwaway_postgres::eventually("the shop's first order", async || {
            Ok((orders.load(Ordering::Relaxed) > 0).then_some(()))
        })
        .await?;
        Ok(Self {
            orders,
            counted_orders: 0,
            samples: VecDeque::with_capacity(MAX_SAMPLES),
            reported_selling: true,
            sample_interval,
            _connections: connections,
        })
    }

    /// Keeps sampling until another task is done.
    pub async fn watch_during<T>(&mut self, done: impl Future<Output = T>) -> T {
        let mut done = pin!(done);
        loop {
            tokio::select! {
                done = &mut done => return done,
                _ = self.next_update() => {}
            }
        }
    }

    /// Waits for the next sample. Returns news only if the state changed.
    pub async fn next_update(&mut self) -> Option<News> {
        self.sample_interval.tick().await;
        let now = self.orders.load(Ordering::Relaxed);
        let sold = now - std::mem::replace(&mut self.counted_orders, now);
        if self.samples.len() == MAX_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sold);
        let sells = self.sells();
        if sells == std::mem::replace(&mut self.reported_selling, sells) {
            return None;
        }
        Some(if sells { News::SellsAgain } else { News::StandsStill })
    }

    pub fn sells(&self) -> bool {
        self.samples.iter().rev().take(WINDOW).any(|sold| *sold > 0)
    }

    /// Orders per second in the last three minutes, oldest first. Not 0 while the shop sells.
    pub fn order_rates(&self) -> Vec<u64> {
        let rate = |last: usize| {
            let samples = self.samples.range(last.saturating_sub(WINDOW - 1)..=last);
            let count = samples.len() as u64;
            (samples.sum::<u64>() * SAMPLES_PER_SECOND).div_ceil(count)
        };
        (0..self.samples.len()).map(rate).collect()
    }
}

/// Sells one product after the other, and reconnects like an application's pool.
async fn sell(url: String, connection: u64, orders: Arc<AtomicU64>) {
    loop {
        if let Ok(client) = throwaway_postgres::connect(&url).await {
            while order(&client, connection, &orders).await.is_ok() {
                sleep(BETWEEN_ORDERS).await;
            }
        }
        sleep(RECONNECT).await;
    }
}

async fn order(client: &Client, connection: u64, orders: &AtomicU64) -> anyhow::Result<()> {
    // Spreads the orders over the products.
    let sold = orders.load(Ordering::Relaxed);
    let product = i32::try_from((sold * 7 + connection * 331) % 2_000)? + 1;
    client.execute(ORDER, &[&product]).await?;
    orders.fetch_add(1, Ordering::Relaxed);
    Ok(())
}
