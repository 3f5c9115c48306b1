//! The lease bounds the signal, by the target's own clock.

use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use killgate::domain::event::Action;
use killgate::domain::outcome::Outcome;
use killgate::domain::protection::ProtectionRules;
use killgate::workflow::ports::{Lease, LedgerError, SignalResult, Target};
use throwaway_postgres::Cluster;

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
