//! The signalling statement and the lease: a statement that is late, because the network or its process was, signals
//! nothing.

use std::time::Duration;

use tokio::time::sleep;

use crate::bot_config::BotConfig;
use crate::environment::{APPROVE, TestEnv, wait_until_ready, wait_until_standby};
use crate::failovers::SETTING;
use crate::proxy::{Direction, FaultEffect, NetworkFault, Proxy};
use crate::verification::verify;
use crate::workload::{request_card, results};

const LIMIT: Duration = Duration::from_secs(30);

/// Longer than another replica needs to take over and to record that the outcome is unknown.
const LATE: Duration = Duration::from_secs(10);

/// After how many of its bytes the signalling statement is held up, and what happens to the process then.
const CASES: [(usize, &str); 2] = [(30, "KILL"), (120, "STOP")];
/// Of what killgate sends to a server it is connected to, only in the query that reads its clock.
const IN_CLOCK_QUERY: &str = "::int8 AS at";

#[tokio::test]
async fn a_statement_that_arrives_after_a_takeover_signals_nothing() {
    let env = TestEnv::new().await;
    for (after, fate) in CASES {
        let proxy = Proxy::to(env.cluster.port()).await;
        let config = BotConfig { target_port: Some(proxy.port), ..SETTING };
        let slow = env.bot(&config);
        wait_until_ready(&env, &slow).await;
        let mut successor = env.bot(&SETTING);
        wait_until_standby(&successor).await;
        let sleeping = env.cluster.victim("app").running("select pg_sleep(600)").await;
        let victim = sleeping.expect("a victim");
        let card = request_card(&env, &victim, "/terminate").await;
        let late = FaultEffect::Delay(LATE);
        // Only the signalling statement says who requested it.
        let requester = env.person("ana").id().to_string();
        proxy.arm_at(&requester, NetworkFault { direction: Direction::ToServer, after, effect: late });
        env.person("ben").reacts(&card, APPROVE);
        env.sim.awaits(LIMIT, "the fault", || proxy.has_triggered().then_some(())).await;
        slow.signal(fate).await;
        let result = || results(&env, &card).pop();
        let result = env.sim.awaits(LIMIT, "the result", result).await.content();
        assert!(result.starts_with("Unknown"), "{result}");
        env.sim.awaits(LIMIT, "the late bytes", || proxy.has_ended().then_some(())).await;
        if fate == "STOP" {
            slow.signal("CONT").await;
            wait_until_standby(&slow).await;
        }
        assert!(victim.still_alive().await.expect("asked"), "{fate} {after}");
        assert_eq!(results(&env, &card).len(), 1, "a deposed replica answered");
        verify(&env, &SETTING, &[]).await;
        successor.stop("the successor").await;
    }
}

#[tokio::test]
async fn a_process_that_is_paused_for_longer_than_its_window_signals_nothing_when_it_wakes() {
    let env = TestEnv::new().await;
    let proxy = Proxy::to(env.cluster.port()).await;
    let config = BotConfig { target_port: Some(proxy.port), ..BotConfig::default() };
    let bot = env.bot(&config);
    env.sim.bot_is_ready().await;
    let victim = env.cluster.victim("app").running("select pg_sleep(600)").await.expect("a victim");
    let card = request_card(&env, &victim, "/terminate").await;
    env.sim.eventually(LIMIT, "the card has its reactions", || card.emoji().len() == 2).await;
    // It is paused while it waits for the server's clock, before it writes the statement.
    let held_up = FaultEffect::Delay(Duration::from_secs(3));
    proxy.arm_at(IN_CLOCK_QUERY, NetworkFault { direction: Direction::ToServer, after: 0, effect: held_up });
    env.person("ben").reacts(&card, APPROVE);
    env.sim.awaits(LIMIT, "the fault", || proxy.has_triggered().then_some(())).await;
    bot.signal("STOP").await;
    env.sim.awaits(LIMIT, "the query arrives", || proxy.has_ended().then_some(())).await;
    // Time has to pass: its window is `confirm_within` and 5 s.
    sleep(Duration::from_secs(8)).await;
    bot.signal("CONT").await;

    let result = env.sim.awaits(LIMIT, "the result", || results(&env, &card).pop()).await.content();
    assert!(result.starts_with("Unreachable"), "{result}");
    assert!(victim.still_alive().await.expect("asked"));
    verify(&env, &config, &[]).await;
}

#[tokio::test]
async fn a_deposed_replica_that_still_hears_discord_answers_nobody() {
    const COMMANDS: usize = 10;
    let env = TestEnv::new().await;
    let deposed = env.bot(&SETTING);
    wait_until_ready(&env, &deposed).await;
    let successor = env.bot(&SETTING);
    wait_until_standby(&successor).await;
    deposed.signal("STOP").await;
    wait_until_ready(&env, &successor).await;

    for _ in 0..COMMANDS {
        env.person("ben").in_channel(&env.incident()).types("/sessions").send().await;
    }
    deposed.signal("CONT").await;
    wait_until_standby(&deposed).await;

    let answers = env.sim.calls_like("POST /interactions/*/*/callback");
    let statuses: Vec<_> = answers.iter().map(|call| call.status).collect();
    assert_eq!(answers.len(), COMMANDS, "{statuses:?}");
    let alerts = env.incident().messages();
    assert!(
        !alerts.iter().any(|message| message.content().contains("same bot token")),
        "{}",
        env.sim.transcript()
    );
}
