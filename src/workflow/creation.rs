//! Turns what somebody asked for into a request, or refuses it.

use std::sync::Arc;

use tracing::warn;

use super::engine::Engine;
use super::log;
use super::monitor::MonitoredSession;
use super::ports::{DeliveryError, LedgerError, Responder};
use super::refusal::Refusal;
use super::targets::TargetWithPolicy;
use crate::domain::creation::{CreationContext, CreationError, NewRequest, create_request};
use crate::domain::event::RequestEvent;
use crate::domain::ids::Person;
use crate::domain::owner::SessionOwner;
use crate::domain::session::Snapshot;

impl Engine {
    /// Makes a request, recorded before anybody sees its card, or refuses it.
    pub(super) async fn create(
        &mut self,
        new: NewRequest,
        by: &Person,
        target_name: &str,
        snapshot: &Arc<Snapshot>,
        responder: Arc<dyn Responder>,
    ) -> Result<(), LedgerError> {
        let now = self.clock.now();
        let Some(target) = self.targets.by_name.get(target_name).cloned() else {
            // A reload removed it after the snapshot was taken.
            refuse(responder, Refusal::TargetGone);
            return Ok(());
        };
        if self.is_stopping {
            refuse(responder, Refusal::Stopping);
            return Ok(());
        }
        let limits = &self.targets.limits;
        let context = CreationContext {
            now,
            target: target_name,
            policy: &target.policy,
            limits,
            snapshot,
            signal_budget: self.store.signal_budget(target_name, limits.signals_per_hour, now),
        };
        let details = match create_request(&new, by, self.store.open_requests(), context) {
            Ok(details) => details,
            Err(error) => {
                let attempt = error.attempt_reason();
                let meant = error.protected_pid().and_then(|pid| snapshot.find(pid));
                let owner = meant.and_then(|session| self.targets.owner(session));
                refuse(responder, refusal(&new, target_name, error, &target, owner));
                return match attempt {
                    Some(attempt) => self.store.record_attempt(now, by.id, attempt).await,
                    None => Ok(()),
                };
            }
        };
        let id = self.store.next_id();
        let sessions = MonitoredSession::of_request(&details, snapshot);
        let requested = vec![RequestEvent::Requested(Box::new(details))];
        let recorded = match self.store.record(id, now, requested).await {
            Ok(recorded) => recorded,
            Err(error) => {
                refuse(responder, Refusal::LedgerDown);
                return Err(error);
            }
        };
        self.open_requests.entry(id).or_default().sessions = sessions;
        self.start_publisher(id, Some(responder));
        log::log_records(id, &recorded);
        Ok(())
    }
}

fn refusal(
    new: &NewRequest,
    target_name: &str,
    error: CreationError,
    target: &TargetWithPolicy,
    owner: Option<SessionOwner>,
) -> Refusal {
    if let CreationError::NoSuchBackend { pid } = error {
        return Refusal::NoSuchBackend {
            pid,
            targets: vec![target_name.to_owned()],
            postgres: target.target.no_such_pid_message(pid),
        };
    }
    Refusal::Rejected { action: new.action, target: target_name.to_owned(), error, owner }
}

/// Refuses in a task of its own, so that nobody else waits for Discord.
pub(super) fn refuse(responder: Arc<dyn Responder>, refusal: Refusal) {
    tokio::spawn(async move {
        if let Err(error) = responder.refuse(&refusal).await {
            warn_unanswered(&error);
        }
    });
}

pub(super) fn warn_unanswered(error: &DeliveryError) {
    warn!(?error, "a command could not be answered");
}
