//! Answers `/cancel` and `/terminate` with the card, or with a refusal.

use std::sync::Arc;

use async_trait::async_trait;
use tracing::warn;

use super::api::ApiClient;
use super::delivery::delivery_error;
use super::incident_channel::{as_reply_to, channel_id, message_id};
use super::messages::mark::read_mark;
use super::messages::{RenderConfig, card, notices};
use super::reply::InteractionReply;
use crate::domain::ids::MessageId;
use crate::workflow::ports::{CardContent, DeliveryError, Responder};
use crate::workflow::refusal::Refusal;

pub struct CommandResponder {
    pub reply: Arc<InteractionReply>,
    pub api: ApiClient,
    pub render_config: RenderConfig,
}

#[async_trait]
impl Responder for CommandResponder {
    async fn answer_with_card(&self, card: &CardContent) -> Result<MessageId, DeliveryError> {
        let (message, has_notified) = self
            .reply
            .send_and_fetch(card::new_card(card, &self.render_config), &|text| {
                read_mark(text, &card.request).is_some()
            })
            .await
            .map_err(delivery_error)?;
        let message = MessageId(message.id.get());
        if !has_notified && let Some(body) = card::approval_needed(card) {
            let channel = card.request.details.channel;
            let notice = as_reply_to(Some(message_id(message)), channel, body.into_message());
            let nonce = format!("m{}-{}", card.request.id, card.request.mark);
            let api = self.api.clone();
            tokio::spawn(async move {
                let sent = api.create_message(channel_id(channel), notice, &nonce).await;
                if let Err(error) = sent {
                    warn!(%error, "the approvers could not be notified of a card");
                }
            });
        }
        Ok(message)
    }

    async fn refuse(&self, refusal: &Refusal) -> Result<(), DeliveryError> {
        self.reply.send(notices::refusal(refusal, &self.render_config)).await.map_err(delivery_error)
    }
}
