//! Brings one request's card and result to the channel, however long Discord takes.
//!
//! Each request has a courier of its own, which does one thing after the other: the card, its reactions, edits
//! while the request is open, and in the end the result. Only the newest card is ever shown, so that a courier
//! that had to wait has nothing to catch up with.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use super::input::EngineInput;
use super::ports::{CardContent, DeliveryError, IncidentChannel, MessageRef, Responder};
use crate::domain::ids::{MessageId, RequestId};
use crate::domain::request::RequestState;

/// Waits between tries: doubled from the first to the last.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(10);
/// Edits of all cards together: one in so long on average …
const EDIT_INTERVAL: Duration = Duration::from_secs(2);
/// … of which so many may come at once. Discord allows about five edits in five seconds a channel.
const EDIT_BURST: u32 = 3;

pub(super) struct CardPublisher {
    pub(super) request: RequestId,
    pub(super) channel: Arc<dyn IncidentChannel>,
    pub(super) inbox: mpsc::Sender<EngineInput>,
    pub(super) pace: Arc<EditThrottle>,
    pub(super) cards: watch::Receiver<CardContent>,
}

impl CardPublisher {
    /// Works until the result is in the channel, or the clerk is gone and with it what this works from.
    pub(super) async fn run(self, question: Option<Arc<dyn Responder>>) {
        let inbox = self.inbox.clone();
        tokio::select! {
            biased;
            () = inbox.closed() => {}
            () = self.work(question) => {}
        }
    }

    async fn work(mut self, question: Option<Arc<dyn Responder>>) {
        let asked = self.card().request;
        let channel = asked.details.channel;
        let posted = match asked.card {
            // What it shows since before the restart is not known.
            Some(message) => Some((MessageRef { channel, message }, None)),
            None => self.post(question).await,
        };
        let place = posted.as_ref().map(|(place, _)| *place);
        if let Some((place, shown)) = posted
            && !self.follow(place, shown).await
        {
            return;
        }
        self.deliver(place).await;
    }

    fn card(&self) -> CardContent {
        self.cards.borrow().clone()
    }

    async fn report(&self, happening: EngineInput) {
        // The clerk is gone only when the process ends; the ledger then knows what is still owed.
        let _ = self.inbox.send(happening).await;
    }

    /// Posts the card, and tells where and, if that is certain, what it shows; `None` when there can be no card.
    ///
    /// Also a request that has ended gets its card: an earlier try may have posted one though its answer was lost,
    /// and that one must be found and closed.
    async fn post(
        &mut self,
        question: Option<Arc<dyn Responder>>,
    ) -> Option<(MessageRef, Option<CardContent>)> {
        let first = self.card();
        let channel = first.request.details.channel;
        if let Some(question) = question {
            match question.answer_with_card(&first).await {
                Ok(message) => {
                    self.report_posted(message, true).await;
                    return Some((MessageRef { channel, message }, Some(first)));
                }
                Err(problem) => {
                    warn!(error = ?problem, "the card could not be the answer; it is posted by itself");
                }
            }
        }
        let mut retry = FIRST_RETRY;
        loop {
            match self.channel.post_card(&self.card()).await {
                Ok(Some(message)) => {
                    self.report_posted(message, false).await;
                    return Some((MessageRef { channel, message }, None));
                }
                Ok(None) => return None,
                Err(DeliveryError::Gone) => {
                    self.report(EngineInput::ChannelDeleted { channel }).await;
                    self.until_ended().await;
                    return None;
                }
                Err(DeliveryError::Refused(problem)) if self.card().request.resolution().is_some() => {
                    warn!(error = ?problem, "its card is refused; only its result is told");
                    return None;
                }
                Err(problem) => self.wait_after(&problem, "card", &mut retry).await,
            }
        }
    }

    async fn report_posted(&self, message: MessageId, at_once: bool) {
        self.report(EngineInput::CardPosted {
            request: self.request,
            message,
            at_once,
        })
        .await;
    }

    /// Keeps the posted card true while the request is open; `false` when there is nobody left to work for.
    async fn follow(&mut self, place: MessageRef, mut shown: Option<CardContent>) -> bool {
        let mut retry = FIRST_RETRY;
        let mut offer = Some(VoteReactionRetry::default());
        loop {
            let card = self.cards.borrow_and_update().clone();
            match card.request.state {
                RequestState::Ended { .. } => return true,
                RequestState::Open if offer.as_ref().is_some_and(VoteReactionRetry::is_due) => {
                    offer = self.offer_votes(place, offer).await;
                    continue;
                }
                RequestState::Open if shown.as_ref().is_none_or(|shown| differs(shown, &card)) => {
                    let turn = self.pace.next_turn().await;
                    tokio::select! {
                        biased;
                        () = self.until_ended() => continue,
                        () = sleep_until(turn) => {}
                    }
                    let newest = self.card();
                    match self.channel.edit_card(place, &newest).await {
                        Ok(()) => retry = FIRST_RETRY,
                        Err(DeliveryError::Gone) => self.report_card_gone().await,
                        Err(problem) => {
                            self.wait_after(&problem, "edit", &mut retry).await;
                            continue;
                        }
                    }
                    shown = Some(newest);
                }
                // Being executed is over in a moment; the next edit shows the outcome.
                RequestState::Open | RequestState::Executing { .. } => {}
            }
            let changed = match &offer {
                Some(offer) if card.request.is_open() => tokio::select! {
                    biased;
                    changed = self.cards.changed() => changed,
                    () = sleep_until(offer.at) => Ok(()),
                },
                _ => self.cards.changed().await,
            };
            if changed.is_err() {
                return false;
            }
        }
    }

