//! Reactions on messages.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::extract::{JsonResult, PathIds, StatusResult};
use super::messages::{limit, users};
use crate::api_error::ApiError;
use crate::form_errors::FormErrors;
use crate::ids::Id;
use crate::state::SimState;

/// `@me`, or an id.
fn whose(user: &str, own: Id) -> Result<Id, ApiError> {
    if user == "@me" {
        return Ok(own);
    }
    let message = format!("Value \"{user}\" is not snowflake.");
    user.parse().map_err(|_| FormErrors::single("user_id", "NUMBER_TYPE_COERCE", message))
}

pub(crate) async fn add(
    State(shared): State<Arc<SimState>>,
    PathIds((channel, message, emoji, user)): PathIds<(Id, Id, String, String)>,
) -> StatusResult {
    if user != "@me" {
        return Err(ApiError::no_such_route());
    }
    shared.update(|world| world.react(world.application.id, channel, message, &emoji, false))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn remove(
    State(shared): State<Arc<SimState>>,
    PathIds((channel, message, emoji, user)): PathIds<(Id, Id, String, String)>,
) -> StatusResult {
    shared.update(|world| {
        let bot = world.application.id;
        world.unreact(bot, whose(&user, bot)?, channel, message, &emoji, false)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn clear(
    State(shared): State<Arc<SimState>>,
    PathIds((channel, message)): PathIds<(Id, Id)>,
) -> StatusResult {
    shared.update(|world| world.clear_reactions(world.application.id, channel, message))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn clear_emoji(
    State(shared): State<Arc<SimState>>,
    PathIds((channel, message, emoji)): PathIds<(Id, Id, String)>,
) -> StatusResult {
    shared.update(|world| world.clear_emoji(world.application.id, channel, message, &emoji))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
pub(crate) struct ReactorPage {
    limit: Option<i64>,
    after: Option<u64>,
    #[serde(rename = "type")]
    kind: Option<u8>,
}

pub(crate) async fn who(
    State(shared): State<Arc<SimState>>,
    PathIds((channel, message, emoji)): PathIds<(Id, Id, String)>,
    Query(page): Query<ReactorPage>,
) -> JsonResult {
    let limit = limit(page.limit, 25)?;
    let after = Id(page.after.unwrap_or(0));
    // Type 1 asks for super reactions.
    let reaction = (emoji.as_str(), page.kind == Some(1));
    let found = shared.world().reactors(channel, message, reaction, after, limit)?;
    Ok(Json(users(&shared, &found)))
}
