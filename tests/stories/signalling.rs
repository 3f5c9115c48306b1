//! What an approved request does to the session, and what it never does.

use throwaway_postgres::SqlState;

use crate::house::{APPROVE, COUNTS_CANCELS, House, Right};

async fn a_cancelled_query_raises_57014_and_its_session_lives_on(right: Right) {
    let house = House::under(right).await;
    let mut victim = house.runaway().await;

    let card = house.card("/cancel", victim.pid()).await;
    house.reacts("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::QUERY_CANCELED);
    assert!(victim.still_alive().await.unwrap());
    let result = house.ends(1, &card, "cancelled", "Cancelled").await;
    assert!(result.contains(" ms"), "{result}");
    assert_eq!(
        house.events(1).await,
        [
            "requested by ana: cancel",
            "posted",
            "approved by ben",
            "executing, approved by ben",
            "finished: cancelled"
        ]
    );
}

async fn a_terminated_session_is_told_57p01(right: Right) {
    let house = House::under(right).await;
    let mut victim = house.runaway().await;

    let card = house.card("/terminate", victim.pid()).await;
    house.reacts("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    let result = house.ends(1, &card, "terminated", "Terminated").await;
    let (ana, ben) = (house.person("ana").id(), house.person("ben").id());
    assert!(
        result.contains(&format!("Requested by <@{ana}> · approved by <@{ben}>")),
        "{result}"
    );
    let record = house.finished(1).await;
    assert_eq!(record["signal_sent"], true);
    assert!(record["elapsed_ms"].is_number(), "{record}");
}

async fn two_approvals_that_arrive_together_signal_once(right: Right) {
    let house = House::plan()
        .right(right)
        .section("[limits]\nconfirm_within = \"1s\"")
        .open()
        .await;
    let victim = house.running(COUNTS_CANCELS).await;

    let card = house.card("/cancel", victim.pid()).await;
    house.reacts("ben", &card, APPROVE);
    house.reacts("dora", &card, APPROVE);

    let result = house.ends(1, &card, "unconfirmed", "Unconfirmed").await;
    assert!(
        result.contains("PgSleep"),
        "what it is stuck on is said: {result}"
    );
    victim.seen("application_name = 'cancels met: 1'").await.unwrap();
    assert_eq!(
        house.events(1).await,
        [
            "requested by ana: cancel",
            "posted",
            "approved by ben",
            "executing, approved by ben",
            "attempt_refused by dora: closed",
            "finished: unconfirmed"
        ]
    );
}

async fn a_query_that_moved_on_is_not_cancelled(right: Right) {
    let house = House::under(right).await;
    let mut victim = house.runaway().await;
    let card = house.card("/cancel", victim.pid()).await;

    house
        .sql(&format!("select pg_cancel_backend({})", victim.pid()))
        .await;
    assert_eq!(victim.ended().await.unwrap(), SqlState::QUERY_CANCELED);
    victim.run("select 'the next one', pg_sleep(600)").await.unwrap();
    house.reacts("ben", &card, APPROVE);

    let record = house.finished(1).await;
    assert_eq!(record["signal_sent"], false, "{record}");
    // The watcher may have looked in the instant between.
    let outcome = record["outcome"].as_str().unwrap();
    assert!(["moved_on", "lapsed"].contains(&outcome), "{record}");
    victim
        .seen("state = 'active' and query like '%the next one%'")
        .await
        .unwrap();
}

async fn a_session_that_has_gone_is_not_signalled(right: Right) {
    let house = House::under(right).await;
    let mut victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house
        .sql(&format!("select pg_terminate_backend({})", victim.pid()))
        .await;
    victim.ended().await.unwrap();
    house.reacts("ben", &card, APPROVE);

    let record = house.finished(1).await;
    assert_eq!(record["signal_sent"], false, "{record}");
    let outcome = record["outcome"].as_str().unwrap();
    assert!(["gone", "lapsed"].contains(&outcome), "{record}");
    let result = house.result(&card).await;
    assert!(
        result.starts_with("Already gone") || result.starts_with("Lapsed"),
        "{result}"
    );
}

async fn a_right_that_was_taken_away_is_told_in_postgresqls_words(right: Right) {
    let house = House::under(right).await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    match right {
        Right::Direct => house.sql("revoke pg_signal_backend from killgate").await,
        Right::Guard => house.sql("revoke pg_signal_backend from killgate_guard").await,
    }
    house.reacts("ben", &card, APPROVE);

    let result = house.ends(1, &card, "refused", "Refused by PostgreSQL").await;
    assert!(result.contains("ERROR") && result.contains("42501"), "{result}");
    assert!(victim.still_alive().await.unwrap());
}

async fn a_termination_releases_those_who_wait_for_the_session(right: Right) {
    let house = House::under(right).await;
    house
        .sql("create table stock (id int); grant all on stock to public")
        .await;
    let app = || house.cluster.victim("app");
    let blocker = app().idle_in_transaction("lock table stock").await.unwrap();
    let first = app().waiting("begin; lock table stock; commit").await.unwrap();
    let second = app().waiting("begin; lock table stock; commit").await.unwrap();

    let card = house.card("/terminate", blocker.pid()).await;
    assert!(card.text().contains("Blocks 2 sessions"), "{}", card.text());
    house.reacts("ben", &card, APPROVE);

    let result = house.ends(1, &card, "terminated", "Terminated").await;
    assert!(result.contains("2 waiters released"), "{result}");
    for mut waiter in [first, second] {
        assert_eq!(
            waiter.ended().await.unwrap(),
            SqlState::SUCCESSFUL_COMPLETION,
            "it got its lock"
        );
    }
}

async fn a_session_that_takes_over_a_reused_pid_is_left_alone(right: Right) {
    let house = House::under(right).await;
    let mut victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;
    house
        .sql(&format!("select pg_terminate_backend({})", victim.pid()))
        .await;
    victim.ended().await.unwrap();

    let Some(heir) = house.session_with_pid(victim.pid()).await else {
        println!("skipped: no pid could be reused here");
        return;
    };
    house.reacts("ben", &card, APPROVE);

    let record = house.finished(1).await;
    assert_eq!(record["signal_sent"], false, "{record}");
    let outcome = record["outcome"].as_str().unwrap();
    assert!(["replaced", "lapsed"].contains(&outcome), "{record}");
    heir.batch_execute("select 'unharmed'").await.unwrap();
}

told_under_both_rights! {
    a_cancelled_query_raises_57014_and_its_session_lives_on,
    a_terminated_session_is_told_57p01,
    two_approvals_that_arrive_together_signal_once,
    a_query_that_moved_on_is_not_cancelled,
    a_session_that_has_gone_is_not_signalled,
    a_right_that_was_taken_away_is_told_in_postgresqls_words,
    a_session_that_takes_over_a_reused_pid_is_left_alone,
    a_termination_releases_those_who_wait_for_the_session,
}
