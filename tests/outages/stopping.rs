//! SIGTERM: what is being executed is finished and told, nothing new is begun, and the process leaves within 10 s,
//! whatever it may be waiting for.

use std::time::Duration;

use discord_sim::Message;
use futures_util::future::join_all;
use rusqlite::Connection;
use throwaway_postgres::{SqlState, Victim};
use tokio::process::Command;

use crate::failovers::SETTING as SHARED;
use crate::incident::{asked, results};
use crate::proxy::Proxy;
use crate::reckoning::reckon;
use crate::stage::{APPROVE, Bot, Setting, Stage, becomes_ready};

const LIMIT: Duration = Duration::from_secs(30);

async fn opens(stage: &Stage) -> (Victim, Message) {
    let victim = stage.cluster.victim("app").running("select pg_sleep(600)").await;
    let victim = victim.expect("a victim");
    let card = asked(stage, &victim, "/terminate").await;
    (victim, card)
}

async fn told(stage: &Stage, card: &Message) -> String {
    let result = || results(stage, card).pop();
    stage.sim.awaits(LIMIT, "the result", result).await.content()
}

/// Stops a process, or lets it go on.
async fn kernel(signal: &str, pid: i32) {
    let sent = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status()
        .await;
    assert!(sent.expect("kill").success());
}

async fn log_has(stage: &Stage, words: &str) {
    let logged = || stage.cluster.server_log().is_ok_and(|log| log.contains(words));
    stage.sim.eventually(LIMIT, words, logged).await;
}

async fn started(stage: &Stage, setting: &Setting) -> Bot {
    let bot = stage.bot(setting);
    becomes_ready(stage, &bot).await;
    bot
}

#[tokio::test]
async fn what_is_being_executed_is_finished_and_told_and_nothing_new_is_begun() {
    let stage = Stage::new().await;
    let setting = Setting::default();
    let mut bot = started(&stage, &setting).await;
    let (executed, executing) = opens(&stage).await;
    let (mut waiting, open) = opens(&stage).await;
    // Its end takes as long as `confirm_within`.
    kernel("-STOP", executed.pid()).await;
    stage.person("ben").reacts(&executing, APPROVE);
    log_has(&stage, ": signalling").await;
    bot.signal("TERM").await;
    let asked_to_stop = || stage.log().contains("stopping: finishing running executions");
    stage.sim.eventually(LIMIT, "it stops", asked_to_stop).await;
    stage.person("ben").reacts(&open, APPROVE);
    assert!(bot.ends().await.success());
    assert!(told(&stage, &executing).await.starts_with("Unconfirmed"));
    assert!(results(&stage, &open).is_empty(), "nothing new is begun");
    assert!(waiting.still_alive().await.expect("asked"));
    kernel("-CONT", executed.pid()).await;

    // The approval is still on the card.
    let _bot = started(&stage, &setting).await;
    assert_eq!(waiting.ended().await.expect("told why"), SqlState::ADMIN_SHUTDOWN);
    assert!(told(&stage, &open).await.starts_with("Terminated"));
    reckon(&stage, &setting, &[]).await;
}

#[tokio::test]
async fn it_leaves_while_discord_is_down_and_tells_the_result_after_the_next_start() {
    let stage = Stage::new().await;
    let setting = Setting::default();
    let mut bot = started(&stage, &setting).await;
    let (mut victim, card) = opens(&stage).await;
    kernel("-STOP", victim.pid()).await;
    stage.person("ben").reacts(&card, APPROVE);
    log_has(&stage, ": signalling").await;
    stage.sim.outage().await;
    kernel("-CONT", victim.pid()).await;
    assert_eq!(victim.ended().await.expect("told why"), SqlState::ADMIN_SHUTDOWN);
    assert!(bot.stops("with Discord down").await.success());
    // And before it has ever met Discord.
    let mut bot = stage.bot(&setting);
    bot.says(503, "not connected").await;
    assert!(bot.stops("before it met Discord").await.success());

    stage.sim.restore().await;
    let _bot = started(&stage, &setting).await;
    assert!(told(&stage, &card).await.starts_with("Terminated"));
    reckon(&stage, &setting, &[]).await;
}

#[tokio::test]
async fn it_leaves_while_the_target_or_the_ledger_swallows_everything() {
    let stage = Stage::new().await;
    let (target, ledger) = (
        Proxy::to(stage.cluster.port()).await,
        Proxy::to(stage.cluster.port()).await,
    );
    let setting = Setting {
        target_port: Some(target.port),
        ledger_port: Some(ledger.port),
        ..SHARED
    };
    let mut bot = started(&stage, &setting).await;
    let (_victim, card) = opens(&stage).await;
    target.swallows(true);
    stage.person("ben").reacts(&card, APPROVE);
    stage
        .sim
        .eventually(LIMIT, "it is executed", || {
            stage.log().contains("approved; signalling")
        })
        .await;
    assert!(bot.stops("with a silent target").await.success());
    target.swallows(false);
    let mut bot = started(&stage, &setting).await;
    assert!(told(&stage, &card).await.starts_with("Unknown"));

    let (victim, card) = opens(&stage).await;
    ledger.swallows(true);
    stage.person("ben").reacts(&card, APPROVE);
    assert!(bot.stops("with a silent ledger").await.success());
    ledger.swallows(false);
    assert!(victim.still_alive().await.expect("asked"));
    let _bot = started(&stage, &setting).await;
    let told = told(&stage, &card).await;
    assert!(told.starts_with("Terminated"), "{told}");
    reckon(&stage, &setting, &[]).await;
}

#[tokio::test]
async fn it_leaves_while_another_program_keeps_the_ledger_locked() {
    let stage = Stage::new().await;
    let setting = Setting::default();
    let mut bot = started(&stage, &setting).await;
    let (mut victim, card) = opens(&stage).await;
    let posted = || stage.log().contains("its card is posted");
    stage.sim.eventually(LIMIT, "that is recorded", posted).await;
    let other = Connection::open(stage.folder.path().join("killgate.db")).expect("opened");
    other.execute_batch("begin immediate").expect("locked");

    stage.person("ben").reacts(&card, APPROVE);
    let words = "The ledger cannot be written";
    let told_so = || {
        let messages = stage.incident().messages();
        messages
            .iter()
            .any(|message| message.content().starts_with(words))
    };
    stage.sim.eventually(LIMIT, words, told_so).await;
    let ana = stage.person("ana").in_channel(&stage.incident());
    let refused = ana.types("/cancel").option("pid", victim.pid()).send().await;
    assert!(refused.text().starts_with(words), "{}", refused.text());
    bot.says(503, "another program keeps it locked").await;

    // Each of these waits for the lock as well, one after the other.
    let _asking = join_all((0..20).map(|_| bot.asked("/readyz"))).await;
    assert!(bot.stops("with a locked ledger").await.success());
    assert!(victim.still_alive().await.expect("asked"));
    other.execute_batch("rollback").expect("let go");
    let _bot = started(&stage, &setting).await;
    assert_eq!(victim.ended().await.expect("told why"), SqlState::ADMIN_SHUTDOWN);
    assert!(told(&stage, &card).await.starts_with("Terminated"));
    reckon(&stage, &setting, &[]).await;
}
