//! Registering commands, global and for the guild.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;

use super::answer::{Answer, At, Body, Done};
use super::query::boolean;
use crate::server::Shared;
use crate::world::World;
use crate::world::ids::Id;
use crate::world::refusal::Refusal;

#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    #[serde(default, deserialize_with = "boolean")]
    with_localizations: bool,
}

/// Refuses another application's id, and a guild the bot is not in.
fn check(world: &World, application: Id, guild: Option<Id>) -> Result<(), Refusal> {
    if application != world.application.id {
        return Err(Refusal::new(
            403,
            20012,
            "You are not authorized to perform this action on this application",
        ));
    }
    if guild.is_some_and(|guild| guild != world.guild.id) {
        return Err(Refusal::missing_access());
    }
    Ok(())
}

fn all(shared: &Shared, application: Id, guild: Option<Id>, wish: &Wish) -> Answer {
    let world = shared.world();
    check(&world, application, guild)?;
    Ok(Json(
        world
            .commands_of(guild)
            .map(|command| command.json(wish.with_localizations))
            .collect(),
    ))
}

fn register(shared: &Shared, application: Id, guild: Option<Id>, body: &Value) -> Result<Response, Refusal> {
    let (json, new) = shared.act(|world| {
        check(world, application, guild)?;
        world.register(guild, body)
    })?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(json)).into_response())
}

fn replace(shared: &Shared, application: Id, guild: Option<Id>, body: &Value) -> Answer {
    shared.act(|world| {
        check(world, application, guild)?;
        let message = "Only iterables may be used in a ListType";
        let list = body
            .as_array()
            .ok_or_else(|| Refusal::bad_form("", "LIST_TYPE_CONVERT", message))?;
        world.overwrite_commands(guild, list).map(Json)
    })
}

fn one(shared: &Shared, application: Id, guild: Option<Id>, command: Id) -> Answer {
    let world = shared.world();
    check(&world, application, guild)?;
    Ok(Json(world.command(guild, command)?.json(true)))
}

fn change(shared: &Shared, application: Id, guild: Option<Id>, command: Id, body: &Value) -> Answer {
    shared.act(|world| {
        check(world, application, guild)?;
        world.change_command(guild, command, body).map(Json)
    })
}

fn delete(shared: &Shared, application: Id, guild: Option<Id>, command: Id) -> Done {
    shared.act(|world| {
        check(world, application, guild)?;
        world.unregister(guild, command)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

type Sim = State<Arc<Shared>>;

pub(crate) async fn list_global(State(shared): Sim, At(app): At<Id>, Query(wish): Query<Wish>) -> Answer {
    all(&shared, app, None, &wish)
}

pub(crate) async fn create_global(
    State(shared): Sim,
    At(app): At<Id>,
    Body(body): Body,
) -> Result<Response, Refusal> {
    register(&shared, app, None, &body)
}

pub(crate) async fn overwrite_global(State(shared): Sim, At(app): At<Id>, Body(body): Body) -> Answer {
    replace(&shared, app, None, &body)
}

pub(crate) async fn read_global(State(shared): Sim, At((app, id)): At<(Id, Id)>) -> Answer {
    one(&shared, app, None, id)
}

pub(crate) async fn edit_global(State(shared): Sim, At((app, id)): At<(Id, Id)>, Body(body): Body) -> Answer {
    change(&shared, app, None, id, &body)
}

pub(crate) async fn remove_global(State(shared): Sim, At((app, id)): At<(Id, Id)>) -> Done {
    delete(&shared, app, None, id)
}

pub(crate) async fn list(
    State(shared): Sim,
    At((app, guild)): At<(Id, Id)>,
    Query(wish): Query<Wish>,
) -> Answer {
    all(&shared, app, Some(guild), &wish)
}

pub(crate) async fn create(
    State(shared): Sim,
    At((app, guild)): At<(Id, Id)>,
    Body(body): Body,
) -> Result<Response, Refusal> {
    register(&shared, app, Some(guild), &body)
}

pub(crate) async fn overwrite(
    State(shared): Sim,
    At((app, guild)): At<(Id, Id)>,
    Body(body): Body,
) -> Answer {
    replace(&shared, app, Some(guild), &body)
}

pub(crate) async fn read(State(shared): Sim, At((app, guild, id)): At<(Id, Id, Id)>) -> Answer {
    one(&shared, app, Some(guild), id)
}

pub(crate) async fn edit(
    State(shared): Sim,
    At((app, guild, id)): At<(Id, Id, Id)>,
    Body(body): Body,
) -> Answer {
    change(&shared, app, Some(guild), id, &body)
}

pub(crate) async fn remove(State(shared): Sim, At((app, guild, id)): At<(Id, Id, Id)>) -> Done {
    delete(&shared, app, Some(guild), id)
}
