//! What happens to a card before it is known to be one: Discord shows the message, and people react to it, before
//! its number has come back and is recorded.

use super::clerk::Clerk;
use super::inbox::Happening;
use super::ports::LedgerError;
use crate::domain::ids::MessageId;

/// More is not kept: nobody is that quick, and nothing is lost for good, for people can react again.
const KEPT: usize = 256;

impl Clerk {
    /// Keeps what happened to a message that may turn out to be a card; gives back what is to be handled now.
    pub(super) fn keep_if_early(&mut self, happening: Happening) -> Option<Happening> {
        let card = match &happening {
            Happening::Voted { card, .. }
            | Happening::Unvoted { card, .. }
            | Happening::Cleared { card, .. }
            | Happening::Deleted { card } => *card,
            _ => return Some(happening),
        };
        let awaited = self
            .book
            .open_requests()
            .any(|request| request.message.is_none() && request.asked.channel == card.channel);
        if !awaited {
            self.early.clear();
            return Some(happening);
        }
        if self.book.find_card(card.message).is_some() {
            return Some(happening);
        }
        if self.early.len() < KEPT {
            self.early.push((card.message, happening));
        }
        None
    }

    /// Makes up for what happened to the card before it was known, in its order.
    pub(super) async fn handle_early(&mut self, card: MessageId) -> Result<(), LedgerError> {
        let (of_card, others) = std::mem::take(&mut self.early)
            .into_iter()
            .partition::<Vec<_>, _>(|(message, _)| *message == card);
        self.early = others;
        for (_, happening) in of_card {
            self.happened_to_card(happening).await?;
        }
        Ok(())
    }
}
