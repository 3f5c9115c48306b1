//! The bot itself, as far as it matters: another API like Discord's need not tell all that Discord does.

use serde::Deserialize;
use serenity::http::Route;
use serenity::model::id::{ApplicationId, UserId};

use super::{Call, Rest, RestError};

/// Where the gateway is.
#[derive(Debug, Deserialize)]
pub struct Gateway {
    pub url: String,
    /// Told to bots alone.
    #[serde(default)]
    pub session_start_limit: Option<SessionStartLimit>,
}

/// How many sessions may still be started (Discord documentation, "Session Start Limit Object").
#[derive(Debug, Deserialize)]
pub struct SessionStartLimit {
    pub remaining: u64,
    /// Milliseconds until there are more.
    pub reset_after: u64,
}

/// The application that a token belongs to.
#[derive(Debug, Deserialize)]
pub struct Application {
    pub id: ApplicationId,
}

/// The user that a token belongs to.
#[derive(Debug, Deserialize)]
pub struct BotUser {
    pub id: UserId,
    #[serde(default)]
    pub username: String,
}

impl Rest {
    /// Where the gateway is, and how many sessions may still be started where that is told.
    pub async fn gateway(&self) -> Result<Gateway, RestError> {
        match self.json(Call::get(Route::GatewayBot)).await {
            Err(RestError::NotFound { .. }) => self.json(Call::get(Route::Gateway)).await,
            answered => answered,
        }
    }

    /// The application that the token belongs to.
    pub async fn current_application(&self) -> Result<Application, RestError> {
        self.json(Call::get(Route::Oauth2ApplicationCurrent)).await
    }

    /// The bot's own user.
    pub async fn current_user(&self) -> Result<BotUser, RestError> {
        self.json(Call::get(Route::UserMe)).await
    }
}
