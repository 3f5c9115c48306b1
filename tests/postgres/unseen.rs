//! What the role may not see or do. It is said as such, and never taken for an end.

use std::time::Duration;

use anyhow::Result;
use killgate::domain::event::Action;
use killgate::domain::identity::ServerIdentity;
use killgate::domain::outcome::Outcome;
use killgate::domain::session::SessionState;
use killgate::postgres::SignalRight;
use killgate::workflow::ports::{Freshness, SignalResult, Target};
use throwaway_postgres::{Cluster, SqlState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{GUARDED, Stage, open, options, pid, stages, told, unsignalled, up};

const SLEEP: &str = "select pg_sleep(600)";

#[tokio::test]
async fn without_the_privilege_to_signal_the_snapshot_says_why_until_it_is_granted() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.role("onlooker").await?;
    cluster.sql("grant pg_read_all_stats to onlooker").await?;
    let target = open(options(&cluster, "onlooker"));
    up(&target).await?;
    let stage = Stage { right: SignalRight::Nothing, target };
    let mut victim = cluster.victim("app").idle().await?;
    let obstacle =
        async || Ok::<_, anyhow::Error>(stage.target.snapshot(Freshness::Now).await?.signal_obstacle.clone());
    assert_eq!(
        obstacle().await?.as_deref(),
        Some(
            "the role onlooker may not signal here: install the guard (killgate guard-sql), or GRANT pg_signal_backend TO onlooker"
        )
    );
    let signalled = stage.carry_out(Action::Terminate, victim.pid()).await?;
    assert_eq!(unsignalled(&signalled), Some(Outcome::Unreachable), "{signalled:?}");
    assert!(told(&signalled).starts_with("killgate may not signal there: the role onlooker may not"));

    cluster.sql("grant pg_signal_backend to onlooker").await?;
    assert_eq!(obstacle().await?, None);
    let asked = stage.ask(Action::Terminate, victim.pid()).await?;
    cluster.sql("revoke pg_signal_backend from onlooker").await?;
    assert!(obstacle().await?.is_some(), "revoked again");
    cluster.sql("grant pg_signal_backend to onlooker").await?;
    assert_eq!(obstacle().await?, None);
    assert_eq!(stage.signal(asked).await, SignalResult::Sent);
    assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
    Ok(())
}

#[tokio::test]
async fn a_session_that_the_role_may_no_longer_see_has_not_ended() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let victim = cluster.victim("app").running(SLEEP).await?;
        let asked = stage.ask(Action::Terminate, victim.pid()).await?;
        cluster
            .sql(&format!("revoke pg_read_all_stats from killgate, \"{}\"", GUARDED.replace('"', "\"\"")))
            .await?;
        let expected = "does not see other users' sessions: GRANT pg_read_all_stats TO";
        let listed = stage.target.snapshot(Freshness::Now).await.map(drop);
        let listed = listed.map_err(|unreachable| unreachable.message);
        assert!(listed.as_ref().is_err_and(|message| message.contains(expected)), "{listed:?}");
        let found = stage.find_session(pid(victim.pid())).await;
        let found = found.map_err(|unreachable| unreachable.message);
        assert!(found.as_ref().is_err_and(|message| message.contains(expected)), "{found:?}");
        let signalled = stage.signal(asked).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Unreachable), "{signalled:?}");
        assert!(victim.still_alive().await?);
        cluster
            .sql(&format!("grant pg_read_all_stats to killgate, \"{}\"", GUARDED.replace('"', "\"\"")))
            .await?;
        assert!(stage.find_session(pid(victim.pid())).await?.is_some(), "seen again");
    }
    Ok(())
}

