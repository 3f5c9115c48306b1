//! What the clerk does with a question: a request, or a refusal.

use std::sync::Arc;

use tracing::warn;

use super::engine::Clerk;
use super::log;
use super::monitor::Live;
use super::ports::{LedgerError, Question, Undelivered};
use super::refusal::Refusal;
use super::targets::Governed;
use crate::domain::creation::{Given, NotAsked, Wish, ask};
use crate::domain::event::Event;
use crate::domain::ids::Person;
use crate::domain::session::Snapshot;

impl Clerk {
    /// Turns what somebody asked for into a request, recorded before anybody sees its card, or refuses it.
    pub(super) async fn asked(
        &mut self,
        wish: Wish,
        by: &Person,
        target: &str,
        snapshot: &Arc<Snapshot>,
        question: Arc<dyn Question>,
    ) -> Result<(), LedgerError> {
        let now = self.clock.now();
        let Some(governed) = self.rules.targets.get(target).cloned() else {
            return Ok(());
        };
        if self.stopping {
            refuse(question, Refusal::Stopping);
            return Ok(());
        }
        let given = Given {
            now,
            target,
            policy: &governed.policy,
            limits: &self.rules.limits,
            snapshot,
            signal_left: self
                .book
                .signal_left(target, self.rules.limits.signals_per_hour, now),
        };
        let asked = match ask(&wish, by, self.book.open_requests(), given) {
            Ok(asked) => asked,
            Err(why) => {
                let attempt = why
                    .recorded_as()
                    .map(|why| Event::AttemptRefused { actor: by.id, why });
                refuse(question, refusal(&wish, target, why, &governed));
                return match attempt {
                    Some(attempt) => self.book.record_attempt(now, attempt).await,
                    None => Ok(()),
                };
            }
        };
        let id = self.book.next();
        let live = Live::asked(&asked, snapshot);
        let requested = vec![Event::Requested(Box::new(asked))];
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

fn refusal(wish: &Wish, target: &str, why: NotAsked, governed: &Governed) -> Refusal {
    if why == NotAsked::NoSuchBackend {
        return Refusal::NoSuchBackend {
            pid: wish.pid,
            targets: vec![target.to_owned()],
            postgres: governed.target.disclaimer(wish.pid),
        };
    }
    Refusal::NotAsked {
        action: wish.action,
        pid: wish.pid,
        target: target.to_owned(),
        why,
    }
}

/// Refuses in a task of its own: nobody else waits for Discord.
pub(super) fn refuse(question: Arc<dyn Question>, refusal: Refusal) {
    tokio::spawn(async move {
        if let Err(problem) = question.refuse(&refusal).await {
            warn_unanswered(&problem);
        }
    });
}

pub(super) fn warn_unanswered(problem: &Undelivered) {
    warn!(error = ?problem, "a question could not be answered");
}
