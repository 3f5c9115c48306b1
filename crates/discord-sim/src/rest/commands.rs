//! Registers global and guild commands.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use super::extract::{JsonBody, JsonResult, PathIds, StatusResult};
use super::query::boolean;
use crate::api_error::ApiError;
use crate::form_errors::FormErrors;
use crate::ids::Id;
use crate::state::SimState;
use crate::world::state::World;

#[derive(Debug, Deserialize)]
pub(crate) struct LocalizationQuery {
    #[serde(default, deserialize_with = "boolean")]
    with_localizations: bool,
}

/// Refuses another application's id, and guilds that the bot is not in.
fn check(world: &World, application: Id, guild: Option<Id>) -> Result<(), ApiError> {
    if application != world.application.id {
        return Err(ApiError::new(
            403,
            20012,
            "You are not authorized to perform this action on this application",
        ));
    }
    if guild.is_some_and(|guild| guild != world.guild.id || !world.is_bot_in_guild()) {
        return Err(ApiError::missing_access());
    }
    Ok(())
}

fn all(shared: &SimState, application: Id, guild: Option<Id>, query: &LocalizationQuery) -> JsonResult {
    let world = shared.world();
    check(&world, application, guild)?;
    Ok(Json(world.commands_of(guild).map(|command| command.json(query.with_localizations)).collect()))
}

fn register(
    shared: &SimState,
    application: Id,
    guild: Option<Id>,
    body: &Value,
) -> Result<Response, ApiError> {
    let (json, new) = shared.update(|world| {
        check(world, application, guild)?;
        world.register(guild, body)
    })?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(json)).into_response())
}

fn replace(shared: &SimState, application: Id, guild: Option<Id>, body: &Value) -> JsonResult {
    shared.update(|world| {
        check(world, application, guild)?;
        let message = "Only iterables may be used in a ListType";
        let list = body.as_array().ok_or_else(|| FormErrors::single("", "LIST_TYPE_CONVERT", message))?;
        world.overwrite_commands(guild, list).map(Json)
    })
}

fn one(shared: &SimState, application: Id, guild: Option<Id>, command: Id) -> JsonResult {
    let world = shared.world();
    check(&world, application, guild)?;
    Ok(Json(world.command(guild, command)?.json(true)))
}

fn change(shared: &SimState, application: Id, guild: Option<Id>, command: Id, body: &Value) -> JsonResult {
    shared.update(|world| {
        check(world, application, guild)?;
        world.change_command(guild, command, body).map(Json)
    })
}

fn delete(shared: &SimState, application: Id, guild: Option<Id>, command: Id) -> StatusResult {
    shared.update(|world| {
        check(world, application, guild)?;
        world.unregister(guild, command)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

type Simulator = State<Arc<SimState>>;

pub(crate) async fn list_global(
    State(shared): Simulator,
    PathIds(app): PathIds<Id>,
    Query(query): Query<LocalizationQuery>,
) -> JsonResult {
    all(&shared, app, None, &query)
}

pub(crate) async fn create_global(
    State(shared): Simulator,
    PathIds(app): PathIds<Id>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    register(&shared, app, None, &body)
}

pub(crate) async fn overwrite_global(
    State(shared): Simulator,
    PathIds(app): PathIds<Id>,
    JsonBody(body): JsonBody,
) -> JsonResult {
    replace(&shared, app, None, &body)
}

pub(crate) async fn read_global(
    State(shared): Simulator,
    PathIds((app, id)): PathIds<(Id, Id)>,
) -> JsonResult {
    one(&shared, app, None, id)
}

pub(crate) async fn edit_global(
    State(shared): Simulator,
    PathIds((app, id)): PathIds<(Id, Id)>,
    JsonBody(body): JsonBody,
) -> JsonResult {
    change(&shared, app, None, id, &body)
}

pub(crate) async fn remove_global(
    State(shared): Simulator,
    PathIds((app, id)): PathIds<(Id, Id)>,
) -> StatusResult {
    delete(&shared, app, None, id)
}

pub(crate) async fn list(
    State(shared): Simulator,
    PathIds((app, guild)): PathIds<(Id, Id)>,
    Query(query): Query<LocalizationQuery>,
) -> JsonResult {
    all(&shared, app, Some(guild), &query)
}

pub(crate) async fn create(
    State(shared): Simulator,
    PathIds((app, guild)): PathIds<(Id, Id)>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    register(&shared, app, Some(guild), &body)
}

pub(crate) async fn overwrite(
    State(shared): Simulator,
    PathIds((app, guild)): PathIds<(Id, Id)>,
    JsonBody(body): JsonBody,
) -> JsonResult {
    replace(&shared, app, Some(guild), &body)
}

pub(crate) async fn read(
    State(shared): Simulator,
    PathIds((app, guild, id)): PathIds<(Id, Id, Id)>,
) -> JsonResult {
    one(&shared, app, Some(guild), id)
}

pub(crate) async fn edit(
    State(shared): Simulator,
    PathIds((app, guild, id)): PathIds<(Id, Id, Id)>,
    JsonBody(body): JsonBody,
) -> JsonResult {
    change(&shared, app, Some(guild), id, &body)
}

pub(crate) async fn remove(
    State(shared): Simulator,
    PathIds((app, guild, id)): PathIds<(Id, Id, Id)>,
) -> StatusResult {
    delete(&shared, app, Some(guild), id)
}
