//! Answers `/cancel` and `/terminate` with the card, or with a refusal.

use std::sync::Arc;

use async_trait::async_trait;

use super::delivery::delivery_error;
use super::messages::mark::read_mark;
use super::messages::{RenderConfig, card, notices};
use super::reply::InteractionReply;
use crate::domain::ids::MessageId;
use crate::workflow::ports::{
    AnswerMessage, CardContent, DeliveryError, LeaseState, Ledger, LedgerError, Responder,
};
use crate::workflow::refusal::Refusal;

pub struct CommandResponder {
    pub reply: Arc<InteractionReply>,
    pub ledger: Arc<dyn Ledger>,
    pub render_config: RenderConfig,
}

#[async_trait]
impl Responder for CommandResponder {
    async fn answer_with_card(&self, card: &CardContent) -> Result<AnswerMessage, DeliveryError> {
        self.ledger.require_lease().await?;
        let (message, has_notified) = self
            .reply
            .send_and_fetch(card::new_card(card, &self.render_config), &|text| {
                read_mark(text, &card.request).is_some()
            })
            .await
            .map_err(delivery_error)?;
        Ok(AnswerMessage { message: MessageId(message.id.get()), has_notified })
    }

    async fn refuse(&self, refusal: &Refusal) -> Result<(), DeliveryError> {
        // The ledger is not asked: a refusal because it does not answer must not wait for it.
        if self.ledger.lease_state() == LeaseState::Lost {
            return Err(DeliveryError::Unavailable(LedgerError::Deposed.into()));
        }
        self.reply.send(notices::refusal(refusal, &self.render_config)).await.map_err(delivery_error)
    }
}
