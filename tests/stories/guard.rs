//! The guard in the database: what it logs and what it refuses.

use throwaway_postgres::{SqlState, eventually};

use crate::environment::{APPROVE, SignalRight, TestEnv};

#[tokio::test]
async fn the_server_log_names_request_requester_and_approvers() {
    let env = TestEnv::builder().right(SignalRight::Guard).section("[approval]\napprovals = 2").start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    env.react("dora", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);

    let id = |name| env.person(name).id();
    let line = format!(
        "killgate request 1: terminate of pid {}, user app, asked by {}, approved by {}, {}: signalling",
        victim.pid(),
        id("ana"),
        id("ben"),
        id("dora")
    );
    eventually("the line in the server's log", async || {
        Ok(env.cluster.server_log()?.contains(&line).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_guards_own_table_protects_users_whatever_the_configuration_says() {
    let env = TestEnv::start_with(SignalRight::Guard).await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.sql("insert into killgate.protected_users values ('^app$')").await;
    env.react("ben", &card, APPROVE);

    let result = env.assert_outcome(1, &card, "protected", "Protected").await;
    let (first, next) =
        (result.lines().next().unwrap(), "That table is the guard's own, in the target's database");
    assert!(
        first.starts_with("Protected: terminate user app ("),
        "nothing took effect after a time: {first}"
    );
    assert!(first.contains("on orders. The rule ^app$ in killgate.protected"), "{first}");
    assert!(result.contains(next), "{result}");
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn the_bots_password_does_not_bypass_the_guard() {
    let env = TestEnv::start_with(SignalRight::Guard).await;
    let victim = env.sleeping_session().await;
    let connection = env.cluster.connect("killgate", "postgres").await.unwrap();

    for function in ["pg_terminate_backend", "pg_cancel_backend"] {
        let statement = format!("select {function}({})", victim.pid());
        let error = connection.batch_execute(&statement).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{error}");
    }
    assert!(victim.still_alive().await.unwrap());
}
