//! The guard's own checks, called directly as by somebody who has stolen the password of killgate's role.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use killgate::postgres::guard::guard_sql;
use killgate::postgres::{SignalRight, TargetStatus};
use throwaway_postgres::{Client, Cluster, SqlState, Victim};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio_postgres::error::DbError;

use crate::support::{GUARDED, open, options};

const SLEEP: &str = "select pg_sleep(600)";

async fn guarded() -> Result<(Cluster, Client)> {
    let cluster = Cluster::start().await?;
    cluster.sql(&guard_sql(GUARDED)).await?;
    let mut config = options(&cluster, GUARDED).config;
    let (client, connection) = config.application_name("thief").connect(tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok((cluster, client))
}

pub(crate) fn code(result: Result<impl Sized, tokio_postgres::Error>) -> Option<SqlState> {
    result.err().as_ref().and_then(tokio_postgres::Error::as_db_error).map(DbError::code).cloned()
}

/// Calls the guard with these SQL arguments.
async fn call(client: &Client, arguments: &str) -> Result<String> {
    let sql = format!("select outcome from killgate.signal_backend({arguments})");
    Ok(client.query_one(&sql, &[]).await?.get(0))
}

fn identity(victim: &Victim) -> String {
    let column = |column| format!("(select {column} from pg_stat_activity where pid = {})", victim.pid());
    format!("{}, {}, null, {}", victim.pid(), column("backend_start"), column("query_start"))
}

#[tokio::test]
async fn a_stolen_password_cannot_bypass_the_guard() -> Result<()> {
    let (cluster, thief) = guarded().await?;
    cluster.sql("create table secrets (n int)").await?;
    let victim = cluster.victim("app").running(SLEEP).await?;
    for around in [
        format!("select pg_terminate_backend({})", victim.pid()),
        format!("select pg_cancel_backend({})", victim.pid()),
        "set role killgate_guard".to_owned(),
        "insert into killgate.protected_users values ('x')".to_owned(),
        "delete from killgate.protected_users".to_owned(),
        "create function killgate.trap() returns int language sql as 'select 1'".to_owned(),
        "drop function killgate.signal_backend".to_owned(),
        "alter function killgate.signal_backend reset search_path".to_owned(),
        "grant killgate_guard to current_user".to_owned(),
        "select * from secrets".to_owned(),
    ] {
        let refused = code(thief.batch_execute(&around).await);
        assert_eq!(refused, Some(SqlState::INSUFFICIENT_PRIVILEGE), "{around}");
    }
    assert!(victim.still_alive().await?);
    Ok(())
}

#[tokio::test]
async fn no_other_role_may_call_the_guard() -> Result<()> {
    let (cluster, _) = guarded().await?;
    let victim = cluster.victim("app").running(SLEEP).await?;
    let stranger = cluster.victim("stranger").idle().await?;
    let sql =
        format!("select killgate.signal_backend('terminate', {}, 7, '1', array['2'])", identity(&victim));
    assert_eq!(code(stranger.client().batch_execute(&sql).await), Some(SqlState::INSUFFICIENT_PRIVILEGE));
    Ok(())
}

#[tokio::test]
async fn the_guard_checks_the_session_itself() -> Result<()> {
    let (cluster, thief) = guarded().await?;
    cluster.sql("insert into killgate.protected_users values ('^payments_') on conflict do nothing").await?;
    let victim = cluster.victim("app").running(SLEEP).await?;
    let superuser = cluster.victim("postgres").running(SLEEP).await?;
    let payments = cluster.victim("payments_batch").running(SLEEP).await?;
    let idle = cluster.victim("app").idle().await?;
    let people = "7, '1', array['2', '3']";
    let pid = victim.pid();
    for (arguments, outcome) in [
        (format!("'terminate', {}, {people}", identity(&superuser)), "protected"),
        (format!("'terminate', {}, {people}", identity(&payments)), "protected"),
        (format!("'terminate', {pid}, now(), null, now(), {people}"), "replaced"),
        (format!("'terminate', 2147483647, now(), null, now(), {people}"), "gone"),
        (format!("'cancel', {}, {people}", identity(&idle)), "moved_on"),
        (format!("'kill', {}, {people}", identity(&victim)), "refused"),
        (format!("'terminate', {pid}, null, null, null, {people}"), "refused"),
        (format!("'terminate', {}, null, '1', array['2']", identity(&victim)), "refused"),
        (format!("'terminate', {}, 7, '', array['2']", identity(&victim)), "refused"),
        (format!("'terminate', {}, 7, '1', array[]::text[]", identity(&victim)), "refused"),
        (format!("'terminate', {}, 7, '1', array['1']", identity(&victim)), "refused"),
        (format!("'terminate', {}, 7, '1', array[null, '2']", identity(&victim)), "refused"),
    ] {
        assert_eq!(call(&thief, &arguments).await?, outcome, "{arguments}");
    }
    for session in [&victim, &superuser, &payments, &idle] {
        assert!(session.still_alive().await?);
    }
    Ok(())
}

#[tokio::test]
async fn the_guard_sees_current_sessions_within_a_transaction() -> Result<()> {
    let (cluster, thief) = guarded().await?;
    let lock = "select pg_advisory_xact_lock(7)";
    let holder = cluster.victim("app").idle_in_transaction(lock).await?;
    let mut victim = cluster.victim("app").waiting(lock).await?;
    thief.batch_execute("begin").await?;
    let earlier = identity(&victim);
    let row = thief.query_one(&format!("select (v).* from (select {earlier}) as v(a, b, c, d)"), &[]).await;
    row.context("the view is cached from here on")?;
    drop(holder);
    assert_eq!(victim.ended().await?, SqlState::SUCCESSFUL_COMPLETION);
    victim.run(SLEEP).await?;
    let outcome = call(&thief, &format!("'cancel', {earlier}, 4711, '1', array['2']")).await?;
    assert_eq!(outcome, "moved_on");
    // It was not about to signal, which its log would say.
    let log = cluster.server_log()?;
    let lines: Vec<_> = log.lines().filter(|line| line.contains("killgate request 4711: ")).collect();
    assert!(matches!(lines[..], [line] if line.ends_with("not signalled (moved_on)")), "{lines:?}");
    assert!(victim.still_alive().await?);
    Ok(())
}

#[tokio::test]
async fn the_server_log_has_requester_and_approvers_in_one_line() -> Result<()> {
    let (cluster, thief) = guarded().await?;
    let mut victim = cluster.victim("app").running(SLEEP).await?;
    let arguments = format!(
        "'terminate', {}, 4711, E'Mallory\\n2026-01-01 LOG:  all is well', array['2', '3']",
        identity(&victim)
    );
    assert_eq!(call(&thief, &arguments).await?, "signalled");
    assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
    let log = cluster.server_log()?;
    let line = format!(
        "killgate request 4711: terminate of pid {}, user app, asked by Mallory?2026-01-01 LOG:  all is well, approved by 2, 3: signalling",
        victim.pid()
    );
    assert!(log.lines().any(|logged| logged.ends_with(&line)), "{log}");
    Ok(())
}

#[tokio::test]
async fn the_script_runs_through_psql_twice_and_changes_no_existing_role() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster
        .sql("create role killgate login connection limit 3 password 'kept'; grant pg_signal_backend to killgate")
        .await?;
    let before = role(&cluster).await?;
    psql(&cluster, &guard_sql("killgate")).await?;
    let warned = psql(&cluster, &guard_sql("killgate")).await?;
    assert!(warned.contains("is itself a member of pg_signal_backend"), "{warned}");
    assert_eq!(role(&cluster).await?, before);

    let right = async || match open(options(&cluster, "killgate")).wait_for_connection_attempt().await {
        TargetStatus::Up(findings) => Some(findings.signal_right),
        _ => None,
    };
    assert_eq!(right().await, Some(SignalRight::Guard), "preferred to the role's own right");
    psql(&cluster, include_str!("../../config/guard-uninstall.sql")).await?;
    assert_eq!(right().await, Some(SignalRight::Direct));
    psql(&cluster, include_str!("../../config/guard-uninstall.sql")).await?;
    psql(&cluster, &guard_sql("killgate")).await?;
    assert_eq!(right().await, Some(SignalRight::Guard));
    Ok(())
}