#[tokio::test]
async fn a_session_that_does_not_show_what_it_runs_is_not_said_to_have_moved_on() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.role("quiet").await?;
    cluster.sql("alter role quiet set track_activities = off").await?;
    for stage in stages(&cluster).await? {
        let mut victim = cluster.victim("quiet").idle().await?;
        let signalled = stage.carry_out(Action::Cancel, victim.pid()).await?;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Unreachable), "{signalled:?}");
        assert!(told(&signalled).contains("track_activities"), "{signalled:?}");
        let signalled = stage.carry_out(Action::Terminate, victim.pid()).await?;
        assert_eq!(signalled, SignalResult::Sent);
        assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_not_the_approved_one_says_nothing_of_its_sessions() -> Result<()> {
    let cluster = Cluster::start().await?;
    let victim = cluster.victim("app").idle().await?;
    for stage in stages(&cluster).await? {
        let server = stage.target.snapshot(Freshness::Now).await?.server;
        let of_victim = [pid(victim.pid())];
        // Also a server of the same cluster that was restarted, and a standby of it, have another start.
        let restarted = ServerIdentity {
            postmaster_start: server.postmaster_start.plus(Duration::from_micros(1)),
            ..server
        };
        let other = ServerIdentity { system_identifier: server.system_identifier + 1, ..server };
        for approved in [restarted, other] {
            let found = stage.target.find_sessions(approved, &of_victim).await;
            let error = found[0].as_ref().expect_err("neither there nor gone").to_string();
            assert!(error.contains("another one answers"), "{error}");
        }
        assert!(stage.find_session(of_victim[0]).await?.is_some());
    }
    Ok(())
}

#[tokio::test]
async fn a_session_whose_role_was_dropped_is_there_without_a_name_and_is_not_signalled() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let victim = cluster.victim("leaver").running(SLEEP).await?;
        let asked = stage.ask(Action::Terminate, victim.pid()).await?;
        cluster.sql("drop role leaver").await?;
        let session = stage.find_session(pid(victim.pid())).await?.expect("it has not ended");
        assert_eq!((session.user, session.state), (None, SessionState::Active));
        let signalled = stage.signal(asked).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Protected), "{signalled:?}");
        assert!(told(&signalled).contains("PostgreSQL does not say whose session it is"), "{signalled:?}");
        assert!(victim.still_alive().await?);
    }
    Ok(())
}

/// Before 18, PostgreSQL does not list it.
#[tokio::test]
async fn a_backend_that_is_still_authenticating_is_shown_as_starting_and_hides_no_other() -> Result<()> {
    let cluster = Cluster::builder().hba("host all slow 127.0.0.1/32 scram-sha-256").start().await?;
    cluster.sql("create role slow login password 'secret'").await?;
    let bystander = cluster.victim("app").idle().await?;
    // It sends a startup message of protocol 3.0, and does not answer the request for a password.
    let mut silent = TcpStream::connect(("127.0.0.1", cluster.port())).await?;
    let parameters = b"user\0slow\0database\0postgres\0\0";
    silent.write_u32(u32::try_from(8 + parameters.len())?).await?;
    silent.write_u32(3 << 16).await?;
    silent.write_all(parameters).await?;
    let mut asked_for_password = [0; 1];
    silent.read_exact(&mut asked_for_password).await?;

    let lists_it: bool = cluster
        .superuser()
        .await?
        .query_one("select current_setting('server_version_num')::int >= 180000", &[])
        .await?
        .get(0);
    for stage in stages(&cluster).await? {
        let snapshot = stage.target.snapshot(Freshness::Now).await?;
        assert!(snapshot.find(pid(bystander.pid())).is_some());
        let starting = snapshot.sessions.iter().find(|session| session.state == SessionState::Starting);
        assert_eq!(starting.is_some(), lists_it);
        let Some(starting) = starting else { continue };
        assert_eq!(starting.user, None, "who logs in is not known yet");
        let signalled = stage.carry_out(Action::Terminate, starting.pid.number()).await?;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Protected), "{signalled:?}");
        assert!(stage.find_session(starting.pid).await?.is_some());
    }
    Ok(())
}
