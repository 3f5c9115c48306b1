//! `kill -9` of the real bot at random moments of running incidents.

use std::time::Duration;

use discord_sim::Sim;
use tokio::time::{Instant, sleep, timeout};

use crate::incident::during;
use crate::reckoning::reckon;
use crate::stage::{Setting, Stage};

const KILLS: usize = 100;
const LANES: usize = 6;

#[tokio::test]
async fn a_hundred_kills_lose_nothing_and_double_nothing() {
    let stage = Stage::new().await;
    let setting = Setting::default();
    let mut bot = stage.bot(&setting);
    stage.sim.bot_is_ready().await;
    let mut moments = Moments(0x6b69_6c6c);
    let began = Instant::now();
    let kills = async {
        for _ in 0..KILLS {
            something_is_under_way(&stage.sim, moments.up_to(30)).await;
            sleep(Duration::from_micros(moments.up_to(20_000))).await;
            bot.kill().await;
            bot = stage.bot(&setting);
        }
        bot
    };
    let (bot, cases) = during(&stage, LANES, kills).await;
    let outcomes = reckon(&stage, &setting, &cases).await;
    bot.kill().await;
    println!(
        "{KILLS} kills in {:?}: {} sessions asked for, {outcomes:?}",
        began.elapsed(),
        cases.len()
    );
    assert!(
        cases.len() >= KILLS / 4,
        "little was going on: {} sessions",
        cases.len()
    );
}

/// Waits until the bot has made so many calls since it was started; people may be waiting for something else, so no
/// longer than two seconds.
async fn something_is_under_way(sim: &Sim, calls: u64) {
    let made = || u64::try_from(sim.calls().len()).unwrap_or(u64::MAX);
    let enough = made() + 2 + calls;
    let waiting = async {
        while made() < enough {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let _ = timeout(Duration::from_secs(2), waiting).await;
}

/// Moments that look random and are the same in every run (xorshift).
struct Moments(u64);

impl Moments {
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % (most + 1)
    }
}
