//! The bot itself.

use serenity::http::Route;
use serenity::model::application::CurrentApplicationInfo;
use serenity::model::gateway::BotGateway;
use serenity::model::user::CurrentUser;

use super::{Call, Rest, RestError};

impl Rest {
    /// Where the gateway is, and how many sessions may still be started.
    pub async fn gateway_bot(&self) -> Result<BotGateway, RestError> {
        self.json(Call::get(Route::GatewayBot)).await
    }

    /// The application that the token belongs to.
    pub async fn current_application(&self) -> Result<CurrentApplicationInfo, RestError> {
        self.json(Call::get(Route::Oauth2ApplicationCurrent)).await
    }

    /// The bot's own user.
    pub async fn current_user(&self) -> Result<CurrentUser, RestError> {
        self.json(Call::get(Route::UserMe)).await
    }
}
