//! The ledger's server: a network to it that loses, holds back and swallows, and a server that lost its last records.

use std::path::Path;
use std::time::Duration;

use throwaway_postgres::{Cluster, SqlState, eventually};

use crate::failovers::SETTING;
use crate::incident::{asked, case, results};
use crate::proxy::{Proxy, Then, Trap, Way};
use crate::reckoning::reckon;
use crate::stage::{APPROVE, Setting, Stage, becomes_ready, make_room_for_a_ledger, stands_by};

const LIMIT: Duration = Duration::from_secs(30);

fn through(port: u16) -> Setting {
    Setting {
        ledger_port: Some(port),
        ..SETTING
    }
}

#[tokio::test]
async fn whatever_the_network_to_the_ledger_does_at_whichever_byte_nothing_is_lost_or_doubled() {
    let stage = Stage::new().await;
    let proxy = Proxy::to(stage.cluster.port()).await;
    let setting = through(proxy.port);
    let bot = stage.bot(&setting);
    becomes_ready(&stage, &bot).await;
    // Before the append, within it, before its answer, within that; longer than it may take.
    let late = Then::Delay(Duration::from_secs(4));
    let traps = [
        (Way::ToServer, 0, Then::Cut),
        (Way::ToServer, 400, Then::Cut),
        (Way::ToClient, 0, Then::Cut),
        (Way::ToClient, 20, Then::Cut),
        (Way::ToServer, 400, Then::Stall),
        (Way::ToClient, 0, Then::Stall),
        (Way::ToServer, 400, late),
        (Way::ToClient, 0, late),
    ];
    let mut cases = Vec::new();
    for (number, (way, after, then)) in traps.into_iter().enumerate() {
        let trap = Trap { way, after, then };
        // Odd numbers are approved, and both kinds of signal are among them.
        cases.push(case(&stage, 0, 2 * number + 1, || proxy.set(trap)).await);
    }
    let outcomes = reckon(&stage, &setting, &cases).await;
    println!("{outcomes:?}");
}

#[tokio::test]
async fn a_replica_that_is_cut_off_from_the_ledger_is_succeeded_and_signals_nothing() {
    let stage = Stage::new().await;
    let proxy = Proxy::to(stage.cluster.port()).await;
    let cut_off = stage.bot(&through(proxy.port));
    becomes_ready(&stage, &cut_off).await;
    let successor = stage.bot(&SETTING);
    stands_by(&successor).await;
    let victim = stage.cluster.victim("app").running("select pg_sleep(600)").await;
    let mut victim = victim.expect("a victim");
    let card = asked(&stage, &victim, "/terminate").await;

    proxy.swallows(true);
    stage.person("ben").reacts(&card, APPROVE);
    becomes_ready(&stage, &successor).await;
    assert_eq!(victim.ended().await.expect("told why"), SqlState::ADMIN_SHUTDOWN);
    let told = || results(&stage, &card).pop();
    stage.sim.awaits(LIMIT, "the result", told).await;

    // It was connected to Discord all the while, and heard of everything.
    proxy.swallows(false);
    stands_by(&cut_off).await;
    let outcomes = reckon(&stage, &SETTING, &[]).await;
    assert_eq!(outcomes["terminated"], 1, "{outcomes:?}");
}

#[tokio::test]
async fn a_server_that_lost_its_last_records_in_a_failover_is_not_built_on() {
    let stage = Stage::new().await;
    let ledger = Cluster::start().await.expect("a server for the ledger");
    make_room_for_a_ledger(&ledger).await;
    let setting = through(ledger.port());
    let mut active = stage.bot(&setting);
    becomes_ready(&stage, &active).await;
    let standby = stage.bot(&setting);
    stands_by(&standby).await;
    let sleeping = "select pg_sleep(600)";
    let victim = stage.cluster.victim("app").running(sleeping).await;
    let mut victim = victim.expect("a victim");
    let card = asked(&stage, &victim, "/terminate").await;
    // What has arrived at the standby.
    ledger.stop().await.expect("stopped");
    let data = ledger.folder().join("data");
    let behind = ledger.folder().join("behind");
    copy(&data, &behind).await;
    ledger.start_again().await.expect("started");
    becomes_ready(&stage, &active).await;

    stage.person("ben").reacts(&card, APPROVE);
    assert_eq!(victim.ended().await.expect("told why"), SqlState::ADMIN_SHUTDOWN);
    let told = || results(&stage, &card).pop();
    stage.sim.awaits(LIMIT, "the result", told).await;
    let whole = stage.records(&setting).await;
    has_seen_its_end(&ledger).await;

    // The primary is lost, and the standby takes its place.
    let ahead = ledger.folder().join("ahead");
    ledger.crash().await.expect("crashed");
    std::fs::rename(&data, &ahead).expect("set aside");
    copy(&behind, &data).await;
    ledger.start_again().await.expect("started");
    active.says(503, "which was durable, is missing").await;
    let second = stage.cluster.victim("app").running(sleeping).await;
    let second = second.expect("another victim");
    let ana = stage.person("ana").in_channel(&stage.incident());
    let refused = ana.types("/terminate").option("pid", second.pid()).send().await;
    assert!(refused.text().contains("ledger"), "{}", refused.text());
    active.kill().await;
    standby.says(503, "which was durable, is missing").await;

    // With the old primary back they go on.
    ledger.crash().await.expect("crashed");
    std::fs::remove_dir_all(&data).expect("removed");
    std::fs::rename(&ahead, &data).expect("back");
    ledger.start_again().await.expect("started");
    becomes_ready(&stage, &standby).await;
    let case = case(&stage, 0, 1, || ()).await;
    assert!(case.fate.is_some(), "it signals again");
    let records = stage.records(&setting).await;
    assert!(records.starts_with(&whole), "nothing is lost: {records:?}");
    reckon(&stage, &setting, &[case]).await;
}

/// Waits until the standby has looked where the chain ends. It looks once a second, and remembers what it saw.
async fn has_seen_its_end(ledger: &Cluster) {
    let observer = ledger.superuser().await.expect("connected");
    // A look that had begun before now may have missed the end; the one after it has not.
    for _ in 0..2 {
        let now = observer.query_one("select extract(epoch from clock_timestamp())::float8", &[]);
        let now: f64 = now.await.expect("a clock").get(0);
        let look = "select from pg_stat_activity where usename = 'keeper' and query like '%AS has_expired%'
                    and extract(epoch from query_start)::float8 > $1";
        eventually("the standby's look", async || {
            Ok(observer.query_opt(look, &[&now]).await?.map(drop))
        })
        .await
        .expect("looked");
    }
}

async fn copy(from: &Path, to: &Path) {
    let copied = tokio::process::Command::new("cp")
        .arg("-a")
        .args([from, to])
        .status()
        .await;
    assert!(copied.expect("cp").success());
}
