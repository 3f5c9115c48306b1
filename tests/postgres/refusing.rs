//! Sessions that are not signalled: protected ones, and those that PostgreSQL refuses.

use std::time::Duration;

use anyhow::Result;
use killgate::domain::event::{Action, Binding};
use killgate::domain::outcome::Outcome;
use killgate::domain::protection::ProtectionRules;
use killgate::domain::session::BackendType;
use killgate::postgres::guard::guard_sql;
use killgate::postgres::{SignalRight, StatementTimeouts, TargetStatus};
use killgate::workflow::ports::{Freshness, SignalResult, Target};
use regex::Regex;
use throwaway_postgres::{Cluster, SqlState, Victim, eventually};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::lease::signalling_statements;
use crate::support::{GUARDED, Stage, open, open_within, options, pid, stages, told, unsignalled, up};

const SLEEP: &str = "select pg_sleep(600)";

fn patterns(pattern: &str) -> Vec<Regex> {
    vec![Regex::new(pattern).expect("a regular expression")]
}

#[tokio::test]
async fn a_session_that_matches_a_protection_rule_is_not_signalled() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.sql("create database ledger").await?;
    let rules = [
        ProtectionRules { users: patterns("^pay"), ..ProtectionRules::default() },
        ProtectionRules {
            // PostgreSQL's regular expressions have no (?i) in the middle and no \pL: these are Rust's.
            applications: patterns(r"^(?i:NIGHTLY)-\pL+$"),
            ..ProtectionRules::default()
        },
        ProtectionRules { databases: patterns("^ledger$"), ..ProtectionRules::default() },
    ];
    for stage in stages(&cluster).await? {
        let victim =
            cluster.victim("payments").database("ledger").application("nightly-batch").running(SLEEP).await?;
        for rule in &rules {
            let asked = stage.ask(Action::Terminate, victim.pid()).await?;
            let signalled = stage.signal_with(asked, rule).await;
            assert_eq!(unsignalled(&signalled), Some(Outcome::Protected), "{signalled:?}");
            assert!(told(&signalled).contains("the rule [protect]"), "{signalled:?}");
        }
        assert!(victim.still_alive().await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_name_changed_between_card_and_signal_is_checked() -> Result<()> {
    let cluster = Cluster::start().await?;
    let protection = ProtectionRules { applications: patterns("^pg_dump$"), ..ProtectionRules::default() };
    for stage in stages(&cluster).await? {
        let mut victim = cluster.victim("app").application("psql").idle().await?;
        let protected = stage.ask(Action::Terminate, victim.pid()).await?;
        let renamed = stage.ask(Action::Terminate, victim.pid()).await?;

        victim.client().batch_execute("set application_name = 'pg_dump'").await?;
        let signalled = stage.signal_with(protected, &protection).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Protected), "{signalled:?}");
        assert!(victim.still_alive().await?);

        victim.client().batch_execute("set application_name = 'harmless'").await?;
        assert_eq!(stage.signal_with(renamed, &protection).await, SignalResult::Sent);
        assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
    }
    Ok(())
}

#[tokio::test]
async fn superusers_and_server_processes_are_not_signalled() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let victim = cluster.victim("postgres").running(SLEEP).await?;
        let snapshot = stage.target.snapshot(Freshness::Now).await?;
        let others = snapshot.sessions.iter().filter(|session| session.user.is_none());
        let mut numbers: Vec<_> = others.map(|session| session.pid.number()).collect();
        assert!(numbers.len() > 2, "checkpointer, writers and launchers");
        numbers.push(victim.pid());
        for number in numbers {
            let signalled = stage.carry_out(Action::Terminate, number).await?;
            assert_eq!(unsignalled(&signalled), Some(Outcome::Protected), "{signalled:?}");
        }
        assert!(victim.still_alive().await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_replication_connection_is_not_signalled() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.sql("create role replica login replication").await?;
    let mut walsender = TcpStream::connect(("127.0.0.1", cluster.port())).await?;
    // The driver cannot open such a connection, so this sends a startup message of protocol 3.0.
    let parameters = b"user\0replica\0replication\0true\0\0";
    walsender.write_u32(u32::try_from(8 + parameters.len())?).await?;
    walsender.write_u32(3 << 16).await?;
    walsender.write_all(parameters).await?;
    for stage in stages(&cluster).await? {
        let number = eventually("a walsender", async || {
            let snapshot = stage.target.snapshot(Freshness::Now).await?;
            let mut sessions = snapshot.sessions.iter();
            Ok(sessions
                .find(|session| session.backend_type == BackendType::WalSender)
                .map(|found| found.pid.number()))
        })
        .await?;
        for action in [Action::Cancel, Action::Terminate] {
            let signalled = stage.carry_out(action, number).await?;
            assert_eq!(unsignalled(&signalled), Some(Outcome::Protected), "{signalled:?}");
            assert!(stage.find_session(pid(number)).await?.is_some());
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_session_that_became_a_superusers_after_the_card_is_not_signalled() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let victim = cluster.victim("riser").running(SLEEP).await?;
        let asked = stage.ask(Action::Terminate, victim.pid()).await?;
        cluster.sql("alter role riser superuser").await?;
        let signalled = stage.signal(asked).await;
        cluster.sql("alter role riser nosuperuser").await?;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Protected), "{signalled:?}");
        assert!(victim.still_alive().await?);
    }
    Ok(())
}

