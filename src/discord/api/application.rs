//! Calls about the bot itself. Only the fields that are used are required, because compatible APIs may omit others.

use serde::Deserialize;
use serenity::http::Route;
use serenity::model::id::{ApplicationId, UserId};

use super::{ApiCall, ApiClient, ApiError, WithId};

/// Where the gateway is.
#[derive(Debug, Deserialize)]
pub struct GatewayInfo {
    pub url: String,
    /// Only bots get it.
    #[serde(default)]
    pub session_start_limit: Option<SessionStartLimit>,
}

/// How many sessions the bot may still start (Discord documentation, "Session Start Limit Object").
#[derive(Debug, Deserialize)]
pub struct SessionStartLimit {
    pub remaining: u64,
    /// Milliseconds until the limit is reset.
    pub reset_after: u64,
}

/// The user that a token belongs to.
#[derive(Debug, Deserialize)]
pub struct BotUser {
    pub id: UserId,
    #[serde(default)]
    pub username: String,
}

impl ApiClient {
    /// Where the gateway is and, if the API says so, how many sessions may still be started.
    pub async fn gateway(&self) -> Result<GatewayInfo, ApiError> {
        match self.json(ApiCall::get(Route::GatewayBot)).await {
            Err(ApiError::NotFound { .. }) => self.json(ApiCall::get(Route::Gateway)).await,
            result => result,
        }
    }

    /// The application that the token belongs to.
    pub async fn current_application(&self) -> Result<WithId<ApplicationId>, ApiError> {
        self.json(ApiCall::get(Route::Oauth2ApplicationCurrent)).await
    }

    /// The bot's own user.
    pub async fn current_user(&self) -> Result<BotUser, ApiError> {
        self.json(ApiCall::get(Route::UserMe)).await
    }
}
