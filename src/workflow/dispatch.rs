//! What the engine does about each input: decide, record, act.

use std::sync::Arc;

use metrics::counter;
use tokio::task::yield_now;
use tokio::time::Instant;
use tracing::{Instrument, debug};

use super::creation::refuse;
use super::engine::Engine;
use super::execution::{Execution, execute, unconfigured_target};
use super::input::EngineInput;
use super::lag::DecisionLease;
use super::log;
use super::open_request::VoteEmojiState;
use super::ports::LedgerError;
use super::refusal::Refusal;
use super::targets::TargetWithPolicy;
use crate::domain::approval::Approved;
use crate::domain::decision::{DecisionContext, DecisionInput, decide};
use crate::domain::event::{RefusalReason, RequestEvent, Resolution};
use crate::domain::ids::RequestId;
use crate::domain::request::Request;

impl Engine {
    /// Handles one input completely. If the ledger fails, an input that must not be lost is deferred.
    pub(super) async fn handle(&mut self, input: EngineInput) -> Result<(), LedgerError> {
        if self.is_ledger_failing {
            self.defer(input);
            return Ok(());
        }
        let kept = is_reported_once(&input).then(|| input.clone());
        let handled = self.handle_now(input).await;
        if handled.is_err() {
            self.deferred.extend(kept);
        }
        handled
    }

    /// While the ledger fails nothing is decided. Reactions need not be kept: they are on the cards, and are read when
    /// the ledger works again.
    fn defer(&mut self, input: EngineInput) {
        match input {
            EngineInput::CreateRequest { responder, .. } => refuse(responder, Refusal::LedgerDown),
            EngineInput::Stop => self.is_stopping = true,
            EngineInput::EventsInterrupted => self.receives_events = false,
            // All reactions are read when the ledger works again.
            EngineInput::EventsRestored { .. } => self.receives_events = true,
            EngineInput::Marker { sent_at } => {
                self.lag.note_marker(sent_at, self.clock.now());
            }
            EngineInput::TargetObserved { target, .. } => {
                self.observing.remove(&target);
            }
            // Anybody can delete other messages, as many as they like. A message that turns out to be a card is read then.
            EngineInput::MessageDeleted { card } if self.find_by_card(card).is_none() => {
                self.remember_early_event(card);
            }
            input if is_reported_once(&input) => self.deferred.push_back(input),
            _ => {}
        }
    }

