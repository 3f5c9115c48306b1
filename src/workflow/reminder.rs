//! Mentions the approvers in replies to a card: when the card itself could not, because Discord notifies nobody of an edit, and
//! once more while the request is undecided.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{Instrument, warn};

use super::engine::Engine;
use super::input::EngineInput;
use super::log;
use super::open_request::{OpenRequest, ReminderState};
use super::ports::{CardContent, DeliveryError, IncidentChannel};
use crate::domain::ids::{MessageId, RequestId};
use crate::domain::timestamp::Timestamp;

/// How long to wait before the next attempt after a failure: doubled from the first to the last.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(15);

impl Engine {
    /// When the approvers of the next open request are reminded, on tokio's clock; `None` if none will be.
    pub(super) fn next_reminder(&self) -> Option<Instant> {
        let now = self.clock.now();
        let next = self.unreminded().map(|(_, at)| at).min()?;
        Some(Instant::now() + next.duration_since(now))
    }

    /// Reminds the approvers of every open request for which it is time.
    pub(super) fn remind_approvers(&mut self) {
        let now = self.clock.now();
        let due: Vec<_> = self.unreminded().filter(|(_, at)| *at <= now).map(|(id, _)| id).collect();
        for id in due {
            let open = self.open_requests.entry(id).or_default();
            open.reminder = ReminderState::Started;
            let Some(cards) = open.publisher.as_ref().map(watch::Sender::subscribe) else {
                continue;
            };
            let (channel, inputs) = (Arc::clone(&self.channel), self.inputs.clone());
            let reminding = async move {
                if let Some(message) = mention_until_posted(channel, cards, Mention::Reminder).await {
                    // The engine is gone only when the process ends; the next one finds the message.
                    let _ = inputs.send(EngineInput::ReminderPosted { request: id, message }).await;
                }
            };
            tokio::spawn(reminding.instrument(log::request_span(id)));
        }
    }

    /// The open requests whose approvers have not been reminded and will be, and when. A request whose card is not in the channel
    /// waits for it.
    fn unreminded(&self) -> impl Iterator<Item = (RequestId, Timestamp)> {
        let is_reminding = |id| {
            self.open_requests
                .get(&id)
                .is_some_and(|open: &OpenRequest| open.reminder == ReminderState::Started)
        };
        let requests = self.store.open_requests().filter(move |request| {
            let is_due = request.card.is_some() && request.reminder.is_none() && !is_reminding(request.id);
            is_due && !self.may_have_ended(request.id)
        });
        requests
            .filter(|_| !self.is_stopping)
            .filter_map(|request| Some((request.id, self.targets.remind_at(request)?)))
    }
}

/// Which reply mentions the approvers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mention {
    /// Of a card that could not do so itself.
    ApprovalNeeded,
    Reminder,
}

/// `None` if the request ends before, or the card is gone.
pub(super) async fn mention_until_posted(
    channel: Arc<dyn IncidentChannel>,
    mut cards: watch::Receiver<CardContent>,
    mention: Mention,
) -> Option<MessageId> {
    let mut retry = FIRST_RETRY;
    // It is a reply to the card, whose id the engine learns only now.
    let is_ready = |card: &CardContent| card.request.card.is_some() || !card.request.is_open();
    cards.wait_for(is_ready).await.ok()?;
    loop {
        let card = cards.borrow_and_update().clone();
        if !card.request.is_open() {
            return None;
        }
        let posted = match mention {
            Mention::ApprovalNeeded => channel.post_approval_needed(&card).await,
            Mention::Reminder => channel.post_reminder(&card).await.map(Some),
        };
        match posted {
            Ok(message) => return message,
            Err(DeliveryError::Gone) => return None,
            Err(error) => warn!(?error, ?mention, "the approvers could not be mentioned; trying again"),
        }
        tokio::select! {
            () = sleep(retry) => {}
            // The sender is dropped only when the engine is gone; the process then ends.
            _ = cards.wait_for(|card| !card.request.is_open()) => return None,
        }
        retry = (retry * 2).min(LAST_RETRY);
    }
}
