//! SIGHUP at bad moments: while a replica takes over, and while a request is executed.

use std::time::Duration;

use throwaway_postgres::SqlState;

use crate::bot_config::BotConfig;
use crate::environment::{APPROVE, Bot, TestEnv, wait_until_ready, wait_until_standby};
use crate::failovers::SETTING;
use crate::proxy::Proxy;
use crate::stopping::{send_signal, wait_for_server_log};
use crate::verification::verify;
use crate::workload::{request_card, results};

const LIMIT: Duration = Duration::from_secs(30);

/// Changes the configuration of a bot, and waits until it has read it.
async fn reload(env: &TestEnv, bot: &Bot, from: &str, to: &str) {
    let reloads = || env.log().matches("configuration reloaded").count();
    let before = reloads();
    bot.change_config(env, from, to);
    bot.signal("HUP").await;
    env.sim.eventually(LIMIT, "the configuration is reloaded", || reloads() > before).await;
}

#[tokio::test]
async fn a_reload_while_a_replica_takes_over_loses_and_doubles_nothing() {
    let env = TestEnv::new().await;
    let mut active = env.bot(&SETTING);
    wait_until_ready(&env, &active).await;
    let standbys = [env.bot(&SETTING), env.bot(&SETTING)];
    for standby in &standbys {
        wait_until_standby(standby).await;
        standby.change_config(&env, "[limits]", "[approval]\nrequire_reason = true\n[limits]");
    }
    let victim = env.cluster.victim("app").running("select pg_sleep(600)").await;
    let mut victim = victim.expect("a victim");
    let card = request_card(&env, &victim, "/terminate").await;

    active.kill().await;
    for standby in &standbys {
        standby.signal("HUP").await;
    }
    env.person("ben").reacts(&card, APPROVE);

    assert_eq!(victim.ended().await.expect("an error from the server"), SqlState::ADMIN_SHUTDOWN);
    env.sim.awaits(LIMIT, "the result", || results(&env, &card).pop()).await;
    let another = env.cluster.victim("app").running("select pg_sleep(600)").await.expect("a victim");
    let typed = env.person("ana").in_channel(&env.incident()).types("/terminate");
    let refused = typed.option("pid", another.pid()).send().await;
    assert!(refused.text().starts_with("A reason is required."), "{}", refused.text());
    let outcomes = verify(&env, &SETTING, &[]).await;
    assert_eq!(outcomes["terminated"], 1, "{outcomes:?}");
}

#[tokio::test]
async fn a_reload_that_moves_or_removes_the_target_of_an_execution_changes_nothing_about_it() {
    let env = TestEnv::new().await;
    let proxy = Proxy::to(env.cluster.port()).await;
    let direct = format!("127.0.0.1:{}/postgres", env.cluster.port());
    let config = BotConfig { target_port: Some(proxy.port), ..BotConfig::default() };
    let changes = [
        (format!("127.0.0.1:{}/postgres", proxy.port), direct),
        ("name = \"orders\"".to_owned(), "name = \"billing\"".to_owned()),
    ];
    for (number, (from, to)) in changes.iter().enumerate() {
        let mut bot = env.bot(&config);
        bot.wait_for_readyz(200, "").await;
        reload(&env, &bot, "confirm_within = \"2s\"", "confirm_within = \"60s\"").await;
        let victim = env.cluster.victim("app").running("select pg_sleep(600)").await;
        let mut victim = victim.expect("a victim");
        let card = request_card(&env, &victim, "/terminate").await;
        send_signal("-STOP", victim.pid()).await;
        env.person("ben").reacts(&card, APPROVE);
        wait_for_server_log(&env, &format!("killgate request {}: ", 2 * number + 1)).await;

        reload(&env, &bot, from, to).await;
        send_signal("-CONT", victim.pid()).await;

        assert_eq!(victim.ended().await.expect("an error from the server"), SqlState::ADMIN_SHUTDOWN);
        let result = env.sim.awaits(LIMIT, "the result", || results(&env, &card).pop()).await;
        assert!(result.content().starts_with("Terminated"), "{from}: {}", result.content());
        // It serves the target as it is named now.
        let victim = env.cluster.victim("app").running("select pg_sleep(600)").await;
        let mut victim = victim.expect("a victim");
        let card = request_card(&env, &victim, "/terminate").await;
        env.person("ben").reacts(&card, APPROVE);
        assert_eq!(victim.ended().await.expect("an error from the server"), SqlState::ADMIN_SHUTDOWN);
        env.sim.awaits(LIMIT, "the result", || results(&env, &card).pop()).await;
        assert!(bot.stop("after the results").await.success());
    }
    let outcomes = verify(&env, &BotConfig::default(), &[]).await;
    assert_eq!(outcomes["terminated"], 4, "{outcomes:?}");
}
