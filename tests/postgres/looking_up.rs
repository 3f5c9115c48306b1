//! Some sessions, without reading all.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use futures_util::future::join_all;
use killgate::domain::lock_graph::LockGraph;
use killgate::domain::session::BackendType;
use killgate::workflow::ports::{Freshness, Target};
use throwaway_postgres::{Cluster, eventually};

use crate::support::{pid, stages};

#[tokio::test]
async fn the_session_and_all_that_wait_for_it_are_the_same_as_in_the_list_and_no_others_are_read()
-> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.sql("create table t (n int); insert into t values (1); grant all on t to public").await?;
    for stage in stages(&cluster).await? {
        let holder = cluster.victim("app").idle_in_transaction("lock table t").await?;
        let direct = cluster.victim("app").waiting("begin; select n from t").await?;
        let behind = cluster.victim("app").waiting("begin; lock table t").await?;
        let other = cluster.victim("app").idle().await?;
        let pids = BTreeSet::from([pid(holder.pid())]);
        let snapshot = eventually("both wait", async || {
            let snapshot = stage.target.look_up(&pids).await?;
            let waiting = snapshot.sessions.iter().filter(|session| session.lock_wait.is_some());
            Ok((waiting.count() == 2).then_some(snapshot))
        })
        .await?;
        let listed = stage.target.snapshot(Freshness::Now).await?;

        let mut found: Vec<_> = snapshot.sessions.iter().map(|session| session.pid.number()).collect();
        found.sort_unstable();
        let mut expected = [holder.pid(), direct.pid(), behind.pid()];
        expected.sort_unstable();
        assert_eq!(found, expected);
        assert_eq!(snapshot.find(pid(holder.pid())), listed.find(pid(holder.pid())));
        let waiters = |snapshot| LockGraph::from_snapshot(snapshot).all_waiters(pid(holder.pid()));
        assert_eq!(waiters(&snapshot), BTreeSet::from([pid(direct.pid()), pid(behind.pid())]));
        assert_eq!(waiters(&snapshot), waiters(&listed));
        assert!(snapshot.covers(pid(holder.pid())) && !snapshot.covers(pid(other.pid())));
        assert_eq!(snapshot.find(pid(direct.pid())).context("it waits")?.query, None, "nobody asked for it");
    }
    Ok(())
}

#[tokio::test]
async fn those_who_wait_for_others_are_not_read() -> Result<()> {
    let cluster = Cluster::start().await?;
    let [stage, _] = stages(&cluster).await?;
    cluster.sql("create table t (n int); grant all on t to public").await?;
    let holder = cluster.victim("app").idle_in_transaction("lock table t").await?;
    let waiter = cluster.victim("app").waiting("begin; lock table t").await?;
    let other = cluster.victim("app").idle().await?;
    for (wanted, expected) in
        [(&other, vec![&other]), (&waiter, vec![&waiter]), (&holder, vec![&holder, &waiter])]
    {
        let snapshot = stage.target.look_up(&BTreeSet::from([pid(wanted.pid())])).await?;
        let found: BTreeSet<_> = snapshot.sessions.iter().map(|session| session.pid.number()).collect();
        assert_eq!(found, expected.iter().map(|victim| victim.pid()).collect());
    }
    Ok(())
}

#[tokio::test]
async fn those_who_ask_at_once_share_two_statements_at_most_and_each_learns_about_their_own_session()
-> Result<()> {
    let cluster = Cluster::start().await?;
    let [stage, _] = stages(&cluster).await?;
    let mut victims = Vec::new();
    for _ in 0..10 {
        victims.push(cluster.victim("app").idle().await?);
    }
    let looks = victims.iter().map(async |victim| {
        let pids = BTreeSet::from([pid(victim.pid())]);
        (victim.pid(), stage.target.look_up(&pids).await)
    });
    let mut statements = BTreeSet::new();
    for (number, snapshot) in join_all(looks).await {
        let snapshot = snapshot?;
        assert!(snapshot.covers(pid(number)) && snapshot.find(pid(number)).is_some());
        statements.insert(snapshot.taken_at);
    }
    assert!(statements.len() <= 2, "{} statements", statements.len());
    Ok(())
}

#[tokio::test]
async fn the_leader_of_a_parallel_worker_is_found_with_it() -> Result<()> {
    let cluster = Cluster::start().await?;
    let [stage, _] = stages(&cluster).await?;
    cluster
        .sql("create table big as select n from generate_series(1, 1000) n; analyze big; grant all on big to public")
        .await?;
    let leader = cluster
        .victim("app")
        .running(
            // It stays in one parallel plan, however joins are planned, and each worker sleeps at its first row.
            "set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; \
             select count(pg_sleep(600)) from big",
        )
        .await?;
    let worker = eventually("a worker", async || {
        let snapshot = stage.target.snapshot(Freshness::Now).await?;
        let mut workers = snapshot.sessions.iter();
        Ok(workers.find(|session| session.backend_type == BackendType::ParallelWorker).map(|found| found.pid))
    })
    .await?;
    let snapshot = stage.target.look_up(&BTreeSet::from([worker])).await?;
    let found = snapshot.find(worker).context("the worker")?;
    assert_eq!(found.leader_pid, Some(pid(leader.pid())));
    assert!(snapshot.find(pid(leader.pid())).is_some() && snapshot.covers(pid(leader.pid())));
    Ok(())
}

#[tokio::test]
async fn how_far_a_command_is_is_known_of_a_session_that_is_looked_up() -> Result<()> {
    let cluster = Cluster::start().await?;
    let [stage, _] = stages(&cluster).await?;
    cluster.sql("create table t (n int); insert into t values (1); grant all on t to public").await?;
    let _holder = cluster.victim("app").idle_in_transaction("update t set n = 2").await?;
    let builder = cluster.superuser().await?;
    let number: i32 = builder.query_one("select pg_backend_pid()", &[]).await?.get(0);
    let pids = BTreeSet::from([pid(number)]);
    let building =
        tokio::spawn(async move { builder.batch_execute("create index concurrently on t (n)").await });
    let progress = eventually("progress", async || {
        let snapshot = stage.target.look_up(&pids).await?;
        Ok(snapshot.find(pid(number)).and_then(|session| session.progress.clone()))
    })
    .await?;
    assert_eq!(progress.command, "CREATE INDEX CONCURRENTLY");
    building.abort();
    Ok(())
}
