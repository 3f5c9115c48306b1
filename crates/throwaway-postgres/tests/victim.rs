//! A victim reports whether and how it ended.

use anyhow::Result;
use throwaway_postgres::{SqlState, connect, shared, victim::STUBBORN};

async fn signal(function: &str, pid: i32) -> Result<bool> {
    let bot = connect(&shared().await?.bot().await?).await?;
    Ok(bot.query_one(&format!("select {function}($1)"), &[&pid]).await?.get(0))
}

#[tokio::test]
async fn a_cancelled_query_ends_and_its_session_continues() -> Result<()> {
    let mut victim = shared().await?.victim("app").running("select pg_sleep(600)").await?;
    assert!(signal("pg_cancel_backend", victim.pid()).await?);
    assert_eq!(victim.ended().await?, SqlState::QUERY_CANCELED);
    assert!(victim.still_alive().await?);

    victim.run("select pg_sleep(601)").await?;
    victim.seen("query like '%601%'").await
}

#[tokio::test]
async fn a_terminated_session_receives_admin_shutdown_in_every_state() -> Result<()> {
    let cluster = shared().await?;
    let sessions = [
        cluster.victim("app").idle().await?,
        cluster.victim("app").running("select pg_sleep(600)").await?,
        cluster.victim("app").running(STUBBORN).await?,
        cluster.victim("app").idle_in_transaction("select 1").await?,
    ];
    for mut victim in sessions {
        assert!(signal("pg_terminate_backend", victim.pid()).await?);
        assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
        assert!(!victim.still_alive().await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_cancel_does_not_end_an_idle_transaction_or_a_stubborn_loop() -> Result<()> {
    let cluster = shared().await?;
    let idle = cluster.victim("app").idle_in_transaction("select 1").await?;
    let stubborn = cluster.victim("app").running(STUBBORN).await?;
    for victim in [idle, stubborn] {
        assert!(signal("pg_cancel_backend", victim.pid()).await?);
        assert!(victim.still_alive().await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_waiter_is_released_when_its_blocker_ends() -> Result<()> {
    let cluster = shared().await?;
    let lock = "select pg_advisory_xact_lock(7)";
    let blocker = cluster.victim("app").application("batch").idle_in_transaction(lock).await?;
    let mut waiter = cluster.victim("web").waiting(lock).await?;
    waiter.seen(&format!("pg_blocking_pids(pid) = array[{}]", blocker.pid())).await?;
    blocker.seen("application_name = 'batch'").await?;

    assert!(signal("pg_terminate_backend", blocker.pid()).await?);
    assert_eq!(waiter.ended().await?, SqlState::SUCCESSFUL_COMPLETION);
    assert!(waiter.still_alive().await?);
    Ok(())
}

#[tokio::test]
async fn waiting_for_a_state_fails_when_the_statement_ends_first() -> Result<()> {
    let error = shared().await?.victim("app").waiting("select pg_sleep(0.2)").await.unwrap_err();
    assert!(error.to_string().contains("ended before"), "{error:#}");
    Ok(())
}