    async fn handle_now(&mut self, input: EngineInput) -> Result<(), LedgerError> {
        match input {
            EngineInput::CreateRequest { request, by, target, snapshot, responder } => {
                self.create(request, &by, &target, &snapshot, responder).await?;
            }
            EngineInput::UnauthorizedCommand { by } => {
                self.store.record_attempt(self.clock.now(), by, RefusalReason::NotARequester).await?;
            }
            EngineInput::ReactionAdded { card, vote, reaction, member } => {
                self.reaction_added(card, vote, reaction, member).await?;
            }
            EngineInput::ApprovalHeldUp { card } => self.approval_held_up(card),
            EngineInput::ReactionRemoved { card, vote, reaction } => {
                self.reaction_removed(card, vote, reaction).await?;
            }
            EngineInput::ReactionsCleared { card, vote } => self.reactions_cleared(card, vote).await?,
            EngineInput::MessageDeleted { card } => self.message_deleted(card).await?,
            EngineInput::ChannelDeleted { channel } => self.channel_deleted(channel).await?,
            EngineInput::EventsInterrupted => self.events_interrupted(),
            EngineInput::EventsRestored { is_complete } => self.events_restored(is_complete),
            EngineInput::EventsMissed => self.read_all_reactions(),
            EngineInput::Marker { sent_at } => self.marker_arrived(sent_at),
            EngineInput::EventsMissedIn { channels } => self.read_reactions_in(&channels),
            EngineInput::Stop => self.is_stopping = true,
            EngineInput::CardPosted { request, message, is_answer } => {
                self.card_posted(request, message, is_answer).await?;
            }
            EngineInput::ReminderPosted { request, message } => {
                self.apply(request, DecisionInput::ReminderPosted { message }).await?;
            }
            EngineInput::EndingFound { request, ending } => {
                self.apply(request, DecisionInput::EndingFound { ending }).await?;
            }
            EngineInput::CardSearchFailed { request, why, is_refused } => {
                self.card_search_failed(request, why, is_refused).await?;
            }
            EngineInput::AnsweredElsewhere { request } => self.answered_elsewhere(request).await?,
            EngineInput::AnotherProcessSeen { channel } => self.another_process_seen(channel).await?,
            EngineInput::MarkSeen { card, mark } => self.mark_seen(card, mark).await?,
            EngineInput::CardReplaced { request } => self.card_replaced(request).await?,
            EngineInput::UnknownCardFound { card, mark } => self.unknown_card_found(card, mark),
            EngineInput::VoteEmojiMissing { request } => {
                if let Some(open) = self.open_requests.get_mut(&request) {
                    open.vote_emoji = VoteEmojiState::Missing;
                    self.publish(request);
                }
            }
            EngineInput::CardRejected { request } => {
                let detail = "Discord rejected its card".to_owned();
                self.apply(request, DecisionInput::Withdraw { detail }).await?;
            }
            EngineInput::CardMissing { request } => {
                let detail = "its card was deleted";
                self.apply(request, DecisionInput::CardDeleted { detail }).await?;
            }
            EngineInput::ResultDelivered { request } => {
                self.open_requests.remove(&request);
                self.ledger.mark_delivered(request).await?;
            }
            EngineInput::TargetObserved { target, snapshot } => {
                self.target_observed(&target, snapshot).await?;
            }
            EngineInput::ReactionsFetched { request, read, reactions } => {
                self.reactions_fetched(request, read, reactions).await?;
            }
            EngineInput::ReactionFetchFailed { request, read, why } => {
                self.reaction_fetch_failed(request, read, why);
            }
            EngineInput::ReactionReadOverdue { request, read } => self.reaction_read_overdue(request, read),
            EngineInput::ReactingMemberFetched { request, vote, user, member } => {
                self.reacting_member_fetched(request, vote, user, member.as_ref()).await?;
            }
            EngineInput::QuorumChecked { request, check, is_complete } => {
                self.quorum_checked(request, &check, is_complete).await?;
            }
            EngineInput::ExecutionFinished { request, resolution } => {
                self.execution_finished(request, resolution).await?;
            }
        }
        Ok(())
    }

    /// Decides what `input` means for the request, records the decision, and only then acts on it.
    pub(super) async fn apply(&mut self, id: RequestId, input: DecisionInput<'_>) -> Result<(), LedgerError> {
        let (now, began) = (self.clock.now(), Instant::now());
        let Some(before) = self.store.get(id).cloned() else { return Ok(()) };
        let target = &before.details.target;
        let is_about_messages = matches!(
            input,
            DecisionInput::EndingFound { .. }
                | DecisionInput::CardDeleted { .. }
                | DecisionInput::Withdraw { .. }
        );
        let denying = match &input {
            DecisionInput::Deny { by, .. } => vec![(*by).clone()],
            DecisionInput::ReconcileReactions(reactions) => reactions.denying.clone(),
            _ => Vec::new(),
        };
        let decision = decide(
            &before,
            input,
            DecisionContext {
                now,
                access: self.targets.access(target),
                signal_budget: self.store.signal_budget(target, self.targets.limits.signals_per_hour, now),
                has_unread_reactions: self.may_miss_reactions(id),
            },
        );
        if decision.events.iter().any(|event| matches!(event, RequestEvent::Executing { .. }))
            && let Some(target) = self.targets.by_name.get(target)
        {
            target.target.expect_signal();
        }
        let decided = began.elapsed();
        let ends = |event: &RequestEvent| matches!(event, RequestEvent::Finished(_));
        if !is_about_messages && self.may_have_ended(id) && decision.events.iter().any(ends) {
            // The end is decided again after a look at the channel. A ❌ may be gone by then, so denials are kept.
            let early = &mut self.open_requests.entry(id).or_default().early_denials;
            let new = denying.into_iter().filter(|by| early.iter().all(|known| known.id != by.id));
            let new: Vec<_> = new.collect();
            early.extend(new);
            return Ok(());
        }
        let recorded = self.store.record(id, now, decision.events).await?;
        let durable = began.elapsed();
        if let Some(open) = self.open_requests.get_mut(&id) {
            open.reads.note_uncounted_denials(denying.iter().map(|person| person.id));
        }
        if let Some(approved) = Approved::from_records(&before, &recorded) {
            self.execute(approved, began);
            // The statement is sent before anything is logged, because logging may be slow.
            yield_now().await;
        }
        log::log_records(id, &recorded);
        if !recorded.is_empty() {
            debug!(request = id.0, records = recorded.len(), ?decided, ?durable, "recorded");
            self.publish_change(&before);
        }
        self.explain_refusals(id, decision.notify);
        Ok(())
    }

