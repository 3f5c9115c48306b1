//! Reactions on a message.

use reqwest::Method;
use serde::Deserialize;
use serenity::http::Route;
use serenity::model::channel::ReactionType;
use serenity::model::id::{ChannelId, MessageId, UserId};

use super::{ApiCall, ApiClient, ApiError, RetryPolicy};

/// Discord's own limit of one page.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct ReactingUser {
    id: UserId,
}

impl ApiClient {
    /// Puts the bot's own reaction on a message. Several in a row meet Discord's tightest limit, about four a second.
    pub async fn add_reaction(
        &self,
        channel_id: ChannelId,
        message_id: MessageId,
        emoji: &ReactionType,
    ) -> Result<(), ApiError> {
        let reaction = &emoji.as_data();
        let route = Route::ChannelMessageReactionMe {
            channel_id,
            message_id,
            reaction,
        };
        self.send(ApiCall::new(Method::PUT, route, RetryPolicy::Idempotent))
            .await
            .map(drop)
    }

    /// Everybody who has this reaction on the message now, normal or super (Discord documentation, "Get Reactions",
    /// `type`), page by page, by id. The limit of [`Self::within`] holds for each page.
    pub async fn reacting_users(
        &self,
        channel_id: ChannelId,
        message_id: MessageId,
        emoji: &ReactionType,
        is_super: bool,
    ) -> Result<Vec<UserId>, ApiError> {
        let reaction = &emoji.as_data();
        let route = Route::ChannelMessageReactionEmoji {
            channel_id,
            message_id,
            reaction,
        };
        let mut all: Vec<UserId> = Vec::new();
        let mut last: Option<UserId> = None;
        loop {
            let mut call = ApiCall::get(route).query("limit", &PAGE);
            if is_super {
                call = call.query("type", &1);
            }
            if let Some(after) = last {
                call = call.query("after", &after);
            }
            let page: Vec<ReactingUser> = self.json(call).await?;
            let length = page.len();
            all.extend(page.into_iter().map(|reactor| reactor.id));
            let newest = all.iter().copied().max();
            // A page that brings nobody new would be fetched for ever.
            if length < PAGE || newest == last {
                return Ok(all);
            }
            last = newest;
        }
    }
}
