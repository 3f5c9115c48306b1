//! Messages in a channel.

use reqwest::Method;
use serde::Deserialize;
use serenity::builder::{CreateMessage, EditMessage};
use serenity::http::Route;
use serenity::model::channel::Nonce;
use serenity::model::id::{ChannelId, MessageId, UserId};

use super::{Call, Rest, RestError, Retry};

/// Discord's own limit of one page.
pub const PAGE: u8 = 100;

/// A message of the bot's own, as far as it matters once it is there.
#[derive(Clone, Debug, Deserialize)]
pub struct Said {
    pub id: MessageId,
    /// When it was last edited, as Discord writes it.
    #[serde(default)]
    pub edited_timestamp: Option<String>,
}

/// A message that was found in a channel, as far as it tells what it is.
#[derive(Debug, Deserialize)]
pub struct Seen {
    pub id: MessageId,
    author: Author,
    #[serde(default)]
    content: String,
    #[serde(default)]
    embeds: Vec<Embed>,
}

#[derive(Debug, Deserialize)]
struct Author {
    id: UserId,
}

#[derive(Debug, Deserialize)]
struct Embed {
    #[serde(default)]
    footer: Option<Footer>,
}

#[derive(Debug, Deserialize)]
struct Footer {
    text: String,
}

impl Seen {
    pub fn is_by(&self, user: UserId) -> bool {
        self.author.id == user
    }

    /// Whether it has an embed with this text at its foot.
    pub fn has_footer(&self, text: &str) -> bool {
        self.embeds
            .iter()
            .filter_map(|embed| embed.footer.as_ref())
            .any(|footer| footer.text == text)
    }

    pub fn begins_with(&self, text: &str) -> bool {
        self.content.starts_with(text)
    }

    pub fn has_line_ending_with(&self, text: &str) -> bool {
        self.content.lines().any(|line| line.ends_with(text))
    }
}

impl Rest {
    /// Posts a message once, however often it has to be tried within a few minutes: Discord answers a repeat of `nonce` (at most
    /// 25 characters) with the message that is there already.
    pub async fn create_message(
        &self,
        channel_id: ChannelId,
        message: CreateMessage,
        nonce: &str,
    ) -> Result<Said, RestError> {
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
    ) -> Result<(), RestError> {
        let route = Route::ChannelMessage {
            channel_id,
            message_id,
        };
        self.send(Call::new(Method::PATCH, route, Retry::Idempotent).json(edit)?)
            .await
            .map(drop)
    }

    /// Up to [`PAGE`] of the messages that came after `after`, the oldest of them, in Discord's order (newest first).
    pub async fn messages_after(
        &self,
        channel_id: ChannelId,
        after: MessageId,
    ) -> Result<Vec<Seen>, RestError> {
        let call = Call::get(Route::ChannelMessages { channel_id })
            .query("after", &after)
            .query("limit", &PAGE);
        self.json(call).await
    }
}
