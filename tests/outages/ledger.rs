//! The ledger's server: a network that loses, delays and drops packets, and a server that lost its last records.

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use throwaway_postgres::{Cluster, SqlState, eventually};
use tokio::time::timeout;

use crate::bot_config::BotConfig;
use crate::environment::{
    APPROVE, DENY, TestEnv, create_ledger_database, wait_until_ready, wait_until_standby,
};
use crate::failovers::SETTING;
use crate::proxy::{Direction, FaultEffect, NetworkFault, Proxy};
use crate::verification::verify;
use crate::workload::{case, request_card, results};

const LIMIT: Duration = Duration::from_secs(30);
/// How long a replica that cannot reach its ledger leaves an answer to others.
const YIELD: Duration = Duration::from_secs(2);
/// How many clients ask at once; the bot serves 64.
const CLIENTS: usize = 60;
/// For how long they ask, which is several times as long as the result of a probe is used again.
const ASK_FOR: Duration = Duration::from_secs(3);
/// A Bind, an Execute and a Sync message are longer (PostgreSQL: "Message Formats").
const SHORTEST_STATEMENT: usize = 25;

fn with_ledger_port(port: u16) -> BotConfig {
    BotConfig { ledger_port: Some(port), ..SETTING }
}

#[tokio::test]
async fn network_faults_at_any_byte_to_the_ledger_neither_lose_nor_duplicate_anything() {
    let env = TestEnv::new().await;
    let proxy = Proxy::to(env.cluster.port()).await;
    let config = with_ledger_port(proxy.port);
    let bot = env.bot(&config);
    wait_until_ready(&env, &bot).await;
    // Before and in the append, before and in its answer, and longer than an append may take.
    let late = FaultEffect::Delay(Duration::from_secs(4));
    let faults = [
        (Direction::ToServer, 0, FaultEffect::Cut),
        (Direction::ToServer, 400, FaultEffect::Cut),
        (Direction::ToClient, 0, FaultEffect::Cut),
        (Direction::ToClient, 20, FaultEffect::Cut),
        (Direction::ToServer, 400, FaultEffect::Stall),
        (Direction::ToClient, 0, FaultEffect::Stall),
        (Direction::ToServer, 400, late),
        (Direction::ToClient, 0, late),
    ];
    let mut cases = Vec::new();
    for (number, (direction, after, effect)) in faults.into_iter().enumerate() {
        let fault = NetworkFault { direction, after, effect };
        // Odd numbers are approved, and include both kinds of signal.
        cases.push(case(&env, 0, 2 * number + 1, || proxy.arm(fault)).await);
    }
    let outcomes = verify(&env, &config, &cases).await;
    println!("{outcomes:?}");
}

#[tokio::test]
async fn a_statement_whose_last_byte_is_lost_does_not_keep_the_ledger_locked() {
    let env = TestEnv::new().await;
    let proxy = Proxy::to(env.cluster.port()).await;
    let config = with_ledger_port(proxy.port);
    let bot = env.bot(&config);
    wait_until_ready(&env, &bot).await;
    // Only the lease is renewed now, once a second, which locks its row. The server has executed it before the last byte arrives.
    let sent = || proxy.forwarded(Direction::ToServer);
    let mut lengths = [0; 2];
    while lengths[0] != lengths[1] || lengths[0] == 0 {
        let before = sent();
        env.sim.eventually(LIMIT, "a renewal", || sent() > before).await;
        lengths = [lengths[1], sent() - before];
    }
    let after = lengths[0] - 1;
    proxy.arm(NetworkFault { direction: Direction::ToServer, after, effect: FaultEffect::Stall });
    env.sim.eventually(LIMIT, "the fault", || proxy.has_triggered()).await;

    let case = timeout(2 * LIMIT, case(&env, 0, 1, || ())).await.expect("a ledger that is not locked");
    assert_eq!(case.ended_with, Some(SqlState::ADMIN_SHUTDOWN));
    verify(&env, &config, &[case]).await;
}

#[tokio::test]
async fn a_replica_without_its_ledger_is_replaced_and_signals_nothing() {
    let env = TestEnv::new().await;
    let proxy = Proxy::to(env.cluster.port()).await;
    let cut_off = env.bot(&with_ledger_port(proxy.port));
    wait_until_ready(&env, &cut_off).await;
    let successor = env.bot(&SETTING);
    wait_until_standby(&successor).await;
    let victim = env.cluster.victim("app").running("select pg_sleep(600)").await;
    let mut victim = victim.expect("a victim");
    let card = request_card(&env, &victim, "/terminate").await;

    proxy.drop_data(true);
    env.person("ben").reacts(&card, APPROVE);
    wait_until_ready(&env, &successor).await;
    assert_eq!(victim.ended().await.expect("an error from the server"), SqlState::ADMIN_SHUTDOWN);
    let result = || results(&env, &card).pop();
    env.sim.awaits(LIMIT, "the result", result).await;

    // This replica was connected to Discord all the time, and received every event.
    proxy.drop_data(false);
    wait_until_standby(&cut_off).await;
    let outcomes = verify(&env, &SETTING, &[]).await;
    assert_eq!(outcomes["terminated"], 1, "{outcomes:?}");
}

