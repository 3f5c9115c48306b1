//! Brings one request's card and result to the channel, however long Discord takes.
//!
//! Each request has a publisher of its own. It does one thing after the other: the card, its reactions, edits while the
//! request is open, and finally the result. Only the newest content is ever shown, so after a wait there is nothing to
//! catch up with.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{Instrument, debug, error, warn};

use super::creation::refuse;
use super::edit_throttle::EditThrottle;
use super::input::EngineInput;
use super::ports::{AnswerMessage, CardContent, DeliveryError, IncidentChannel, MessageRef, Responder};
use super::refusal::Refusal;
use super::reminder::{Mention, mention_until_posted};
use super::vote_reactions::VoteReactionRetry;
use crate::common::error_causes::with_causes;
use crate::domain::ids::{MessageId, RequestId};
use crate::domain::request::RequestState;

/// How long to wait before the next attempt after a failure: doubled from the first to the last.
pub(super) const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(10);
/// The same after Discord refused a call, because refused calls count against the bot. Once people allow it again, the message
/// is posted within 30 s.
const LAST_REFUSED_RETRY: Duration = Duration::from_secs(15);

/// A card says that its request is being executed when that has taken this long.
const SHOW_EXECUTION_AFTER: Duration = Duration::from_secs(1);

pub(super) struct CardPublisher {
    pub(super) request: RequestId,
    pub(super) channel: Arc<dyn IncidentChannel>,
    pub(super) inputs: mpsc::Sender<EngineInput>,
    pub(super) throttle: Arc<EditThrottle>,
    pub(super) cards: watch::Receiver<CardContent>,
}

impl CardPublisher {
    /// Runs until the result is in the channel, or the engine is gone.
    pub(super) async fn run(self, responder: Option<Arc<dyn Responder>>) {
        let inputs = self.inputs.clone();
        tokio::select! {
            biased;
            () = inputs.closed() => {}
            () = self.publish(responder) => {}
        }
    }

    async fn publish(mut self, responder: Option<Arc<dyn Responder>>) {
        let request = self.newest().request;
        let channel = request.details.channel;
        let posted = match request.card {
            // What the card showed before the restart is not known.
            Some(message) if !request.is_open() => PostedCard::There(MessageRef { channel, message }, None),
            _ => self.post(responder).await,
        };
        let card = match posted {
            PostedCard::There(card, shown) => {
                if !self.keep_current(card, shown.map(|shown| *shown)).await {
                    return;
                }
                Some(card)
            }
            PostedCard::Missing => None,
            PostedCard::Refused => {
                self.report(EngineInput::ResultDelivered { request: self.request }).await;
                return;
            }
        };
        // A message that another process has taken over is left alone.
        if self.newest().is_superseded {
            self.report(EngineInput::ResultDelivered { request: self.request }).await;
        } else {
            self.deliver_result(card).await;
        }
    }

    pub(super) fn newest(&self) -> CardContent {
        self.cards.borrow().clone()
    }

    pub(super) async fn report(&self, input: EngineInput) {
        // The engine is gone only when the process ends; the ledger then knows what is undelivered.
        let _ = self.inputs.send(input).await;
    }

    /// Posts the card, or finds it.
    ///
    /// A request that has ended gets its card too: an earlier attempt may have posted one although its answer was lost,
    /// and that card must be found and closed.
    async fn post(&mut self, responder: Option<Arc<dyn Responder>>) -> PostedCard {
        let first = self.newest();
        let channel = first.request.details.channel;
        if let Some(responder) = &responder {
            match responder.answer_with_card(&first).await {
                Ok(AnswerMessage { message, has_notified }) => {
                    // People may have reacted to a deferred answer before it became the card, so its reactions are read.
                    self.report_posted(message, has_notified).await;
                    if !has_notified {
                        let (channel, cards) = (Arc::clone(&self.channel), self.cards.clone());
                        tokio::spawn(
                            mention_until_posted(channel, cards, Mention::ApprovalNeeded).in_current_span(),
                        );
                    }
                    return PostedCard::There(MessageRef { channel, message }, Some(Box::new(first)));
                }
                Err(DeliveryError::AnsweredElsewhere) => {
                    self.report(EngineInput::AnsweredElsewhere { request: self.request }).await;
                    self.until_ended().await;
                    return PostedCard::Missing;
                }
                Err(DeliveryError::Invalid(error)) => {
                    return self.give_up_card(&error, Some(responder.as_ref())).await;
                }
                Err(error) => {
                    warn!(?error, "the card could not be the answer; posting it by itself");
                }
            }
        }
        let mut retry = FIRST_RETRY;
        let mut is_by_itself = false;
        loop {
            match self.find_or_post(&mut is_by_itself).await {
                Ok(Some(message)) => {
                    self.report_posted(message, false).await;
                    // A card that was found and not posted separately is the answer to the command, though unconfirmed.
                    if let Some(responder) = responder.filter(|_| is_by_itself) {
                        // Otherwise a deferral would show "thinking…" until Discord gives it up.
                        refuse(responder, Refusal::CardByItself);
                    }
                    return PostedCard::There(MessageRef { channel, message }, None);
                }
                Ok(None) => return PostedCard::Missing,
                Err(DeliveryError::Gone) if first.request.card.is_some() => {
                    self.report_card_missing().await;
                    self.until_ended().await;
                    return PostedCard::Missing;
                }
                Err(DeliveryError::Gone) => {
                    self.report(EngineInput::ChannelDeleted { channel }).await;
                    self.until_ended().await;
                    return PostedCard::Missing;
                }
                Err(DeliveryError::Invalid(error)) => {
                    return self.give_up_card(&error, responder.as_deref()).await;
                }
                Err(DeliveryError::Refused(error)) if self.newest().request.resolution().is_some() => {
                    warn!(error = %with_causes(&*error), "the card was refused; only the result is posted");
                    let card = self.newest().request.card;
                    return card.map_or(PostedCard::Missing, |message| {
                        PostedCard::There(MessageRef { channel, message }, None)
                    });
                }
                Err(error) => {
                    let (request, why) = (self.request, with_causes(&error));
                    let is_refused = matches!(error, DeliveryError::Refused(_));
                    self.report(EngineInput::CardSearchFailed { request, why, is_refused }).await;
                    self.wait_after(&error, "card", &mut retry).await;
                }
            }
        }
    }

