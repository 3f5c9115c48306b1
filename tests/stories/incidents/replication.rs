//! Standbys and backups.

use throwaway_postgres::{SqlState, eventually};

use super::rehearsal::{Rehearsal, first_line};
use crate::environment::TestEnv;
use crate::replicas::{base_backup, make_standby};

#[tokio::test]
async fn commits_that_wait_for_a_lost_synchronous_standby() {
    let env = TestEnv::start().await;
    env.sql("create table stock (n int); insert into stock values (0); grant all on stock to public").await;
    env.sql("alter system set synchronous_standby_names = 'lost'").await;
    env.sql("select pg_reload_conf()").await;
    let mut shop = Vec::new();
    for _ in 0..2 {
        let web = env.cluster.victim("app").application("web-checkout");
        let commits = "set synchronous_commit = on; insert into stock values (1)";
        shop.push(web.running(commits).await.unwrap());
    }
    for customer in &shop {
        customer.seen("wait_event = 'SyncRep' and query_start < now() - interval '4 s'").await.unwrap();
    }

    let rehearsal = Rehearsal::of(&env, "Lost synchronous standby");
    let list = rehearsal.looks().await;
    rehearsal.reads(&list).await;
    env.sql("alter system reset synchronous_standby_names").await;
    env.sql("select pg_reload_conf()").await;
    for customer in &mut shop {
        assert_eq!(customer.ended().await.unwrap(), SqlState::SUCCESSFUL_COMPLETION);
    }
}

#[tokio::test]
async fn a_report_on_a_standby_that_holds_up_its_replay() {
    let mut env = TestEnv::builder()
        .cluster_setting("max_standby_streaming_delay", "-1")
        .cluster_setting("hot_standby_feedback", "off")
        .start_without_bot()
        .await;
    env.sql("create role app login; create table stock (id int); grant all on stock to public").await;
    let primary = make_standby(&env).await;
    env.start_bot().await;
    let mut reader = env.cluster.victim("app").application("report").idle().await.unwrap();
    reader.client().batch_execute("begin; select * from stock").await.unwrap();
    primary.sql("drop table stock").await.unwrap();
    let observer = env.cluster.superuser().await.unwrap();
    eventually("a replay that waits", async || {
        let query =
            "select 1 from pg_stat_activity where backend_type = 'startup' and wait_event_type = 'Lock'";
        Ok(observer.query_opt(query, &[]).await?.map(drop))
    })
    .await
    .unwrap();

    let rehearsal = Rehearsal::of(&env, "Standby conflict");
    let list = rehearsal.looks().await;
    let card = rehearsal.asks(&list, reader.pid()).await;
    assert!(first_line(&card).contains(" on orders (standby): idle in transaction"), "{}", first_line(&card));
    assert!(card.text().contains("It is on a standby, not on the primary."), "{}", card.text());
    rehearsal.approved(&card, "terminated", "Terminated report of user app").await;
    assert_eq!(reader.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    eventually("a replay that goes on", async || {
        let query = "select to_regclass('stock') is null";
        Ok(observer.query_one(query, &[]).await?.get::<_, bool>(0).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_base_backup_at_the_busiest_hour() {
    let env = TestEnv::start().await;
    let (_backup, walsender) = base_backup(&env.cluster).await;

    let rehearsal = Rehearsal::of(&env, "Backup");
    let list = rehearsal.looks().await;
    rehearsal.reads(&list).await;
    let refusal = env.refused_command("ana", "/terminate", walsender).await;
    assert!(refusal.contains("Even a cancel ends replication"), "{refusal}");
    assert!(
        refusal.contains("a base backup through it fails") && refusal.contains("Nothing was requested."),
        "{refusal}"
    );
}
