//! One query of an ordinary user takes all locks of the server, so that nobody else can log in or read a table.

use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, SignalRight, TestEnv};

async fn who_takes_all_locks_of_the_server_is_found_and_terminated(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    env.wait_for_bot_backend().await;
    let mut filler = env.cluster.victim("mallory").database("template1").idle().await.unwrap();
    let take = "select count(pg_advisory_lock(number)) from generate_series(1, 1000000) as number";
    let full = filler.client().batch_execute(take).await.unwrap_err();
    assert_eq!(full.code(), Some(&SqlState::OUT_OF_MEMORY), "{full}");
    assert!(env.cluster.superuser().await.is_err(), "nobody else gets in");

    let list = env.person("ana").in_channel(&env.incident_channel()).types("/sessions");
    let list = list.option("view", "all").send().await.message();
    list.becomes("the list", |list| list.text().contains("mallory · template1")).await;
    let card = env.request_card("/terminate", filler.pid()).await;
    env.react("ben", &card, APPROVE);

    assert_eq!(filler.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert!(env.cluster.superuser().await.is_ok());
}

test_with_both_rights! { who_takes_all_locks_of_the_server_is_found_and_terminated }
