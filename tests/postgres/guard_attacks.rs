//! Others prepare, race or alter the guard. Nothing is built on their work, and nothing is signalled through it.

use anyhow::Result;
use killgate::domain::event::Action;
use killgate::domain::outcome::Outcome;
use killgate::postgres::SignalRight;
use killgate::postgres::guard::guard_sql;
use killgate::workflow::ports::{Freshness, SignalResult, Target};
use throwaway_postgres::{Cluster, SqlState, eventually};

use crate::guard::code;
use crate::support::{Stage, open, options, stages, unsignalled};

#[tokio::test]
async fn what_others_prepared_is_not_built_on() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.role("mallory").await?;
    let install = async || {
        let installed = cluster.sql(&guard_sql("killgate")).await;
        format!("{:#}", installed.expect_err("refused"))
    };
    cluster.sql("grant create on database postgres to mallory").await?;
    let mallory = cluster.connect("mallory", "postgres").await?;
    mallory.batch_execute("create schema killgate").await?;
    assert!(install().await.contains("the schema killgate belongs to a role that is no superuser"));

    cluster.sql("drop schema killgate; create role killgate_guard; grant killgate_guard to mallory").await?;
    let refused = install().await;
    assert!(refused.contains("mallory is a member of killgate_guard"), "{refused}");
    cluster.sql("revoke killgate_guard from mallory").await?;

    for (prepared, fault) in [
        ("alter table killgate.protected_users enable row level security", "its table has row security"),
        ("create rule r as on insert to killgate.protected_users do instead nothing", "its table has a rule"),
        (
            "create table killgate.child () inherits (killgate.protected_users)",
            "its table has a parent or a child",
        ),
        ("alter table killgate.protected_users owner to mallory", "its table belongs to mallory"),
        (
            "grant select (pattern) on killgate.protected_users to mallory",
            "mallory has the right SELECT to its column",
        ),
    ] {
        cluster.sql(&format!("drop schema if exists killgate cascade; {}", guard_sql("killgate"))).await?;
        cluster.sql(prepared).await?;
        let refused = install().await;
        assert!(refused.contains(fault), "{prepared}: {refused}");
    }
    Ok(())
}

#[tokio::test]
async fn an_installation_that_somebody_else_races_fails() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.role("mallory").await?;
    cluster.sql("grant create on database postgres to mallory").await?;
    let mallory = cluster.connect("mallory", "postgres").await?;
    mallory
        .batch_execute("begin; create schema killgate; create table killgate.protected_users (pattern text)")
        .await?;
    let script = guard_sql("killgate");
    let (installed, committed) = tokio::join!(cluster.sql(&script), async {
        eventually("an installation that waits", async || {
            let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";
            let count: i64 = cluster.superuser().await?.query_one(waits, &[]).await?.get(0);
            Ok((count > 0).then_some(()))
        })
        .await?;
        Ok::<_, anyhow::Error>(mallory.batch_execute("commit").await?)
    });
    committed?;
    assert!(installed.is_err());
    assert!(cluster.sql(&script).await.is_err(), "nor the next time");
    Ok(())
}

#[tokio::test]
async fn default_privileges_grant_nobody_a_right_to_the_guard() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.role("mallory").await?;
    cluster
        .sql(
            "alter default privileges grant all on schemas to mallory; \
             alter default privileges grant all on tables to mallory; \
             alter default privileges grant all on functions to mallory",
        )
        .await?;
    cluster.sql(&guard_sql("killgate")).await?;
    let mallory = cluster.connect("mallory", "postgres").await?;
    for attack in [
        "select killgate.signal_backend('terminate', 1, now(), null, now(), 7, '1', array['2'])",
        "create table killgate.mine ()",
        "delete from killgate.protected_users",
    ] {
        assert_eq!(
            code(mallory.batch_execute(attack).await),
            Some(SqlState::INSUFFICIENT_PRIVILEGE),
            "{attack}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_signalled_through_a_function_that_resembles_the_guard() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.role("mallory").await?;
    cluster.bot().await?;
    cluster
        .sql("grant create on database postgres to mallory; create table called (by text); grant all on called to public")
        .await?;
    let mallory = cluster.connect("mallory", "postgres").await?;
    mallory
        .batch_execute(
            "create schema killgate; grant usage on schema killgate to public;
             create function killgate.signal_backend(action text, pid int, backend_start timestamptz,
                 xact_start timestamptz, query_start timestamptz, request bigint, requester text, approvers text[],
                 out outcome text, out detail text)
             language plpgsql security definer as
             $f$ begin insert into public.called values (session_user); outcome := 'signalled'; end $f$",
        )
        .await?;
    let direct = Stage { right: SignalRight::Direct, target: open(options(&cluster, "killgate")) };
    let mut victim = cluster.victim("app").idle().await?;
    assert_eq!(direct.carry_out(Action::Terminate, victim.pid()).await?, SignalResult::Sent);
    assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);

    cluster.sql("revoke pg_signal_backend from killgate").await?;
    let victim = cluster.victim("app").idle().await?;
    let obstacle = direct.target.snapshot(Freshness::Now).await?.signal_obstacle.clone();
    assert!(
        obstacle
            .as_ref()
            .is_some_and(|words| words.contains("its schema belongs to mallory, who may not install it")),
        "{obstacle:?}"
    );
    let signalled = direct.carry_out(Action::Terminate, victim.pid()).await?;
    assert_eq!(unsignalled(&signalled), Some(Outcome::Unreachable), "{signalled:?}");
    let called = cluster.superuser().await?.query("select from called", &[]).await?;
    assert!(called.is_empty() && victim.still_alive().await?);
    Ok(())
}

#[tokio::test]
async fn a_guard_that_is_altered_between_request_and_signal_is_not_called() -> Result<()> {
    let signature =
        "killgate.signal_backend(text, int, timestamptz, timestamptz, timestamptz, bigint, text, text[])";
    for altered in [
        format!("alter function {signature} security invoker"),
        format!("alter function {signature} owner to mallory"),
        format!(
            "alter function {signature} rename to kept; create function killgate.signal_backend(action text, pid int,
                 backend_start timestamptz, xact_start timestamptz, query_start timestamptz, request bigint,
                 requester text, approvers text[], out outcome text, out detail text)
             language plpgsql security definer as $f$ begin outcome := 'signalled'; end $f$"
        ),
    ] {
        let cluster = Cluster::start().await?;
        cluster.role("mallory").await?;
        let [_, stage] = stages(&cluster).await?;
        let victim = cluster.victim("app").idle().await?;
        let asked = stage.ask(Action::Terminate, victim.pid()).await?;
        cluster.sql(&altered).await?;
        let signalled = stage.signal(asked).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Unreachable), "{signalled:?}");
        let obstacle = stage.target.snapshot(Freshness::Now).await?.signal_obstacle.clone();
        assert!(obstacle.is_some_and(|words| words.contains("may signal only through the guard, which is not used")));
        assert!(victim.still_alive().await?);
    }
    Ok(())
}
