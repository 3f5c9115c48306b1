//! Brings one request's card and result to the channel, however long Discord takes.
//!
//! Each request has a courier of its own, which does one thing after the other: the card, its reactions, edits
//! while the request is open, and in the end the result. Only the newest card is ever shown, so that a courier
//! that had to wait has nothing to catch up with.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

use super::inbox::Happening;
use super::ports::{Card, Channel, Place, Question, Undelivered};
use crate::domain::ids::{MessageId, RequestId};
use crate::domain::request::Phase;

/// Waits between tries: doubled from the first to the last.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(10);
/// Edits of all cards together: one in so long on average …
const EDIT_INTERVAL: Duration = Duration::from_secs(2);
/// … of which so many may come at once. Discord allows about five edits in five seconds a channel.
const EDIT_BURST: u32 = 3;

pub(super) struct Courier {
    pub(super) request: RequestId,
    pub(super) channel: Arc<dyn Channel>,
    pub(super) inbox: mpsc::Sender<Happening>,
    pub(super) pace: Arc<Pace>,
    pub(super) cards: watch::Receiver<Card>,
}

impl Courier {
    /// Works until the result is in the channel, or the clerk is gone and with it what this works from.
    pub(super) async fn run(self, question: Option<Arc<dyn Question>>) {
        let inbox = self.inbox.clone();
        tokio::select! {
            biased;
            () = inbox.closed() => {}
            () = self.work(question) => {}
        }
    }

    async fn work(mut self, question: Option<Arc<dyn Question>>) {
        let card = self.card();
        let channel = card.request.asked.channel;
        let posted = match card.request.message {
            // What the card shows since the bot was last here is not known.
            Some(message) => Some((Place { channel, message }, None)),
            None => {
                let posted = self.post(question).await;
                posted.map(|(message, shown)| (Place { channel, message }, shown))
            }
        };
        if let Some((place, shown)) = posted {
            self.offer_votes(place).await;
            if !self.follow(place, shown).await {
                return;
            }
            self.deliver(Some(place)).await;
        } else {
            self.deliver(None).await;
        }
    }

    fn card(&self) -> Card {
        self.cards.borrow().clone()
    }

    async fn report(&self, happening: Happening) {
        // The clerk is gone only when the process ends; the ledger then knows what is still owed.
        let _ = self.inbox.send(happening).await;
    }

    /// Posts the card, and tells what it shows where that is certain. `None` when there can be no card.
    ///
    /// Also a request that has ended gets its card: an earlier try may have posted one though its answer was lost,
    /// and that one must be found and closed.
    async fn post(&mut self, question: Option<Arc<dyn Question>>) -> Option<(MessageId, Option<Card>)> {
        let first = self.card();
        let channel = first.request.asked.channel;
        if let Some(question) = question {
            match question.answer(&first).await {
                Ok(message) => return Some((self.posted(message).await, Some(first))),
                Err(problem) => {
                    warn!(request = self.request.0, error = ?problem, "the card could not be the answer; it is posted by itself");
                }
            }
        }
        let mut retry = FIRST_RETRY;
        loop {
            match self.channel.post(&self.card()).await {
                Ok(message) => return Some((self.posted(message).await, None)),
                Err(Undelivered::Gone) => {
                    self.report(Happening::ChannelDeleted { channel }).await;
                    self.until_ended().await;
                    return None;
                }
                Err(Undelivered::Refused(problem)) if self.card().request.ending().is_some() => {
                    warn!(request = self.request.0, error = ?problem, "its card is refused; only its result is told");
                    return None;
                }
                Err(problem) => self.wait_after(&problem, "card", &mut retry).await,
            }
        }
    }

    async fn posted(&self, message: MessageId) -> MessageId {
        self.report(Happening::Posted {
            request: self.request,
            message,
        })
        .await;
        message
    }

    async fn offer_votes(&mut self, card: Place) {
        let mut retry = FIRST_RETRY;
        while self.cards.borrow().request.is_open() {
            match self.channel.offer_votes(card).await {
                Ok(()) => return,
                Err(Undelivered::Gone) => {
                    self.report(Happening::CardGone {
                        request: self.request,
                    })
                    .await;
                    self.until_ended().await;
                }
                Err(problem) => self.wait_after(&problem, "reactions", &mut retry).await,
            }
        }
    }

    /// Keeps the posted card true while the request is open; `false` when there is nobody left to work for.
    async fn follow(&mut self, place: Place, mut shown: Option<Card>) -> bool {
        let mut retry = FIRST_RETRY;
        loop {
            let card = self.cards.borrow_and_update().clone();
            match card.request.phase {
                Phase::Ended { .. } => return true,
                Phase::Open if shown.as_ref().is_none_or(|shown| differs(shown, &card)) => {
                    let turn = self.pace.next_turn().await;
                    tokio::select! {
                        biased;
                        () = self.until_ended() => continue,
                        () = sleep_until(turn) => {}
                    }
                    let newest = self.card();
                    match self.channel.update(place, &newest).await {
                        Ok(()) => retry = FIRST_RETRY,
                        Err(Undelivered::Gone) => {
                            self.report(Happening::CardGone {
                                request: self.request,
                            })
                            .await;
                        }
                        Err(problem) => {
                            self.wait_after(&problem, "edit", &mut retry).await;
                            continue;
                        }
                    }
                    shown = Some(newest);
                }
                // Being executed is over in a moment; the next edit shows the outcome.
                Phase::Open | Phase::Executing { .. } => {}
            }
            if self.cards.changed().await.is_err() {
                return false;
            }
        }
    }

    /// Posts the result, then makes the card show it.
    async fn deliver(&mut self, place: Option<Place>) {
        let mut card = self.card();
        // That the card was posted may not have been recorded before the request ended.
        card.request.message = place.map(|place| place.message);
        let mut retry = FIRST_RETRY;
        while let Err(problem) = self.channel.announce(&card.request).await {
            if matches!(problem, Undelivered::Gone) {
                warn!(
                    request = self.request.0,
                    "the channel is gone, so its result is told to nobody"
                );
                break;
            }
            self.wait_after(&problem, "result", &mut retry).await;
        }
        if let Some(place) = place {
            let mut retry = FIRST_RETRY;
            while let Err(problem) = self.channel.update(place, &card).await {
                if matches!(problem, Undelivered::Gone) {
                    break;
                }
                self.wait_after(&problem, "closed card", &mut retry).await;
            }
        }
        self.report(Happening::Delivered {
            request: self.request,
        })
        .await;
    }

    async fn until_ended(&mut self) {
        // The sender is dropped only when the clerk is gone; there is nothing to wait for then.
        let _ = self.cards.wait_for(|card| card.request.ending().is_some()).await;
    }

    /// Waits before the next try; the end of an open request cuts the wait short.
    async fn wait_after(&mut self, problem: &Undelivered, what: &'static str, retry: &mut Duration) {
        warn!(request = self.request.0, what, error = ?problem, "not delivered; it is tried again");
        let wait = *retry;
        *retry = (wait * 2).min(LAST_RETRY);
        if self.cards.borrow().request.ending().is_some() {
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

/// Whether the posted card needs an edit to show the other.
fn differs(shown: &Card, card: &Card) -> bool {
    shown.request.approvals != card.request.approvals
        || shown.now != card.now
        || shown.changes != card.changes
}

/// Spaces out the edits of all couriers, so that many open cards do not run into Discord's limits.
#[derive(Default)]
pub(super) struct Pace {
    /// When the next edit would be due, were they evenly spaced.
    due: Mutex<Option<Instant>>,
}

impl Pace {
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
