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
use crate::domain::ids::{MessageId, RequestId};
use crate::domain::request::RequestState;

/// How long to wait before the next attempt after a failure: doubled from the first to the last.
const FIRST_RETRY: Duration = Duration::from_millis(500);
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
            // What it has shown since before the restart is not known.
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

    fn newest(&self) -> CardContent {
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
        loop {
            match self.find_or_post().await {
                Ok(Some(message)) => {
                    self.report_posted(message, false).await;
                    if let Some(responder) = responder {
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
                    warn!(?error, "the card was refused; only the result is posted");
                    let card = self.newest().request.card;
                    return card.map_or(PostedCard::Missing, |message| {
                        PostedCard::There(MessageRef { channel, message }, None)
                    });
                }
                Err(error) => {
                    let (request, why) = (self.request, error.with_cause());
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
        error!(?error, "Discord rejected the card");
        let is_told = match responder {
            Some(responder) => responder.refuse(&Refusal::CardRejected).await.is_ok(),
            None => false,
        };
        self.report(EngineInput::CardRejected { request: self.request }).await;
        self.until_ended().await;
        if is_told { PostedCard::Refused } else { PostedCard::Missing }
    }

    /// `None` if the request has ended, its result is in the channel, and its card is not.
    async fn find_or_post(&mut self) -> Result<Option<MessageId>, DeliveryError> {
        let content = self.newest();
        let found = self.channel.find_messages(&content.request).await?;
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
            (None, None) => self.channel.post_card(&content).await.map(Some),
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
                RequestState::Open if shown.as_ref().is_none_or(|shown| differs(shown, &content)) => {
                    let slot = if is_refused { Instant::now() } else { self.throttle.reserve().await };
                    tokio::select! {
                        biased;
                        () = self.until_decided() => continue,
                        () = sleep_until(slot) => {}
                    }
                    let newest = self.newest();
                    match self.edit(card, &newest).await {
                        Ok(()) => (retry, is_refused) = (FIRST_RETRY, false),
                        Err(DeliveryError::Gone) => self.report_card_missing().await,
                        Err(error) => {
                            is_refused = matches!(error, DeliveryError::Refused(_));
                            self.wait_after(&error, "edit", &mut retry).await;
                            continue;
                        }
                    }
                    shown = Some(newest);
                }
                // Most executions are over in a moment, and the next edit shows the outcome.
                RequestState::Executing { .. } if !is_execution_shown => {
                    is_execution_shown = true;
                    if timeout(SHOW_EXECUTION_AFTER, self.until_ended()).await.is_err()
                        && let Err(error) = self.edit(card, &self.newest()).await
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

    /// Puts the two reactions on the card. If that fails people can still react, so nothing waits for the next attempt.
    async fn add_vote_reactions(
        &mut self,
        card: MessageRef,
        retry: Option<VoteReactionRetry>,
    ) -> Option<VoteReactionRetry> {
        match self.channel.add_vote_reactions(card).await {
            Ok(()) => None,
            Err(DeliveryError::Gone) => {
                self.report_card_missing().await;
                None
            }
            Err(DeliveryError::UnknownEmoji) => {
                error!("an emoji of [approval] approve or deny does not exist");
                self.report(EngineInput::VoteEmojiMissing { request: self.request }).await;
                None
            }
            Err(error) => {
                warn!(?error, "the reactions could not be added; trying again later");
                retry.map(VoteReactionRetry::later)
            }
        }
    }

    async fn report_card_missing(&self) {
        self.report(EngineInput::CardMissing { request: self.request }).await;
    }

    /// Posts the result, then makes the card show it.
    async fn deliver_result(&mut self, card: Option<MessageRef>) {
        let mut content = self.newest();
        // That the card was posted may not have been recorded before the request ended.
        content.request.card = card.map(|card| card.message);
        let mut is_closed = card.is_none();
        let mut retry = FIRST_RETRY;
        while let Err(error) = self.channel.post_result(&content).await {
            if matches!(error, DeliveryError::Gone) {
                warn!("the channel is gone; the result cannot be posted");
                break;
            }
            // Where nothing may be posted any more, cards can still be edited.
            if let Some(card) = card.filter(|_| !is_closed) {
                is_closed = self.edit(card, &content).await.is_ok();
            }
            self.wait_after(&error, "result", &mut retry).await;
        }
        debug!("result posted");
        if let Some(card) = card.filter(|_| !is_closed) {
            let mut retry = FIRST_RETRY;
            while let Err(error) = self.edit(card, &content).await {
                if matches!(error, DeliveryError::Gone) {
                    break;
                }
                self.wait_after(&error, "closed card", &mut retry).await;
            }
        }
        self.report(EngineInput::ResultDelivered { request: self.request }).await;
    }

    async fn until_ended(&mut self) {
        // The sender is dropped only when the engine is gone; there is nothing to wait for then.
        let _ = self.cards.wait_for(|card| card.request.resolution().is_some()).await;
    }

    /// Waits until the request is no longer open, because the card must show that without delay.
    async fn until_decided(&mut self) {
        let _ = self.cards.wait_for(|card| !card.request.is_open()).await;
    }

    /// Waits before the next attempt. A decision about an open request, and its end, cut the wait short.
    async fn wait_after(&mut self, error: &DeliveryError, what: &'static str, retry: &mut Duration) {
        warn!(what, ?error, "not delivered; trying again");
        let wait = match error {
            DeliveryError::Postponed { wait, .. } => (*wait).max(*retry),
            _ => *retry,
        };
        // A refusal lasts until people change permissions, and repeated refusals count against the bot.
        let last = if matches!(error, DeliveryError::Refused(_)) { LAST_REFUSED_RETRY } else { LAST_RETRY };
        *retry = (*retry * 2).min(last);
        let state = self.newest().request.state;
        if matches!(state, RequestState::Ended { .. }) {
            sleep(wait).await;
            return;
        }
        let was_open = state == RequestState::Open;
        let is_over = |card: &CardContent| card.request.resolution().is_some();
        let is_next = |card: &CardContent| is_over(card) || was_open && !card.request.is_open();
        // When the engine is gone there is nothing to wait for.
        let _ = timeout(wait, self.cards.wait_for(is_next)).await;
    }
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

/// When to put the two reactions on the card, and how long to wait after a failure.
struct VoteReactionRetry {
    at: Instant,
    wait: Duration,
}

impl Default for VoteReactionRetry {
    fn default() -> Self {
        Self { at: Instant::now(), wait: FIRST_RETRY }
    }
}

impl VoteReactionRetry {
    fn is_due(&self) -> bool {
        self.at <= Instant::now()
    }

    fn later(self) -> Self {
        Self { at: Instant::now() + self.wait, wait: (self.wait * 2).min(LAST_RETRY) }
    }
}

/// Whether the posted card needs an edit to show `content`.
fn differs(shown: &CardContent, content: &CardContent) -> bool {
    let sessions = shown.sessions.iter().zip(&content.sessions);
    let mut sessions = sessions.map(|(shown, now)| {
        let differs = shown.waiting_pids != now.waiting_pids || shown.is_on_standby != now.is_on_standby;
        differs || shown.latest != now.latest || shown.changes != now.changes || shown.lapsed != now.lapsed
    });
    shown.request.approvals != content.request.approvals
        || shown.hold != content.hold
        || shown.approvers != content.approvers
        || shown.owner != content.owner
        || shown.not_counting != content.not_counting
        || sessions.any(|differs| differs)
}
