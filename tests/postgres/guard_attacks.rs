//! Others prepare, race, alter or delay the guard. Nothing is built on their work, and nothing else is signalled through it.

use std::time::Duration;

use anyhow::Result;
use killgate::domain::event::{Action, Binding};
use killgate::domain::outcome::Outcome;
use killgate::postgres::SignalRight;
use killgate::postgres::connection::ConnectOptions;
use killgate::postgres::guard::guard_sql;
use killgate::workflow::ports::{Freshness, SignalResult, Target};
use throwaway_postgres::{Client, Cluster, SqlState, Victim, eventually};

use crate::guard::code;
use crate::support::{Stage, open, options, stages, unsignalled, up};

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

/// A user without any right makes killgate wait: they hold a lock on a relation of the system catalogue and queue for one that
/// excludes everybody, so that whoever looks something up there for the first time waits behind them.
struct CatalogueLock {
    cluster: Cluster,
    observer: Client,
    waiters: tokio_postgres::Statement,
}

impl CatalogueLock {
    async fn prepare() -> Result<Self> {
        let cluster = Cluster::start().await?;
        cluster.role("mallory").await?;
        cluster.bot().await?;
        cluster.sql(&guard_sql("guarded")).await?;
        // During the attack it must not have to look anything up.
        let observer = cluster.superuser().await?;
        let waiters = "select count(*) from pg_stat_get_activity(null)
                       where wait_event_type = 'Lock' and clock_timestamp() - query_start >= $1::float8 * '1 s'::interval";
        let waiters = observer.prepare(waiters).await?;
        observer.query(&waiters, &[&0.0]).await?;
        Ok(Self { cluster, observer, waiters })
    }

    /// A target on a new connection, which gives up waiting after a time that does not matter here.
    async fn stage(&self, right: SignalRight, role: &str) -> Result<Stage> {
        let patience = Duration::from_secs(20);
        let options = options(&self.cluster, role);
        let target = open(ConnectOptions { statement_timeout: patience, lock_timeout: patience, ..options });
        up(&target).await?;
        Ok(Stage { right, target })
    }

    async fn waiters(&self, number: i64, seconds: f64) -> Result<()> {
        eventually("sessions that wait for a lock", async || {
            let found: i64 = self.observer.query_one(&self.waiters, &[&seconds]).await?.get(0);
            Ok((found >= number).then_some(()))
        })
        .await
    }

    /// Locks the relation by reading the view, until the client that is returned ends its transaction.
    async fn hold(&self, (view, relation): (&str, &str)) -> Result<Client> {
        let holder = self.cluster.connect("mallory", "postgres").await?;
        holder.batch_execute(&format!("begin; select from pg_catalog.{view} limit 1")).await?;
        let queue = self.cluster.connect("mallory", "postgres").await?;
        let rule = format!("create rule r as on insert to pg_catalog.{relation} do nothing");
        tokio::spawn(async move { queue.batch_execute(&rule).await });
        self.waiters(1, 0.0).await?;
        Ok(holder)
    }

    /// Terminates the victim, bound to its transaction, while the relation is locked. When the statement has waited so many
    /// seconds, `meanwhile` happens, and the lock is released.
    async fn terminate(
        &self,
        (stage, victim): (&Stage, &Victim),
        locked: (&str, &str),
        seconds: f64,
        meanwhile: &str,
    ) -> Result<SignalResult> {
        let mut asked = stage.ask(Action::Terminate, victim.pid()).await?;
        asked.backends[0].bound_to = Binding::Transaction;
        // What killgate's connection has read of the user is out of date.
        self.cluster.sql("alter role app connection limit 100").await?;
        let holder = self.hold(locked).await?;
        let (signalled, released) = tokio::join!(stage.signal(asked), async {
            self.waiters(2, seconds).await?;
            victim.client().batch_execute(meanwhile).await?;
            Ok::<_, anyhow::Error>(holder.batch_execute("rollback").await?)
        });
        released?;
        Ok(signalled)
    }
}

#[tokio::test]
async fn whoever_delays_the_signal_does_not_have_the_next_transaction_terminated() -> Result<()> {
    let lock = CatalogueLock::prepare().await?;
    for (right, role, view, relation) in [
        (SignalRight::Direct, "killgate", "pg_roles", "pg_authid_oid_index"),
        (SignalRight::Guard, "guarded", "pg_stats", "pg_statistic"),
    ] {
        let stage = lock.stage(right, role).await?;
        let victim = lock.cluster.victim("app").idle_in_transaction("select").await?;
        let signalled = lock
            .terminate((&stage, &victim), (view, relation), 0.0, "commit; begin; select 'of somebody else'")
            .await?;
        assert_eq!(unsignalled(&signalled), Some(Outcome::MovedOn), "{right}, {relation}: {signalled:?}");
        assert!(victim.still_alive().await?, "{right}, {relation}");
    }
    Ok(())
}

#[tokio::test]
async fn a_guard_that_was_delayed_beyond_its_time_signals_nothing() -> Result<()> {
    let lock = CatalogueLock::prepare().await?;
    let stage = lock.stage(SignalRight::Guard, "guarded").await?;
    let victim = lock.cluster.victim("app").idle_in_transaction("select").await?;
    let locked = ("pg_stats", "pg_statistic");
    let signalled = lock.terminate((&stage, &victim), locked, 1.1, "select 'still the same'").await?;
    assert_eq!(unsignalled(&signalled), Some(Outcome::Unreachable), "{signalled:?}");
    assert!(victim.still_alive().await?);
    Ok(())
}

#[tokio::test]
async fn a_lock_on_what_only_the_rights_are_read_from_hides_no_session() -> Result<()> {
    let lock = CatalogueLock::prepare().await?;
    for (right, role) in [(SignalRight::Direct, "killgate"), (SignalRight::Guard, "guarded")] {
        let stage = Stage { right, target: open(options(&lock.cluster, role)) };
        up(&stage.target).await?;
        let mut victim = lock.cluster.victim("app").idle().await?;
        let holder = lock.hold(("pg_inherits", "pg_inherits")).await?;
        assert_eq!(stage.carry_out(Action::Terminate, victim.pid()).await?, SignalResult::Sent, "{right}");
        assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
        holder.batch_execute("rollback").await?;
    }
    Ok(())
}
