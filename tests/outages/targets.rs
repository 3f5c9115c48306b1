//! A network to the target that loses, delays and drops packets; a target that restarts; a
//! changed password.

use std::fs;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::bot_config::BotConfig;
use crate::environment::{APPROVE, TestEnv};
use crate::proxy::{Direction, FaultEffect, NetworkFault, Proxy};
use crate::verification::verify;
use crate::workload::{case, request_card, results};

/// The number of bytes after the approval at which the fault happens: before, in and after the statement, in its
/// answer, and while watching.
const FAULT_OFFSETS: [usize; 5] = [0, 20, 120, 250, 900];

#[tokio::test]
async fn network_faults_at_any_byte_lead_to_a_true_outcome() {
    let env = TestEnv::new().await;
    let proxy = Proxy::to(env.cluster.port()).await;
    let config = BotConfig { target_port: Some(proxy.port), ..BotConfig::default() };
    let _bot = env.bot(&config);
    env.sim.bot_is_ready().await;
    let mut faults = Vec::new();
    for direction in [Direction::ToServer, Direction::ToClient] {
        for after in FAULT_OFFSETS {
            faults.push(NetworkFault { direction, after, effect: FaultEffect::Cut });
        }
        for effect in [FaultEffect::Stall, FaultEffect::Delay(Duration::from_secs(1))] {
            for after in [0, 30] {
                faults.push(NetworkFault { direction, after, effect });
            }
        }
    }
    let mut cases = Vec::new();
    for (number, fault) in faults.into_iter().enumerate() {
        // Odd numbers are approved, and include both kinds of signal.
        cases.push(case(&env, 0, 2 * number + 1, || proxy.arm(fault)).await);
    }
    let outcomes = verify(&env, &config, &cases).await;
    println!("{outcomes:?}");
}

#[tokio::test]
async fn an_unresponsive_target_delays_nobody_and_recovers() {
    let env = TestEnv::new().await;
    let proxy = Proxy::to(env.cluster.port()).await;
    let config = BotConfig { target_port: Some(proxy.port), ..BotConfig::default() };
    let _bot = env.bot(&config);
    env.sim.bot_is_ready().await;
    let victim = env.cluster.victim("app").running("select pg_sleep(600)").await;
    let victim = victim.expect("a victim");
    let card = request_card(&env, &victim, "/terminate").await;
    proxy.drop_data(true);

    let ana = || env.person("ana").in_channel(&env.incident());
    let listing = ana().types("/sessions").send_off().expect("sent");
    let began = Instant::now();
    let answer = ana().types("/requests").send().await;
    assert!(answer.text().contains(&victim.pid().to_string()), "{}", answer.text());
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let answer = listing.filled().await;
    assert!(answer.text().contains("orders"), "{}", answer.text());

    env.person("ben").reacts(&card, APPROVE);
    let result = env.sim.awaits(Duration::from_secs(20), "the result", || results(&env, &card).pop());
    let result = result.await.content();
    // Its clock is read before the signalling statement is sent, so it is certain that nothing was signalled.
    assert!(result.starts_with("Unreachable"), "{result}");
    proxy.drop_data(false);
    let case = case(&env, 0, 1, || ()).await;
    assert!(case.ended_with.is_some(), "it works again");
}

#[tokio::test]
async fn a_restarted_target_is_reached_again() {
    let env = TestEnv::new().await;
    let config = BotConfig::default();
    let _bot = env.bot(&config);
    env.sim.bot_is_ready().await;
    for number in [1, 3] {
        let case = case(&env, 0, number, || ()).await;
        assert!(case.ended_with.is_some());
        env.cluster.crash().await.expect("crashed");
        env.cluster.start_again().await.expect("started");
    }
    assert!(case(&env, 0, 5, || ()).await.ended_with.is_some());
}

#[tokio::test]
async fn a_changed_password_file_is_read_at_the_next_connect() {
    let env = TestEnv::new().await;
    let sql = async |statement: &str| {
        // 13 would store it in another form.
        let statement = format!("set password_encryption = 'scram-sha-256'; {statement}");
        env.cluster.sql(&statement).await.expect("done");
    };
    let file = env.folder.path().join("password");
    fs::write(&file, "first\n").expect("written");
    sql("alter role killgate password 'first'").await;
    let hba = env.cluster.folder().join("data/pg_hba.conf");
    let trusted = fs::read_to_string(&hba).expect("its rules");
    fs::write(&hba, format!("host all killgate 127.0.0.1/32 scram-sha-256\n{trusted}")).expect("written");
    sql("select pg_reload_conf()").await;
    let config = BotConfig { password_file: Some("password"), ..BotConfig::default() };
    let _bot = env.bot(&config);
    env.sim.bot_is_ready().await;
    assert!(case(&env, 0, 1, || ()).await.ended_with.is_some());

    sql("alter role killgate password 'second'").await;
    sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'killgate'").await;
    fs::write(&file, "second\n").expect("written");
    let again = timeout(Duration::from_mins(1), case(&env, 0, 3, || ())).await;
    assert!(again.expect("in time").ended_with.is_some());
}
