//! The guild, its roles, channels and people.

use serenity::http::Route;
use serenity::model::channel::GuildChannel;
use serenity::model::guild::{Member, PartialGuild, Role};
use serenity::model::id::{ChannelId, GuildId, UserId};

use super::{Call, Rest, RestError};

impl Rest {
    /// The guild, with its roles and whether moderation needs two factors.
    pub async fn guild(&self, guild_id: GuildId) -> Result<PartialGuild, RestError> {
        self.json(Call::get(Route::Guild { guild_id })).await
    }

    /// All roles of the guild.
    pub async fn guild_roles(&self, guild_id: GuildId) -> Result<Vec<Role>, RestError> {
        self.json(Call::get(Route::GuildRoles { guild_id })).await
    }

    /// All channels of the guild that the bot may see, threads excepted.
    pub async fn guild_channels(&self, guild_id: GuildId) -> Result<Vec<GuildChannel>, RestError> {
        self.json(Call::get(Route::GuildChannels { guild_id })).await
    }

    /// One channel of a guild.
    pub async fn channel(&self, channel_id: ChannelId) -> Result<GuildChannel, RestError> {
        self.json(Call::get(Route::Channel { channel_id })).await
    }

    /// A person in the guild, with the roles they have now; [`RestError::NotFound`] if they are not in it.
    pub async fn member(&self, guild_id: GuildId, user_id: UserId) -> Result<Member, RestError> {
        let mut member: serde_json::Value = self
            .json(Call::get(Route::GuildMember { guild_id, user_id }))
            .await?;
        // serenity's model wants the guild's id, which Discord leaves out of this answer.
        if let Some(fields) = member.as_object_mut() {
            fields.insert("guild_id".to_owned(), guild_id.get().into());
        }
        let route = Call::get(Route::GuildMember { guild_id, user_id }).name();
        serde_json::from_value(member).map_err(|error| RestError::Unexpected {
            route,
            why: error.to_string(),
        })
    }
}
