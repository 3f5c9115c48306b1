//! A network between the bot and the target that loses, holds back and swallows; a target that restarts; a
//! password that is changed.

use std::fs;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::incident::{asked, case, results};
use crate::proxy::{Proxy, Then, Trap, Way};
use crate::reckoning::reckon;
use crate::stage::{APPROVE, Setting, Stage};

/// Bytes after the approval's reaction at which the network turns bad: before the statement, in it, after it, in its
/// answer, in what is watched afterwards.
const PLACES: [usize; 5] = [0, 20, 120, 250, 900];

#[tokio::test]
async fn whatever_the_network_does_at_whichever_byte_the_outcome_is_true() {
    let stage = Stage::new().await;
    let proxy = Proxy::to(stage.cluster.port()).await;
    let setting = Setting {
        target_port: Some(proxy.port),
        ..Setting::default()
    };
    let _bot = stage.bot(&setting);
    stage.sim.bot_is_ready().await;
    let mut traps = Vec::new();
    for way in [Way::ToServer, Way::ToClient] {
        for after in PLACES {
            traps.push(Trap {
                way,
                after,
                then: Then::Cut,
            });
        }
        for then in [Then::Stall, Then::Delay(Duration::from_secs(1))] {
            for after in [0, 30] {
                traps.push(Trap { way, after, then });
            }
        }
    }
    let mut cases = Vec::new();
    for (number, trap) in traps.into_iter().enumerate() {
        // Odd numbers are approved, and both kinds of signal are among them.
        cases.push(case(&stage, 0, 2 * number + 1, || proxy.set(trap)).await);
    }
    let outcomes = reckon(&stage, &setting, &cases).await;
    println!("{outcomes:?}");
}

#[tokio::test]
async fn a_target_that_swallows_everything_keeps_nobody_waiting_and_is_reached_again() {
    let stage = Stage::new().await;
    let proxy = Proxy::to(stage.cluster.port()).await;
    let setting = Setting {
        target_port: Some(proxy.port),
        ..Setting::default()
    };
    let _bot = stage.bot(&setting);
    stage.sim.bot_is_ready().await;
    let victim = stage.cluster.victim("app").running("select pg_sleep(600)").await;
    let victim = victim.expect("a victim");
    let card = asked(&stage, &victim, "/terminate").await;
    proxy.swallows(true);

    let ana = || stage.person("ana").in_channel(&stage.incident());
    let looking = ana().types("/sessions").send_off().expect("sent");
    let began = Instant::now();
    let answer = ana().types("/requests").send().await;
    assert!(
        answer.text().contains(&victim.pid().to_string()),
        "{}",
        answer.text()
    );
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let answer = looking.filled().await;
    assert!(answer.text().contains("orders"), "{}", answer.text());

    stage.person("ben").reacts(&card, APPROVE);
    let told = stage.sim.awaits(Duration::from_secs(20), "the result", || {
        results(&stage, &card).pop()
    });
    let told = told.await.content();
    assert!(
        told.starts_with("Unknown") || told.to_lowercase().contains("not be reached"),
        "{told}"
    );
    proxy.swallows(false);
    let case = case(&stage, 0, 1, || ()).await;
    assert!(case.fate.is_some(), "it works again");
}

#[tokio::test]
async fn a_target_that_restarts_is_reached_again() {
    let stage = Stage::new().await;
    let setting = Setting::default();
    let _bot = stage.bot(&setting);
    stage.sim.bot_is_ready().await;
    for number in [1, 3] {
        let case = case(&stage, 0, number, || ()).await;
        assert!(case.fate.is_some());
        stage.cluster.crash().await.expect("crashed");
        stage.cluster.start_again().await.expect("started");
    }
    assert!(case(&stage, 0, 5, || ()).await.fate.is_some());
}

#[tokio::test]
async fn a_changed_password_is_read_from_its_file() {
    let stage = Stage::new().await;
    let sql = |statement: &'static str| async { stage.cluster.sql(statement).await.expect("done") };
    let file = stage.folder.path().join("password");
    fs::write(&file, "first\n").expect("written");
    sql("alter role killgate password 'first'").await;
    let rules = stage.cluster.folder().join("data/pg_hba.conf");
    let trusted = fs::read_to_string(&rules).expect("its rules");
    fs::write(
        &rules,
        format!("host all killgate 127.0.0.1/32 scram-sha-256\n{trusted}"),
    )
    .expect("written");
    sql("select pg_reload_conf()").await;
    let setting = Setting {
        password_file: Some("password"),
        ..Setting::default()
    };
    let _bot = stage.bot(&setting);
    stage.sim.bot_is_ready().await;
    assert!(case(&stage, 0, 1, || ()).await.fate.is_some());

    sql("alter role killgate password 'second'").await;
    sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'killgate'").await;
    fs::write(&file, "second\n").expect("written");
    let again = timeout(Duration::from_secs(60), case(&stage, 0, 3, || ())).await;
    assert!(again.expect("in time").fate.is_some());
}
