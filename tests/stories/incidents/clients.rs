//! Clients that take too much, or do nothing.

use throwaway_postgres::{Client, SqlState, connect, eventually};
use tokio_postgres::CopyInSink;

use super::rehearsal::{Rehearsal, first_line};
use crate::components::button;
use crate::environment::{APPROVE, SLEEP, TestEnv};
use crate::pgbouncer::Bouncer;

#[tokio::test]
async fn a_client_behind_a_pooler_that_keeps_the_only_server_connection() {
    let env = TestEnv::start().await;
    env.cluster.role("app").await.unwrap();
    let settings = "pool_mode = transaction\ndefault_pool_size = 1";
    let Some(pooler) = Bouncer::start(&env.cluster, settings, "app").unwrap() else { return };
    let url = format!("postgresql://app@127.0.0.1:{}/postgres?application_name=web-checkout", pooler.port);
    let lunch: Client =
        eventually("a pooler that answers", async || Ok(connect(&url).await.ok())).await.unwrap();
    lunch.batch_execute("begin; select pg_advisory_xact_lock(7)").await.unwrap();
    let customer = connect(&url).await.unwrap();
    let ordering = tokio::spawn(async move { customer.batch_execute("select 'an order'").await });
    let observer = env.cluster.superuser().await.unwrap();
    let pid: i32 = eventually("a transaction that rests", async || {
        let query = "select pid from pg_stat_activity where state = 'idle in transaction' \
                     and xact_start < now() - interval '6 s'";
        Ok(observer.query_opt(query, &[]).await?.map(|row| row.get(0)))
    })
    .await
    .unwrap();
    assert!(!ordering.is_finished(), "the pooler has no other connection");

    let rehearsal = Rehearsal::of(&env, "Pooler");
    let list = rehearsal.looks().await;
    let card = rehearsal.asks(&list, pid).await;
    assert!(
        first_line(&card).contains("asks to terminate web-checkout of user app"),
        "{}",
        first_line(&card)
    );
    rehearsal.approved(&card, "terminated", "Terminated web-checkout of user app").await;
    ordering.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_pool_whose_sessions_all_rest_in_a_transaction() {
    let env = TestEnv::start().await;
    let mut pool = Vec::new();
    for _ in 0..12 {
        let web = env.cluster.victim("app").application("web-pool");
        pool.push(web.idle_in_transaction("select 1").await.unwrap());
    }
    let mut other = env.session_running(SLEEP).await;

    let rehearsal = Rehearsal::of(&env, "Pool of stuck sessions");
    let list = rehearsal.looks().await;
    let card = rehearsal.asks(&list, pool[0].pid()).await;
    let line = first_line(&card);
    assert!(line.contains("asks to terminate 12 sessions on orders: 12 × web-pool · user app"), "{line}");
    rehearsal.approved(&card, "terminated", "Terminated 12 of 12 on orders").await;
    for session in &mut pool {
        assert_eq!(session.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    }
    assert!(other.still_alive().await.unwrap());
    env.sql(&format!("select pg_cancel_backend({})", other.pid())).await;
    assert_eq!(other.ended().await.unwrap(), SqlState::QUERY_CANCELED);
}

#[tokio::test]
async fn a_query_that_runs_away() {
    let env = TestEnv::start().await;
    let report = env.cluster.victim("report").application("monthly-report");
    let endless =
        "select count(*), pg_sleep(600) from generate_series(1, 1000) as a, generate_series(1, 1000) as b";
    let mut report = report.running(endless).await.unwrap();
    let mut shop = Vec::new();
    for _ in 0..3 {
        shop.push(env.cluster.victim("app").application("web-checkout").running(SLEEP).await.unwrap());
    }

    let rehearsal = Rehearsal::of(&env, "Runaway query");
    let list = rehearsal.looks().await;
    let card = rehearsal.asks(&list, report.pid()).await;
    let line = first_line(&card);
    assert!(line.contains("asks to cancel the query of monthly-report of user report"), "{line}");
    assert!(line.contains(": active for ") && line.contains("blocks nobody"), "{line}");
    rehearsal.approved(&card, "cancelled", "Cancelled the query of monthly-report").await;
    assert_eq!(report.ended().await.unwrap(), SqlState::QUERY_CANCELED);
    assert!(report.still_alive().await.unwrap());
    for customer in &shop {
        assert!(customer.still_alive().await.unwrap());
    }
}

#[tokio::test]
async fn an_import_that_does_not_notice_its_cancel() {
    let env = TestEnv::builder().section("[limits]\nconfirm_within = \"1s\"").start().await;
    env.sql("create table stock (id int); grant all on stock to public").await;
    let import = env.cluster.victim("app").application("price-import").idle().await.unwrap();
    let _sink: CopyInSink<&'static [u8]> = import.client().copy_in("copy stock from stdin").await.unwrap();
    import.seen("state = 'active' and wait_event = 'ClientRead'").await.unwrap();

    let rehearsal = Rehearsal::of(&env, "Stubborn import");
    let list = rehearsal.looks().await;
    let card = rehearsal.asks(&list, import.pid()).await;
    let result = rehearsal.approved(&card, "unconfirmed", "Unconfirmed").await;
    assert!(result.contains("Client: ClientRead: its client has not sent what it reads"), "{result}");
    let result = env.incident_channel().message(|message| message.replies_to(&card)).await;
    let ana = env.person("ana");
    let form = ana.presses(&result, &button(&result, "Ask to terminate")).await;
    let card = ana.submits(&form, [("reason", "the cancel did nothing")]).await.message();
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    env.assert_outcome(2, &card, "terminated", "Terminated price-import of user app").await;
    assert!(!import.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_server_without_a_free_connection_slot() {
    let env = TestEnv::builder()
        .cluster_setting("max_connections", "13")
        .cluster_setting("superuser_reserved_connections", "3")
        .start()
        .await;
    env.wait_for_bot_backend().await;
    env.cluster.role("app").await.unwrap();
    let url = format!("{}?application_name=web-pool", env.cluster.url("app", "postgres"));
    let mut pool = Vec::new();
    eventually("no slot is left", async || {
        // The test's own connections take a moment to close.
        match connect(&url).await {
            Ok(client) => pool.push(client),
            Err(_) if pool.len() == 9 => return Ok(Some(())),
            Err(_) => {}
        }
        Ok(None)
    })
    .await
    .unwrap();

    let rehearsal = Rehearsal::of(&env, "Saturation");
    let seen = rehearsal.types("/sessions").await.text();
    assert!(seen.contains("connection slots are taken**, 9 by web-pool: see `view:all`"), "{seen}");
    let list = rehearsal.looks().await;
    let card = rehearsal.asks(&list, 0).await;
    let line = first_line(&card);
    assert!(
        line.contains(
            "asks to terminate 9 sessions on orders: 9 × web-pool · user app · database postgres · idle"
        ),
        "{line}"
    );
    rehearsal.approved(&card, "terminated", "Terminated 9 of 9 on orders").await;
    let customer = connect(&url).await.expect("a slot is free");
    customer.batch_execute("select 'an order'").await.unwrap();
}
