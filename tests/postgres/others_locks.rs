//! Others fill the lock table, or lock the catalogs. Their sessions are listed and signalled even so.

use anyhow::Result;
use killgate::domain::event::Action;
use killgate::domain::outcome::Outcome;
use killgate::workflow::ports::{Freshness, SignalResult, Target};
use throwaway_postgres::{Cluster, SqlState, Victim, eventually};

use crate::support::{Stage, pid, stages, told, unsignalled};

/// Any user may: each of these locks stays until the session ends, also after the error.
const TAKE_ALL_LOCKS: &str =
    "select count(pg_advisory_lock(number)) from generate_series(1, 1000000) as number";

async fn take_all_locks(cluster: &Cluster, user: &str) -> Result<Victim> {
    let filler = cluster.victim(user).database("template1").idle().await?;
    let error = filler.client().batch_execute(TAKE_ALL_LOCKS).await.expect_err("there are fewer");
    assert_eq!(error.code(), Some(&SqlState::OUT_OF_MEMORY), "{error}");
    Ok(filler)
}

async fn is_listed_and_terminated(stage: &Stage, victim: &mut Victim, user: &str, place: &str) -> Result<()> {
    let right = stage.right;
    let snapshot = stage.target.snapshot(Freshness::Now).await?;
    let session = snapshot.find(pid(victim.pid())).expect("it is listed");
    assert_eq!((session.user.as_deref(), session.database.as_deref()), (Some(user), Some(place)), "{right}");
    assert!(stage.find_session(pid(victim.pid())).await?.is_some(), "{right}");
    let signalled = stage.carry_out(Action::Terminate, victim.pid()).await?;
    assert_eq!(signalled, SignalResult::Sent, "{right}: {signalled:?}");
    assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN, "{right}");
    eventually("a session that is gone", async || {
        Ok(stage.find_session(pid(victim.pid())).await?.is_none().then_some(()))
    })
    .await
}

/// Neither their role nor their database was ever read on killgate's connection, and the second time nothing has changed but
/// the name.
#[tokio::test]
async fn a_user_who_takes_all_locks_is_listed_and_terminated_each_time() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        for user in ["mallory", "trudy"] {
            let user = format!("{user} of {}", stage.right);
            let mut filler = take_all_locks(&cluster, &user).await?;
            is_listed_and_terminated(&stage, &mut filler, &user, "template1").await?;
        }
    }
    Ok(())
}

/// They get what is freed, and nothing of what is taken again.
#[tokio::test]
async fn somebody_who_waits_for_the_locks_in_reserve_cannot_take_them_away() -> Result<()> {
    let cluster = Cluster::start().await?;
    let stages = stages(&cluster).await?;
    for stage in &stages {
        let observer = cluster.superuser().await?;
        let held = "select array_to_string(array_agg((classid::int8 << 32) + objid::int8), ',') from pg_locks
                    where locktype = 'advisory' and mode = 'ShareLock'";
        let keys: String = observer.query_one(held, &[]).await?.get(0);
        let all = format!("select count(pg_advisory_lock(key)) from unnest('{{{keys}}}'::int8[]) as key");
        let waiter = cluster.victim("waiter").waiting(&all).await?;
        for each in &stages {
            each.target.snapshot(Freshness::Now).await?;
        }
        waiter.seen("state = 'idle'").await?;
        let user = format!("mallory of {}", stage.right);
        let mut filler = take_all_locks(&cluster, &user).await?;
        is_listed_and_terminated(stage, &mut filler, &user, "template1").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_signal_that_was_not_sent_leaves_the_locks_in_reserve() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.role("app").await?;
    for stage in stages(&cluster).await? {
        let mut gone = cluster.victim("app").running("select pg_sleep(600)").await?;
        let asked = stage.ask(Action::Cancel, gone.pid()).await?;
        cluster.terminate(gone.pid()).await?;
        assert_eq!(gone.ended().await?, SqlState::ADMIN_SHUTDOWN);
        let signalled = stage.signal(asked).await;
        assert!(!matches!(signalled, SignalResult::Sent), "{signalled:?}");
        let user = format!("mallory of {}", stage.right);
        let mut filler = take_all_locks(&cluster, &user).await?;
        is_listed_and_terminated(&stage, &mut filler, &user, "template1").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_lock_on_the_catalogs_of_roles_and_databases_hides_nobody_who_was_there_when_killgate_connected()
-> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.role("app").await?;
    cluster.sql("create database shop").await?;
    for stage in stages(&cluster).await? {
        let mut cancelled = cluster.victim("app").running("select pg_sleep(600)").await?;
        let mut victim = cluster.victim("app").database("shop").idle().await?;
        let locker = cluster.superuser().await?;
        locker
            .batch_execute(
                "begin; lock table pg_authid, pg_database, pg_auth_members, pg_db_role_setting in access exclusive mode",
            )
            .await?;
        let signalled = stage.carry_out(Action::Cancel, cancelled.pid()).await?;
        assert_eq!(signalled, SignalResult::Sent, "{}: {signalled:?}", stage.right);
        assert_eq!(cancelled.ended().await?, SqlState::QUERY_CANCELED);
        is_listed_and_terminated(&stage, &mut victim, "app", "shop").await?;
        locker.batch_execute("rollback").await?;
    }
    Ok(())
}

/// PostgreSQL itself would wait for that lock before it signals.
#[tokio::test]
async fn of_a_session_whose_role_cannot_be_read_nothing_is_guessed_and_it_is_not_signalled() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let victim = cluster.victim("app").idle().await?;
        let asked = stage.ask(Action::Terminate, victim.pid()).await?;
        // What was read of it is out of date.
        cluster.sql("alter role app connection limit 100").await?;
        let locker = cluster.superuser().await?;
        locker.batch_execute("begin; lock table pg_authid in access exclusive mode").await?;

        let listed = stage.target.snapshot(Freshness::Now).await;
        let error = listed.map_err(|unreachable| unreachable.message);
        assert!(
            error.as_ref().is_err_and(|error| error.contains("a system catalog may be locked")),
            "{error:?}"
        );
        let signalled = stage.signal(asked.clone()).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Refused), "{signalled:?}");
        assert!(told(&signalled).contains("55P03"), "{signalled:?}");

        locker.batch_execute("rollback").await?;
        assert!(victim.still_alive().await?);
        assert_eq!(stage.signal(asked).await, SignalResult::Sent);
    }
    Ok(())
}
