//! The content of a snapshot.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::join_all;
use killgate::domain::lock_graph::LockGraph;
use killgate::domain::session::{BackendType, SessionState};
use killgate::workflow::ports::{Freshness, Target};
use throwaway_postgres::{Cluster, eventually};

use crate::support::{open, options, pid, stages, up};

#[tokio::test]
async fn every_property_of_a_session_is_read() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let victim = cluster
            .victim("app")
            .application("nightly `<@1>` @everyone")
            .running("select pg_sleep(600) /* secret */")
            .await?;
        let snapshot = stage.target.snapshot(Freshness::Now).await?;
        let session = snapshot.find(pid(victim.pid())).context("not listed")?;

        assert_eq!(session.backend_start.as_micros(), victim.backend_start_us());
        assert_eq!(session.backend_type, BackendType::Client);
        assert_eq!(session.user.as_deref(), Some("app"));
        assert_eq!(session.database.as_deref(), Some("postgres"));
        assert_eq!(session.application, "nightly `<@1>` @everyone");
        assert_eq!(session.client.as_deref(), Some("127.0.0.1"));
        assert_eq!(session.state, SessionState::Active);
        let query = session.query.as_deref();
        assert_eq!(query, Some("shown: select pg_sleep(600) /* secret */"));
        assert_eq!(session.wait.as_ref().map(ToString::to_string).as_deref(), Some("Timeout: PgSleep"));
        assert!(!session.is_superuser && !session.is_own && !session.is_blocked());
        assert!(session.query_start <= Some(snapshot.taken_at));
        assert!(session.query_age(snapshot.taken_at).is_some_and(|age| age < Duration::from_mins(1)));
        assert_eq!(stage.find_session(session.pid).await?.as_ref(), Some(session));
    }
    Ok(())
}

#[tokio::test]
async fn the_servers_identity_changes_with_a_restart_but_not_with_a_reconnect() -> Result<()> {
    let cluster = Cluster::start().await?;
    let [stage, _] = stages(&cluster).await?;
    let first = stage.target.snapshot(Freshness::Now).await?.server;
    let identifier: i64 = cluster
        .superuser()
        .await?
        .query_one("select system_identifier from pg_control_system()", &[])
        .await?
        .get(0);
    assert_eq!(first.system_identifier, u64::try_from(identifier)?);

    cluster.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'killgate'").await?;
    let again = eventually("a snapshot after the reconnection", async || {
        Ok(stage.target.snapshot(Freshness::Now).await.ok())
    })
    .await?;
    assert_eq!(again.server, first);

    cluster.restart().await?;
    let after = eventually("a snapshot after the restart", async || {
        Ok(stage.target.snapshot(Freshness::Now).await.ok())
    })
    .await?;
    assert_eq!(after.server.system_identifier, first.system_identifier);
    assert_ne!(after.server.postmaster_start, first.postmaster_start);
    Ok(())
}

#[tokio::test]
async fn blockers_are_found_through_the_lock_queue() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.sql("create table t (n int); insert into t values (1); grant all on t to public").await?;
    let [stage, _] = stages(&cluster).await?;
    let holder = cluster.victim("app").idle_in_transaction("update t set n = 2").await?;
    let first = cluster.victim("app").waiting("update t set n = 3").await?;
    let second = cluster.victim("app").waiting("begin; lock table t").await?;

    let snapshot = stage.target.snapshot(Freshness::Now).await?;
    let blocked_by = |number| snapshot.find(pid(number)).map(|session| session.blocked_by.clone());
    assert_eq!(blocked_by(holder.pid()), Some(vec![]));
    assert_eq!(blocked_by(first.pid()), Some(vec![holder.pid()]));
    assert!(blocked_by(second.pid()).is_some_and(|blockers| blockers.contains(&holder.pid())));
    let waiters = LockGraph::from_snapshot(&snapshot).all_waiters(pid(holder.pid()));
    assert_eq!(waiters, [pid(first.pid()), pid(second.pid())].into());
    Ok(())
}

#[tokio::test]
async fn many_concurrent_listings_run_two_statements_at_most() -> Result<()> {
    let cluster = Cluster::start().await?;
    let [stage, _] = stages(&cluster).await?;
    let asked = join_all((0..50).map(|_| stage.target.snapshot(Freshness::Now))).await;
    let mut seen: Vec<_> = asked
        .into_iter()
        .map(|snapshot| snapshot.map(|snapshot| snapshot.taken_at))
        .collect::<Result<_, _>>()?;
    seen.sort();
    seen.dedup();
    assert!(seen.len() <= 2, "{} statements", seen.len());

    let last = *seen.last().context("fifty snapshots")?;
    let young = stage.target.snapshot(Freshness::Within(Duration::from_mins(1))).await?;
    assert_eq!(young.taken_at, last, "the last one will do");
    assert!(stage.target.snapshot(Freshness::Now).await?.taken_at > last);
    Ok(())
}

#[tokio::test]
async fn a_role_that_cannot_see_other_sessions_learns_which_privilege_is_missing() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.role("blind").await?;
    let target = open(options(&cluster, "blind"));
    up(&target).await?;
    let refused = target.snapshot(Freshness::Now).await.map(drop);
    let error = refused.map_err(|unreachable| unreachable.message);
    assert_eq!(
        error,
        Err("the role blind does not see other users' sessions: GRANT pg_read_all_stats TO blind".to_owned())
    );
    Ok(())
}
