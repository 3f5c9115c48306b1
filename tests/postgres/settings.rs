//! No setting of a role, a database or a server changes what killgate does.

use anyhow::Result;
use killgate::domain::event::Action;
use killgate::domain::lock_wait::LockedRelation;
use killgate::domain::outcome::Outcome;
use killgate::postgres::SignalRight;
use killgate::workflow::ports::{Freshness, SignalResult, Target};
use throwaway_postgres::{Cluster, SqlState};

use crate::hostile_settings::{self, EXTREMES};
use crate::support::{GUARDED, Stage, open, options, pid, stages, told, unsignalled, up};

/// Each with the first version that has it.
const SETTINGS: &[(&str, &str, i32)] = &[
    ("search_path", "elsewhere, pg_catalog", 0),
    ("statement_timeout", "1", 0),
    ("lock_timeout", "1", 0),
    ("idle_in_transaction_session_timeout", "1", 0),
    ("idle_session_timeout", "200", 140_000),
    ("transaction_timeout", "1", 170_000),
    ("default_transaction_isolation", "'serializable'", 0),
    ("default_transaction_read_only", "on", 0),
    ("default_transaction_deferrable", "on", 0),
    ("client_min_messages", "'error'", 0),
    ("exit_on_error", "on", 0),
    ("standard_conforming_strings", "off", 0),
    ("backslash_quote", "off", 0),
    ("quote_all_identifiers", "on", 0),
    ("transform_null_equals", "on", 0),
    ("array_nulls", "off", 0),
    ("row_security", "off", 0),
    ("work_mem", "'64kB'", 0),
    ("plan_cache_mode", "'force_custom_plan'", 0),
    ("enable_nestloop", "off", 0),
    ("enable_hashjoin", "off", 0),
    ("jit", "on", 0),
    ("jit_above_cost", "0", 0),
    ("force_parallel_mode", "on", -160_000),
    ("debug_parallel_query", "on", 160_000),
    ("parallel_setup_cost", "0", 0),
    ("parallel_tuple_cost", "0", 0),
    ("bytea_output", "'escape'", 0),
    ("datestyle", "'SQL, DMY'", 0),
    ("intervalstyle", "'sql_standard'", 0),
    ("timezone", "'Pacific/Chatham'", 0),
    ("client_encoding", "'LATIN1'", 0),
    ("application_name", "'other'", 0),
    ("extra_float_digits", "-15", 0),
    ("xmlbinary", "'hex'", 0),
    ("cursor_tuple_fraction", "0.001", 0),
    ("from_collapse_limit", "1", 0),
    ("synchronous_commit", "off", 0),
    ("tcp_user_timeout", "10000", 0),
];

/// A function in the place of PostgreSQL's own.
const ELSEWHERE: &str = "create schema elsewhere; grant usage on schema elsewhere to public; \
     create function elsewhere.unnest(int4[]) returns setof int4 language sql as 'select 0 where false'";

/// These would stop the test's own sessions too, so only killgate's roles get them.
const HARMFUL: &[&str] = &[
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
    "default_transaction_read_only",
    "default_transaction_deferrable",
    "application_name",
    "exit_on_error",
];

#[tokio::test]
async fn no_setting_of_role_database_or_server_changes_what_killgate_does() -> Result<()> {
    let cluster = Cluster::start().await?;
    let stages = stages(&cluster).await?;
    let superuser = cluster.superuser().await?;
    superuser.batch_execute(ELSEWHERE).await?;
    let version: i32 =
        superuser.query_one("select current_setting('server_version_num')::int4", &[]).await?.get(0);
    let has = |since: i32| if since < 0 { version < -since } else { version >= since };
    for (number, (name, value, since)) in SETTINGS.iter().enumerate() {
        if !has(*since) {
            continue;
        }
        let everywhere = ["alter database postgres", "alter role all", "alter system"];
        let place = everywhere[number % everywhere.len()];
        let quoted = format!("\"{}\"", GUARDED.replace('"', "\"\""));
        let own = ["alter role killgate".to_owned(), format!("alter role {quoted} in database postgres")];
        let places = if HARMFUL.contains(name) { own.to_vec() } else { vec![place.to_owned()] };
        for place in places {
            superuser.batch_execute(&format!("{place} set {name} = {value}")).await?;
        }
    }
    superuser.batch_execute("select pg_reload_conf()").await?;
    superuser
        .execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'killgate' or usename = $1", &[&GUARDED])
        .await?;
    for stage in stages {
        acts_as_always(&cluster, &stage).await?;
    }
    Ok(())
}

#[tokio::test]
async fn no_extreme_of_any_setting_changes_what_killgate_does() -> Result<()> {
    let cluster = Cluster::start().await?;
    let stages = stages(&cluster).await?;
    let superuser = cluster.superuser().await?;
    superuser.batch_execute(ELSEWHERE).await?;
    let guarded = format!("\"{}\"", GUARDED.replace('"', "\"\""));
    for extreme in EXTREMES {
        for role in ["killgate", &guarded] {
            let number = hostile_settings::set_all(&superuser, role, extreme).await?;
            assert!(number > 110, "{extreme:?}: {number}");
        }
        superuser
            .execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename in ('killgate', $1)",
                &[&GUARDED],
            )
            .await?;
        for stage in &stages {
            acts_as_always(&cluster, stage).await?;
        }
    }
    Ok(())
}

