//! Puts the two reactions on a card.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, warn};

use super::card_publisher::{CardPublisher, FIRST_RETRY, longest_retry};
use super::input::EngineInput;
use super::ports::{DeliveryError, MessageRef};

impl CardPublisher {
    /// Puts the two reactions on the card. If that fails people can still react, so nothing waits for the next attempt.
    pub(super) async fn add_vote_reactions(
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
                let last = longest_retry(&error);
                retry.map(|retry| retry.later(last))
            }
        }
    }
}

/// When to put the two reactions on the card, and how long to wait after a failure.
pub(super) struct VoteReactionRetry {
    pub(super) at: Instant,
    wait: Duration,
}

impl Default for VoteReactionRetry {
    fn default() -> Self {
        Self { at: Instant::now(), wait: FIRST_RETRY }
    }
}

impl VoteReactionRetry {
    pub(super) fn is_due(&self) -> bool {
        self.at <= Instant::now()
    }

    fn later(self, last: Duration) -> Self {
        Self { at: Instant::now() + self.wait, wait: (self.wait * 2).min(last) }
    }
}
