//! Calls about reactions on a message.

use reqwest::Method;
use serde::{Deserialize, Deserializer};
use serenity::http::Route;
use serenity::model::channel::ReactionType;
use serenity::model::id::{ChannelId, MessageId, UserId};

use super::{ApiCall, ApiClient, ApiError, RetryPolicy, WithId};

/// Discord's limit for one page.
const PAGE_SIZE: usize = 100;

/// The reactions of a message with one emoji, as it is spelled there.
#[derive(Debug, Deserialize)]
pub struct ReactionCount {
    pub emoji: ReactionType,
    #[serde(default)]
    count_details: CountDetails,
}

#[derive(Debug, Default, Deserialize)]
struct CountDetails {
    #[serde(default)]
    burst: u64,
}

impl ReactionCount {
    /// Whether some of them are super reactions. Discord always says how many (its specification, `count_details`).
    pub fn has_super(&self) -> bool {
        self.count_details.burst > 0
    }
}

/// The counts that can be read. An emoji that cannot be read is not ours.
pub(super) fn readable_counts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<ReactionCount>, D::Error> {
    let counts = Vec::<serde_json::Value>::deserialize(deserializer)?;
    Ok(counts.into_iter().filter_map(|count| serde_json::from_value(count).ok()).collect())
}

impl ApiClient {
    /// Adds a reaction of the bot to a message. Discord's rate limit for this call is about four per second.
    pub async fn add_reaction(
        &self,
        channel_id: ChannelId,
        message_id: MessageId,
        emoji: &ReactionType,
    ) -> Result<(), ApiError> {
        let reaction = &emoji.as_data();
        let route = Route::ChannelMessageReactionMe { channel_id, message_id, reaction };
        self.send(ApiCall::new(Method::PUT, route, RetryPolicy::Idempotent)).await.map(drop)
    }

    /// All users who have this reaction on the message now, normal or super (Discord documentation, "Get Reactions",
    /// `type`). The time limit applies to each page.
    pub async fn reacting_users(
        &self,
        channel_id: ChannelId,
        message_id: MessageId,
        emoji: &ReactionType,
        is_super: bool,
    ) -> Result<Vec<UserId>, ApiError> {
        let reaction = &emoji.as_data();
        let route = Route::ChannelMessageReactionEmoji { channel_id, message_id, reaction };
        let mut users: Vec<UserId> = Vec::new();
        let mut last: Option<UserId> = None;
        loop {
            let mut call = ApiCall::get(route).query("limit", &PAGE_SIZE);
            if is_super {
                call = call.query("type", &1);
            }
            if let Some(after) = last {
                call = call.query("after", &after);
            }
            let page: Vec<WithId<UserId>> = self.json(call).await?;
            let length = page.len();
            users.extend(page.into_iter().map(|user| user.id));
            let highest = users.iter().copied().max();
            // Without this check, a page without new users would be fetched forever.
            if length < PAGE_SIZE || highest == last {
                return Ok(users);
            }
            last = highest;
        }
    }
}
