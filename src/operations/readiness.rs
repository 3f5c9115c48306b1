//! Whether this replica is ready, for `/readyz` and the metrics.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, timeout};

use super::clock::system_time;
use crate::common::error_causes::with_causes;
use crate::discord::bot::DiscordStatus;
use crate::ledger::record::time;
use crate::workflow::EngineHealth;
use crate::workflow::ports::{Ledger, LedgerError};

/// The limit of a probe of the ledger. Shorter than the timeout of `killgate health`, and much shorter than that of
/// Prometheus (10 s by default).
const PROBE_TIMEOUT: Duration = Duration::from_millis(2_500);
/// How long the result of a probe is used again. It bounds what any number of clients can ask of the ledger.
const PROBE_MAX_AGE: Duration = Duration::from_secs(1);

/// Why the ledger is not writable, or nothing.
type ProbeResult = Result<(), String>;

/// The ledger, while this replica is the active one.
#[derive(Clone)]
pub struct ProbedLedger {
    pub ledger: Arc<dyn Ledger>,
    /// Where probes run: not on the HTTP thread. A probe may occupy the ledger's only connection, and an approval would wait for a
    /// thread that has the lowest priority.
    pub runtime: Handle,
}

/// What decides whether this replica is ready.
pub struct Readiness {
    gateway: watch::Receiver<DiscordStatus>,
    health: watch::Receiver<EngineHealth>,
    ledger: watch::Receiver<Option<ProbedLedger>>,
    waiting: watch::Receiver<String>,
    /// The last probe, and when it ended. Locked until a probe has ended or exceeded its time limit, so that clients share it.
    last_probe: Arc<Mutex<Option<(Instant, ProbeResult)>>>,
}

impl Readiness {
    /// The bot's connection to Discord; what keeps requests from being decided; the ledger, while this replica is the active one;
    /// and why it is not the active one.
    pub fn new(
        gateway: watch::Receiver<DiscordStatus>,
        health: watch::Receiver<EngineHealth>,
        ledger: watch::Receiver<Option<ProbedLedger>>,
        waiting: watch::Receiver<String>,
    ) -> Self {
        Self { gateway, health, ledger, waiting, last_probe: Arc::default() }
    }

    /// Why this replica is not ready; empty if it is.
    pub async fn problems(&self) -> Vec<String> {
        let Some(probe) = self.probe_ledger().await else {
            return vec![self.waiting.borrow().clone()];
        };
        let mut problems = Vec::new();
        problems.extend(gateway_problem(*self.gateway.borrow()));
        problems.extend(self.health.borrow().problems(Instant::now()));
        problems.extend(probe.err().map(|error| format!("the ledger is not writable: {error}")));
        problems
    }

    pub async fn is_ledger_writable(&self) -> bool {
        matches!(self.probe_ledger().await, Some(Ok(())))
    }

    /// Whether the ledger is writable; `None` while this replica is not the active one.
    async fn probe_ledger(&self) -> Option<ProbeResult> {
        let ledger = self.ledger.borrow().clone()?;
        let mut last_probe = Arc::clone(&self.last_probe).lock_owned().await;
        if let Some((at, result)) = &*last_probe
            && at.elapsed() < PROBE_MAX_AGE
        {
            return Some(result.clone());
        }
        // A task of its own keeps the lock until the probe has ended: a client whose connection is closed meanwhile does not
        // make room for another probe.
        let probing = tokio::spawn(async move {
            let result = probe(ledger).await;
            *last_probe = Some((Instant::now(), result.clone()));
            result
        });
        Some(probing.await.unwrap_or_else(|error| Err(error.to_string())))
    }
}

fn gateway_problem(status: DiscordStatus) -> Option<String> {
    match status {
        DiscordStatus::InGuild => None,
        DiscordStatus::Disconnected => Some("not connected to Discord's gateway".to_owned()),
        DiscordStatus::StartsUsedUp { until } => {
            let until = system_time().plus(until.saturating_duration_since(Instant::now()));
            Some(format!(
                "Discord allows this bot no more sessions until {}; it connects then by itself. Something restarted \
                 it, or ended its sessions, about 1,000 times within a day",
                time::write(until)
            ))
        }
        DiscordStatus::OutsideGuild => Some(
            "the bot is not in its guild, or Discord has an outage; if it was removed, invite it again"
                .to_owned(),
        ),
    }
}

