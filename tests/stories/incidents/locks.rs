//! Somebody holds a lock.

use throwaway_postgres::{SqlState, Victim, eventually};

use super::rehearsal::{Rehearsal, first_line};
use crate::environment::TestEnv;

const TABLE: &str = "create table stock (id int primary key, n int); insert into stock values (1, 0), (2, 0); \
                     grant all on stock to public";

async fn goes_on(waiter: &mut Victim) {
    assert_eq!(waiter.ended().await.unwrap(), SqlState::SUCCESSFUL_COMPLETION);
}

#[tokio::test]
async fn a_forgotten_transaction_at_the_head_of_a_lock_queue() {
    let env = TestEnv::start().await;
    env.sql(TABLE).await;
    let client = |user: &str, name: &str| env.cluster.victim(user).application(name);
    let update = "update stock set n = 5 where id = 1";
    let mut lunch = client("maria", "psql").idle_in_transaction(update).await.unwrap();
    let migration = "begin; lock table stock; commit";
    let mut deploy = client("deploy", "deploy").waiting(migration).await.unwrap();
    let mut shop = Vec::new();
    for _ in 0..5 {
        shop.push(client("app", "web-checkout").waiting("select * from stock").await.unwrap());
    }

    let rehearsal = Rehearsal::of(&env, "Lock queue");
    let list = rehearsal.looks().await;
    let card = rehearsal.asks(&list, lunch.pid()).await;
    let line = first_line(&card);
    assert!(line.contains("asks to terminate psql of user maria"), "{line}");
    assert!(line.contains("blocks 6 sessions, the longest for ") && line.contains(" on stock"), "{line}");
    let result = rehearsal.approved(&card, "terminated", "Terminated psql of user maria").await;
    assert!(result.contains("6 waiters released."), "{result}");
    assert_eq!(lunch.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    goes_on(&mut deploy).await;
    for customer in &mut shop {
        goes_on(customer).await;
    }
}

#[tokio::test]
async fn a_concurrent_index_build_that_waits_for_an_old_transaction() {
    let env = TestEnv::start().await;
    env.sql(TABLE).await;
    env.sql("create role app login; alter table stock owner to app; grant create on schema public to app")
        .await;
    let report = env.cluster.victim("report").application("notebook");
    let mut report = report.idle_in_transaction("update stock set n = 2 where id = 2").await.unwrap();
    let deploy = env.cluster.victim("app").application("deploy");
    let mut build = deploy.waiting("create index concurrently late on stock (n)").await.unwrap();

    let rehearsal = Rehearsal::of(&env, "Concurrent index build");
    let list = rehearsal.looks().await;
    let card = rehearsal.asks(&list, report.pid()).await;
    let line = first_line(&card);
    assert!(line.contains("blocks 1 session"), "{line}");
    rehearsal.approved(&card, "terminated", "Terminated notebook of user report").await;
    assert_eq!(report.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    goes_on(&mut build).await;
    let observer = env.cluster.superuser().await.unwrap();
    let valid = "select indisvalid from pg_index where indexrelid = 'late'::regclass";
    assert!(observer.query_one(valid, &[]).await.unwrap().get::<_, bool>(0), "the index is built");
}

#[tokio::test]
async fn an_anti_wraparound_vacuum_with_a_migration_behind_it() {
    let env = TestEnv::builder().cluster_setting("autovacuum_naptime", "1s").start().await;
    let slow = "autovacuum_freeze_max_age = 100000, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1";
    env.sql(&format!("create table big (id int) with (autovacuum_enabled = off, {slow})")).await;
    env.sql("insert into big select generate_series(1, 200000); grant all on big to public").await;
    env.sql("do $$ begin for i in 1..110000 loop perform pg_current_xact_id(); commit; end loop; end $$")
        .await;
    let observer = env.cluster.superuser().await.unwrap();
    let query = "select pid from pg_stat_activity where backend_type = 'autovacuum worker' \
                 and query like '%public.big (to prevent wraparound)%'";
    let worker: i32 = eventually("an anti-wraparound vacuum", async || {
        Ok(observer.query(query, &[]).await?.first().map(|row| row.get(0)))
    })
    .await
    .unwrap();
    let deploy = env.cluster.victim("app").application("deploy");
    let mut deploy = deploy.waiting("begin; lock table big").await.unwrap();
    let mut reader =
        env.cluster.victim("app").application("web").waiting("select from big limit 1").await.unwrap();

    let rehearsal = Rehearsal::of(&env, "Anti-wraparound vacuum");
    let list = rehearsal.looks().await;
    let card = rehearsal.asks(&list, deploy.pid()).await;
    let line = first_line(&card);
    assert!(line.contains("asks to cancel the query of deploy of user app"), "{line}");
    rehearsal.approved(&card, "cancelled", "Cancelled the query of deploy").await;
    assert_eq!(deploy.ended().await.unwrap(), SqlState::QUERY_CANCELED);
    goes_on(&mut reader).await;

    let refusal = env.refused_command("ana", "/terminate", worker).await;
    assert!(refusal.contains("It comes back") && refusal.contains("to prevent wraparound"), "{refusal}");
    assert!(refusal.contains("Nothing was requested."), "{refusal}");
}

#[tokio::test]
async fn a_prepared_transaction_that_nobody_ended() {
    let env = TestEnv::builder().cluster_setting("max_prepared_transactions", "2").start().await;
    env.sql(TABLE).await;
    let client = env.cluster.victim("app").idle().await.unwrap();
    let prepare = "begin; update stock set n = 1 where id = 1; prepare transaction 'order-7'";
    client.client().batch_execute(prepare).await.unwrap();
    let update = "update stock set n = 2 where id = 1";
    let mut waiter = env.cluster.victim("app").application("web-checkout").waiting(update).await.unwrap();

    let rehearsal = Rehearsal::of(&env, "Prepared transaction");
    let list = rehearsal.looks().await;
    rehearsal.reads(&list).await;
    env.sql("rollback prepared 'order-7'").await;
    goes_on(&mut waiter).await;
}
