//! The card of an open request is kept up to date.

use throwaway_postgres::{Client, SqlState};

use crate::environment::{APPROVE, SignalRight, TestEnv};

/// In a block: sleeps until the test lets go of what [`hold`] returned.
const SLEEPS_WHILE_HELD: &str = "while not pg_try_advisory_lock(1) loop perform pg_sleep(0.1); end loop;";

/// Until this is dropped, [`SLEEPS_WHILE_HELD`] does not end.
async fn hold(env: &TestEnv) -> Client {
    let holder = env.cluster.superuser().await.unwrap();
    holder.batch_execute("select pg_advisory_lock(1)").await.unwrap();
    holder
}

async fn a_request_lapses_when_its_session_ends_by_itself(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let holder = hold(&env).await;
    let victim = env.session_running(&format!("do $$ begin {SLEEPS_WHILE_HELD} end $$")).await;
    let card = env.request_card("/terminate", victim.pid()).await;

    drop((victim, holder));

    let result = env.assert_outcome(1, &card, "lapsed", "Lapsed").await;
    assert!(result.contains("ended by itself"), "{result}");
}

async fn a_cancel_request_lapses_when_its_query_ends_by_itself(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let holder = hold(&env).await;
    let mut victim = env.session_running(&format!("do $$ begin {SLEEPS_WHILE_HELD} end $$")).await;
    let card = env.request_card("/cancel", victim.pid()).await;

    drop(holder);
    assert_eq!(victim.ended().await.unwrap(), SqlState::SUCCESSFUL_COMPLETION);

    let result = env.assert_outcome(1, &card, "lapsed", "Lapsed").await;
    assert!(result.contains("The query ended by itself"), "{result}");
    assert!(victim.still_alive().await.unwrap());
}

async fn the_card_of_a_parallel_worker_is_about_its_leader(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let mut victim = env.cluster.victim("app").idle().await.unwrap();
    let parallel = "set force_parallel_mode = on; set debug_parallel_query = on";
    for setting in parallel.split("; ") {
        // The setting has the first name up to PostgreSQL 15, the second from 16 on.
        let _ = victim.client().batch_execute(setting).await;
    }
    victim.run("select pg_sleep(600)").await.unwrap();
    let worker = throwaway_postgres::eventually("a parallel worker", async || {
        let rows = env.cluster.superuser().await?;
        let query = "select pid from pg_stat_activity where leader_pid = $1 and pid <> leader_pid";
        let rows = rows.query(query, &[&victim.pid()]).await?;
        Ok(rows.first().map(|row| row.get::<_, i32>(0)))
    })
    .await
    .unwrap();

    let card = env.request_card("/cancel", worker).await;
    let says = format!("{worker} is a parallel worker of {}", victim.pid());
    assert!(card.text().contains(&says), "{}", card.text());
    env.react("ben", &card, APPROVE);

    env.assert_outcome(1, &card, "cancelled", "Cancelled").await;
    assert_eq!(victim.ended().await.unwrap(), SqlState::QUERY_CANCELED);
    assert_eq!(env.ledger().await[0]["backends"][0]["pid"], victim.pid());
}

test_with_both_rights! {
    a_request_lapses_when_its_session_ends_by_itself,
    a_cancel_request_lapses_when_its_query_ends_by_itself,
    the_card_of_a_parallel_worker_is_about_its_leader,
}

#[tokio::test]
async fn a_change_within_the_same_query_is_shown() {
    let env = TestEnv::start().await;
    let holder = hold(&env).await;
    let query = format!(
        "do $$ begin {SLEEPS_WHILE_HELD} perform set_config('application_name', 'billing', false); \
         perform txid_current(); perform pg_sleep(600); end $$"
    );
    let victim = env.session_running(&query).await;
    let card = env.request_card("/terminate", victim.pid()).await;
    assert!(card.text().contains("it has changed no rows"), "{}", card.text());

    drop(holder);
    card.becomes("the card shows the new name and what is rolled back", |card| {
        let text = card.text();
        text.contains("application billing") && text.contains("is rolled back") && !text.contains("no rows")
    })
    .await;
    let content = card.content();
    let asked = format!("asks to terminate user app ({}), database postgres", victim.pid());
    assert!(content.contains(&asked), "what was asked about keeps its name: {content}");
    assert!(content.contains(" on orders: application now billing, active for "), "{content}");
    let changed = card.card().field("Changed").unwrap_or_default().to_owned();
    assert!(changed.contains("Its application was"), "{changed}");
    env.react("ben", &card, APPROVE);
    let result = env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert!(result.contains("What its transaction had changed is rolled back."), "{result}");
}

#[tokio::test]
async fn a_material_change_is_shown_with_the_previous_value() {
    let env = TestEnv::start().await;
    env.sql("create table stock (id int); grant all on stock to public").await;
    let app = || env.cluster.victim("app");
    let mut victim = app().idle_in_transaction("lock table stock").await.unwrap();
    let card = env.request_card("/terminate", victim.pid()).await;
    let changed = || card.card().field("Changed").unwrap_or_default().to_owned();

    let waiter = app().waiting("select * from stock").await.unwrap();
    card.becomes("the card shows the waiter", |_| changed().contains("It blocked no sessions")).await;
    assert!(card.text().contains("Blocks 1 session"), "{}", card.text());

    victim.run("select 'next', pg_sleep(600)").await.unwrap();
    card.becomes("the card shows the new query", |_| {
        changed().contains("Its query was") && changed().contains("Its state was idle in transaction")
    })
    .await;
    assert!(changed().contains("lock table stock"), "{}", changed());
    assert!(card.card().description().contains("pg_sleep"), "{}", card.text());
    let content = card.content();
    assert!(content.contains(": was idle in transaction, now active for "), "{content}");
    assert!(card.text().contains("#1"), "it is the same request");

    env.react("ben", &card, APPROVE);
    let result = env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert!(result.contains("1 waiter released"), "{result}");
    drop(waiter);
}

#[tokio::test]
async fn a_card_says_on_top_that_the_reason_for_its_request_is_over() {
    let env = TestEnv::start().await;
    env.sql("create table stock (id int); grant all on stock to public").await;
    let blocker = env.cluster.victim("app").idle_in_transaction("lock table stock").await.unwrap();
    let mut waiter = env.cluster.victim("app").waiting("select * from stock").await.unwrap();
    let card = env.request_card("/terminate", blocker.pid()).await;
    let over = "⚠️ **This may no longer be needed**";
    assert!(!card.text().contains(over), "{}", card.text());

    env.sql(&format!("select pg_cancel_backend({})", waiter.pid())).await;
    assert_eq!(waiter.ended().await.unwrap(), SqlState::QUERY_CANCELED);

    let on_top = format!("{over}: it no longer blocks anybody.");
    card.becomes("the card says so", |card| card.card().description().starts_with(&on_top)).await;
    // Another one waits: the reason is there again.
    let _again = env.cluster.victim("app").waiting("select * from stock").await.unwrap();
    card.becomes("the card no longer says so", |card| !card.text().contains(over)).await;
}
