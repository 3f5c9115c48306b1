//! The kept connection, in good days and bad.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use killgate::domain::event::Action;
use killgate::domain::outcome::Outcome;
use killgate::postgres::{StatementTimeouts, TargetStatus};
use killgate::workflow::ports::{Freshness, SignalResult, Target};
use throwaway_postgres::{Cluster, SqlState, connect, eventually};

use crate::support::{dial, down, open, open_within, stages, told, unsignalled, up};

#[tokio::test]
async fn a_server_that_stops_and_starts_again_is_reached_again() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        up(&stage.target).await?;
        let victim = cluster.victim("app").idle().await?;
        let asked = stage.ask(Action::Terminate, victim.pid()).await?;
        cluster.stop().await?;
        let problem = down(&stage.target).await?;
        assert_eq!(problem, "nothing listens there (connection refused)");
        let signalled = stage.signal(asked.clone()).await;
        assert_eq!(
            unsignalled(&signalled),
            Some(Outcome::Unreachable),
            "{signalled:?}"
        );

        assert!(stage.target.snapshot(Freshness::Now).await.is_err());

        cluster.start_again().await?;
        up(&stage.target).await?;
        let young = Freshness::Within(Duration::from_mins(1));
        stage.target.snapshot(young).await?;
        let signalled = stage.signal(asked).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Gone), "{signalled:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_without_a_free_slot_can_still_be_helped() -> Result<()> {
    let cluster = Cluster::builder()
        .setting("max_connections", "12")
        .setting("superuser_reserved_connections", "1")
        .start()
        .await?;
    let stages = stages(&cluster).await?;
    let mut victims = vec![
        cluster.victim("app").idle().await?,
        cluster.victim("app").idle().await?,
    ];
    let mut crowd = Vec::new();
    let full = loop {
        match connect(&cluster.url("app", "postgres")).await {
            Ok(client) => crowd.push(client),
            Err(error) => break error,
        }
    };
    let code = full
        .downcast_ref::<tokio_postgres::Error>()
        .and_then(|error| error.code());
    assert_eq!(code, Some(&SqlState::TOO_MANY_CONNECTIONS));
    let late = open(dial(&cluster, "killgate"));
    let problem = down(&late).await?;
    assert!(
        problem.starts_with("the server has no connection slot left"),
        "{problem}"
    );

    for (stage, victim) in stages.iter().zip(&mut victims) {
        assert_eq!(
            stage.carry_out(Action::Terminate, victim.pid()).await?,
            SignalResult::Sent
        );
        assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
    }
    Ok(())
}

#[tokio::test]
async fn a_locked_catalogue_delays_nobody_for_ever_and_nothing_is_signalled() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let victim = cluster.victim("app").idle().await?;
        let asked = stage.ask(Action::Terminate, victim.pid()).await?;
        let locker = cluster.superuser().await?;
        locker
            .batch_execute("begin; lock table pg_authid in access exclusive mode")
            .await?;

        let listed = stage.target.snapshot(Freshness::Now).await;
        let problem = listed.map_err(|unreachable| unreachable.message);
        assert!(
            problem
                .as_ref()
                .is_err_and(|problem| problem.contains("a system catalog may be locked")),
            "{problem:?}"
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

#[tokio::test]
async fn a_listing_that_is_given_up_does_not_spoil_the_next() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.bot().await?;
    let limits = StatementTimeouts {
        listing: Duration::from_millis(300),
        signalling: Duration::from_secs(10),
    };
    let target = open_within(dial(&cluster, "killgate"), limits);
    up(&target).await?;
    let locker = cluster.superuser().await?;
    locker
        .batch_execute("begin; lock table pg_authid in access exclusive mode")
        .await?;
    let problem = target.snapshot(Freshness::Now).await.map(drop);
    let problem = problem.map_err(|unreachable| unreachable.message);
    assert_eq!(problem, Err("it did not answer in time".to_owned()));
    locker.batch_execute("rollback").await?;
    eventually("a listing", async || {
        Ok(target.snapshot(Freshness::Now).await.ok())
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_password_is_read_again_for_every_connection() -> Result<()> {
    let cluster = Cluster::builder()
        .hba("host all killgate 127.0.0.1/32 scram-sha-256")
        .start()
        .await?;
    cluster.bot().await?;
    cluster
        .sql("set password_encryption = 'scram-sha-256'; alter role killgate password 'right'")
        .await?;
    let password = Arc::new(std::sync::Mutex::new("wrong".to_owned()));
    let mut dial = dial(&cluster, "killgate");
    let current = Arc::clone(&password);
    dial.password = Arc::new(move || {
        let current = current.lock().expect("no thread panicked").clone();
        Ok(Some(current.into()))
    });
    let target = open(dial);
    let problem = down(&target).await?;
    assert!(
        problem.starts_with("the server refused the login: password"),
        "{problem}"
    );
    assert!(!problem.contains("wrong"));

    "right".clone_into(&mut password.lock().expect("no thread panicked"));
    up(&target).await
}

#[tokio::test]
async fn what_is_wrong_with_a_server_is_said_in_a_sentence() -> Result<()> {
    let cluster = Cluster::start().await?;
    let mut nowhere = dial(&cluster, "killgate");
    nowhere.config = tokio_postgres::Config::new();
    nowhere.config.host("no-such-host.invalid").user("killgate");
    let problem = down(&open(nowhere)).await?;
    assert!(problem.starts_with("its host name does not resolve"), "{problem}");

    let mut database = dial(&cluster, "killgate");
    database.config.dbname("nowhere");
    cluster.bot().await?;
    let problem = down(&open(database)).await?;
    assert_eq!(
        problem,
        "there is no such database: database \"nowhere\" does not exist"
    );

    let mut silent = dial(&cluster, "killgate");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    silent.config = tokio_postgres::Config::new();
    silent
        .config
        .host("127.0.0.1")
        .port(listener.local_addr()?.port())
        .user("killgate");
    let target = open(silent);
    assert!(
        matches!(target.status(), TargetStatus::Connecting),
        "opening waits for nobody"
    );
    assert_eq!(down(&target).await?, "it did not answer in time");
    Ok(())
}
