//! The signalling statement and the lease: a statement that is late, because the network or its process was, signals
//! nothing, and a successor that stands by takes over.

use std::time::Duration;

use throwaway_postgres::Victim;
use tokio::time::{sleep, timeout};

use crate::environment::{APPROVE, BotConfig, TestEnv, wait_until_ready, wait_until_standby};
use crate::failovers::SETTING;
use crate::proxy::{Direction, FaultEffect, NetworkFault, Proxy};
use crate::verification::verify;
use crate::workload::{request_card, results};

const LIMIT: Duration = Duration::from_mins(1);

/// Longer than another replica needs to take over and to record that the outcome is unknown.
const LATE: FaultEffect = FaultEffect::Delay(Duration::from_secs(10));

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Target,
    Ledger,
}

/// What happens to the process once the fault has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Runs,
    IsPaused,
    IsKilled,
}

impl Link {
    fn config(self, port: u16) -> BotConfig {
        match self {
            Self::Target => BotConfig { target_port: Some(port), ..SETTING },
            Self::Ledger => BotConfig { ledger_port: Some(port), ..SETTING },
        }
    }
}

async fn sleeping(env: &TestEnv) -> Victim {
    env.cluster.victim("app").running("select pg_sleep(600)").await.expect("a victim")
}

/// How often the server has executed the statement that signals the session. Its parameters are logged with it.
fn signalling_statements(env: &TestEnv, victim: &Victim) -> usize {
    let parameters = format!("parameters: $1 = '{}', $2 = 'terminate', ", victim.pid());
    let log = env.cluster.server_log().expect("the server's log");
    log.lines().filter(|line| line.contains(&parameters)).count()
}

/// How many bytes an approval sends over the link until the session has ended, on a quiet day: the fewest of some, because what
/// the bot does regularly comes between.
async fn bytes_until_the_signal(env: &TestEnv, link: Link) -> usize {
    let proxy = Proxy::to(env.cluster.port()).await;
    let mut bot = env.bot(&link.config(proxy.port));
    wait_until_ready(env, &bot).await;
    let mut bytes = usize::MAX;
    for _ in 0..3 {
        let mut victim = sleeping(env).await;
        let card = request_card(env, &victim, "/terminate").await;
        env.sim.eventually(LIMIT, "the card has its reactions", || card.emoji().len() == 2).await;
        let before = proxy.forwarded(Direction::ToServer);
        env.person("ben").reacts(&card, APPROVE);
        victim.ended().await.expect("an error from the server");
        bytes = bytes.min(proxy.forwarded(Direction::ToServer) - before);
        assert_eq!(signalling_statements(env, &victim), 1, "the log shows what is sought in it");
        env.sim.awaits(LIMIT, "the result", || results(env, &card).pop()).await;
    }
    bot.stop("after quiet approvals").await;
    println!("{link:?}: {bytes} bytes until the signal");
    bytes
}

/// Where the link is disturbed: half-way, which is in the statement that signals or records; every so many bytes with `KILLGATE_FAULT_STRIDE`.
fn offsets(bytes: usize) -> Vec<usize> {
    match std::env::var("KILLGATE_FAULT_STRIDE") {
        Ok(stride) => (0..bytes).step_by(stride.parse().expect("a number of bytes")).collect(),
        Err(_) => vec![bytes / 2],
    }
}

/// Disturbs the link while a decision is carried out, whatever becomes of the process, with a successor standing by.
async fn disturbed(link: Link, effect: FaultEffect) {
    let env = TestEnv::new().await;
    env.cluster.sql("alter system set log_statement = 'all'").await.expect("set");
    env.cluster.sql("select pg_reload_conf()").await.expect("reloaded");
    let bytes = bytes_until_the_signal(&env, link).await;
    for after in offsets(bytes) {
        for fate in [Fate::Runs, Fate::IsPaused, Fate::IsKilled] {
            let fault = NetworkFault { direction: Direction::ToServer, after, effect };
            disturbed_once(&env, (link, fault), fate).await;
        }
    }
}