#[tokio::test]
async fn killgates_own_connections_are_not_signalled() -> Result<()> {
    let cluster = Cluster::start().await?;
    let [direct, guarded] = stages(&cluster).await?;
    for (stage, role) in [(direct, "killgate"), (guarded, GUARDED)] {
        let replica = open(options(&cluster, role));
        up(&replica).await?;
        // The replica's connection, and never one's own. The one that it told a pooler with is closed, and may still be seen.
        let own = eventually("one own connection", async || {
            let snapshot = stage.target.snapshot(Freshness::Now).await?;
            let own: Vec<_> = snapshot.sessions.iter().filter(|session| session.is_own).collect();
            let [only] = own[..] else { return Ok(None) };
            Ok(Some(only.pid.number()))
        });
        let signalled = stage.carry_out(Action::Terminate, own.await?).await?;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Protected), "{signalled:?}");
        assert!(matches!(replica.status(), TargetStatus::Up(_)));
    }
    Ok(())
}

#[tokio::test]
async fn the_message_about_a_missing_pid_is_postgresqls_own() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let client = cluster.superuser().await?;
        let version: i32 =
            client.query_one("select current_setting('server_version_num')::int4", &[]).await?.get(0);
        let kind = if version < 150_000 { "server" } else { "backend" };
        assert_eq!(
            stage.target.no_such_pid_message(pid(4711)),
            Some(format!("WARNING:  PID 4711 is not a PostgreSQL {kind} process"))
        );
    }
    Ok(())
}

/// The answer of the guarded target to a terminate, when the body of the guard is replaced after the request was made:
/// the statement compares its oid, owner and kind.
async fn answer_of_guard(
    cluster: &Cluster,
    stage: &Stage,
    victim: &Victim,
    body: &str,
) -> Result<SignalResult> {
    let asked = stage.ask(Action::Terminate, victim.pid()).await?;
    cluster
        .sql(&format!(
            "create or replace function killgate.signal_backend(action text, pid int, backend_start timestamptz,
                 xact_start timestamptz, query_start timestamptz, request bigint, requester text, approvers text[],
                 out outcome text, out detail text)
             language plpgsql security definer as $f$ begin {body} end $f$"
        ))
        .await?;
    Ok(stage.signal(asked).await)
}

#[tokio::test]
async fn a_warning_instead_of_a_signal_means_not_a_backend() -> Result<()> {
    let cluster = Cluster::start().await?;
    let [_, stage] = stages(&cluster).await?;
    let victim = cluster.victim("app").idle().await?;
    let body = "perform pg_terminate_backend(2147483647); outcome := 'not_a_backend';";
    let signalled = answer_of_guard(&cluster, &stage, &victim, body).await?;
    assert_eq!(unsignalled(&signalled), Some(Outcome::NotABackend), "{signalled:?}");
    let words = stage.target.no_such_pid_message(pid(2_147_483_647)).expect("its own words");
    assert!(told(&signalled).ends_with(&words), "{signalled:?}");
    Ok(())
}

#[tokio::test]
async fn an_error_of_postgresql_is_refused_with_its_sqlstate() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let victim = cluster.victim("app").idle().await?;
        let asked = stage.ask(Action::Terminate, victim.pid()).await?;
        cluster.sql("revoke pg_signal_backend from killgate, killgate_guard").await?;
        let signalled = stage.signal(asked).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Refused), "{signalled:?}");
        assert!(told(&signalled).contains("ERROR 42501: "), "{signalled:?}");
        assert!(victim.still_alive().await?);
        cluster.sql("grant pg_signal_backend to killgate, killgate_guard").await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_detail_and_the_hint_of_an_error_are_repeated() -> Result<()> {
    let cluster = Cluster::start().await?;
    let [_, stage] = stages(&cluster).await?;
    let victim = cluster.victim("app").idle().await?;
    let body = "raise exception 'no' using errcode = '42501', detail = 'Only some may.', hint = 'Ask them.';";
    let signalled = answer_of_guard(&cluster, &stage, &victim, body).await?;
    assert!(
        told(&signalled).ends_with("ERROR 42501: no\nDETAIL:  Only some may.\nHINT:  Ask them."),
        "{signalled:?}"
    );
    Ok(())
}

