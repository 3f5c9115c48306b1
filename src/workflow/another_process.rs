//! Another process acts with the same bot token and another ledger. When both write to one message, the process whose mark is
//! not on it gives up that request, leaves the message as it is, and says so.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::card_publisher::CardPublisher;
use super::engine::Engine;
use super::input::EngineInput;
use super::open_request::ChannelLook;
use super::ports::{CardContent, CardMark, ChannelAlert, DeliveryError, LedgerError, MessageRef};
use crate::domain::decision::DecisionInput;
use crate::domain::ids::{ChannelId, RequestId};
use crate::domain::request::Request;

/// The shortest time between two alerts in a channel.
const ALERT_EVERY: Duration = Duration::from_hours(1);

impl CardPublisher {
    /// Makes the card show the newest content, unless another process has put its own card into the message. Perhaps no
    /// event reported that, and an edit would hide it: approvals of the other card would then count for this one.
    ///
    /// Returns the content. `None` if `is_outdated` held before anything was sent.
    pub(super) async fn edit_unless(
        &mut self,
        is_outdated: fn(&CardContent) -> bool,
        card: MessageRef,
    ) -> Option<Result<CardContent, DeliveryError>> {
        let channel = Arc::clone(&self.channel);
        let mark = tokio::select! {
            biased;
            () = self.until(is_outdated) => return None,
            mark = channel.card_mark(card) => mark,
        };
        // What was decided during the look is shown too.
        let newest = self.newest();
        Some(self.edit_with_mark(card, mark, &newest).await.map(|()| newest))
    }

    /// The same with the content of a card that is over, whatever happens meanwhile.
    pub(super) async fn close(&self, card: MessageRef, content: &CardContent) -> Result<(), DeliveryError> {
        let mark = self.channel.card_mark(card).await;
        self.edit_with_mark(card, mark, content).await
    }

    /// The card of an ended request is edited even if the bot may not read it, because nothing is executed on it any more.
    async fn edit_with_mark(
        &self,
        card: MessageRef,
        mark: Result<Option<CardMark>, DeliveryError>,
        content: &CardContent,
    ) -> Result<(), DeliveryError> {
        let mark = match mark {
            Err(DeliveryError::Refused(_)) if !content.request.is_open() => None,
            mark => mark?,
        };
        match mark {
            Some(mark) if mark != CardMark::of(&content.request) => {
                self.report(EngineInput::MarkSeen { card, mark }).await;
                Ok(())
            }
            _ => self.channel.edit_card(card, content).await,
        }
    }
}

impl Engine {
    /// Another process answered the command first: the message is that process's card.
    pub(super) async fn answered_elsewhere(&mut self, id: RequestId) -> Result<(), LedgerError> {
        self.withdraw_superseded(id, "another process with the same bot token answered the command").await
    }

    /// A message of the bot bears this mark now. If it was the card of another request, another process took it over.
    pub(super) async fn mark_seen(&mut self, card: MessageRef, mark: CardMark) -> Result<(), LedgerError> {
        let Some(id) = self.find_by_card(card) else {
            self.remember_early_event(card);
            if self.is_card_awaited_in(card.channel) {
                self.early_reactions.note_mark(card.message, mark);
            }
            return Ok(());
        };
        let Some(request) = self.store.get(id).filter(|request| CardMark::of(request) != mark) else {
            return Ok(());
        };
        if !request.is_open() {
            // Too late to give the request up, but people must know.
            return self.another_process_seen(card.channel).await;
        }
        if self.may_have_ended(id) {
            // What the channel shows comes first. An edit of this process may hide the mark by then.
            self.open_requests.entry(id).or_default().channel = ChannelLook::AwaitedAndReplaced;
            return Ok(());
        }
        self.card_replaced(id).await
    }

    /// Another process has put its card into the message, so people's reactions there may have been about that card.
    pub(super) async fn card_replaced(&mut self, id: RequestId) -> Result<(), LedgerError> {
        if let Some(request) = self.store.get(id).filter(|request| !request.is_open()) {
            return self.another_process_seen(request.details.channel).await;
        }
        self.withdraw_superseded(id, "another process with the same bot token replaced its card").await
    }

    async fn withdraw_superseded(&mut self, id: RequestId, why: &str) -> Result<(), LedgerError> {
        let Some(request) = self.store.get(id).filter(|request| request.is_open()) else { return Ok(()) };
        let channel = request.details.channel;
        self.open_requests.entry(id).or_default().is_superseded = true;
        self.apply(id, DecisionInput::Withdraw { detail: why.to_owned() }).await?;
        if self.store.get(id).is_some_and(|request: &Request| !request.is_open()) {
            self.report_another_process(channel);
            // The message is left alone, also after a restart.
            self.ledger.mark_delivered(id).await?;
        }
        Ok(())
    }

    /// Another process answered somebody in this channel. If this replica was deposed, that other one is right to answer.
    pub(super) async fn another_process_seen(&mut self, channel: ChannelId) -> Result<(), LedgerError> {
        self.ledger.confirm_lease().await?;
        self.report_another_process(channel);
        Ok(())
    }

    /// Whether another process was seen lately.
    pub(super) fn has_seen_another_process(&self) -> bool {
        let seen = self.health.borrow().another_process;
        seen.is_some_and(|seen| seen.elapsed() < ALERT_EVERY)
    }

    fn report_another_process(&mut self, id: ChannelId) {
        let now = Instant::now();
        self.health.send_modify(|health| health.another_process = Some(now));
        warn!(
            channel = id.0,
            "another process acts with the same bot token and another ledger: stop one of the two, or give it a token of its own"
        );
        let reported = self.another_process_reported.get(&id);
        if reported.is_some_and(|at| now - *at < ALERT_EVERY) {
            return;
        }
        self.another_process_reported.insert(id, now);
        self.alert_channel(id, ChannelAlert::AnotherProcess);
    }
}
