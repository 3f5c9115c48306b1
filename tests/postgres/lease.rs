//! The lease bounds the signal, by the target's own clock.

use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use killgate::domain::event::Action;
use killgate::domain::outcome::Outcome;
use killgate::domain::protection::ProtectionRules;
use killgate::workflow::ports::{Lease, LedgerError, SignalResult, Target};
use throwaway_postgres::{Cluster, eventually};
use tokio::time::sleep;

use crate::support::{GivenLease, Stage, approved, stages, told, unsignalled};

const SLEEP: &str = "select pg_sleep(600)";

/// The lease of a replica that was deposed.
struct Lost;

#[async_trait]
impl Lease for Lost {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        Err(LedgerError::Deposed)
    }
}

async fn terminate(stage: &Stage, number: i32, lease: &dyn Lease) -> Result<SignalResult> {
    let approved = approved(stage.ask(Action::Terminate, number).await?);
    let mut results = stage.target.signal(&approved, &ProtectionRules::default(), lease).await;
    Ok(results.remove(0))
}

#[tokio::test]
async fn nothing_is_signalled_without_a_lease_or_after_it() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let victim = cluster.victim("app").running(SLEEP).await?;
        for (lease, words) in [
            (&Lost as &dyn Lease, "the ledger did not confirm"),
            (&GivenLease(Some(Duration::ZERO)), "the time in which the decision"),
            (&GivenLease(Some(Duration::from_micros(1))), "the time in which the decision"),
        ] {
            let result = terminate(&stage, victim.pid(), lease).await?;
            assert_eq!(unsignalled(&result), Some(Outcome::Unreachable), "{result:?}");
            assert!(told(&result).starts_with(words), "{result:?}");
        }
        assert!(victim.still_alive().await?);
        let lease = GivenLease(Some(Duration::from_secs(2)));
        let result = terminate(&stage, victim.pid(), &lease).await?;
        assert_eq!(result, SignalResult::Sent, "it did not break what works");
    }
    Ok(())
}

/// How often killgate has read the server's clock alone, by the server's log.
fn clock_readings(cluster: &Cluster) -> Result<usize> {
    let statement =
        "<unnamed>: SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8 AS at";
    Ok(cluster.server_log()?.lines().filter(|line| line.ends_with(statement)).count())
}

#[tokio::test]
async fn the_clock_is_read_while_the_decision_is_recorded_and_again_if_that_takes_long() -> Result<()> {
    let cluster = Cluster::builder().setting("log_statement", "all").start().await?;
    let [stage, _] = stages(&cluster).await?;
    for (recording, readings) in [(Duration::ZERO, 1), (Duration::from_millis(1_100), 2)] {
        let mut victim = cluster.victim("app").running(SLEEP).await?;
        let approved = approved(stage.ask(Action::Terminate, victim.pid()).await?);
        let before = clock_readings(&cluster)?;
        stage.target.expect_signal();
        let reading = || Ok((clock_readings(&cluster)? > before).then_some(()));
        eventually("the reading", async || reading()).await?;
        // Time has to pass for a reading to become old.
        sleep(recording).await;
        let lease = GivenLease(Some(Duration::from_secs(2)));
        let results = stage.target.signal(&approved, &ProtectionRules::default(), &lease).await;
        assert_eq!(results, [SignalResult::Sent]);
        victim.ended().await?;
        assert_eq!(clock_readings(&cluster)? - before, readings, "after {recording:?}");
    }
    Ok(())
}
