//! The guild, its roles, channels and people.

use serenity::http::Route;
use serenity::model::channel::GuildChannel;
use serenity::model::guild::{Member, PartialGuild};
use serenity::model::id::{ChannelId, GuildId, UserId};

use super::{Call, Rest, RestError};
use crate::discord::lenient;

impl Rest {
    /// The guild, with its roles and whether moderation needs two factors.
    pub async fn guild(&self, guild_id: GuildId) -> Result<PartialGuild, RestError> {
        self.json(Call::get(Route::Guild { guild_id })).await
    }

    /// One channel of a guild.
    pub async fn channel(&self, channel_id: ChannelId) -> Result<GuildChannel, RestError> {
        self.json(Call::get(Route::Channel { channel_id })).await
    }

    /// A person in the guild, with the roles they have now; [`RestError::NotFound`] if they are not in it.
    pub async fn member(&self, guild_id: GuildId, user_id: UserId) -> Result<Member, RestError> {
        let call = Call::get(Route::GuildMember { guild_id, user_id });
        let route = call.name();
        let body = self.send(call).await?;
        let unexpected = |error: serde_json::Error| RestError::Unexpected {
            route,
            why: error.to_string(),
        };
        let mut member: Member = lenient::member(&body).map_err(unexpected)?;
        // Discord leaves it out of this answer, and serenity then makes one up.
        member.guild_id = guild_id;
        Ok(member)
    }
}