#[tokio::test]
async fn a_replica_without_its_ledger_leaves_the_answers_to_its_successor() {
    let env = TestEnv::new().await;
    let proxy = Proxy::to(env.cluster.port()).await;
    let cut_off = env.bot(&with_ledger_port(proxy.port));
    wait_until_ready(&env, &cut_off).await;
    let successor = env.bot(&SETTING);
    wait_until_standby(&successor).await;
    let victim = env.cluster.victim("app").running("select pg_sleep(600)").await.expect("a victim");
    proxy.drop_data(true);
    wait_until_ready(&env, &successor).await;

    // Both are connected to Discord, and receive every command.
    let channel = env.incident();
    for _ in 0..5 {
        let ana = env.person("ana");
        for _ in 0..5 {
            ana.in_channel(&channel).types("/sessions").send().await;
        }
        let card = loop {
            let sent = Instant::now();
            let typed = ana.in_channel(&channel).types("/terminate").option("pid", victim.pid());
            let card = typed.send().await.message();
            // On a busy machine the successor may have been so late that the other one answered, too.
            if !card.is_ephemeral() || sent.elapsed() < YIELD {
                break card;
            }
        };
        assert!(!card.is_ephemeral(), "{}", card.text());
        let is_open = || card.emoji().len() == 2;
        env.sim.eventually(LIMIT, "the successor puts its reactions on the card", is_open).await;
        env.person("ben").reacts(&card, DENY);
        let denied = || card.text().contains("Denied");
        env.sim.eventually(LIMIT, "the successor hears of the denial", denied).await;
    }
    successor.wait_for_readyz(200, "").await;
    let alarms = channel.messages().into_iter().filter(|message| message.text().contains("nother process"));
    assert_eq!(alarms.count(), 0);
}

#[tokio::test]
async fn a_ledger_that_lost_its_last_records_in_a_failover_is_not_used() {
    let env = TestEnv::new().await;
    let ledger = Cluster::start().await.expect("a server for the ledger");
    create_ledger_database(&ledger).await;
    let config = with_ledger_port(ledger.port());
    let mut active = env.bot(&config);
    wait_until_ready(&env, &active).await;
    let sleeping = "select pg_sleep(600)";
    let victim = env.cluster.victim("app").running(sleeping).await;
    let mut victim = victim.expect("a victim");
    let card = request_card(&env, &victim, "/terminate").await;
    // The state that the standby has received.
    ledger.stop().await.expect("stopped");
    let data = ledger.folder().join("data");
    let behind = ledger.folder().join("behind");
    copy(&data, &behind).await;
    ledger.start_again().await.expect("started");
    wait_until_ready(&env, &active).await;
    // Not before: where the ledger was away, either of two may become the active one.
    let standby = env.bot(&config);
    wait_until_standby(&standby).await;

    env.person("ben").reacts(&card, APPROVE);
    assert_eq!(victim.ended().await.expect("an error from the server"), SqlState::ADMIN_SHUTDOWN);
    let result = || results(&env, &card).pop();
    env.sim.awaits(LIMIT, "the result", result).await;
    let all_records = env.records(&config).await;
    wait_until_standby_has_read_the_end(&ledger).await;

    // The primary is lost, and the standby replaces it.
    let ahead = ledger.folder().join("ahead");
    ledger.crash().await.expect("crashed");
    std::fs::rename(&data, &ahead).expect("set aside");
    copy(&behind, &data).await;
    ledger.start_again().await.expect("started");
    active.wait_for_readyz(503, "which was durable, is missing").await;
    let second = env.cluster.victim("app").running(sleeping).await;
    let second = second.expect("another victim");
    let ana = env.person("ana").in_channel(&env.incident());
    let refused = ana.types("/terminate").option("pid", second.pid()).send().await;
    assert!(refused.text().contains("ledger"), "{}", refused.text());
    active.kill().await;
    standby.wait_for_readyz(503, "which was durable, is missing").await;

    // With the old primary back, the replicas continue.
    ledger.crash().await.expect("crashed");
    std::fs::remove_dir_all(&data).expect("removed");
    std::fs::rename(&ahead, &data).expect("back");
    ledger.start_again().await.expect("started");
    wait_until_ready(&env, &standby).await;
    let case = case(&env, 0, 1, || ()).await;
    assert!(case.ended_with.is_some(), "it signals again");
    let records = env.records(&config).await;
    assert!(records.starts_with(&all_records), "no record is lost: {records:?}");
    verify(&env, &config, &[case]).await;
}