    /// Discord rejects the card, and always will. The person who asked is told privately, as long as their command can be
    /// answered; else everybody is told.
    async fn give_up_card(&mut self, error: &anyhow::Error, responder: Option<&dyn Responder>) -> PostedCard {
        error!(error = %with_causes(&**error), "Discord rejected the card");
        let is_told = match responder {
            Some(responder) => responder.refuse(&Refusal::CardRejected).await.is_ok(),
            None => false,
        };
        self.report(EngineInput::CardRejected { request: self.request }).await;
        self.until_ended().await;
        if is_told { PostedCard::Refused } else { PostedCard::Missing }
    }

    /// `None` if the request has ended, and its card is not in the channel and cannot be posted any more. `is_by_itself` becomes true before
    /// the card is posted, since the answer to that may be lost.
    async fn find_or_post(&mut self, is_by_itself: &mut bool) -> Result<Option<MessageId>, DeliveryError> {
        let content = self.newest();
        let found = self.channel.find_messages(&content.request).await?;
        if found.is_card_replaced {
            self.report(EngineInput::CardReplaced { request: self.request }).await;
            self.until_ended().await;
            return Ok(None);
        }
        match (found.card, found.ending) {
            (card, Some(ending)) => {
                if content.request.resolution().is_none() {
                    warn!(ending, "the channel shows that this request has ended; the ledger was set back");
                    self.report(EngineInput::EndingFound { request: self.request, ending }).await;
                    self.until_ended().await;
                }
                Ok(card)
            }
            (Some(card), None) => Ok(Some(card)),
            (None, None) => {
                *is_by_itself = true;
                self.channel.post_card(&content).await.map(Some)
            }
        }
    }

    async fn report_posted(&self, message: MessageId, is_answer: bool) {
        self.report(EngineInput::CardPosted { request: self.request, message, is_answer }).await;
    }

