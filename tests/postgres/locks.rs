//! What waiting sessions wait for: lock, mode, relation, and since when.

use std::time::Duration;

use anyhow::{Context, Result};
use killgate::domain::lock_graph::LockGraph;
use killgate::domain::lock_wait::{LockWait, LockedRelation};
use killgate::domain::session::Snapshot;
use killgate::domain::waiters::WaiterSummary;
use killgate::workflow::ports::{Freshness, Target};
use throwaway_postgres::{Cluster, Victim, eventually};

use crate::support::{Stage, pid, stages};

const TABLE: &str = "create table t (n int primary key, m int); insert into t values (1, 0), (2, 0); \
                     grant all on t to public";

/// A snapshot in which every one of `waiters` waits, and what is known of the wait.
async fn waits(stage: &Stage, waiters: &[&Victim]) -> Result<(std::sync::Arc<Snapshot>, Vec<LockWait>)> {
    eventually("every wait is seen", async || {
        let snapshot = stage.target.snapshot(Freshness::Now).await?;
        let found: Option<Vec<_>> = waiters
            .iter()
            .map(|victim| snapshot.find(pid(victim.pid())).and_then(|session| session.lock_wait.clone()))
            .collect();
        Ok(found.map(|found| (snapshot, found)))
    })
    .await
}

fn named(relation: &str) -> LockedRelation {
    LockedRelation::Named(relation.to_owned())
}

#[tokio::test]
async fn lock_mode_relation_and_age_of_a_wait_are_known() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.sql(TABLE).await?;
    let [stage, _] = stages(&cluster).await?;
    let _holder = cluster.victim("app").idle_in_transaction("update t set m = 1 where n = 1").await?;
    let row = cluster.victim("app").waiting("update t set m = 2 where n = 1").await?;
    let tuple = cluster.victim("app").waiting("update t set m = 3 where n = 1").await?;
    let table = cluster.victim("app").waiting("begin; lock table t").await?;
    let advisory_holder = cluster.victim("app").idle_in_transaction("select pg_advisory_lock(1)").await?;
    let advisory = cluster.victim("app").waiting("select pg_advisory_lock(1)").await?;

    let (snapshot, found) = waits(&stage, &[&row, &tuple, &table, &advisory]).await?;
    let shown: Vec<_> = found
        .iter()
        .map(|wait| (wait.lock.as_str(), wait.mode.as_str(), wait.relation.clone(), wait.is_for_a_row()))
        .collect();
    assert_eq!(
        shown,
        [
            ("transactionid", "ShareLock", Some(named("public.t")), true),
            ("tuple", "ExclusiveLock", Some(named("public.t")), true),
            ("relation", "AccessExclusiveLock", Some(named("public.t")), false),
            ("advisory", "ExclusiveLock", None, false),
        ]
    );
    for wait in &found {
        assert!(snapshot.taken_at.duration_since(wait.since) < Duration::from_mins(1));
        assert!(wait.since.as_micros() > advisory_holder.backend_start_us() - 60_000_000);
    }
    // However long it is looked at, the wait began once: before 14, when killgate first saw it.
    let (later, again) = waits(&stage, &[&row, &tuple, &table, &advisory]).await?;
    assert!(later.taken_at > snapshot.taken_at);
    assert_eq!(
        found.iter().map(|wait| wait.since).collect::<Vec<_>>(),
        again.iter().map(|wait| wait.since).collect::<Vec<_>>()
    );
    Ok(())
}

#[tokio::test]
async fn a_relation_of_another_database_is_named_by_database_and_oid_and_one_is_never_guessed() -> Result<()>
{
    let cluster = Cluster::start().await?;
    cluster.sql("create database shop").await?;
    let [stage, _] = stages(&cluster).await?;
    let holder = cluster.victim("app").database("shop").idle().await?;
    cluster.sql("alter database shop owner to app").await?;
    holder.client().batch_execute("create table t (n int)").await?;
    holder.client().batch_execute("begin; lock table t").await?;
    let oid: u32 = holder.client().query_one("select 't'::regclass::oid", &[]).await?.get(0);
    // The same oid means another relation, or none, in killgate's own database.
    let waiter = cluster.victim("app").database("shop").waiting("select * from t").await?;
    let (_, found) = waits(&stage, &[&waiter]).await?;
    assert_eq!(found[0].relation, Some(LockedRelation::Unnamed { oid, database: Some("shop".to_owned()) }));
    Ok(())
}

