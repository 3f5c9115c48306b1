//! The bot's connection to a PostgreSQL server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use killgate::domain::approval::Approved;
use killgate::domain::event::RequestedBackend;
use killgate::domain::identity::{Pid, ServerIdentity};
use killgate::domain::outcome::Outcome;
use killgate::domain::protection::ProtectionRules;
use killgate::domain::session::Snapshot;
use killgate::domain::timestamp::Timestamp;
use killgate::domain::unreachable_cause::NO_ANSWER;
use killgate::workflow::ports::{Freshness, Lease, SessionResult, SignalResult, Target, TargetUnreachable};

use super::faults::{Lost, Part};
use super::{State, World};

pub struct Connection {
    pub world: World,
    pub name: String,
    pub epoch: u64,
}

#[async_trait]
impl Target for Connection {
    fn name(&self) -> &str {
        &self.name
    }

    async fn snapshot(&self, _: Freshness) -> Result<Arc<Snapshot>, TargetUnreachable> {
        self.world
            .call(Part::Postgres, |state| state.servers[&self.name].snapshot(state.time.now()))
            .await
            .map(Arc::new)
            .map_err(unreachable)
    }

    async fn look_up(&self, pids: &BTreeSet<Pid>) -> Result<Arc<Snapshot>, TargetUnreachable> {
        self.world
            .call(Part::Postgres, |state| state.servers[&self.name].look_up(state.time.now(), pids))
            .await
            .map(Arc::new)
            .map_err(unreachable)
    }

    async fn signal(
        &self,
        approved: &Approved,
        protection: &ProtectionRules,
        lease: &dyn Lease,
    ) -> Vec<SignalResult> {
        let clock = |state: &mut State| state.servers[&self.name].time(state.time.now());
        let clock = self.world.call(Part::Postgres, clock).await;
        let lasts = lease.confirm_lease().await;
        let (Ok(clock), Ok(lasts)) = (clock, lasts) else {
            return vec![not_asked(); approved.backends().len()];
        };
        if lasts == Some(Duration::ZERO) {
            return vec![not_asked(); approved.backends().len()];
        }
        let until = lasts.map(|lasts| clock.plus(lasts));
        let mut results = Vec::new();
        for backend in approved.backends() {
            results.push(self.signal_backend(approved, backend, protection, until).await);
        }
        results
    }

    async fn find_sessions(&self, asked: ServerIdentity, pids: &[Pid]) -> Vec<SessionResult> {
        let find = |state: &mut State| {
            let server = &state.servers[&self.name];
            if server.identified() != asked {
                return vec![Err(another_server()); pids.len()];
            }
            pids.iter().map(|pid| Ok(server.find(*pid).cloned())).collect()
        };
        let found = self.world.call(Part::Postgres, find).await;
        found.unwrap_or_else(|lost| vec![Err(unreachable(lost)); pids.len()])
    }

    fn no_such_pid_message(&self, pid: Pid) -> Option<String> {
        Some(format!("WARNING:  PID {pid} is not a PostgreSQL backend process"))
    }
}

impl Connection {
    async fn signal_backend(
        &self,
        approved: &Approved,
        backend: &RequestedBackend,
        protection: &ProtectionRules,
        until: Option<Timestamp>,
    ) -> SignalResult {
        let signalled = self
            .world
            .call(Part::Postgres, |state| {
                if until.is_some_and(|until| state.servers[&self.name].time(state.time.now()) > until) {
                    return not_asked();
                }
                state.execute(&self.name, self.epoch, approved, backend, protection)
            })
            .await;
        match signalled {
            Ok(signalled) => signalled,
            // The statement was not even sent, and that is known.
            Err(Lost { happened: false }) if self.world.with(|state| state.faults.dice.bool()) => not_asked(),
            Err(_) => SignalResult::Unknown { detail: "no answer came".to_owned() },
        }
    }
}

fn not_asked() -> SignalResult {
    SignalResult::NotSent {
        outcome: Outcome::Unreachable,
        detail: "no connection, or too late".to_owned(),
        postgres: None,
    }
}

fn unreachable(_: Lost) -> TargetUnreachable {
    TargetUnreachable { message: "it did not answer in time".to_owned(), cause: &NO_ANSWER, source: None }
}

fn another_server() -> TargetUnreachable {
    TargetUnreachable { message: "another server answers".to_owned(), cause: &NO_ANSWER, source: None }
}
