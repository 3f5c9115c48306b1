//! Answers to interactions, and what follows by their token. These calls need no authorization.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::answer::{Answer, At, Body, Done};
use super::query::boolean;
use crate::server::Shared;
use crate::world::followups::Which;
use crate::world::ids::Id;
use crate::world::refusal::Refusal;

#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    #[serde(default, deserialize_with = "boolean")]
    with_response: bool,
}

pub(crate) async fn callback(
    State(shared): State<Arc<Shared>>,
    At((id, token)): At<(Id, String)>,
    Query(wish): Query<Wish>,
    Body(body): Body,
) -> Result<Response, Refusal> {
    let json = shared.act(|world| world.answer(id, &token, &body))?;
    if wish.with_response {
        return Ok(Json(json).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn follow_up(
    State(shared): State<Arc<Shared>>,
    At((application, token)): At<(Id, String)>,
    Body(body): Body,
) -> Answer {
    shared
        .act(|world| world.follow_up(application, &token, &body))
        .map(Json)
}

/// `@original`, or an id.
fn which(message: &str) -> Result<Which, Refusal> {
    if message == "@original" {
        return Ok(Which::Original);
    }
    let words = format!("Value \"{message}\" is not snowflake.");
    let id = message
        .parse()
        .map_err(|_| Refusal::bad_form("message_id", "NUMBER_TYPE_COERCE", words))?;
    Ok(Which::Message(id))
}

pub(crate) async fn read(
    State(shared): State<Arc<Shared>>,
    At((application, token, message)): At<(Id, String, String)>,
) -> Answer {
    shared
        .world()
        .read_answer(application, &token, which(&message)?)
        .map(Json)
}

pub(crate) async fn edit(
    State(shared): State<Arc<Shared>>,
    At((application, token, message)): At<(Id, String, String)>,
    Body(body): Body,
) -> Answer {
    let which = which(&message)?;
    shared
        .act(|world| world.edit_answer(application, &token, which, &body))
        .map(Json)
}

pub(crate) async fn remove(
    State(shared): State<Arc<Shared>>,
    At((application, token, message)): At<(Id, String, String)>,
) -> Done {
    let which = which(&message)?;
    shared.act(|world| world.delete_answer(application, &token, which))?;
    Ok(StatusCode::NO_CONTENT)
}
