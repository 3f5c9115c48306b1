//! SIGTERM: the bot finishes and reports what it is executing, starts nothing new, and exits within 10 s,
//! whatever it is waiting for.

use std::time::Duration;

use discord_sim::Message;
use futures_util::future::join_all;
use rusqlite::Connection;
use throwaway_postgres::{SqlState, Victim};
use tokio::process::Command;

use crate::bot_config::BotConfig;
use crate::environment::{APPROVE, Bot, TestEnv, wait_until_ready};
use crate::failovers::SETTING as SHARED;
use crate::proxy::Proxy;
use crate::verification::verify;
use crate::workload::{request_card, results};

const LIMIT: Duration = Duration::from_secs(30);

async fn open_request(env: &TestEnv) -> (Victim, Message) {
    let victim = env.cluster.victim("app").running("select pg_sleep(600)").await;
    let victim = victim.expect("a victim");
    let card = request_card(env, &victim, "/terminate").await;
    (victim, card)
}

async fn result_text(env: &TestEnv, card: &Message) -> String {
    let result = || results(env, card).pop();
    env.sim.awaits(LIMIT, "the result", result).await.content()
}

/// Sends a signal to a process.
pub async fn send_signal(signal: &str, pid: i32) {
    let sent = Command::new("kill").args([signal, &pid.to_string()]).status().await;
    assert!(sent.expect("kill").success());
}

pub async fn wait_for_server_log(env: &TestEnv, words: &str) {
    let logged = || env.cluster.server_log().is_ok_and(|log| log.contains(words));
    env.sim.eventually(LIMIT, words, logged).await;
}

async fn start_bot(env: &TestEnv, config: &BotConfig) -> Bot {
    let bot = env.bot(config);
    wait_until_ready(env, &bot).await;
    bot
}

#[tokio::test]
async fn sigterm_finishes_and_reports_the_execution_and_starts_nothing_new() {
    let env = TestEnv::new().await;
    let config = BotConfig::default();
    let mut bot = start_bot(&env, &config).await;
    let (executed, executing) = open_request(&env).await;
    let (mut waiting, open) = open_request(&env).await;
    // The execution takes as long as `confirm_within`, because the backend is stopped.
    send_signal("-STOP", executed.pid()).await;
    env.person("ben").reacts(&executing, APPROVE);
    wait_for_server_log(&env, ": signalling").await;
    bot.signal("TERM").await;
    let is_stopping = || env.log().contains("stopping: finishing running executions");
    env.sim.eventually(LIMIT, "it stops", is_stopping).await;
    env.person("ben").reacts(&open, APPROVE);
    assert!(bot.wait_for_exit().await.success());
    assert!(result_text(&env, &executing).await.starts_with("Unconfirmed"));
    assert!(results(&env, &open).is_empty(), "nothing new is started");
    assert!(waiting.still_alive().await.expect("asked"));
    send_signal("-CONT", executed.pid()).await;

    // The approval is still on the card.
    let _bot = start_bot(&env, &config).await;
    assert_eq!(waiting.ended().await.expect("an error from the server"), SqlState::ADMIN_SHUTDOWN);
    assert!(result_text(&env, &open).await.starts_with("Terminated"));
    verify(&env, &config, &[]).await;
}

#[tokio::test]
async fn a_reload_during_an_execution_ends_nothing() {
    let env = TestEnv::new().await;
    let config = BotConfig::default();
    let bot = start_bot(&env, &config).await;
    let (executed, executing) = open_request(&env).await;
    send_signal("-STOP", executed.pid()).await;
    env.person("ben").reacts(&executing, APPROVE);
    wait_for_server_log(&env, ": signalling").await;
    bot.signal("HUP").await;
    let is_reloaded = || env.log().contains("configuration reloaded");
    env.sim.eventually(LIMIT, "it is reloaded", is_reloaded).await;
    assert!(result_text(&env, &executing).await.starts_with("Unconfirmed"));
    send_signal("-CONT", executed.pid()).await;
    wait_until_ready(&env, &bot).await;
    verify(&env, &config, &[]).await;
}

