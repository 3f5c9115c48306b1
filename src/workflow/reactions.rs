//! What people do to cards: they react, take reactions back, delete.

use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::engine::Engine;
use super::input::EngineInput;
use super::ports::{LedgerError, MessageRef, Vote};
use crate::domain::decision::RequestCommand;
use crate::domain::ids::{Person, RequestId};
use crate::domain::request::Request;

/// How many messages are remembered that may turn out to be cards; people can react again to any other.
const KEPT: usize = 256;
/// The shortest time between two searches of the ledger for a card that is not known. People who click on old cards are
/// slower, and a flood of reactions to other messages keeps no approval waiting.
const SEARCH_EVERY: Duration = Duration::from_millis(200);

impl Engine {
    /// What people did to a message, which is a card or is not.
    pub(super) async fn happened_to_card(&mut self, happening: EngineInput) -> Result<(), LedgerError> {
        match happening {
            EngineInput::ReactionAdded { card, vote, by } => self.voted(card, vote, by).await,
            EngineInput::ReactionRemoved { card, vote, by } => {
                let Some(id) = self.touched(card) else {
                    return Ok(());
                };
                match vote {
                    Vote::Approve => self.take(id, RequestCommand::RemoveApproval { by }).await,
                    Vote::Deny => Ok(()),
                }
            }
            EngineInput::ReactionsCleared { card, vote } => self.cleared(card, vote).await,
            EngineInput::MessageDeleted { card } => {
                let Some(id) = self.touched(card) else {
                    return Ok(());
                };
                let detail = "its card was deleted";
                self.take(id, RequestCommand::CardDeleted { detail }).await
            }
            _ => Ok(()),
        }
    }

    async fn voted(&mut self, card: MessageRef, vote: Vote, by: Option<Person>) -> Result<(), LedgerError> {
        if self.find(card).is_none() {
            self.search_for(card).await?;
        }
        let Some(id) = self.touched(card) else {
            return Ok(());
        };
        let Some(by) = by else {
            // Who this is in the guild must be asked, and by then the reaction may be gone: look at them all.
            self.fetch_votes(id, Duration::ZERO);
            return Ok(());
        };
        match vote {
            // Another approval may have been taken back unseen: the fetch finds those that stand, this one too.
            Vote::Approve if self.fetching.contains_key(&id) => Ok(()),
            Vote::Approve => self.take(id, RequestCommand::Approve { by: &by }).await,
            Vote::Deny => self.take(id, RequestCommand::Deny { by: &by }).await,
        }
    }

    /// It may be the card of a request that ended long ago: that attempt is recorded too, where the ledger can be read.
    async fn search_for(&mut self, card: MessageRef) -> Result<(), LedgerError> {
        let now = Instant::now();
        if self.searched.is_some_and(|last| now - last < SEARCH_EVERY) {
            return Ok(());
        }
        self.searched = Some(now);
        match self.book.look_up_card(card.message).await {
            Err(LedgerError::Deposed) => Err(LedgerError::Deposed),
            Err(problem) => {
                warn!(error = ?problem, "whether a message is an old card cannot be read; the reaction to it is ignored");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn cleared(&mut self, card: MessageRef, vote: Option<Vote>) -> Result<(), LedgerError> {
        let Some(id) = self.touched(card) else {
            return Ok(());
        };
        if vote == Some(Vote::Deny) {
            return Ok(());
        }
        let approvals = self
            .book
            .find(id)
            .map(|request| request.approvals.clone())
            .unwrap_or_default();
        for by in approvals {
            self.take(id, RequestCommand::RemoveApproval { by }).await?;
        }
        Ok(())
    }

    /// The request whose card this is, noting that something about the card changed.
    fn touched(&mut self, card: MessageRef) -> Option<RequestId> {
        let Some(id) = self.find(card) else {
            self.note_early(card);
            return None;
        };
        if self.book.find(id).is_some_and(Request::is_open) {
            *self.generations.entry(id).or_default() += 1;
        }
        Some(id)
    }

    fn find(&self, card: MessageRef) -> Option<RequestId> {
        let request = self.book.find_card(card.message)?;
        (request.details.channel == card.channel).then_some(request.id)
    }

    /// Discord shows a card, and people react to it, before its number has come back and is recorded. What they
    /// did is then fetched, for it may no longer be so.
    fn note_early(&mut self, card: MessageRef) {
        let awaited = self
            .book
            .awaited()
            .any(|request| request.details.channel == card.channel);
        if !awaited {
            self.early.clear();
        } else if self.early.len() < KEPT {
            self.early.insert(card.message);
        }
    }
}
