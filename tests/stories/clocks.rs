//! The system clock jumps or is wrong: expiry holds. libfaketime (`LD_PRELOAD`) sets the clock that killgate sees.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, TestEnv};
use crate::faketime::{libfaketime, set_clock_file, variables};

/// An environment whose bot is not started yet and takes its clock from `set_clock`. `None` without libfaketime.
async fn env_with_a_settable_clock(expires_after: &str) -> Option<TestEnv> {
    let Some(library) = libfaketime() else {
        println!("skipped: libfaketime is not installed");
        return None;
    };
    let approval = format!("[approval]\nexpires_after = \"{expires_after}\"");
    let mut env = TestEnv::builder().section(&approval).start_without_bot().await;
    for (name, value) in variables(&library, &env.path("clock")) {
        env.set_variable(name, &value);
    }
    set_clock(&env, "+0");
    Some(env)
}

/// Sets the clock that the bot sees this far from the real one, such as `-3600`, in seconds.
fn set_clock(env: &TestEnv, offset: &str) {
    set_clock_file(&env.path("clock"), offset);
}

/// How far the time of a record is from the real one.
fn error_of(time: &serde_json::Value) -> SignedDuration {
    let time: Timestamp = time.as_str().unwrap().parse().unwrap();
    time.duration_since(Timestamp::now())
}

#[tokio::test]
async fn a_clock_that_jumps_forward_expires_nothing() {
    let Some(mut env) = env_with_a_settable_clock("15m").await else { return };
    env.start_bot().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    set_clock(&env, "+3600");
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_extends_nothing() {
    let Some(mut env) = env_with_a_settable_clock("15s").await else { return };
    env.start_bot().await;
    let victim = env.sleeping_session().await;
    let asked_at = Instant::now();
    let card = env.request_card("/terminate", victim.pid()).await;
    set_clock(&env, "-3600");
    env.assert_outcome(1, &card, "expired", "Expired").await;
    assert!(asked_at.elapsed() >= Duration::from_secs(15));
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_discords() {
    let Some(mut env) = env_with_a_settable_clock("15m").await else { return };
    for (offset, request) in [("-1200", 1), ("+3600", 2)] {
        set_clock(&env, offset);
        env.start_bot().await;
        env.wait_for_log("the system clock differs from Discord's").await;
        let victim = env.sleeping_session().await;
        let card = env.request_card("/terminate", victim.pid()).await;
        let ledger = env.ledger().await;
        let requested =
            ledger.iter().find(|record| record["request"] == request && record["event"] == "requested");
        let until_expiry = error_of(&requested.unwrap()["expires_at"]).as_secs();
        assert!((880..=905).contains(&until_expiry), "it expires in {until_expiry} s");
        // Also the clock of the next start is wrong: what is open stays open.
        env.stop_bot().await;
        set_clock(&env, if offset == "-1200" { "+7200" } else { "-7200" });
        env.start_bot().await;
        let mut victim = victim;
        env.react("ben", &card, APPROVE);
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
        env.assert_outcome(request, &card, "terminated", "Terminated").await;
        env.stop_bot().await;
    }
}

/// The times of a card that Discord counts from now on, each as seconds before now.
fn relative_times(text: &str) -> Vec<i64> {
    let times = text.split("<t:").skip(1).filter_map(|rest| rest.split_once(":R>"));
    let times = times.filter_map(|(seconds, _)| seconds.parse::<i64>().ok());
    times.map(|seconds| Timestamp::now().as_second() - seconds).collect()
}

#[tokio::test]
async fn a_card_follows_a_server_whose_clock_is_wrong_and_is_set_and_its_ages_stay_right() {
    let Some(library) = libfaketime() else {
        println!("SKIPPED: libfaketime is not installed");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let clock = folder.path().join("clock");
    set_clock_file(&clock, "+3600");
    let mut builder = TestEnv::builder();
    for (name, value) in variables(&library, &clock) {
        builder = builder.cluster_variable(name, &value);
    }
    let env = builder.start().await;
    env.sql("create table stock (id int); grant all on stock to public").await;
    let blocker = env.cluster.victim("app").idle_in_transaction("lock table stock").await.unwrap();
    let _first = env.cluster.victim("app").waiting("select * from stock").await.unwrap();
    let card = env.request_card("/terminate", blocker.pid()).await;

    // It was an hour ahead, and is set to an hour behind.
    set_clock_file(&clock, "-3600");
    let _second = env.cluster.victim("app").waiting("select * from stock").await.unwrap();
    card.becomes("the card shows the new waiter", |card| card.text().contains("Blocks 2 sessions")).await;
    let text = card.text();
    let times = relative_times(&text);
    assert!(times.len() >= 2, "{text}");
    // The expiry is in a quarter of an hour; everything else has just begun.
    assert!(times.iter().all(|ago| (-901..60).contains(ago)), "{times:?}\n{text}");

    env.react("ben", &card, APPROVE);
    let result = env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert!(result.contains("2 waiters released"), "{result}");
}
