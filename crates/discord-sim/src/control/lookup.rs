//! Finds people and channels by name or id, and reports why an action failed.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::api_error::ApiError;
use crate::ids::Id;
use crate::world::state::World;

/// Why an action failed: Discord's error, or the message of Discord's client.
#[derive(Debug)]
pub(crate) enum ActionError {
    Api(ApiError),
    Client(String),
}

impl From<ApiError> for ActionError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<String> for ActionError {
    fn from(why: String) -> Self {
        Self::Client(why)
    }
}

impl IntoResponse for ActionError {
    fn into_response(self) -> Response {
        match self {
            Self::Api(error) => error.into_response(),
            Self::Client(why) => {
                (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "message": why }))).into_response()
            }
        }
    }
}

/// A person by name or id.
pub(super) fn person(world: &World, text: &str) -> Result<Id, ApiError> {
    let named = world.user_named(text).map(|user| user.id);
    let known = || text.parse().ok().filter(|id| world.users.contains_key(id));
    named.or_else(known).ok_or_else(ApiError::unknown_user)
}

/// A channel by name or id.
pub(super) fn channel(world: &World, text: &str) -> Result<Id, ApiError> {
    let named = world.channel_named(text).map(|channel| channel.id);
    let known = || text.parse().ok().filter(|id| world.channels.contains_key(id));
    named.or_else(known).ok_or_else(ApiError::unknown_channel)
}
