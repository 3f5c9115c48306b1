//! The guild, its roles, channels and people.

use serde::Deserialize;
use serenity::http::Route;
use serenity::model::guild::Member;
use serenity::model::id::{ChannelId, GuildId, RoleId, UserId};
use serenity::model::permissions::Permissions;

use super::{ApiCall, ApiClient, ApiError};
use crate::discord::compat;

/// A guild, as far as it decides what the bot may do.
#[derive(Debug, Deserialize)]
pub struct GuildInfo {
    pub id: GuildId,
    pub name: String,
    pub owner_id: UserId,
    /// 1 where moderation needs two factors (Discord documentation, "MFA Level").
    #[serde(default)]
    pub mfa_level: u8,
    pub roles: Vec<GuildRole>,
}

/// A role of a guild. The one that everybody has bears the guild's own number.
#[derive(Debug, Deserialize)]
pub struct GuildRole {
    pub id: RoleId,
    pub name: String,
    pub permissions: Permissions,
    /// Whether everybody may mention it.
    #[serde(default)]
    pub mentionable: bool,
}

/// A channel of a guild, as far as it decides what the bot may do there.
#[derive(Debug, Deserialize)]
pub struct GuildChannel {
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

/// A number of Discord's, whatever it is of.
type Snowflake = serenity::model::id::GenericId;

/// What a channel grants or takes away (Discord documentation, "Overwrite Object").
#[derive(Debug, Deserialize)]
pub struct PermissionOverwrite {
    /// The number of a role or of a user.
    pub id: Snowflake,
    pub allow: Permissions,
    pub deny: Permissions,
}

impl ApiClient {
    /// The guild, with its roles and whether moderation needs two factors.
    pub async fn guild(&self, guild_id: GuildId) -> Result<GuildInfo, ApiError> {
        self.json(ApiCall::get(Route::Guild { guild_id })).await
    }

    /// One channel of a guild.
    pub async fn channel(&self, channel_id: ChannelId) -> Result<GuildChannel, ApiError> {
        self.json(ApiCall::get(Route::Channel { channel_id })).await
    }

    /// A person in the guild, with the roles they have now; [`RestError::NotFound`] if they are not in it.
    pub async fn member(&self, guild_id: GuildId, user_id: UserId) -> Result<Member, ApiError> {
        let call = ApiCall::get(Route::GuildMember { guild_id, user_id });
        let route = call.name();
        let body = self.send(call).await?;
        let unexpected = |error: serde_json::Error| ApiError::Unexpected {
            route,
            why: error.to_string(),
        };
        let mut member: Member = compat::member(&body).map_err(unexpected)?;
        // Discord leaves it out of this answer, and serenity then makes one up.
        member.guild_id = guild_id;
        Ok(member)
    }
}
