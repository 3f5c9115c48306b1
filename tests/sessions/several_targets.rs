//! Several targets: all are queried at once, and a silent one does not hide the others.

use throwaway_postgres::Cluster;

use crate::proxy::Proxy;
use crate::scene::{scene, sessions, target};

#[tokio::test]
async fn a_silent_target_is_named_while_the_others_are_shown() {
    let cluster = Cluster::start().await.unwrap();
    let proxy = Proxy::to(cluster.port()).await;
    let silent = format!("postgresql://killgate@127.0.0.1:{}/postgres", proxy.port);
    let mut env = scene().section(&target("billing", &silent)).start_without_bot_on(cluster).await;
    env.start_bot().await;
    env.wait_for_log("connected target=\"billing\"").await;
    let victim = env.sleeping_session().await;

    proxy.stall();
    let list = sessions(&env, &[]).await;
    let pid = victim.pid().to_string();
    list.becomes("the list of orders, without billing so far", |list| {
        let text = list.text();
        let parts = ["**orders** · 1 busy", &pid, "**billing** has not answered yet"];
        parts.iter().all(|part| text.contains(part))
    })
    .await;
    list.becomes("the list with the error of billing", |list| {
        list.text().contains("**billing** shows no sessions: it did not answer in time")
    })
    .await;
    assert!(list.text().contains("**orders** · 1 busy"), "{}", list.text());
}

#[tokio::test]
async fn the_late_answer_of_a_slow_target_is_shown_in_the_same_message() {
    let mut env = scene().start_without_bot().await;
    let proxy = Proxy::to(env.cluster.port()).await;
    let url = format!("postgresql://killgate@127.0.0.1:{}/postgres", proxy.port);
    env.change_config(&env.cluster.url("killgate", "postgres"), &url);
    env.start_bot().await;
    env.wait_for_bot_backend().await;
    let victim = env.sleeping_session().await;
    proxy.stall();
    let slow = sessions(&env, &[]).await;
    assert!(slow.text().contains("**orders** has not answered yet"), "{}", slow.text());
    proxy.flow();
    slow.becomes("the list", |list| list.text().contains(&victim.pid().to_string())).await;
}
