//! Calls about messages in a channel. The types hold only the fields that are used.

use reqwest::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serenity::builder::{CreateMessage, EditMessage};
use serenity::http::Route;
use serenity::model::channel::Nonce;
use serenity::model::id::{ChannelId, MessageId, UserId};

use super::reactions::{ReactionCount, readable_counts};
use super::{ApiCall, ApiClient, ApiError, RetryPolicy};

/// Discord's limit for one page.
pub(in crate::discord) const PAGE_SIZE: u8 = 100;

/// A message that the bot has posted.
#[derive(Clone, Debug, Deserialize)]
pub struct OwnMessage {
    pub id: MessageId,
    #[serde(default)]
    pub content: String,
    #[serde(default)]
    flags: u64,
    /// When it was last edited, in Discord's format.
    #[serde(default)]
    pub edited_timestamp: Option<String>,
    #[serde(default)]
    reactions: Vec<IgnoredAny>,
}

/// A deferred answer that is not filled in yet (Discord documentation, "Message Flags").
const LOADING: u64 = 1 << 7;

impl OwnMessage {
    /// Whether it shows "thinking…".
    pub fn is_loading(&self) -> bool {
        self.flags & LOADING != 0
    }

    /// Whether anybody has reacted to it.
    pub fn has_reactions(&self) -> bool {
        !self.reactions.is_empty()
    }
}

#[derive(Debug, Deserialize)]
pub struct ChannelMessage {
    pub id: MessageId,
    author: WithId<UserId>,
    #[serde(default)]
    pub content: String,
    #[serde(default, deserialize_with = "readable_counts")]
    pub reactions: Vec<ReactionCount>,
}

/// An object of Discord of which only the id is used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WithId<T> {
    pub id: T,
}

impl ChannelMessage {
    pub fn is_by(&self, user: UserId) -> bool {
        self.author.id == user
    }
}

impl ApiClient {
    /// Posts a message once, even if the call is repeated within a few minutes: for a known `nonce` (at most 25
    /// characters), Discord returns the existing message.
    pub async fn create_message(
        &self,
        channel_id: ChannelId,
        message: CreateMessage,
        nonce: &str,
    ) -> Result<OwnMessage, ApiError> {
        let message = message.nonce(Nonce::String(nonce.to_owned())).enforce_nonce(true);
        let route = Route::ChannelMessages { channel_id };
        self.json(ApiCall::new(Method::POST, route, RetryPolicy::WithNonce).json(&message)?).await
    }

    pub async fn edit_message(
        &self,
        channel_id: ChannelId,
        message_id: MessageId,
        edit: &EditMessage,
    ) -> Result<(), ApiError> {
        let route = Route::ChannelMessage { channel_id, message_id };
        self.send(ApiCall::new(Method::PATCH, route, RetryPolicy::Idempotent).json(edit)?).await.map(drop)
    }

    pub async fn message(
        &self,
        channel_id: ChannelId,
        message_id: MessageId,
    ) -> Result<ChannelMessage, ApiError> {
        self.json(ApiCall::get(Route::ChannelMessage { channel_id, message_id })).await
    }

    /// The oldest `PAGE_SIZE` of the messages after `after`, newest first.
    pub async fn messages_after(
        &self,
        channel_id: ChannelId,
        after: MessageId,
    ) -> Result<Vec<ChannelMessage>, ApiError> {
        let call = ApiCall::get(Route::ChannelMessages { channel_id })
            .query("after", &after)
            .query("limit", &PAGE_SIZE);
        self.json(call).await
    }
}