    fn execute(&mut self, approved: Approved, approved_at: Instant) {
        let id = approved.request();
        let target = self.targets.by_name.get(approved.target()).cloned();
        let open = self.open_requests.entry(id).or_default();
        open.is_executing = true;
        let execution = Execution {
            approved_at,
            confirm_within: self.targets.limits.confirm_within,
            waiters: open.known_waiters(),
        };
        let inputs = self.inputs.clone();
        let lease =
            DecisionLease::new(Arc::clone(&self.ledger), Arc::clone(&self.clock), self.lag.handled_until);
        let executing = async move {
            let resolution = match &target {
                Some(TargetWithPolicy { target, policy }) => {
                    execute(&approved, &execution, target.as_ref(), &policy.protection, &lease).await
                }
                None => unconfigured_target(&approved),
            };
            // The engine is gone only when the process ends; the outcome is then unknown, as recorded.
            let _ = inputs.send(EngineInput::ExecutionFinished { request: id, resolution }).await;
        };
        self.tasks.spawn(executing.instrument(log::request_span(id)));
    }

    async fn execution_finished(&mut self, id: RequestId, resolution: Resolution) -> Result<(), LedgerError> {
        let resolution = self.name_who_ended(id, resolution);
        self.apply(id, DecisionInput::Finish(resolution)).await?;
        if let Some(open) = self.open_requests.get_mut(&id) {
            open.is_executing = false;
        }
        Ok(())
    }

    /// Brings what was recorded to the channel, and the end of a request to the metrics.
    fn publish_change(&mut self, before: &Request) {
        let id = before.id;
        let resolution = self.store.get(id).and_then(Request::resolution);
        if let Some(resolution) = resolution {
            if before.resolution().is_some() {
                return;
            }
            let (action, outcome) = (before.details.action.name(), resolution.outcome.name());
            counter!("killgate_requests_total", "action" => action, "outcome" => outcome).increment(1);
            self.publish(id);
            if let Some(open) = self.open_requests.get_mut(&id) {
                open.close();
            }
            self.report_unreadable();
        } else {
            self.publish(id);
        }
    }
}

/// Whether the input would be lost: it is not reported again, and nothing else shows it.
fn is_reported_once(input: &EngineInput) -> bool {
    matches!(
        input,
        EngineInput::CardPosted { .. }
            | EngineInput::ReminderPosted { .. }
            | EngineInput::EndingFound { .. }
            | EngineInput::AnsweredElsewhere { .. }
            | EngineInput::AnotherProcessSeen { .. }
            | EngineInput::MarkSeen { .. }
            | EngineInput::CardReplaced { .. }
            | EngineInput::CardRejected { .. }
            | EngineInput::CardMissing { .. }
            | EngineInput::MessageDeleted { .. }
            | EngineInput::ChannelDeleted { .. }
            | EngineInput::ExecutionFinished { .. }
            | EngineInput::ResultDelivered { .. }
    )
}