#[tokio::test]
async fn refused_calls_are_logged_and_no_character_of_a_name_changes_the_line() -> Result<()> {
    let (cluster, thief) = guarded().await?;
    let refused = "'kill', null, null, null, null, 8, E'\\u202eeve\\u009b', array['2']";
    assert_eq!(call(&thief, refused).await?, "refused");
    let log = cluster.server_log()?;
    let line = log.lines().find(|line| line.contains("killgate request 8"));
    assert!(
        line.is_some_and(|line| line.contains("asked by ?eve?, approved by 2: not signalled (refused)")),
        "{log}"
    );
    Ok(())
}

async fn role(cluster: &Cluster) -> Result<String> {
    let sql = "select to_jsonb(a)::text from pg_authid a where rolname = 'killgate'";
    Ok(cluster.superuser().await?.query_one(sql, &[]).await?.get(0))
}

/// Runs the script through psql as a superuser, and returns its stderr.
async fn psql(cluster: &Cluster, script: &str) -> Result<String> {
    let mut child = Command::new("psql")
        .args(["-X", "-v", "ON_ERROR_STOP=1", "-f", "-", &cluster.url("postgres", "postgres")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("these tests need psql")?;
    let mut stdin = child.stdin.take().context("a pipe")?;
    stdin.write_all(script.as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "psql: {told}");
    Ok(told)
}

#[tokio::test]
async fn an_administrator_who_is_no_superuser_installs_the_guard_twice_and_removes_it() -> Result<()> {
    // Managed services let their administrator grant one of these, through a role that plays the superuser.
    for stats_role in ["pg_read_all_stats", "pg_monitor"] {
        let cluster = Cluster::start().await?;
        cluster.role("weak").await?;
        cluster
            .sql(&format!(
                "create role administrators; create role administrator login createrole in role administrators;
                 grant create on database postgres to administrator;
                 do $$ begin if current_setting('server_version_num')::int >= 160000 then
                     grant pg_signal_backend, {stats_role} to administrators with admin option;
                 end if; end $$"
            ))
            .await?;
        let weak = cluster.connect("weak", "postgres").await?;
        let refused = weak.batch_execute(&guard_sql("killgate")).await;
        let lacking = refused.expect_err("refused");
        let lacking = lacking.as_db_error().map(DbError::message).unwrap_or_default();
        let first = "the role weak may not install the guard: it is no superuser and lacks CREATEROLE, ";
        assert!(lacking.starts_with(first) && lacking.ends_with("CREATE on this database"), "{lacking}");
        for _ in 0..2 {
            let administrator = cluster.connect("administrator", "postgres").await?;
            administrator.batch_execute(&guard_sql("killgate")).await?;
        }
        let right = async || match open(options(&cluster, "killgate")).wait_for_connection_attempt().await {
            TargetStatus::Up(info) => Some(info.signal_right),
            _ => None,
        };
        assert_eq!(right().await, Some(SignalRight::Guard), "{stats_role}");
        let administrator = cluster.connect("administrator", "postgres").await?;
        administrator.batch_execute(include_str!("../../config/guard-uninstall.sql")).await?;
        assert_eq!(right().await, Some(SignalRight::Nothing), "{stats_role}");
        let left = "select from pg_roles where rolname = 'killgate_guard'";
        assert!(cluster.superuser().await?.query(left, &[]).await?.is_empty(), "{stats_role}");
    }
    Ok(())
}

/// From 16 on each membership has its own option, and the script's has it.
#[tokio::test]
async fn an_administrator_who_inherits_nothing_installs_the_guard_from_16_on_and_before_is_told_why_not()
-> Result<()> {
    let cluster = Cluster::start().await?;
    cluster
        .sql(
            "create role administrator login createrole noinherit;
             grant create on database postgres to administrator;
             do $$ begin if current_setting('server_version_num')::int >= 160000 then
                 grant pg_signal_backend, pg_read_all_stats to administrator with admin option;
             end if; end $$",
        )
        .await?;
    let administrator = cluster.connect("administrator", "postgres").await?;
    let version: i32 =
        administrator.query_one("select current_setting('server_version_num')::int4", &[]).await?.get(0);
    let install = async || administrator.batch_execute(&guard_sql("killgate")).await;
    if version < 160_000 {
        let refused = install().await.expect_err("refused");
        let said = refused.as_db_error().map(DbError::message);
        let lacking =
            "the role administrator may not install the guard: it is no superuser and lacks INHERIT";
        assert_eq!(said, Some(lacking));
        return Ok(());
    }
    // A membership that it has given itself may lack the other option.
    administrator.batch_execute("set createrole_self_grant = 'inherit'; create role killgate_guard").await?;
    for _ in 0..2 {
        install().await?;
    }
    let status = open(options(&cluster, "killgate")).wait_for_connection_attempt().await;
    assert!(
        matches!(&status, TargetStatus::Up(info) if info.signal_right == SignalRight::Guard),
        "{status:?}"
    );
    Ok(())
}
