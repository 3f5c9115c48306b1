//! The guild's slash commands.

use reqwest::Method;
use serenity::builder::CreateCommand;
use serenity::http::Route;
use serenity::model::application::Command;
use serenity::model::id::{ApplicationId, GuildId};

use super::{ApiCall, ApiClient, ApiError, RetryPolicy};

impl ApiClient {
    /// The commands registered in the guild.
    pub async fn guild_commands(
        &self,
        application_id: ApplicationId,
        guild_id: GuildId,
    ) -> Result<Vec<Command>, ApiError> {
        self.json(ApiCall::get(Route::GuildCommands { application_id, guild_id })).await
    }

    /// Registers exactly these commands in the guild, and removes all others of this application.
    pub async fn overwrite_guild_commands(
        &self,
        application_id: ApplicationId,
        guild_id: GuildId,
        commands: &[CreateCommand],
    ) -> Result<(), ApiError> {
        let route = Route::GuildCommands { application_id, guild_id };
        self.send(ApiCall::new(Method::PUT, route, RetryPolicy::Idempotent).json(&commands)?).await.map(drop)
    }
}