    /// Keeps the posted card current while the request is open; `false` if the engine is gone.
    async fn keep_current(&mut self, card: MessageRef, mut shown: Option<CardContent>) -> bool {
        let mut retry = FIRST_RETRY;
        let mut reactions = Some(VoteReactionRetry::default());
        let mut is_execution_shown = false;
        // An archived thread refuses every edit. The edits of other cards do not wait for those.
        let mut is_refused = false;
        loop {
            let content = self.cards.borrow_and_update().clone();
            match content.request.state {
                RequestState::Ended { .. } => return true,
                RequestState::Open if reactions.as_ref().is_some_and(VoteReactionRetry::is_due) => {
                    reactions = self.add_vote_reactions(card, reactions).await;
                    continue;
                }
                RequestState::Open if shown.as_ref().is_none_or(|shown| content.differs_from(shown)) => {
                    let slot = if is_refused { Instant::now() } else { self.throttle.reserve().await };
                    tokio::select! {
                        biased;
                        () = self.until(is_decided) => continue,
                        () = sleep_until(slot) => {}
                    }
                    // The card must show a decision without delay.
                    let Some(edited) = self.edit_unless(is_decided, card).await else { continue };
                    match edited {
                        Ok(newest) => {
                            (retry, is_refused) = (FIRST_RETRY, false);
                            shown = Some(newest);
                        }
                        Err(DeliveryError::Gone) => {
                            self.report_card_missing().await;
                            shown = Some(content.clone());
                        }
                        Err(DeliveryError::Invalid(error)) => {
                            error!(error = %with_causes(&*error), "Discord rejected what the card would show now");
                            shown = Some(content.clone());
                        }
                        Err(error) => {
                            is_refused = matches!(error, DeliveryError::Refused(_));
                            self.wait_after(&error, "edit", &mut retry).await;
                            continue;
                        }
                    }
                }
                // Most executions are over in a moment, and the next edit shows the outcome.
                RequestState::Executing { .. } if !is_execution_shown => {
                    is_execution_shown = true;
                    if timeout(SHOW_EXECUTION_AFTER, self.until_ended()).await.is_err()
                        && let Some(Err(error)) = self.edit_unless(is_over, card).await
                    {
                        warn!(?error, "the card does not say that the request is being executed");
                    }
                    continue;
                }
                RequestState::Open | RequestState::Executing { .. } => {}
            }
            let changed = match &reactions {
                Some(reactions) if content.request.is_open() => tokio::select! {
                    biased;
                    changed = self.cards.changed() => changed,
                    () = sleep_until(reactions.at) => Ok(()),
                },
                _ => self.cards.changed().await,
            };
            if changed.is_err() {
                return false;
            }
        }
    }

    pub(super) async fn report_card_missing(&self) {
        self.report(EngineInput::CardMissing { request: self.request }).await;
    }

    /// Posts the result, then makes the card show it.
    async fn deliver_result(&mut self, card: Option<MessageRef>) {
        let mut content = self.newest();
        // The request may have ended before the posting of its card was recorded.
        content.request.card = card.map(|card| card.message);
        let mut is_closed = card.is_none();
        let mut retry = FIRST_RETRY;
        while let Err(error) = self.channel.post_result(&content).await {
            if never_succeeds(&error) {
                error!(error = %with_causes(&error), "the result cannot be posted");
                break;
            }
            // Where nothing may be posted any more, cards can still be edited.
            if let Some(card) = card.filter(|_| !is_closed) {
                is_closed = self.close(card, &content).await.is_ok();
            }
            self.wait_after(&error, "result", &mut retry).await;
        }
        debug!("result posted");
        if let Some(card) = card.filter(|_| !is_closed) {
            let mut retry = FIRST_RETRY;
            while let Err(error) = self.close(card, &content).await {
                if never_succeeds(&error) {
                    warn!(error = %with_causes(&error), "the card cannot be closed");
                    break;
                }
                self.wait_after(&error, "closed card", &mut retry).await;
            }
        }
        self.report(EngineInput::ResultDelivered { request: self.request }).await;
    }

    async fn until_ended(&mut self) {
        self.until(is_over).await;
    }

    pub(super) async fn until(&mut self, holds: fn(&CardContent) -> bool) {
        // The sender is dropped only when the engine is gone; there is nothing to wait for then.
        let _ = self.cards.wait_for(holds).await;
    }

    /// Waits before the next attempt. A decision about an open request, and its end, cut the wait short.
    async fn wait_after(&mut self, error: &DeliveryError, what: &'static str, retry: &mut Duration) {
        warn!(what, ?error, "not delivered; trying again");
        let wait = match error {
            DeliveryError::Postponed { wait, .. } => (*wait).max(*retry),
            _ => *retry,
        };
        *retry = (*retry * 2).min(longest_retry(error));
        let state = self.newest().request.state;
        if matches!(state, RequestState::Ended { .. }) {
            sleep(wait).await;
            return;
        }
        let was_open = state == RequestState::Open;
        let is_next = |card: &CardContent| is_over(card) || was_open && is_decided(card);
        // When the engine is gone there is nothing to wait for.
        let _ = timeout(wait, self.cards.wait_for(is_next)).await;
    }
}

fn is_decided(card: &CardContent) -> bool {
    !card.request.is_open()
}

fn is_over(card: &CardContent) -> bool {
    card.request.resolution().is_some()
}

/// A refusal lasts until people change permissions, and repeated refusals count against the bot.
pub(super) fn longest_retry(error: &DeliveryError) -> Duration {
    if matches!(error, DeliveryError::Refused(_)) { LAST_REFUSED_RETRY } else { LAST_RETRY }
}

/// Whether another attempt would fail in the same way.
fn never_succeeds(error: &DeliveryError) -> bool {
    matches!(error, DeliveryError::Gone | DeliveryError::Invalid(_))
}

/// What became of the card.
enum PostedCard {
    /// Where it is and, if that is certain, what it shows.
    There(MessageRef, Option<Box<CardContent>>),
    /// There can be no card.
    Missing,
    /// There can be none, and the person who asked was told why.
    Refused,
}
