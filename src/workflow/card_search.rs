//! Finds the request whose card a message is, even if the request is old or the card's id is not known yet.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::engine::Engine;
use super::ports::{CardMark, LedgerError, MessageRef};
use crate::domain::ids::{ChannelId, MessageId, RequestId};

/// How many messages that may turn out to be cards are remembered.
const EARLY_REACTIONS: usize = 256;
/// The shortest pause between two searches of the ledger for an unknown card. People who click on old cards are slower,
/// and a flood of reactions to other messages delays no approval.
const SEARCH_PAUSE: Duration = Duration::from_millis(200);
/// A pause is at least this many times as long as the search before it, so that clicks on other messages do not keep the engine behind
/// a slow ledger.
const PAUSE_TO_SEARCH: u32 = 4;

/// Messages that people reacted to while a card was being posted, because one of them may turn out to be that card.
#[derive(Default)]
pub(super) struct EarlyReactions {
    messages: BTreeSet<MessageId>,
    /// The marks that such messages got from an edit.
    marks: Vec<(MessageId, CardMark)>,
    /// There were too many to remember: any message may have had a reaction.
    is_full: bool,
}

impl EarlyReactions {
    fn note(&mut self, message: MessageId) {
        self.is_full |= self.messages.len() >= EARLY_REACTIONS;
        if !self.is_full {
            self.messages.insert(message);
        }
    }

    pub(super) fn note_mark(&mut self, message: MessageId, mark: CardMark) {
        if self.marks.len() < EARLY_REACTIONS {
            self.marks.push((message, mark));
        }
    }

    /// Whether the message bore the mark of another request, and may bear this one only since this process edited it.
    pub(super) fn had_another_mark(&self, message: MessageId, own: &CardMark) -> bool {
        self.marks.iter().any(|(edited, mark)| *edited == message && mark != own)
    }

    pub(super) fn may_contain(&self, message: MessageId) -> bool {
        self.is_full || self.messages.contains(&message)
    }
}

impl Engine {
    pub(super) fn may_search_for_card(&self) -> bool {
        Instant::now() >= self.next_card_search
    }

    /// Loads the request of an old card, so that an attempt on it is recorded too. Returns whether the ledger could be
    /// searched.
    pub(super) async fn load_old_card(&mut self, card: MessageRef) -> Result<bool, LedgerError> {
        let began = Instant::now();
        let searched = self.store.load_by_card(card.message).await;
        self.next_card_search = Instant::now() + SEARCH_PAUSE.max(began.elapsed() * PAUSE_TO_SEARCH);
        match searched {
            Err(LedgerError::Deposed) => Err(LedgerError::Deposed),
            // Also if an old record is damaged: nobody without a right can keep approvals from counting by a click.
            Err(error) => {
                warn!(?error, "the ledger could not be searched for an old card; the reaction is ignored");
                Ok(false)
            }
            Ok(()) => Ok(true),
        }
    }

    pub(super) fn find_by_card(&self, card: MessageRef) -> Option<RequestId> {
        let request = self.store.get_by_card(card.message)?;
        (request.details.channel == card.channel).then_some(request.id)
    }

    /// Notes an event about a message that may be a card whose id is not recorded yet: people may react to such a card, and
    /// another process may replace it. Its reactions are read as soon as its id is known.
    pub(super) fn remember_early_event(&mut self, card: MessageRef) {
        if self.store.open_requests().all(|request| request.card.is_some()) {
            self.early_reactions = EarlyReactions::default();
        } else if self.is_card_awaited_in(card.channel) {
            self.early_reactions.note(card.message);
        }
    }

    /// Whether a card is being posted in the channel whose message is not known yet.
    pub(super) fn is_card_awaited_in(&self, channel: ChannelId) -> bool {
        let mut awaited = self.store.open_requests().filter(|request| request.card.is_none());
        awaited.any(|request| request.details.channel == channel)
    }
}
