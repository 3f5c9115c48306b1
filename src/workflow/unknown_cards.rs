//! Cards that bear a mark of killgate, and that the ledger does not know: it was set back, or is another one. Who reacts on such
//! a card is told that nothing comes of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::engine::Engine;
use super::input::EngineInput;
use super::ports::{CardMark, MessageRef};
use crate::domain::ids::MessageId;

/// The shortest time between two messages that are looked up, so that nobody can make killgate ask Discord often.
const LOOK_UP_EVERY: Duration = Duration::from_secs(2);
/// How many messages are remembered. Each is looked up once.
const REMEMBERED: usize = 1024;

/// The messages that were looked up.
#[derive(Default)]
pub(super) struct UnknownCards {
    looked_up: BTreeSet<MessageId>,
    last: Option<Instant>,
}

impl UnknownCards {
    /// Whether the message is to be looked up now.
    fn begin(&mut self, message: MessageId) -> bool {
        let now = Instant::now();
        if self.last.is_some_and(|last| now - last < LOOK_UP_EVERY) || self.looked_up.contains(&message) {
            return false;
        }
        self.last = Some(now);
        if self.looked_up.len() >= REMEMBERED {
            self.looked_up.pop_first();
        }
        self.looked_up.insert(message)
    }
}

impl Engine {
    /// Finds out whether a message that somebody reacted on is a card.
    pub(super) fn look_up_unknown_card(&mut self, card: MessageRef) {
        // The cards of another process with the same token are not killgate's to explain.
        if self.has_seen_another_process() || !self.unknown_cards.begin(card.message) {
            return;
        }
        let (channel, inputs) = (Arc::clone(&self.channel), self.inputs.clone());
        tokio::spawn(async move {
            match channel.card_mark(card).await {
                Ok(Some(mark)) => {
                    // The engine is gone only when the process ends.
                    let _ = inputs.send(EngineInput::UnknownCardFound { card, mark }).await;
                }
                Ok(None) => {}
                Err(error) => info!(?error, "a message that somebody reacted on could not be read"),
            }
        });
    }

    pub(super) fn unknown_card_found(&mut self, card: MessageRef, mark: CardMark) {
        let request = self.store.get(mark.request);
        let is_known = request.is_some_and(|request| CardMark::of(request) == mark);
        if is_known || self.find_by_card(card).is_some() || self.has_seen_another_process() {
            return;
        }
        warn!(
            request = mark.request.0,
            card = card.message.0,
            "somebody reacted on a card that the ledger does not know"
        );
        let channel = Arc::clone(&self.channel);
        tokio::spawn(async move {
            if let Err(error) = channel.explain_unknown_card(card, &mark).await {
                warn!(?error, "the channel could not be told about a card that the ledger does not know");
            }
        });
    }
}
