//! A `/cancel` or `/terminate` that waits for its answer: the card, or why there is none.

use std::sync::Arc;

use async_trait::async_trait;

use super::delivery::undelivered;
use super::messages::{Look, card, notices};
use super::reply::Reply;
use crate::domain::ids::MessageId;
use crate::workflow::ports::{Card, Question, Undelivered};
use crate::workflow::refusal::Refusal;

pub struct CommandQuestion {
    pub reply: Arc<Reply>,
    pub look: Look,
}

#[async_trait]
impl Question for CommandQuestion {
    async fn answer(&self, card: &Card) -> Result<MessageId, Undelivered> {
        let message = self
            .reply
            .say_publicly(card::posted(card, &self.look))
            .await
            .map_err(undelivered)?;
        Ok(MessageId(message.id.get()))
    }

    async fn refuse(&self, refusal: &Refusal) -> Result<(), Undelivered> {
        self.reply
            .say(notices::refusal(refusal, &self.look))
            .await
            .map_err(undelivered)
    }
}