    /// Puts the two reactions on the card. Where that fails people can react all the same, so that nothing waits
    /// for it: it is tried again later.
    async fn offer_votes(
        &mut self,
        card: MessageRef,
        offer: Option<VoteReactionRetry>,
    ) -> Option<VoteReactionRetry> {
        match self.channel.add_vote_reactions(card).await {
            Ok(()) => None,
            Err(DeliveryError::Gone) => {
                self.report_card_gone().await;
                None
            }
            Err(problem) => {
                warn!(error = ?problem, "the reactions are not offered; it is tried again");
                offer.map(VoteReactionRetry::later)
            }
        }
    }

    async fn report_card_gone(&self) {
        self.report(EngineInput::CardMissing {
            request: self.request,
        })
        .await;
    }

    /// Posts the result, then makes the card show it.
    async fn deliver(&mut self, place: Option<MessageRef>) {
        let mut card = self.card();
        // That the card was posted may not have been recorded before the request ended.
        card.request.card = place.map(|place| place.message);
        let mut is_closed = place.is_none();
        let mut retry = FIRST_RETRY;
        while let Err(problem) = self.channel.post_result(&card.request).await {
            if matches!(problem, DeliveryError::Gone) {
                warn!("the channel is gone, so its result is told to nobody");
                break;
            }
            // Where nothing may be posted any more, cards can still be edited.
            if let Some(place) = place.filter(|_| !is_closed) {
                is_closed = self.channel.edit_card(place, &card).await.is_ok();
            }
            self.wait_after(&problem, "result", &mut retry).await;
        }
        debug!("its result is told");
        if let Some(place) = place.filter(|_| !is_closed) {
            let mut retry = FIRST_RETRY;
            while let Err(problem) = self.channel.edit_card(place, &card).await {
                if matches!(problem, DeliveryError::Gone) {
                    break;
                }
                self.wait_after(&problem, "closed card", &mut retry).await;
            }
        }
        self.report(EngineInput::ResultDelivered {
            request: self.request,
        })
        .await;
    }

    async fn until_ended(&mut self) {
        // The sender is dropped only when the clerk is gone; there is nothing to wait for then.
        let _ = self
            .cards
            .wait_for(|card| card.request.resolution().is_some())
            .await;
    }

    /// Waits before the next try; the end of an open request cuts the wait short.
    async fn wait_after(&mut self, problem: &DeliveryError, what: &'static str, retry: &mut Duration) {
        warn!(what, error = ?problem, "not delivered; it is tried again");
        let wait = *retry;
        *retry = (wait * 2).min(LAST_RETRY);
        if self.cards.borrow().request.resolution().is_some() {
            sleep(wait).await;
            return;
        }
        tokio::select! {
            biased;
            () = sleep(wait) => {}
            () = self.until_ended() => {}
        }
    }
}

/// When the two reactions are offered, and how long to wait after a failure.
struct VoteReactionRetry {
    at: Instant,
    retry: Duration,
}

impl Default for VoteReactionRetry {
    fn default() -> Self {
        Self {
            at: Instant::now(),
            retry: FIRST_RETRY,
        }
    }
}

impl VoteReactionRetry {
    fn is_due(&self) -> bool {
        self.at <= Instant::now()
    }

    fn later(self) -> Self {
        Self {
            at: Instant::now() + self.retry,
            retry: (self.retry * 2).min(LAST_RETRY),
        }
    }
}

/// Whether the posted card needs an edit to show the other.
fn differs(shown: &CardContent, card: &CardContent) -> bool {
    shown.request.approvals != card.request.approvals
        || shown.latest != card.latest
        || shown.changes != card.changes
}

/// Spaces out the edits of all couriers, so that many open cards do not run into Discord's limits.
#[derive(Default)]
pub(super) struct EditThrottle {
    /// When the next edit would be due, were they evenly spaced.
    due: Mutex<Option<Instant>>,
}

impl EditThrottle {
    /// Reserves a turn; the caller waits until then.
    async fn next_turn(&self) -> Instant {
        let mut due = self.due.lock().await;
        let now = Instant::now();
        let turn = due.map_or(now, |due| due.max(now));
        let earliest = turn.checked_sub(EDIT_INTERVAL * (EDIT_BURST - 1)).unwrap_or(now);
        *due = Some(turn + EDIT_INTERVAL);
        earliest.max(now)
    }
}
