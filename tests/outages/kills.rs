//! The bot is killed at random times under load, and between the statements to the sessions of a list.

use std::time::Duration;

use throwaway_postgres::Victim;
use tokio::time::Instant;

use crate::bot_config::BotConfig;
use crate::environment::{APPROVE, TestEnv};
use crate::proxy::{Direction, FaultEffect, NetworkFault, Proxy};
use crate::random_delays::RandomDelays;
use crate::verification::verify;
use crate::workload::{all_results, request_card_of_list, results, run_during};

const KILLS: usize = 100;
/// How many requests are decided before the kills end.
const MIN_RESULTS: usize = 25;
const LANES: usize = 6;
/// `KILLGATE_LIST_KILLS` overrides this.
const LIST_KILLS: usize = 3;
const LIST: usize = 25;
const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_hundred_kills_neither_lose_nor_duplicate_anything() {
    let env = TestEnv::new().await;
    let config = BotConfig::default();
    let mut bot = env.bot(&config);
    env.sim.bot_is_ready().await;
    let mut delays = RandomDelays::default();
    let began = Instant::now();
    let kills = async {
        let mut kills = 0;
        // On a busy machine, less is done between two kills.
        while kills < KILLS || all_results(&env) < MIN_RESULTS {
            delays.next(&env.sim, all_results(&env)).await;
            bot.kill().await;
            bot = env.bot(&config);
            kills += 1;
        }
        (bot, kills)
    };
    let ((mut bot, kills), cases) = run_during(&env, LANES, kills).await;
    let outcomes = verify(&env, &config, &cases).await;
    bot.kill().await;
    println!("{kills} kills in {:?}: {} requests, {outcomes:?}", began.elapsed(), cases.len());
}

#[tokio::test]
async fn a_kill_between_the_statements_of_a_list_signals_no_session_twice() {
    let kills = std::env::var("KILLGATE_LIST_KILLS")
        .map_or(LIST_KILLS, |number| number.parse().expect("a number of kills"));
    let env = TestEnv::new().await;
    let (mut unknown, mut partly_signalled) = (0, 0);
    let whole = bytes_of_an_approval(&env).await;
    for kill in 1..=kills {
        let proxy = Proxy::to(env.cluster.port()).await;
        let config = BotConfig { target_port: Some(proxy.port), ..BotConfig::default() };
        let mut bot = env.bot(&config);
        bot.wait_for_readyz(200, "").await;
        let victims = victims(&env).await;
        let card = request_card_of_list(&env, &victims, "/terminate").await;
        // All statements are sent together, and this part of them arrives.
        let after = whole * kill / (kills + 1);
        proxy.arm(NetworkFault { direction: Direction::ToServer, after, effect: FaultEffect::Stall });
        env.person("ben").reacts(&card, APPROVE);
        env.sim.awaits(LIMIT, "the fault", || proxy.has_triggered().then_some(())).await;
        bot.kill().await;
        let mut bot = env.bot(&BotConfig::default());
        let result = env.sim.awaits(LIMIT, "the result", || results(&env, &card).pop()).await;
        unknown += usize::from(result.content().starts_with("Unknown"));
        let mut alive = 0;
        for victim in &victims {
            alive += usize::from(victim.still_alive().await.unwrap_or(false));
        }
        partly_signalled += usize::from(alive > 0 && alive < LIST);
        bot.stop("after the result").await;
    }
    let outcomes = verify(&env, &BotConfig::default(), &[]).await;
    println!(
        "{kills} kills: {unknown} unknown, {partly_signalled} with some sessions signalled, {outcomes:?}"
    );
    assert!(unknown > 0 && partly_signalled > 0, "the kills were between the statements");
}

async fn victims(env: &TestEnv) -> Vec<Victim> {
    let mut victims = Vec::new();
    for _ in 0..LIST {
        victims.push(env.cluster.victim("app").idle_in_transaction("select 1").await.expect("a victim"));
    }
    victims
}

/// How many bytes reach the target from the approval of a list until its result.
async fn bytes_of_an_approval(env: &TestEnv) -> usize {
    let proxy = Proxy::to(env.cluster.port()).await;
    let mut bot = env.bot(&BotConfig { target_port: Some(proxy.port), ..BotConfig::default() });
    bot.wait_for_readyz(200, "").await;
    let victims = victims(env).await;
    let card = request_card_of_list(env, &victims, "/terminate").await;
    let before = proxy.forwarded(Direction::ToServer);
    env.person("ben").reacts(&card, APPROVE);
    env.sim.awaits(LIMIT, "the result", || results(env, &card).pop()).await;
    let bytes = proxy.forwarded(Direction::ToServer) - before;
    bot.stop("after the result").await;
    bytes
}
