//! The bot is killed at random times under load.

use tokio::time::Instant;

use crate::environment::{BotConfig, TestEnv};
use crate::random_delays::RandomDelays;
use crate::verification::verify;
use crate::workload::run_during;

const KILLS: usize = 100;
const LANES: usize = 6;

#[tokio::test]
async fn a_hundred_kills_neither_lose_nor_duplicate_anything() {
    let env = TestEnv::new().await;
    let config = BotConfig::default();
    let mut bot = env.bot(&config);
    env.sim.bot_is_ready().await;
    let mut delays = RandomDelays::default();
    let began = Instant::now();
    let kills = async {
        for _ in 0..KILLS {
            delays.next(&env.sim).await;
            bot.kill().await;
            bot = env.bot(&config);
        }
        bot
    };
    let (mut bot, cases) = run_during(&env, LANES, kills).await;
    let outcomes = verify(&env, &config, &cases).await;
    bot.kill().await;
    println!("{KILLS} kills in {:?}: {} requests, {outcomes:?}", began.elapsed(), cases.len());
    assert!(cases.len() >= KILLS / 4, "too few requests: {}", cases.len());
}
