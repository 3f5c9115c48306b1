//! `kill -9` of the real bot at random moments of running incidents.

use tokio::time::Instant;

use crate::incident::during;
use crate::moments::Moments;
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
    let mut moments = Moments::default();
    let began = Instant::now();
    let kills = async {
        for _ in 0..KILLS {
            moments.next(&stage.sim).await;
            bot.kill().await;
            bot = stage.bot(&setting);
        }
        bot
    };
    let (mut bot, cases) = during(&stage, LANES, kills).await;
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