/// They end a session, or its first statement, before a client can change them.
#[tokio::test]
async fn limits_of_a_millisecond_do_not_keep_killgate_from_connecting() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.bot().await?;
    let superuser = cluster.superuser().await?;
    let version: i32 =
        superuser.query_one("select current_setting('server_version_num')::int4", &[]).await?.get(0);
    for (name, since) in [
        ("statement_timeout", 0),
        ("lock_timeout", 0),
        ("idle_in_transaction_session_timeout", 0),
        ("idle_session_timeout", 140_000),
        ("transaction_timeout", 170_000),
    ] {
        if version >= since {
            superuser
                .batch_execute(&format!("alter role killgate in database postgres set {name} = 1"))
                .await?;
        }
    }
    let mut target = open(options(&cluster, "killgate"));
    for _ in 0..5 {
        up(&target).await?;
        let mut victim = cluster.victim("app").idle().await?;
        let stage = Stage { right: SignalRight::Direct, target };
        assert_eq!(stage.carry_out(Action::Terminate, victim.pid()).await?, SignalResult::Sent);
        assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
        target = open(options(&cluster, "killgate"));
    }
    Ok(())
}

async fn acts_as_always(cluster: &Cluster, stage: &Stage) -> Result<()> {
    let mut victim = cluster.victim("app").idle().await?;
    throwaway_postgres::eventually("it is connected again", async || {
        Ok(stage.target.snapshot(Freshness::Now).await.ok())
    })
    .await?;
    let first = stage.target.snapshot(Freshness::Now).await?;
    assert!(
        first
            .find(pid(victim.pid()))
            .is_some_and(|session| session.application.is_empty() || session.application == "other")
    );
    assert!(stage.find_session(pid(victim.pid())).await?.is_some());
    // Names are quoted where they must be, and nowhere else.
    cluster.sql("create table if not exists public.stock (); grant all on public.stock to public").await?;
    let _holder = cluster.victim("app").idle_in_transaction("lock table public.stock").await?;
    let waiter = cluster.victim("app").waiting("begin; lock table public.stock").await?;
    let snapshot = stage.target.snapshot(Freshness::Now).await?;
    let wait = snapshot.find(pid(waiter.pid())).and_then(|session| session.lock_wait.clone());
    assert_eq!(wait.and_then(|wait| wait.relation), Some(LockedRelation::Named("public.stock".to_owned())));
    // Longer than the timeouts of the settings: the connection is still the same.
    throwaway_postgres::eventually("half a second has passed on the server", async || {
        let snapshot = stage.target.snapshot(Freshness::Now).await?;
        assert_eq!(snapshot.own_pid, first.own_pid, "the connection was kept");
        Ok((snapshot.taken_at.duration_since(first.taken_at).as_millis() > 500).then_some(()))
    })
    .await?;
    // What the guard says is not hidden behind warnings about its own text.
    if stage.right == SignalRight::Guard {
        cluster.sql("insert into killgate.protected_users values ('^app$')").await?;
        let refused = stage.carry_out(Action::Terminate, victim.pid()).await?;
        cluster.sql("delete from killgate.protected_users").await?;
        assert_eq!(told(&refused), "the rule ^app$ in killgate.protected_users matches its user");
    }
    // An ERROR ends the statement and not the session.
    let asked = stage.ask(Action::Terminate, victim.pid()).await?;
    cluster.sql("revoke pg_signal_backend from killgate, killgate_guard").await?;
    let refused = stage.signal(asked).await;
    assert_eq!(unsignalled(&refused), Some(Outcome::Refused), "{refused:?}");
    cluster.sql("grant pg_signal_backend to killgate, killgate_guard").await?;
    let words = stage.target.no_such_pid_message(pid(4711));
    assert!(words.is_some_and(|words| words.contains("4711")), "PostgreSQL's WARNING");
    assert_eq!(stage.carry_out(Action::Terminate, victim.pid()).await?, SignalResult::Sent);
    assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
    Ok(())
}

#[tokio::test]
async fn the_role_that_a_login_takes_decides_what_killgate_may() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.bot().await?;
    cluster
        .sql(
            "create role watcher; grant pg_read_all_stats, pg_signal_backend to watcher; create role nobody;
             grant watcher, nobody to killgate; revoke pg_read_all_stats, pg_signal_backend from killgate;
             alter role killgate set role = nobody",
        )
        .await?;
    let powerless = open(options(&cluster, "killgate"));
    up(&powerless).await?;
    let refused = powerless.snapshot(Freshness::Now).await.map(drop);
    assert!(
        refused.as_ref().is_err_and(|error| error.to_string().starts_with("the role nobody does not see")),
        "{refused:?}"
    );

    cluster.sql("alter role killgate set role = watcher").await?;
    let target = open(options(&cluster, "killgate"));
    up(&target).await?;
    let mut victim = cluster.victim("app").idle().await?;
    let stage = Stage { right: SignalRight::Direct, target };
    assert_eq!(stage.carry_out(Action::Terminate, victim.pid()).await?, SignalResult::Sent);
    assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
    Ok(())
}