#[tokio::test]
async fn a_request_that_a_ledger_which_was_set_back_shows_as_open_is_not_decided_again() {
    for (vote, headline) in [(DENY, "Denied"), (APPROVE, "Terminated")] {
        let ledger = Cluster::start().await.expect("a server for the ledger");
        let env = TestEnv::new().await;
        create_ledger_database(&ledger).await;
        let config = with_ledger_port(ledger.port());
        let mut bot = env.bot(&config);
        wait_until_ready(&env, &bot).await;
        let victim = env.cluster.victim("app").running("select pg_sleep(600)").await.expect("a victim");
        let card = request_card(&env, &victim, "/terminate").await;
        env.sim.eventually(LIMIT, "the card has its reactions", || card.emoji().len() == 2).await;
        // A backup while the card is open.
        ledger.stop().await.expect("stopped");
        let (data, backup) = (ledger.folder().join("data"), ledger.folder().join("backup"));
        copy(&data, &backup).await;
        ledger.start_again().await.expect("started");
        wait_until_ready(&env, &bot).await;
        env.person("ben").reacts(&card, vote);
        let result = env.sim.awaits(LIMIT, "the result", || results(&env, &card).pop()).await.content();
        assert!(result.starts_with(headline), "{result}");
        assert!(bot.stop("with a decided request").await.success());
        // Whoever decided has taken that back, and another one approves what the old ledger shows as open.
        env.person("ben").takes_back(&card, vote);
        env.person("ben").reacts(&card, APPROVE);
        ledger.stop().await.expect("stopped");
        std::fs::remove_dir_all(&data).expect("removed");
        copy(&backup, &data).await;
        ledger.start_again().await.expect("started");

        let bot = env.bot(&config);
        wait_until_ready(&env, &bot).await;
        let unknown =
            || results(&env, &card).into_iter().find(|reply| reply.content().starts_with("Unknown"));
        let reply = env.sim.awaits(LIMIT, "what the channel shows", unknown).await.content();
        assert!(reply.contains(headline), "it quotes what the channel shows: {reply}");
        let records = env.records(&config).await;
        let finished: Vec<_> = records.iter().filter(|record| record["event"] == "finished").collect();
        let [finished] = finished[..] else { panic!("one end: {records:#?}") };
        assert_eq!(finished["outcome"], "unknown", "{finished}");
        assert!(finished["signal_sent"].is_null(), "{finished}");
        assert!(!records.iter().any(|record| record["event"] == "executing"), "{records:#?}");
        if vote == DENY {
            assert!(victim.still_alive().await.expect("asked"));
        }
        let log = env.cluster.server_log().expect("the server's log");
        let signals = log
            .lines()
            .filter(|line| line.contains("killgate request 1: ") && line.ends_with(": signalling"));
        assert_eq!(signals.count(), usize::from(vote == APPROVE), "signals of both ledgers");
    }
}

/// Waits until the standby has read the end of the chain, which it does once a second.
async fn wait_until_standby_has_read_the_end(ledger: &Cluster) {
    let observer = ledger.superuser().await.expect("connected");
    // A read that started earlier may have missed the end; the next one has not.
    for _ in 0..2 {
        let now = observer.query_one("select extract(epoch from clock_timestamp())::float8", &[]);
        let now: f64 = now.await.expect("a clock").get(0);
        let read = "select from pg_stat_activity where usename = 'keeper' and query like '%renewed_at::text AS renewed_at%'
                    and extract(epoch from query_start)::float8 > $1";
        eventually("the standby's read", async || Ok(observer.query_opt(read, &[&now]).await?.map(drop)))
            .await
            .expect("read");
    }
}

async fn copy(from: &Path, to: &Path) {
    let copied = tokio::process::Command::new("cp").arg("-a").args([from, to]).status().await;
    assert!(copied.expect("cp").success());
}

#[tokio::test]
async fn however_many_ask_whether_it_is_ready_the_ledger_is_not_asked_by_each() {
    let env = TestEnv::new().await;
    let proxy = Proxy::to(env.cluster.port()).await;
    let bot = env.bot(&with_ledger_port(proxy.port));
    wait_until_ready(&env, &bot).await;
    // Long enough that others ask while a probe runs.
    proxy.slow_down(Duration::from_millis(200));
    let (began, before, mut asked) = (Instant::now(), proxy.forwarded(Direction::ToServer), 0);
    while began.elapsed() < ASK_FOR {
        let answers = join_all((0..CLIENTS).map(|_| bot.get("/readyz"))).await;
        assert!(answers.iter().all(|answer| matches!(answer, Some((200, _)))), "{answers:?}");
        asked += CLIENTS;
    }
    // The lease is renewed meanwhile, too.
    let sent = proxy.forwarded(Direction::ToServer) - before;
    println!("{sent} bytes to the ledger for {asked} requests");
    assert!(sent < asked * SHORTEST_STATEMENT, "{sent} bytes for {asked} requests");
}
