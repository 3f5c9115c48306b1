//! Cards that bear killgate's mark but are not in the ledger, because it was set back or is another one. People who react to such
//! a card are told that it has no effect.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::engine::Engine;
use super::input::EngineInput;
use super::ports::{CardMark, LedgerError, MessageRef};
use crate::domain::ids::MessageId;

/// The shortest time between two messages that are looked up, so that nobody can make killgate ask Discord often.
const LOOK_UP_EVERY: Duration = Duration::from_secs(2);
/// How many messages wait for that. Further ones are ignored.
const WAITING: usize = 16;
/// How many messages are remembered. Each is looked up once.
const REMEMBERED: usize = 1024;

/// The messages that may be such cards.
#[derive(Default)]
pub(super) struct UnknownCards {
    looked_up: BTreeSet<MessageId>,
    waiting: VecDeque<MessageRef>,
    last: Option<Instant>,
}

impl UnknownCards {
    /// Notes a message that somebody reacted on.
    pub(super) fn note(&mut self, card: MessageRef) {
        let is_noted = self.looked_up.contains(&card.message) || self.waiting.contains(&card);
        if !is_noted && self.waiting.len() < WAITING {
            self.waiting.push_back(card);
        }
    }

    /// When the next one is to be looked up.
    fn due(&self) -> Option<Instant> {
        let next = self.last.map_or_else(Instant::now, |last| last + LOOK_UP_EVERY);
        (!self.waiting.is_empty()).then_some(next)
    }

    fn take_next(&mut self) -> Option<MessageRef> {
        self.last = Some(Instant::now());
        self.waiting.pop_front()
    }

    fn note_looked_up(&mut self, message: MessageId) {
        if self.looked_up.len() >= REMEMBERED {
            self.looked_up.pop_first();
        }
        self.looked_up.insert(message);
    }
}

impl Engine {
    /// When the next one is to be looked up, which may search the ledger.
    pub(super) fn next_unknown_card(&self) -> Option<Instant> {
        Some(self.unknown_cards.due()?.max(self.next_card_search))
    }

    /// Finds out whether the next message that somebody reacted on is a card.
    pub(super) async fn look_up_unknown_card(&mut self) -> Result<(), LedgerError> {
        let Some(card) = self.unknown_cards.take_next() else { return Ok(()) };
        if self.is_card_awaited_in(card.channel) {
            // It may be the card that is being posted.
            self.unknown_cards.note(card);
            return Ok(());
        }
        self.unknown_cards.note_looked_up(card.message);
        // The cards of another process with the same token are not killgate's to explain.
        if self.has_seen_another_process()
            || !self.load_old_card(card).await?
            || self.find_by_card(card).is_some()
        {
            return Ok(());
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
        Ok(())
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