#[tokio::test]
async fn sigterm_during_a_discord_outage_posts_the_result_after_the_next_start() {
    let env = TestEnv::new().await;
    let config = BotConfig { confirm_within: "60s", ..BotConfig::default() };
    let mut bot = start_bot(&env, &config).await;
    let (mut victim, card) = open_request(&env).await;
    send_signal("-STOP", victim.pid()).await;
    env.person("ben").reacts(&card, APPROVE);
    wait_for_server_log(&env, ": signalling").await;
    env.sim.outage().await;
    send_signal("-CONT", victim.pid()).await;
    assert_eq!(victim.ended().await.expect("an error from the server"), SqlState::ADMIN_SHUTDOWN);
    assert!(bot.stop("with Discord down").await.success());
    // Stop it also before it has connected to Discord at all.
    let mut bot = env.bot(&config);
    bot.wait_for_readyz(503, "not connected").await;
    assert!(bot.stop("before it connected to Discord").await.success());

    env.sim.restore().await;
    let _bot = start_bot(&env, &config).await;
    assert!(result_text(&env, &card).await.starts_with("Terminated"));
    verify(&env, &config, &[]).await;
}

#[tokio::test]
async fn sigterm_with_an_unresponsive_target_or_ledger_stops_in_time() {
    let env = TestEnv::new().await;
    let (target, ledger) = (Proxy::to(env.cluster.port()).await, Proxy::to(env.cluster.port()).await);
    // With the 5 s after it, this is over clearly before a stop waits no longer.
    let confirm_within = "1s";
    let (target_port, ledger_port) = (Some(target.port), Some(ledger.port));
    let config = BotConfig { target_port, ledger_port, confirm_within, ..SHARED };
    let mut bot = start_bot(&env, &config).await;
    let (_victim, card) = open_request(&env).await;
    target.drop_data(true);
    env.person("ben").reacts(&card, APPROVE);
    env.sim.eventually(LIMIT, "it is executed", || env.log().contains(" executing")).await;
    assert!(bot.stop("with a silent target").await.success());
    target.drop_data(false);
    let mut bot = start_bot(&env, &config).await;
    // Its clock is read before the signalling statement is sent, so it is certain that nothing was signalled.
    let result = result_text(&env, &card).await;
    assert!(result.starts_with("Unreachable"), "{result}");

    let (victim, card) = open_request(&env).await;
    ledger.drop_data(true);
    env.person("ben").reacts(&card, APPROVE);
    assert!(bot.stop("with a silent ledger").await.success());
    ledger.drop_data(false);
    assert!(victim.still_alive().await.expect("asked"));
    let _bot = start_bot(&env, &config).await;
    let result = result_text(&env, &card).await;
    assert!(result.starts_with("Terminated"), "{result}");
    verify(&env, &config, &[]).await;
}

#[tokio::test]
async fn sigterm_with_a_locked_ledger_stops_in_time() {
    let env = TestEnv::new().await;
    let config = BotConfig::default();
    let mut bot = start_bot(&env, &config).await;
    let (mut victim, card) = open_request(&env).await;
    let posted = || env.log().contains("card posted");
    env.sim.eventually(LIMIT, "that is recorded", posted).await;
    let other = Connection::open(env.folder.path().join("killgate.db")).expect("opened");
    other.execute_batch("begin immediate").expect("locked");

    env.person("ben").reacts(&card, APPROVE);
    let words = "The ledger cannot be written";
    let is_announced = || {
        let messages = env.incident().messages();
        messages.iter().any(|message| message.content().starts_with(words))
    };
    env.sim.eventually(LIMIT, words, is_announced).await;
    let ana = env.person("ana").in_channel(&env.incident());
    let refused = ana.types("/cancel").option("pid", victim.pid()).send().await;
    assert!(refused.text().starts_with(words), "{}", refused.text());
    bot.wait_for_readyz(503, "another program keeps it locked").await;

    // These wait for the lock too.
    let _requests = join_all((0..20).map(|_| bot.send_request("/readyz"))).await;
    assert!(bot.stop("with a locked ledger").await.success());
    assert!(victim.still_alive().await.expect("asked"));
    other.execute_batch("rollback").expect("let go");
    let _bot = start_bot(&env, &config).await;
    assert_eq!(victim.ended().await.expect("an error from the server"), SqlState::ADMIN_SHUTDOWN);
    assert!(result_text(&env, &card).await.starts_with("Terminated"));
    verify(&env, &config, &[]).await;
}
