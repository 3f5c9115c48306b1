//! Limits on open requests and on signals.

use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, DENY, TestEnv};

#[tokio::test]
async fn open_requests_of_one_person_are_limited() {
    let env = TestEnv::builder().section("[limits]\nopen_requests_per_user = 1").start().await;
    let (one, two) = (env.sleeping_session().await, env.sleeping_session().await);
    let card = env.request_card("/terminate", one.pid()).await;

    let refusal = env.refused_command("ana", "/terminate", two.pid()).await;
    assert!(refusal.contains("1 open request, the limit for one person"), "{refusal}");
    assert_eq!(env.wait_for_attempts(1).await, ["attempt_refused by ana: limited"]);
    // The limit does not affect another person, nor Ana once her request is closed.
    env.request_card_as("otto", "/terminate", two.pid()).await;
    env.react("ana", &card, DENY);
    env.wait_for_finished(1).await;
    env.request_card("/terminate", one.pid()).await;
}

#[tokio::test]
async fn open_requests_in_total_are_limited() {
    let env = TestEnv::builder().section("[limits]\nopen_requests = 1").start().await;
    let (one, two) = (env.sleeping_session().await, env.sleeping_session().await);
    let card = env.request_card("/terminate", one.pid()).await;

    let refusal = env.refused_command("otto", "/terminate", two.pid()).await;
    assert!(refusal.contains("1 open request, which is the limit"), "{refusal}");
    assert_eq!(env.wait_for_attempts(1).await, ["attempt_refused by otto: limited"]);
    env.react("ben", &card, DENY);
    env.wait_for_finished(1).await;
    env.request_card_as("otto", "/terminate", two.pid()).await;
}

#[tokio::test]
async fn signals_per_hour_are_limited() {
    let mut env = TestEnv::builder().section("[limits]\nsignals_per_hour = 1").start().await;
    let (mut one, two) = (env.sleeping_session().await, env.sleeping_session().await);
    let first = env.request_card("/terminate", one.pid()).await;
    let second = env.request_card("/terminate", two.pid()).await;
    let third = env.request_card("/cancel", two.pid()).await;
    env.react("ben", &third, DENY);
    env.wait_for_finished(3).await;

    env.react("ben", &first, APPROVE);
    assert_eq!(one.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &first, "terminated", "Terminated").await;

    // An approval when no signals are left, then a new request, then one after a restart of the bot.
    env.react("ben", &second, APPROVE);
    env.assert_outcome(2, &second, "limited", "Limit reached").await;
    let refusal = env.refused_command("ana", "/terminate", two.pid()).await;
    assert!(refusal.contains("signals\\_per\\_hour") || refusal.contains("signals_per_hour"), "{refusal}");
    env.stop_bot().await;
    env.start_bot().await;
    env.refused_command("ana", "/terminate", two.pid()).await;
    assert_eq!(env.wait_for_attempts(2).await, ["attempt_refused by ana: limited"; 2]);
    assert!(two.still_alive().await.unwrap());
}
