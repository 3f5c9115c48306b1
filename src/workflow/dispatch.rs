//! What the clerk does about each happening.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::task::yield_now;
use tokio::time::Instant;
use tracing::{Instrument, debug, warn};

use super::creation::refuse;
use super::engine::Engine;
use super::execution::execute;
use super::input::{EngineInput, WaiterPids};
use super::log;
use super::ports::LedgerError;
use super::refusal::Refusal;
use crate::domain::approval::Approved;
use crate::domain::decision::{DecisionContext, RequestCommand, decide};
use crate::domain::event::{Recorded, RefusalReason, RequestEvent, Resolution};
use crate::domain::ids::RequestId;
use crate::domain::request::Request;

impl Engine {
    /// Handles one happening to its end; what must not be lost is kept when the ledger takes no record of it.
    pub(super) async fn handle(&mut self, happening: EngineInput) -> Result<(), LedgerError> {
        if self.ledger_in_trouble {
            self.put_off(happening);
            return Ok(());
        }
        let kept = is_told_once(&happening).then(|| happening.clone());
        let handled = self.handle_now(happening).await;
        if handled.is_err() {
            self.put_off.extend(kept);
        }
        handled
    }

    /// While the ledger takes no records nothing is decided. Reactions need not be remembered: they are on the cards,
    /// and are fetched when the ledger is back.
    fn put_off(&mut self, happening: EngineInput) {
        match happening {
            EngineInput::CreateRequest {
                responder: question, ..
            } => refuse(question, Refusal::LedgerDown),
            EngineInput::Stop => self.stopping = true,
            EngineInput::TargetObserved { target, .. } => {
                self.looking.remove(&target);
            }
            happening if is_told_once(&happening) => self.put_off.push_back(happening),
            _ => {}
        }
    }

    async fn handle_now(&mut self, happening: EngineInput) -> Result<(), LedgerError> {
        match happening {
            EngineInput::CreateRequest {
                request: wish,
                by,
                target,
                snapshot,
                responder: question,
            } => self.asked(wish, &by, &target, &snapshot, question).await,
            EngineInput::UnauthorizedCommand { by } => {
                let attempt = RequestEvent::AttemptRefused {
                    actor: by,
                    why: RefusalReason::NotARequester,
                };
                self.book.record_attempt(self.clock.now(), attempt).await
            }
            EngineInput::ReactionAdded { .. }
            | EngineInput::ReactionRemoved { .. }
            | EngineInput::ReactionsCleared { .. }
            | EngineInput::MessageDeleted { .. } => self.happened_to_card(happening).await,
            EngineInput::ChannelDeleted { channel } => {
                let there: Vec<_> = self
                    .book
                    .open_requests()
                    .filter(|request| request.details.channel == channel)
                    .map(|request| request.id)
                    .collect();
                for id in there {
                    self.take(
                        id,
                        RequestCommand::CardDeleted {
                            detail: "its channel was deleted",
                        },
                    )
                    .await?;
                }
                Ok(())
            }
            EngineInput::EventsMissed => {
                self.fetch_all_votes();
                Ok(())
            }
            EngineInput::Stop => {
                self.stopping = true;
                Ok(())
            }
            EngineInput::CardPosted {
                request,
                message,
                at_once,
            } => {
                self.take(request, RequestCommand::CardPosted { message }).await?;
                if self.early.remove(&message) || !at_once || self.fetching.contains_key(&request) {
                    self.fetch_votes(request, Duration::ZERO);
                }
                Ok(())
            }
            EngineInput::CardMissing { request } => {
                self.take(
                    request,
                    RequestCommand::CardDeleted {
                        detail: "its card was deleted",
                    },
                )
                .await
            }
            EngineInput::ResultDelivered { request } => {
                self.couriers.remove(&request);
                self.ledger.mark_delivered(request).await
            }
            EngineInput::TargetObserved { target, seen } => self.watched(&target, seen).await,
            EngineInput::ReactionsFetched {
                request,
                generation,
                votes,
            } => self.fetched(request, generation, votes).await,
            EngineInput::ReactionFetchFailed { request, generation } => {
                self.fetch_votes_later(request, generation);
                Ok(())
            }
            EngineInput::ExecutionFinished { request, ending } => self.executed(request, ending).await,
        }
    }

