//! The guild's slash commands.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use serenity::builder::CreateCommand;
use serenity::http::Route;
use serenity::model::id::{ApplicationId, GuildId};

use super::{ApiCall, ApiClient, ApiError, RetryPolicy};

#[derive(Debug, Deserialize)]
pub struct RegisteredName {
    pub name: String,
}

impl ApiClient {
    pub async fn guild_command_names(
        &self,
        application_id: ApplicationId,
        guild_id: GuildId,
    ) -> Result<Vec<RegisteredName>, ApiError> {
        self.json(ApiCall::get(Route::GuildCommands { application_id, guild_id })).await
    }

    /// The commands that are registered for all guilds.
    pub async fn global_commands(
        &self,
        application_id: ApplicationId,
    ) -> Result<Vec<RegisteredName>, ApiError> {
        self.json(ApiCall::get(Route::Commands { application_id })).await
    }

    /// The commands registered in the guild, as Discord sends them: serenity's type rejects a list in which a compatible server
    /// has set one field that nobody reads to null.
    pub async fn guild_commands(
        &self,
        application_id: ApplicationId,
        guild_id: GuildId,
    ) -> Result<Vec<Value>, ApiError> {
        // Without this Discord leaves the names in other languages out (its documentation, "Get Guild Application Commands").
        let call = ApiCall::get(Route::GuildCommands { application_id, guild_id });
        self.json(call.query("with_localizations", &true)).await
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