#[tokio::test]
async fn a_prepared_transaction_that_blocks_is_named_by_its_gid() -> Result<()> {
    let cluster = Cluster::builder().setting("max_prepared_transactions", "5").start().await?;
    cluster.sql(TABLE).await?;
    let [stage, _] = stages(&cluster).await?;
    let client = cluster.victim("app").idle().await?;
    client
        .client()
        .batch_execute("begin; update t set m = 1 where n = 1; prepare transaction 'order''s 7'")
        .await?;
    client.client().batch_execute("begin; insert into t values (9); prepare transaction 'other'").await?;
    let row = cluster.victim("app").waiting("update t set m = 2 where n = 1").await?;
    let table = cluster.victim("app").waiting("begin; lock table t").await?;
    let (snapshot, found) = waits(&stage, &[&row, &table]).await?;
    let gids = |wait: &LockWait| {
        let mut gids: Vec<_> = wait.prepared.iter().map(|transaction| transaction.gid.clone()).collect();
        gids.sort();
        gids
    };
    assert_eq!(gids(&found[0]), ["order's 7"]);
    assert_eq!(gids(&found[1]), ["order's 7", "other"]);
    let transaction = &found[0].prepared[0];
    assert_eq!(transaction.owner.as_deref(), Some("app"));
    assert_eq!(transaction.database.as_deref(), Some("postgres"));
    assert!(snapshot.taken_at.duration_since(transaction.prepared_at) < Duration::from_mins(1));

    // After a restart no session of that transaction was ever there.
    drop((row, table));
    cluster.restart().await?;
    let row = cluster.victim("app").waiting("update t set m = 2 where n = 1").await?;
    let (_, found) = waits(&stage, &[&row]).await?;
    assert_eq!(gids(&found[0]), ["order's 7"]);
    Ok(())
}

#[tokio::test]
async fn progress_transaction_id_and_backup_of_a_session_are_read() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.sql(TABLE).await?;
    let [stage, _] = stages(&cluster).await?;
    let reader = cluster.victim("app").idle_in_transaction("select * from t").await?;
    // Its comment, a literal and an alias name what another session calls.
    let update = "update t set m = 1 where n = 1 and 'pg_backup_start()' <> '' /* pg_backup_start() */ returning n as pg_backup_start";
    let writer = cluster.victim("app").idle_in_transaction(update).await?;
    let building = cluster.victim("postgres").waiting("create index concurrently i on t (m)").await?;
    let version: i32 = building_version(&cluster).await?;
    let begin =
        if version < 150_000 { "pg_start_backup('b', true, false)" } else { "pg_backup_start('b', true)" };
    let backup = cluster.victim("postgres").idle().await?;
    let begin = begin.replace('(', "/**/ (");
    backup.client().batch_execute(&format!("select {begin}")).await?;

    let snapshot = stage.target.snapshot(Freshness::Now).await?;
    let session = |victim: &Victim| snapshot.find(pid(victim.pid())).context("a session");
    assert!(!session(&reader)?.has_xid && session(&writer)?.has_xid);
    let progress = session(&building)?.progress.clone().context("progress")?;
    assert!(progress.is_concurrent_index_build(), "{progress:?}");
    assert!(session(&backup)?.has_begun_backup && !session(&writer)?.has_begun_backup);
    Ok(())
}

async fn building_version(cluster: &Cluster) -> Result<i32> {
    let client = cluster.superuser().await?;
    Ok(client.query_one("select current_setting('server_version_num')::int4", &[]).await?.get(0))
}

#[tokio::test]
async fn waiters_are_summed_up_by_what_they_are() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.sql(TABLE).await?;
    let [stage, _] = stages(&cluster).await?;
    let holder = cluster.victim("app").idle_in_transaction("lock table t in share mode").await?;
    let mut waiters = Vec::new();
    for (application, statement) in [
        ("deploy", "begin; lock table t"),
        ("web-checkout", "update t set m = 2 where n = 1"),
        ("web-checkout", "update t set m = 2 where n = 2"),
    ] {
        waiters.push(cluster.victim("app").application(application).waiting(statement).await?);
    }
    let (snapshot, found) = waits(&stage, &waiters.iter().collect::<Vec<_>>()).await?;
    let locks = LockGraph::from_snapshot(&snapshot);
    let summary = WaiterSummary::of(pid(holder.pid()), &snapshot, &locks);
    let groups: Vec<_> =
        summary.groups.iter().map(|group| (group.count, group.name.as_deref().unwrap_or_default())).collect();
    assert_eq!(groups, [(2, "web-checkout"), (1, "deploy")]);
    assert_eq!(summary.longest_since, Some(found[0].since));
    assert_eq!(summary.lock.map(|wait| wait.mode).as_deref(), Some("AccessExclusiveLock"));
    Ok(())
}