    /// Has the domain decide, records the decision, and only then acts on it.
    pub(super) async fn take(
        &mut self,
        id: RequestId,
        command: RequestCommand<'_>,
    ) -> Result<(), LedgerError> {
        if self.stopping && matches!(command, RequestCommand::Approve { .. }) {
            // Nothing new is begun; the reaction is still there after the restart.
            return Ok(());
        }
        let (now, began) = (self.clock.now(), Instant::now());
        let Some(before) = self.book.find(id).cloned() else {
            return Ok(());
        };
        let target = before.details.target.clone();
        let limit = self.rules.limits.signals_per_hour;
        let decision = decide(
            &before,
            command,
            DecisionContext {
                now,
                access: &self.access_of(&before),
                signal_budget_left: self.book.signal_left(&target, limit, now),
            },
        );
        let decided = began.elapsed();
        let recorded = self.book.record(id, now, decision.events).await?;
        let durable = began.elapsed();
        if let Some(approved) = Approved::mint(&before, &recorded) {
            self.execute(&before, approved, began);
            // The statement goes out before the first line is written: whatever takes the log may be slow.
            yield_now().await;
        }
        log::recorded(id, &recorded);
        if !recorded.is_empty() {
            debug!(
                request = id.0,
                records = recorded.len(),
                ?decided,
                ?durable,
                "recorded"
            );
        }
        self.show(&before, &recorded);
        if let Some((person, why)) = decision.notify {
            let channel = Arc::clone(&self.channel);
            let telling = async move {
                if let Err(problem) = channel.explain_refusal(&before, person, why).await {
                    warn!(error = ?problem, "a person was not told that their reaction does not count");
                }
            };
            tokio::spawn(telling.instrument(log::about(id)));
        }
        Ok(())
    }

    fn execute(&mut self, request: &Request, approved: Approved, approved_at: Instant) {
        let id = request.id;
        let Some(governed) = self.rules.targets.get(approved.target()).cloned() else {
            return;
        };
        let waiters: WaiterPids = self
            .live
            .get(&id)
            .map(|live| live.waiters.clone())
            .unwrap_or_default();
        let (inbox, confirm_within) = (self.inbox.clone(), self.rules.limits.confirm_within);
        self.executing.insert(id);
        let executing = async move {
            let target = governed.target.as_ref();
            let protection = &governed.policy.protection;
            let ending = execute(
                approved,
                approved_at,
                target,
                protection,
                confirm_within,
                &waiters,
            )
            .await;
            // Nobody listens any more only when the process ends; the outcome is then unknown, as recorded.
            let _ = inbox
                .send(EngineInput::ExecutionFinished { request: id, ending })
                .await;
        };
        // Those that are over are let go of.
        while self.executions.try_join_next().is_some() {}
        self.executions.spawn(executing.instrument(log::about(id)));
    }

    async fn executed(&mut self, id: RequestId, ending: Resolution) -> Result<(), LedgerError> {
        self.take(id, RequestCommand::Finish(ending)).await?;
        self.executing.remove(&id);
        Ok(())
    }

    /// Brings what was recorded to the channel's eyes, and the end of a request to the metrics.
    fn show(&mut self, before: &Request, recorded: &[Recorded]) {
        if recorded.is_empty() {
            return;
        }
        let id = before.id;
        if let Some(ending) = self.book.find(id).and_then(Request::resolution) {
            if before.resolution().is_none() {
                let action = before.details.action.name();
                counter!("killgate_requests_total", "action" => action, "outcome" => ending.outcome.name())
                    .increment(1);
                self.publish(id);
                self.live.remove(&id);
                self.generations.remove(&id);
                self.fetching.remove(&id);
            }
        } else {
            self.publish(id);
        }
    }
}

/// What nobody tells a second time, and nothing else shows.
fn is_told_once(happening: &EngineInput) -> bool {
    matches!(
        happening,
        EngineInput::CardPosted { .. }
            | EngineInput::CardMissing { .. }
            | EngineInput::MessageDeleted { .. }
            | EngineInput::ChannelDeleted { .. }
            | EngineInput::ExecutionFinished { .. }
            | EngineInput::ResultDelivered { .. }
    )
}