async fn disturbed_once(env: &TestEnv, (link, fault): (Link, NetworkFault), fate: Fate) {
    let what = format!("{link:?} {fault:?} {fate:?}");
    let proxy = Proxy::to(env.cluster.port()).await;
    let slow = env.bot(&link.config(proxy.port));
    wait_until_ready(env, &slow).await;
    let mut successor = env.bot(&SETTING);
    wait_until_standby(&successor).await;
    let mut victim = sleeping(env).await;
    let card = request_card(env, &victim, "/terminate").await;
    env.sim.eventually(LIMIT, "the card has its reactions", || card.emoji().len() == 2).await;
    proxy.arm(fault);
    env.person("ben").reacts(&card, APPROVE);
    env.sim.awaits(LIMIT, "the fault", || proxy.has_triggered().then_some(())).await;
    match fate {
        Fate::Runs => {}
        Fate::IsPaused => slow.signal("STOP").await,
        Fate::IsKilled => slow.signal("KILL").await,
    }
    let result = env.sim.awaits(LIMIT, "the result", || results(env, &card).pop()).await.content();
    // Of a connection to the ledger that was given up the late bytes are lost.
    let is_late = link == Link::Target && matches!(fault.effect, FaultEffect::Delay(_));
    if is_late {
        env.sim.awaits(LIMIT, "the late bytes", || proxy.has_ended().then_some(())).await;
    }
    if fate == Fate::IsPaused {
        slow.signal("CONT").await;
        wait_until_standby(&slow).await;
    }
    let has_ended = timeout(Duration::from_millis(300), victim.ended()).await.is_ok();
    assert_eq!(results(env, &card).len(), 1, "{what}: {}", env.sim.transcript());
    let outcome = result.split([' ', ':']).next().unwrap_or_default();
    assert!(
        if has_ended { ["Terminated", "Unknown"].contains(&outcome) } else { outcome != "Terminated" },
        "{what}: {result}"
    );
    let statements = signalling_statements(env, &victim);
    if is_late {
        // Disturbed before the decision was recorded, the successor carries it out.
        assert!(!has_ended || outcome == "Terminated", "{what}: signalled after the lease: {result}");
        assert!(statements >= 1, "{what}: the statement arrived late");
    } else {
        assert_eq!(statements, usize::from(has_ended), "{what}: {result}");
    }
    verify(env, &SETTING, &[]).await;
    successor.stop("the successor").await;
}

#[tokio::test]
async fn a_statement_that_is_late_at_its_target_signals_nothing() {
    disturbed(Link::Target, LATE).await;
}

#[tokio::test]
async fn a_statement_that_is_cut_off_on_its_way_to_the_target_is_not_repeated() {
    disturbed(Link::Target, FaultEffect::Cut).await;
}

#[tokio::test]
async fn a_decision_that_is_late_at_the_ledger_is_carried_out_once() {
    disturbed(Link::Ledger, LATE).await;
}

#[tokio::test]
async fn a_decision_that_is_cut_off_on_its_way_to_the_ledger_is_carried_out_once() {
    disturbed(Link::Ledger, FaultEffect::Cut).await;
}

#[tokio::test]
async fn a_process_that_is_paused_for_longer_than_its_window_signals_nothing_when_it_wakes() {
    let env = TestEnv::new().await;
    let proxy = Proxy::to(env.cluster.port()).await;
    let config = BotConfig { target_port: Some(proxy.port), ..BotConfig::default() };
    let bot = env.bot(&config);
    env.sim.bot_is_ready().await;
    let victim = sleeping(&env).await;
    let card = request_card(&env, &victim, "/terminate").await;
    env.sim.eventually(LIMIT, "the card has its reactions", || card.emoji().len() == 2).await;
    // It is paused while it waits for the server's clock, before it writes the statement.
    let held_up = FaultEffect::Delay(Duration::from_millis(500));
    proxy.arm(NetworkFault { direction: Direction::ToClient, after: 0, effect: held_up });
    env.person("ben").reacts(&card, APPROVE);
    env.sim.awaits(LIMIT, "the fault", || proxy.has_triggered().then_some(())).await;
    bot.signal("STOP").await;
    env.sim.awaits(LIMIT, "the answer", || proxy.has_ended().then_some(())).await;
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
