//! Several hosts in a URL, standbys, and poolers in between.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use killgate::postgres::connection::ConnectOptions;
use killgate::postgres::hosts::SessionAttributes;
use killgate::postgres::{PostgresTarget, TargetStatus};
use killgate::workflow::ports::{Freshness, Target};
use throwaway_postgres::{Cluster, ReservedPort, eventually};

use crate::pgbouncer::Bouncer;
use crate::support::{down, open, options, up};

/// Ports on loopback, in the order of the URL.
fn hosts(ports: &[u16], role: &str, wanted: SessionAttributes) -> ConnectOptions {
    let mut config = tokio_postgres::Config::new();
    for port in ports {
        config.host("127.0.0.1").port(*port);
    }
    config.user(role).dbname("postgres").connect_timeout(Duration::from_secs(1));
    let any = ConnectOptions { config, ..options_of_nobody() };
    ConnectOptions { session_attributes: wanted, ..any }
}

fn options_of_nobody() -> ConnectOptions {
    ConnectOptions {
        config: tokio_postgres::Config::new(),
        session_attributes: SessionAttributes::Any,
        tls: killgate::postgres::tls::TlsOptions {
            mode: killgate::postgres::tls::TlsMode::Disable,
            ..killgate::postgres::tls::TlsOptions::default()
        },
        password: Arc::new(|| Box::pin(async { Ok(None) })),
        statement_timeout: Duration::from_secs(4),
        lock_timeout: Duration::from_secs(1),
    }
}

/// A server in recovery, without a primary.
async fn standby() -> Result<Cluster> {
    Cluster::builder().file("standby.signal", "").setting("primary_conninfo", "").start().await
}

async fn is_standby(target: &PostgresTarget) -> Result<bool> {
    Ok(target.snapshot(Freshness::Now).await?.is_standby)
}

#[tokio::test]
async fn a_first_host_that_never_answers_the_login_costs_its_own_limit_and_not_the_target() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.bot().await?;
    // It accepts connections in its backlog, and says nothing.
    let silent = TcpListener::bind(("127.0.0.1", 0))?;
    let closed = ReservedPort::new()?.for_good();
    let ports = [silent.local_addr()?.port(), closed, cluster.port()];
    up(&open(hosts(&ports, "killgate", SessionAttributes::Any))).await?;

    let error = down(&open(hosts(&ports[..2], "killgate", SessionAttributes::Any))).await?;
    let expected = format!(
        "no host can be used: 127.0.0.1:{}: it did not answer in time; 127.0.0.1:{closed}: nothing listens there \
         (connection refused)",
        ports[0]
    );
    assert_eq!(error, expected);
    Ok(())
}

#[tokio::test]
async fn target_session_attrs_choose_among_hosts_and_follow_a_promotion() -> Result<()> {
    let (standby, primary) = (standby().await?, Cluster::start().await?);
    primary.sql("create role reader login; alter role reader set default_transaction_read_only = on").await?;
    let both = [standby.port(), primary.port()];
    let target = |wanted| open(hosts(&both, "postgres", wanted));
    assert!(is_standby(&target(SessionAttributes::Any)).await?, "the first host");
    assert!(is_standby(&target(SessionAttributes::ReadOnly)).await?);
    assert!(is_standby(&target(SessionAttributes::Standby)).await?);
    assert!(!is_standby(&target(SessionAttributes::Primary)).await?);
    let writing = target(SessionAttributes::ReadWrite);
    assert!(!is_standby(&writing).await?);

    let error = down(&open(hosts(&both[..1], "postgres", SessionAttributes::Primary))).await?;
    assert_eq!(error, "it is a standby, and target_session_attrs is primary");
    let error = down(&open(hosts(&both[1..], "reader", SessionAttributes::ReadWrite))).await?;
    assert_eq!(error, "its transactions are read-only by default, and target_session_attrs is read-write");

    let promoted = open(hosts(&both[..1], "postgres", SessionAttributes::Any));
    assert!(is_standby(&promoted).await?);
    standby.superuser().await?.batch_execute("select pg_promote()").await?;
    assert!(!is_standby(&promoted).await?, "the same connection");
    primary.stop().await?;
    eventually("the new primary is used", async || {
        Ok(writing.snapshot(Freshness::Now).await.ok().filter(|snapshot| !snapshot.is_standby))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn settings_of_the_role_do_not_stop_killgate_on_a_standby() -> Result<()> {
    let standby = standby().await?;
    let mut options = hosts(&[standby.port()], "postgres", SessionAttributes::Standby);
    options
        .config
        .options("-c default_transaction_isolation=serializable -c default_transaction_deferrable=on");
    assert!(is_standby(&open(options)).await?);
    Ok(())
}

#[tokio::test]
async fn a_pooler_in_transaction_mode_is_recognized_and_one_in_session_mode_works() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.bot().await?;
    for (mode, is_pooled) in [("transaction", true), ("statement", true), ("session", false)] {
        let Some(bouncer) = Bouncer::start(&cluster, &format!("pool_mode = {mode}"), "killgate")? else {
            return Ok(());
        };
        let target = open(hosts(&[bouncer.port], "killgate", SessionAttributes::Any));
        up(&target).await?;
        let TargetStatus::Up(info) = target.status() else { anyhow::bail!("it was up") };
        assert_eq!(info.is_pooled, is_pooled, "{mode}");
        let obstacle = target.snapshot(Freshness::Now).await?.signal_obstacle.clone();
        let names_pooler =
            obstacle.is_some_and(|text| text.contains("a connection pooler in transaction mode"));
        assert_eq!(names_pooler, is_pooled, "{mode}");
    }
    let direct = open(options(&cluster, "killgate"));
    up(&direct).await?;
    assert_eq!(direct.snapshot(Freshness::Now).await?.signal_obstacle, None);
    Ok(())
}

#[tokio::test]
async fn a_pooler_is_recognized_with_a_password_that_is_provided_once_however_long_another_would_take()
-> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.bot().await?;
    let Some(bouncer) = Bouncer::start(&cluster, "pool_mode = transaction", "killgate")? else {
        return Ok(());
    };
    for (port, is_pooled) in [(bouncer.port, true), (cluster.port(), false)] {
        let mut options = hosts(&[port], "killgate", SessionAttributes::Any);
        let may_answer = Arc::new(AtomicBool::new(true));
        options.password = Arc::new(move || {
            let answers = may_answer.swap(false, Ordering::SeqCst);
            Box::pin(async move { if answers { Ok(None) } else { std::future::pending().await } })
        });
        let target = open(options);
        up(&target).await?;
        let TargetStatus::Up(info) = target.status() else { anyhow::bail!("it was up") };
        assert_eq!(info.is_pooled, is_pooled);
    }
    Ok(())
}