async fn probe(ProbedLedger { ledger, runtime }: ProbedLedger) -> ProbeResult {
    // A separate task, so that the end of the wait does not cancel a statement, and with it close the ledger's only
    // connection.
    let probe = runtime.spawn(async move { ledger.probe().await });
    let result = match timeout(PROBE_TIMEOUT, probe).await {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => Err(LedgerError::NotRecorded(error.into())),
        Err(_) => Err(LedgerError::NotRecorded(anyhow::anyhow!(
            "it, or killgate itself, has not answered after {PROBE_TIMEOUT:?}"
        ))),
    };
    result.map_err(|error| with_causes(&error))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use futures_util::future::join_all;
    use tokio::runtime::Builder;
    use tokio::time::{advance, sleep};

    use super::*;
    use crate::domain::event::{LedgerEntry, Recorded};
    use crate::domain::ids::RequestId;
    use crate::domain::timestamp::Timestamp;
    use crate::workflow::ports::{Lease, PendingRequests, RequestSearch};

    const PROBE_TAKES: Duration = Duration::from_millis(500);

    /// Is writable, and keeps the name of the thread of each probe.
    struct ListedProbes(watch::Sender<Vec<Option<String>>>);

    #[async_trait]
    impl Lease for ListedProbes {
        async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
            Ok(None)
        }
    }

    #[async_trait]
    impl Ledger for ListedProbes {
        async fn probe(&self) -> Result<(), LedgerError> {
            let thread = std::thread::current().name().map(str::to_owned);
            self.0.send_modify(|probes| probes.push(thread));
            sleep(PROBE_TAKES).await;
            Ok(())
        }

        async fn append(&self, _: Vec<LedgerEntry>) -> Result<Vec<Recorded>, LedgerError> {
            unreachable!("it is only probed")
        }

        async fn load_pending(&self, _: Timestamp) -> Result<PendingRequests, LedgerError> {
            unreachable!("it is only probed")
        }

        async fn mark_delivered(&self, _: RequestId) -> Result<(), LedgerError> {
            unreachable!("it is only probed")
        }

        async fn history(&self, _: RequestSearch) -> Result<Vec<Recorded>, LedgerError> {
            unreachable!("it is only probed")
        }
    }

    /// The readiness of an active replica in its guild, and the probes so far.
    fn active_replica(runtime: Handle) -> (Arc<Readiness>, watch::Receiver<Vec<Option<String>>>) {
        let (probes, listed_probes) = watch::channel(vec![]);
        let ledger = Arc::new(ListedProbes(probes));
        let ledger = ProbedLedger { ledger, runtime };
        let readiness = Readiness::new(
            watch::Sender::new(DiscordStatus::InGuild).subscribe(),
            watch::Sender::default().subscribe(),
            watch::Sender::new(Some(ledger)).subscribe(),
            watch::Sender::default().subscribe(),
        );
        (Arc::new(readiness), listed_probes)
    }

    const READY: [String; 0] = [];

    #[tokio::test(start_paused = true)]
    async fn fifty_who_ask_at_once_share_one_probe_until_it_is_too_old() {
        let (readiness, probes) = active_replica(Handle::current());
        for problems in join_all((0..50).map(|_| readiness.problems())).await {
            assert_eq!(problems, READY);
        }
        assert_eq!(probes.borrow().len(), 1);

        advance(PROBE_MAX_AGE.saturating_sub(Duration::from_millis(1))).await;
        assert_eq!(readiness.problems().await, READY);
        assert!(readiness.is_ledger_writable().await);
        assert_eq!(probes.borrow().len(), 1);

        advance(Duration::from_millis(1)).await;
        assert_eq!(readiness.problems().await, READY);
        assert!(readiness.is_ledger_writable().await);
        assert_eq!(probes.borrow().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_goes_away_while_it_waits_makes_no_room_for_another_probe() {
        let (readiness, mut probes) = active_replica(Handle::current());
        let asking = tokio::spawn({
            let readiness = Arc::clone(&readiness);
            async move { readiness.problems().await }
        });
        probes.wait_for(|probes| probes.len() == 1).await.expect("a probe");
        asking.abort();
        assert!(asking.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!(readiness.problems().await, READY);
        assert_eq!(probes.borrow().len(), 1);
    }

    #[test]
    fn a_probe_does_not_run_on_the_thread_that_asks_for_it() {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("bot").enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (readiness, probes) = active_replica(runtime.handle().clone());
        let http = Builder::new_current_thread().enable_all().build().expect("a runtime");
        assert_eq!(http.block_on(readiness.problems()), READY);
        assert_eq!(*probes.borrow(), [Some("bot".to_owned())]);
    }
}
