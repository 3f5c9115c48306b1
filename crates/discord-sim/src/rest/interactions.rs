//! Responses to interactions and follow-up messages by interaction token. These calls need no authorization.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::extract::{JsonBody, JsonResult, PathIds, StatusResult};
use super::query::boolean;
use crate::api_error::ApiError;
use crate::form_errors::FormErrors;
use crate::ids::Id;
use crate::state::SimState;
use crate::world::followups::ResponseMessage;

#[derive(Debug, Deserialize)]
pub(crate) struct CallbackQuery {
    #[serde(default, deserialize_with = "boolean")]
    with_response: bool,
}

pub(crate) async fn callback(
    State(shared): State<Arc<SimState>>,
    PathIds((id, token)): PathIds<(Id, String)>,
    Query(query): Query<CallbackQuery>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let json = shared.update(|world| world.answer(id, &token, &body))?;
    if query.with_response {
        return Ok(Json(json).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn follow_up(
    State(shared): State<Arc<SimState>>,
    PathIds((application, token)): PathIds<(Id, String)>,
    JsonBody(body): JsonBody,
) -> JsonResult {
    shared.update(|world| world.follow_up(application, &token, &body)).map(Json)
}

/// `@original`, or an id.
fn which(message: &str) -> Result<ResponseMessage, ApiError> {
    if message == "@original" {
        return Ok(ResponseMessage::Original);
    }
    let words = format!("Value \"{message}\" is not snowflake.");
    let id = message.parse().map_err(|_| FormErrors::single("message_id", "NUMBER_TYPE_COERCE", words))?;
    Ok(ResponseMessage::Message(id))
}

pub(crate) async fn read(
    State(shared): State<Arc<SimState>>,
    PathIds((application, token, message)): PathIds<(Id, String, String)>,
) -> JsonResult {
    shared.world().read_answer(application, &token, which(&message)?).map(Json)
}

pub(crate) async fn edit(
    State(shared): State<Arc<SimState>>,
    PathIds((application, token, message)): PathIds<(Id, String, String)>,
    JsonBody(body): JsonBody,
) -> JsonResult {
    let which = which(&message)?;
    shared.update(|world| world.edit_answer(application, &token, which, &body)).map(Json)
}

pub(crate) async fn remove(
    State(shared): State<Arc<SimState>>,
    PathIds((application, token, message)): PathIds<(Id, String, String)>,
) -> StatusResult {
    let which = which(&message)?;
    shared.update(|world| world.delete_answer(application, &token, which))?;
    Ok(StatusCode::NO_CONTENT)
}
