//! While a request is open its card follows the truth.

use std::time::{Duration, Instant};

use throwaway_postgres::SqlState;

use crate::house::{APPROVE, House, Right};

async fn a_session_that_ends_by_itself_closes_its_request(right: Right) {
    let house = House::under(right).await;
    let victim = house.running("select pg_sleep(1)").await;
    let card = house.card("/terminate", victim.pid()).await;

    let ended = Instant::now();
    drop(victim);

    let result = house.ends(1, &card, "lapsed", "Lapsed").await;
    assert!(ended.elapsed() < Duration::from_secs(15), "{:?}", ended.elapsed());
    assert!(result.contains("has ended by itself"), "{result}");
}

async fn a_query_that_ends_by_itself_closes_the_request_to_cancel_it(right: Right) {
    let house = House::under(right).await;
    let mut victim = house.running("select pg_sleep(1.5)").await;
    let card = house.card("/cancel", victim.pid()).await;

    assert_eq!(victim.ended().await.unwrap(), SqlState::SUCCESSFUL_COMPLETION);

    let result = house.ends(1, &card, "lapsed", "Lapsed").await;
    assert!(
        result.contains("the query has ended") || result.contains("The query has ended"),
        "{result}"
    );
    assert!(victim.still_alive().await.unwrap());
}

async fn a_cancel_that_cannot_help_says_so_before_anyone_approves(right: Right) {
    let house = House::under(right).await;
    house
        .sql("create table stock (id int); grant all on stock to public")
        .await;
    let app = || house.cluster.victim("app");
    let holder = app().idle_in_transaction("lock table stock").await.unwrap();
    let idle = app().idle().await.unwrap();

    let card = house.card("/cancel", holder.pid()).await;
    let text = card.text();
    assert!(text.contains("There is no query to cancel"), "{text}");
    assert!(text.contains("/terminate"), "{text}");
    house.reacts("ben", &card, APPROVE);
    house.ends(1, &card, "moved_on", "Moved on").await;

    let card = house.card("/cancel", idle.pid()).await;
    assert!(card.text().contains("the session is idle"), "{}", card.text());
    house.reacts("ben", &card, APPROVE);
    house.ends(2, &card, "moved_on", "Moved on").await;
    for request in [1, 2] {
        assert_eq!(house.finished(request).await["signal_sent"], false);
    }
    for victim in [holder, idle] {
        assert!(victim.still_alive().await.unwrap());
    }
}

async fn a_parallel_workers_card_is_its_leaders(right: Right) {
    let house = House::under(right).await;
    let mut victim = house.cluster.victim("app").idle().await.unwrap();
    let parallel = "set force_parallel_mode = on; set debug_parallel_query = on";
    for setting in parallel.split("; ") {
        // The first is its name until 15, the second from 16 on.
        let _ = victim.client().batch_execute(setting).await;
    }
    victim.run("select pg_sleep(600)").await.unwrap();
    let worker = throwaway_postgres::eventually("a parallel worker", async || {
        let rows = house.cluster.superuser().await?;
        let query = "select pid from pg_stat_activity where leader_pid = $1 and pid <> leader_pid";
        let rows = rows.query(query, &[&victim.pid()]).await?;
        Ok(rows.first().map(|row| row.get::<_, i32>(0)))
    })
    .await
    .unwrap();

    let card = house.card("/cancel", worker).await;
    let says = format!("{worker} is a parallel worker of {}", victim.pid());
    assert!(card.text().contains(&says), "{}", card.text());
    house.reacts("ben", &card, APPROVE);

    house.ends(1, &card, "cancelled", "Cancelled").await;
    assert_eq!(victim.ended().await.unwrap(), SqlState::QUERY_CANCELED);
    assert_eq!(house.ledger().await[0]["pid"], victim.pid());
}

told_under_both_rights! {
    a_session_that_ends_by_itself_closes_its_request,
    a_query_that_ends_by_itself_closes_the_request_to_cancel_it,
    a_cancel_that_cannot_help_says_so_before_anyone_approves,
    a_parallel_workers_card_is_its_leaders,
}

#[tokio::test]
async fn a_material_change_is_shown_with_what_it_was_before() {
    let house = House::open().await;
    house
        .sql("create table stock (id int); grant all on stock to public")
        .await;
    let app = || house.cluster.victim("app");
    let mut victim = app().idle_in_transaction("lock table stock").await.unwrap();
    let card = house.card("/terminate", victim.pid()).await;
    let changed = || card.card().field("Changed").unwrap_or_default().to_owned();

    let waiter = app().waiting("select * from stock").await.unwrap();
    card.becomes("the card shows the waiter", |_| {
        changed().contains("It blocked no sessions")
    })
    .await;
    assert!(card.text().contains("Blocks 1 session"), "{}", card.text());

    victim.run("select 'next', pg_sleep(600)").await.unwrap();
    card.becomes("the card shows the new query", |_| {
        changed().contains("Its query was") && changed().contains("Its state was idle in transaction")
    })
    .await;
    assert!(changed().contains("lock table stock"), "{}", changed());
    assert!(card.card().description().contains("pg_sleep"), "{}", card.text());
    assert!(card.text().contains("#1"), "it is the same request");

    house.reacts("ben", &card, APPROVE);
    let result = house.ends(1, &card, "terminated", "Terminated").await;
    assert!(result.contains("1 waiter released"), "{result}");
    drop(waiter);
}
