//! Calls about the guild, its roles, channels and members. The types hold only the fields that are used.

use serde::Deserialize;
use serenity::http::Route;
use serenity::model::guild::Member;
use serenity::model::id::{ChannelId, EmojiId, GuildId, RoleId, UserId};
use serenity::model::permissions::Permissions;

use super::{ApiCall, ApiClient, ApiError};
use crate::discord::compat;
use crate::discord::gateway::ChannelInfo;

#[derive(Debug, Deserialize)]
pub struct GuildInfo {
    pub id: GuildId,
    pub name: String,
    pub owner_id: UserId,
    /// 1 if moderation requires two factors (Discord documentation, "MFA Level").
    #[serde(default)]
    pub mfa_level: u8,
    pub roles: Vec<GuildRole>,
}

/// A role of a guild. The role @everyone has the id of the guild.
#[derive(Debug, Deserialize)]
pub struct GuildRole {
    pub id: RoleId,
    pub name: String,
    pub permissions: Permissions,
    /// Whether every member may mention it.
    #[serde(default)]
    pub mentionable: bool,
}

#[derive(Debug, Deserialize)]
pub struct GuildChannel {
    #[serde(default)]
    pub id: Option<ChannelId>,
    /// Its category.
    #[serde(default)]
    pub parent_id: Option<ChannelId>,
    /// Its kind (Discord documentation, "Channel Types").
    #[serde(default, rename = "type")]
    pub kind: u8,
    #[serde(default)]
    pub guild_id: Option<GuildId>,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub permission_overwrites: Vec<PermissionOverwrite>,
}

/// The id of a role or a user.
type Snowflake = serenity::model::id::GenericId;

/// Permissions that a channel allows or denies (Discord documentation, "Overwrite Object").
#[derive(Debug, Deserialize)]
pub struct PermissionOverwrite {
    pub id: Snowflake,
    pub allow: Permissions,
    pub deny: Permissions,
}

impl ApiClient {
    pub async fn guild(&self, guild_id: GuildId) -> Result<GuildInfo, ApiError> {
        self.json(ApiCall::get(Route::Guild { guild_id })).await
    }

    /// Whether the guild has the custom emoji.
    pub async fn has_emoji(&self, guild_id: GuildId, emoji_id: EmojiId) -> Result<bool, ApiError> {
        match self.send(ApiCall::get(Route::GuildEmoji { guild_id, emoji_id })).await {
            Ok(_) => Ok(true),
            Err(ApiError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The channels of the guild, without threads.
    pub async fn guild_channels(&self, guild_id: GuildId) -> Result<Vec<GuildChannel>, ApiError> {
        self.json(ApiCall::get(Route::GuildChannels { guild_id })).await
    }

    /// Where a channel or a thread is.
    pub async fn channel_info(&self, channel_id: ChannelId) -> Result<ChannelInfo, ApiError> {
        self.json(ApiCall::get(Route::Channel { channel_id })).await
    }

    pub async fn channel(&self, channel_id: ChannelId) -> Result<GuildChannel, ApiError> {
        self.json(ApiCall::get(Route::Channel { channel_id })).await
    }

    /// A member of the guild with their current roles. [`ApiError::NotFound`] if they are not in it.
    pub async fn member(&self, guild_id: GuildId, user_id: UserId) -> Result<Member, ApiError> {
        let call = ApiCall::get(Route::GuildMember { guild_id, user_id });
        let route = call.name();
        let body = self.send(call).await?;
        let unexpected = |error: serde_json::Error| ApiError::Unexpected { route, why: error.to_string() };
        let mut member: Member = compat::member(&body).map_err(unexpected)?;
        // Discord omits it from this response, and serenity sets a placeholder.
        member.guild_id = guild_id;
        Ok(member)
    }
}
