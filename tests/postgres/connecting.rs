//! The managed connection: restarts, timeouts and errors.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use killgate::domain::event::Action;
use killgate::domain::outcome::Outcome;
use killgate::postgres::{StatementTimeouts, TargetStatus};
use killgate::workflow::ports::{Freshness, SignalResult, Target};
use throwaway_postgres::{Cluster, SqlState, connect, eventually};

use crate::support::{down, open, open_within, options, stages, unsignalled, up};

#[tokio::test]
async fn killgate_reconnects_after_a_server_restart() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        up(&stage.target).await?;
        let victim = cluster.victim("app").idle().await?;
        let asked = stage.ask(Action::Terminate, victim.pid()).await?;
        cluster.stop().await?;
        // Before that, an attempt may reach the server while it stops.
        eventually("nothing listens", async || {
            let error = down(&stage.target).await?;
            Ok((error == "nothing listens there (connection refused)").then_some(()))
        })
        .await?;
        let signalled = stage.signal(asked.clone()).await;
        assert_eq!(unsignalled(&signalled), Some(Outcome::Unreachable), "{signalled:?}");

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
async fn sessions_can_be_signalled_when_no_connection_slot_is_free() -> Result<()> {
    // One is reserved, and two stages and two victims are connected.
    const FREE_SLOTS: usize = 12 - 1 - 2 - 2;
    let cluster = Cluster::builder()
        .setting("max_connections", "12")
        .setting("superuser_reserved_connections", "1")
        .start()
        .await?;
    let stages = stages(&cluster).await?;
    let mut victims = vec![cluster.victim("app").idle().await?, cluster.victim("app").idle().await?];
    let mut crowd = Vec::new();
    let full = eventually("no slot is left", async || {
        match connect(&cluster.url("app", "postgres")).await {
            Ok(client) => crowd.push(client),
            Err(error) if crowd.len() == FREE_SLOTS => return Ok(Some(error)),
            // A connection that was closed keeps its slot for a moment.
            Err(_) => {}
        }
        Ok(None)
    })
    .await?;
    let code = full.downcast_ref::<tokio_postgres::Error>().and_then(|error| error.code());
    assert_eq!(code, Some(&SqlState::TOO_MANY_CONNECTIONS));
    let late = open(options(&cluster, "killgate"));
    let error = down(&late).await?;
    assert!(error.starts_with("the server has no connection slot left"), "{error}");

    for (stage, victim) in stages.iter().zip(&mut victims) {
        assert_eq!(stage.carry_out(Action::Terminate, victim.pid()).await?, SignalResult::Sent);
        assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
    }
    Ok(())
}

#[tokio::test]
async fn a_listing_that_timed_out_does_not_affect_the_next_one() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.bot().await?;
    let limits =
        StatementTimeouts { listing: Duration::from_millis(300), signalling: Duration::from_secs(10) };
    let target = open_within(options(&cluster, "killgate"), limits);
    up(&target).await?;
    let locker = cluster.superuser().await?;
    // The name of a role that killgate has not read yet is read from there.
    let _unknown = cluster.victim("app").idle().await?;
    locker.batch_execute("begin; lock table pg_authid in access exclusive mode").await?;
    let error = target.snapshot(Freshness::Now).await.map(drop);
    let error = error.map_err(|unreachable| unreachable.message);
    assert_eq!(error, Err("it did not answer in time".to_owned()));
    locker.batch_execute("rollback").await?;
    eventually("a listing", async || Ok(target.snapshot(Freshness::Now).await.ok())).await?;
    Ok(())
}

#[tokio::test]
async fn the_password_is_read_for_every_connection() -> Result<()> {
    let cluster = Cluster::builder().hba("host all killgate 127.0.0.1/32 scram-sha-256").start().await?;
    cluster.bot().await?;
    cluster.sql("set password_encryption = 'scram-sha-256'; alter role killgate password 'right'").await?;
    let error = down(&open(options(&cluster, "killgate"))).await?;
    assert!(error.starts_with("the server asks for a password: set password_file"), "{error}");

    let password = Arc::new(std::sync::Mutex::new("wrong".to_owned()));
    let mut options = options(&cluster, "killgate");
    let current = Arc::clone(&password);
    options.password = Arc::new(move || {
        let current = current.lock().expect("no thread panicked").clone();
        Box::pin(async { Ok(Some(current.into())) })
    });
    let target = open(options);
    let error = down(&target).await?;
    assert!(error.starts_with("the server refused the login: password"), "{error}");
    assert!(!error.contains("wrong"));

    "right".clone_into(&mut password.lock().expect("no thread panicked"));
    up(&target).await
}

/// Verifiers of the password `secret`, computed by RFC 5803 for these numbers of iterations.
const VERIFIERS: [(u32, &str); 3] = [
    (
        1,
        "YSBzYWx0IG9mIHNpeHRlZQ==$HoiLqsCzCI912ozfqCRSbKJW7P3RNE2zyftiAX36IHE=:Mea1+RqaGg812AbSxQBbgqi8tE8RJX47zgu01DuioRM=",
    ),
    (
        20_000,
        "YSBzYWx0IG9mIHNpeHRlZQ==$jIuGhosOR0sWQPi1FzVbY7KRBZPUwgrVxGTHzlws14A=:q7H7sYA1arBrMtTaoVkFC4S/jUJnURCoQClXRAw2+c8=",
    ),
    (
        100_001,
        "YSBzYWx0IG9mIHNpeHRlZQ==$2W1edXA1KUAu5nWURD2bc5Kzh3RL1Ov8y54HMhC/uzA=:e3VQDDp5S925vumj3gCOnqsUN4hyOLomERTR/9HB58o=",
    ),
];

#[tokio::test]
async fn a_password_with_few_or_many_scram_iterations_works_and_one_with_too_many_says_what_to_do()
-> Result<()> {
    let cluster = Cluster::builder().hba("host all killgate 127.0.0.1/32 scram-sha-256").start().await?;
    cluster.bot().await?;
    for (iterations, keys) in VERIFIERS {
        cluster.sql(&format!("alter role killgate password 'SCRAM-SHA-256${iterations}:{keys}'")).await?;
        let mut options = options(&cluster, "killgate");
        options.password = Arc::new(|| Box::pin(async { Ok(Some("secret".to_owned().into())) }));
        let target = open(options);
        if iterations <= 100_000 {
            up(&target).await?;
            continue;
        }
        let error = down(&target).await?;
        assert!(
            error.contains("more than 100000 SCRAM iterations") && error.contains("scram_iterations"),
            "{error}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn each_connection_error_is_described_in_one_sentence() -> Result<()> {
    let cluster = Cluster::start().await?;
    let mut nowhere = options(&cluster, "killgate");
    nowhere.config = tokio_postgres::Config::new();
    nowhere.config.host("no-such-host.invalid").user("killgate");
    let error = down(&open(nowhere)).await?;
    assert!(error.starts_with("its host name does not resolve"), "{error}");

    let mut database = options(&cluster, "killgate");
    database.config.dbname("nowhere");
    cluster.bot().await?;
    let error = down(&open(database)).await?;
    assert_eq!(error, "there is no such database: database \"nowhere\" does not exist");

    let mut silent = options(&cluster, "killgate");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    silent.config = tokio_postgres::Config::new();
    silent.config.host("127.0.0.1").port(listener.local_addr()?.port()).user("killgate");
    let target = open(silent);
    assert!(matches!(target.status(), TargetStatus::Connecting), "opening waits for nobody");
    assert_eq!(down(&target).await?, "it did not answer in time");
    Ok(())
}
