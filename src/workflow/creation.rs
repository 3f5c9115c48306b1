//! What the clerk does with a question: a request, or a refusal.

use std::sync::Arc;

use tracing::warn;

use super::engine::Engine;
use super::log;
use super::monitor::WatchedSession;
use super::ports::{DeliveryError, LedgerError, Responder};
use super::refusal::Refusal;
use super::targets::TargetWithPolicy;
use crate::domain::creation::{CreationContext, CreationError, NewRequest, create_request};
use crate::domain::event::RequestEvent;
use crate::domain::ids::Person;
use crate::domain::session::Snapshot;

impl Engine {
    /// Turns what somebody asked for into a request, recorded before anybody sees its card, or refuses it.
    pub(super) async fn asked(
        &mut self,
        wish: NewRequest,
        by: &Person,
        target: &str,
        snapshot: &Arc<Snapshot>,
        question: Arc<dyn Responder>,
    ) -> Result<(), LedgerError> {
        let now = self.clock.now();
        let Some(governed) = self.rules.targets.get(target).cloned() else {
            return Ok(());
        };
        if self.stopping {
            refuse(question, Refusal::Stopping);
            return Ok(());
        }
        let given = CreationContext {
            now,
            target,
            policy: &governed.policy,
            limits: &self.rules.limits,
            snapshot,
            signal_budget_left: self
                .book
                .signal_left(target, self.rules.limits.signals_per_hour, now),
        };
        let asked = match create_request(&wish, by, self.book.open_requests(), given) {
            Ok(asked) => asked,
            Err(why) => {
                let attempt = why
                    .attempt_reason()
                    .map(|why| RequestEvent::AttemptRefused { actor: by.id, why });
                refuse(question, refusal(&wish, target, why, &governed));
                return match attempt {
                    Some(attempt) => self.book.record_attempt(now, attempt).await,
                    None => Ok(()),
                };
            }
        };
        let id = self.book.next();
        let live = WatchedSession::asked(&asked, snapshot);
        let requested = vec![RequestEvent::Requested(Box::new(asked))];
        let recorded = match self.book.record(id, now, requested).await {
            Ok(recorded) => recorded,
            Err(problem) => {
                refuse(question, Refusal::LedgerDown);
                return Err(problem);
            }
        };
        self.live.insert(id, live);
        self.send_courier(id, Some(question));
        log::recorded(id, &recorded);
        Ok(())
    }
}

fn refusal(wish: &NewRequest, target: &str, why: CreationError, governed: &TargetWithPolicy) -> Refusal {
    if why == CreationError::NoSuchBackend {
        return Refusal::NoSuchBackend {
            pid: wish.pid,
            targets: vec![target.to_owned()],
            postgres: governed.target.no_such_pid_message(wish.pid),
        };
    }
    Refusal::Rejected {
        action: wish.action,
        pid: wish.pid,
        target: target.to_owned(),
        why,
    }
}

/// Refuses in a task of its own: nobody else waits for Discord.
pub(super) fn refuse(question: Arc<dyn Responder>, refusal: Refusal) {
    tokio::spawn(async move {
        if let Err(problem) = question.refuse(&refusal).await {
            warn_unanswered(&problem);
        }
    });
}

pub(super) fn warn_unanswered(problem: &DeliveryError) {
    warn!(error = ?problem, "a question could not be answered");
}
