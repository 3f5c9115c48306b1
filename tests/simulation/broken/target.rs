//! A target that is wrong in one way.

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
use killgate::workflow::ports::{
    Freshness, Lease, LedgerError, SessionResult, SignalResult, Target, TargetUnreachable,
};
use tokio::time::sleep;

use crate::world::World;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    BarePid,
    IgnoresBinding,
    SendsAgain,
    OutlivesLease,
}

/// Longer than a lease.
const QUEUE_TIME: Duration = Duration::from_secs(5);

/// The lease of a process that believes that nobody can take over from it.
struct Unlimited;

#[async_trait]
impl Lease for Unlimited {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        Ok(None)
    }
}

pub struct Hasty {
    pub world: World,
    pub epoch: u64,
    pub mistake: Mistake,
    pub honest: Arc<dyn Target>,
}

#[async_trait]
impl Target for Hasty {
    fn name(&self) -> &str {
        self.honest.name()
    }

    async fn snapshot(&self, wanted: Freshness) -> Result<Arc<Snapshot>, TargetUnreachable> {
        self.honest.snapshot(wanted).await
    }

    async fn look_up(&self, pids: &BTreeSet<Pid>) -> Result<Arc<Snapshot>, TargetUnreachable> {
        self.honest.look_up(pids).await
    }

    async fn signal(
        &self,
        approved: &Approved,
        protection: &ProtectionRules,
        lease: &dyn Lease,
    ) -> Vec<SignalResult> {
        let (name, epoch) = (self.name().to_owned(), self.epoch);
        let (request, action) = (approved.request(), approved.action());
        let signal_whoever_has_the_pid = |backend: &RequestedBackend| {
            self.world.with(|state| {
                let Some(session) = state.servers[&name].find(backend.identity.pid).cloned() else {
                    return;
                };
                state.send_signal(&name, epoch, request, action, &session);
            });
        };
        if self.mistake == Mistake::BarePid {
            approved.backends().iter().for_each(signal_whoever_has_the_pid);
            return vec![SignalResult::Sent; approved.backends().len()];
        }
        if self.mistake == Mistake::OutlivesLease {
            // As in a queue for a busy target.
            sleep(QUEUE_TIME).await;
            return self.honest.signal(approved, protection, &Unlimited).await;
        }
        let signalled = self.honest.signal(approved, protection, lease).await;
        for (backend, result) in approved.backends().iter().zip(&signalled) {
            let is_signalled = match result {
                SignalResult::Unknown { .. } => self.mistake == Mistake::SendsAgain,
                SignalResult::NotSent { outcome: Outcome::MovedOn, .. } => {
                    self.mistake == Mistake::IgnoresBinding
                }
                _ => false,
            };
            if is_signalled {
                signal_whoever_has_the_pid(backend);
            }
        }
        signalled
    }

    async fn find_sessions(&self, server: ServerIdentity, pids: &[Pid]) -> Vec<SessionResult> {
        self.honest.find_sessions(server, pids).await
    }

    fn no_such_pid_message(&self, pid: Pid) -> Option<String> {
        self.honest.no_such_pid_message(pid)
    }
}
