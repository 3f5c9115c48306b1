//! Messages in a channel.

use reqwest::Method;
use serenity::builder::{CreateMessage, EditMessage};
use serenity::http::Route;
use serenity::model::channel::{Message, Nonce};
use serenity::model::id::{ChannelId, MessageId};

use super::{Call, Rest, RestError, Retry};

/// Discord's own limit of one page.
pub const PAGE: u8 = 100;

impl Rest {
    /// Posts a message once, however often it has to be tried within a few minutes: Discord answers a repeat of `nonce` (at most
    /// 25 characters) with the message that is there already.
    pub async fn create_message(
        &self,
        channel_id: ChannelId,
        message: CreateMessage,
        nonce: &str,
    ) -> Result<Message, RestError> {
        let message = message.nonce(Nonce::String(nonce.to_owned())).enforce_nonce(true);
        let route = Route::ChannelMessages { channel_id };
        self.json(Call::new(Method::POST, route, Retry::WithNonce).json(&message)?)
            .await
    }

    /// Edits a message of the bot's.
    pub async fn edit_message(
        &self,
        channel_id: ChannelId,
        message_id: MessageId,
        edit: &EditMessage,
    ) -> Result<Message, RestError> {
        let route = Route::ChannelMessage {
            channel_id,
            message_id,
        };
        self.json(Call::new(Method::PATCH, route, Retry::Idempotent).json(edit)?)
            .await
    }

    /// One message; [`RestError::NotFound`] with code 10008 if it was deleted.
    pub async fn message(&self, channel_id: ChannelId, message_id: MessageId) -> Result<Message, RestError> {
        self.json(Call::get(Route::ChannelMessage {
            channel_id,
            message_id,
        }))
        .await
    }

    /// Deletes a message. That it is gone already is an error of Discord's, [`RestError::NotFound`], also on a repeat.
    pub async fn delete_message(
        &self,
        channel_id: ChannelId,
        message_id: MessageId,
    ) -> Result<(), RestError> {
        let route = Route::ChannelMessage {
            channel_id,
            message_id,
        };
        self.send(Call::new(Method::DELETE, route, Retry::Idempotent))
            .await
            .map(drop)
    }

    /// Up to [`PAGE`] of the messages that came after `after`, the oldest of them, in Discord's order (newest first).
    pub async fn messages_after(
        &self,
        channel_id: ChannelId,
        after: MessageId,
    ) -> Result<Vec<Message>, RestError> {
        let call = Call::get(Route::ChannelMessages { channel_id })
            .query("after", &after)
            .query("limit", &PAGE);
        self.json(call).await
    }
}
