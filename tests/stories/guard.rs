//! The guard in the database: what it writes down, and what it refuses on its own.

use throwaway_postgres::{SqlState, eventually};

use crate::house::{APPROVE, House, Right};

#[tokio::test]
async fn the_servers_log_names_request_requester_and_approvers() {
    let house = House::plan()
        .right(Right::Guard)
        .section("[approval]\napprovals = 2")
        .open()
        .await;
    let mut victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;
    house.reacts("ben", &card, APPROVE);
    house.reacts("dora", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);

    let id = |name| house.person(name).id();
    let line = format!(
        "killgate request 1: terminate of pid {}, user app, asked by {}, approved by {}, {}: signalling",
        victim.pid(),
        id("ana"),
        id("ben"),
        id("dora")
    );
    eventually("the line in the server's log", async || {
        Ok(house.cluster.server_log()?.contains(&line).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_databases_own_rules_protect_users_whatever_the_configuration_says() {
    let house = House::under(Right::Guard).await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house
        .sql("insert into killgate.protected_users values ('^app$')")
        .await;
    house.reacts("ben", &card, APPROVE);

    let result = house.ends(1, &card, "protected", "Protected").await;
    assert!(result.contains("killgate.protected"), "{result}");
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn whoever_has_the_bots_password_cannot_signal_around_the_guard() {
    let house = House::under(Right::Guard).await;
    let victim = house.runaway().await;
    let thief = house.cluster.connect("killgate", "postgres").await.unwrap();

    for function in ["pg_terminate_backend", "pg_cancel_backend"] {
        let statement = format!("select {function}({})", victim.pid());
        let error = thief.batch_execute(&statement).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{error}");
    }
    assert!(victim.still_alive().await.unwrap());
}
