//! A `/cancel` or `/terminate` that waits for its answer: the card, or why there is none.

use std::sync::Arc;

use async_trait::async_trait;

use super::delivery::undelivered;
use super::messages::{RenderConfig, card, notices};
use super::reply::InteractionReply;
use crate::domain::ids::MessageId;
use crate::workflow::ports::{CardContent, DeliveryError, Responder};
use crate::workflow::refusal::Refusal;

pub struct CommandResponder {
    pub reply: Arc<InteractionReply>,
    pub render_config: RenderConfig,
}

#[async_trait]
impl Responder for CommandResponder {
    async fn answer_with_card(&self, card: &CardContent) -> Result<MessageId, DeliveryError> {
        let message = self
            .reply
            .send_and_fetch(card::new_card(card, &self.render_config))
            .await
            .map_err(undelivered)?;
        Ok(MessageId(message.id.get()))
    }

    async fn refuse(&self, refusal: &Refusal) -> Result<(), DeliveryError> {
        self.reply
            .send(notices::refusal(refusal, &self.render_config))
            .await
            .map_err(undelivered)
    }
}