/// With the first statement, which does not compare its name. One that does would signal it only if it happens to be slow.
#[tokio::test]
async fn a_session_that_renames_itself_in_a_loop_is_signalled() -> Result<()> {
    let cluster = Cluster::builder().setting("log_statement", "all").start().await?;
    // Without a pause, 13 writes more of the new names to its client than that reads, and then closes the connection without
    // an error.
    let loops = "do $$ begin for i in 1..2000000000 loop perform pg_sleep(0.0001), \
                 set_config('application_name', 'evader ' || i, false); end loop; end $$";
    let about_names = ProtectionRules { applications: patterns("^pg_dump$"), ..ProtectionRules::default() };
    for stage in stages(&cluster).await? {
        for rules in [&ProtectionRules::default(), &about_names] {
            let mut victim = cluster.victim("app").running(loops).await?;
            let asked = stage.ask(Action::Terminate, victim.pid()).await?;
            let checked = &asked.backends[0].session.application;
            eventually("another name", async || {
                let session = stage.find_session(pid(victim.pid())).await?;
                Ok(session.filter(|session| session.application != *checked).map(drop))
            })
            .await?;
            assert_eq!(stage.signal_with(asked, rules).await, SignalResult::Sent);
            assert_eq!(signalling_statements(&cluster, victim.pid())?, 1);
            assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_name_that_resembles_a_protected_one_is_compared_as_it_is() -> Result<()> {
    let cluster = Cluster::start().await?;
    for pattern in ["^pg_dump$", r"^pg_d\pL+p$"] {
        let rules = ProtectionRules { applications: patterns(pattern), ..ProtectionRules::default() };
        for stage in stages(&cluster).await? {
            for renamed in ["pg_dumper", "not pg_dump"] {
                let mut victim = cluster.victim("app").application("psql").idle().await?;
                let asked = stage.ask(Action::Terminate, victim.pid()).await?;
                victim.client().batch_execute(&format!("set application_name = '{renamed}'")).await?;
                assert_eq!(stage.signal_with(asked, &rules).await, SignalResult::Sent, "{renamed}");
                assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_terminate_bound_to_a_transaction_spares_the_next_one() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let mut victim = cluster.victim("app").idle_in_transaction("select 1").await?;
        let bound = async || {
            let mut asked = stage.ask(Action::Terminate, victim.pid()).await?;
            asked.backends[0].bound_to = Binding::Transaction;
            Ok::<_, anyhow::Error>(asked)
        };
        let first = bound().await?;
        victim.client().batch_execute("commit; begin; select 1").await?;
        let signalled = stage.signal(first).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::MovedOn), "{signalled:?}");
        assert_eq!(told(&signalled), "the transaction had ended");
        assert!(victim.still_alive().await?);
        let second = bound().await?;
        assert_eq!(stage.signal(second).await, SignalResult::Sent);
        assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
    }
    Ok(())
}

#[tokio::test]
async fn an_unexpected_answer_of_the_guard_means_unknown() -> Result<()> {
    let cluster = Cluster::start().await?;
    let [_, stage] = stages(&cluster).await?;
    let victim = cluster.victim("app").idle().await?;
    let signalled = answer_of_guard(&cluster, &stage, &victim, "outcome := 'terminated';").await?;
    assert!(matches!(signalled, SignalResult::Unknown { .. }), "{signalled:?}");
    Ok(())
}

#[tokio::test]
async fn a_statement_that_the_server_cancelled_may_have_signalled() -> Result<()> {
    let cluster = Cluster::start().await?;
    let [_, stage] = stages(&cluster).await?;
    let victim = cluster.victim("app").idle().await?;
    let signalled = answer_of_guard(&cluster, &stage, &victim, "perform pg_sleep(600);").await?;
    assert!(matches!(signalled, SignalResult::Unknown { .. }), "{signalled:?}");
    assert!(told(&signalled).contains("57014"), "{signalled:?}");
    Ok(())
}

#[tokio::test]
async fn a_statement_without_an_answer_may_have_signalled_and_is_not_sent_again() -> Result<()> {
    let cluster = Cluster::start().await?;
    let calls = "create sequence calls; grant usage on sequence calls to public";
    // Unlike a row, the value of a sequence survives a rollback.
    cluster.sql(calls).await?;
    cluster.sql(&guard_sql(GUARDED)).await?;
    let limits =
        StatementTimeouts { listing: Duration::from_secs(5), signalling: Duration::from_millis(2_500) };
    let target = open_within(options(&cluster, GUARDED), limits);
    up(&target).await?;
    let stage = Stage { right: SignalRight::Guard, target };
    let victim = cluster.victim("app").idle().await?;
    let body = "perform nextval('public.calls'); perform pg_sleep(600);";
    let signalled = answer_of_guard(&cluster, &stage, &victim, body).await?;
    assert_eq!(
        signalled,
        SignalResult::Unknown { detail: "the statement was sent, and no answer came in time".to_owned() }
    );
    // The connection with that statement is not reused. killgate opens another one.
    assert!(stage.find_session(pid(victim.pid())).await?.is_some());
    let client = cluster.superuser().await?;
    let calls: i64 = client.query_one("select last_value from calls", &[]).await?.get(0);
    assert_eq!(calls, 1);
    Ok(())
}
