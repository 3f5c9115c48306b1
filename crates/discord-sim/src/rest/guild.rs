//! The guild: its roles, channels and members.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::extract::{JsonResult, PathIds};
use crate::api_error::ApiError;
use crate::gateway::intents::Intents;
use crate::ids::Id;
use crate::state::SimState;
use crate::world::people::Role;
use crate::world::permissions::Permissions;
use crate::world::state::World;

fn known(world: &World, guild: Id) -> Result<(), ApiError> {
    if guild == world.guild.id && world.is_bot_in_guild() { Ok(()) } else { Err(ApiError::unknown_guild()) }
}

pub(crate) async fn guild(State(shared): State<Arc<SimState>>, PathIds(id): PathIds<Id>) -> JsonResult {
    let world = shared.world();
    known(&world, id)?;
    Ok(Json(world.guild.json()))
}

pub(crate) async fn roles(State(shared): State<Arc<SimState>>, PathIds(id): PathIds<Id>) -> JsonResult {
    let world = shared.world();
    known(&world, id)?;
    Ok(Json(world.guild.roles.values().map(Role::json).collect()))
}

pub(crate) async fn role(
    State(shared): State<Arc<SimState>>,
    PathIds((id, role)): PathIds<(Id, Id)>,
) -> JsonResult {
    let world = shared.world();
    known(&world, id)?;
    Ok(Json(world.guild.roles.get(&role).ok_or_else(ApiError::unknown_role)?.json()))
}

pub(crate) async fn channels(State(shared): State<Arc<SimState>>, PathIds(id): PathIds<Id>) -> JsonResult {
    let world = shared.world();
    known(&world, id)?;
    let channels = world.channels.values().filter(|channel| !channel.is_thread());
    Ok(Json(channels.map(|channel| channel.json(id)).collect()))
}

pub(crate) async fn channel(State(shared): State<Arc<SimState>>, PathIds(id): PathIds<Id>) -> JsonResult {
    let world = shared.world();
    world.require(world.application.id, id, Permissions::NONE)?;
    Ok(Json(world.channel(id)?.json(world.guild.id)))
}

pub(crate) async fn member(
    State(shared): State<Arc<SimState>>,
    PathIds((id, user)): PathIds<(Id, Id)>,
) -> JsonResult {
    let world = shared.world();
    known(&world, id)?;
    if world.members.contains_key(&user) {
        return Ok(Json(world.member_json(user)));
    }
    Err(if world.users.contains_key(&user) { ApiError::unknown_member() } else { ApiError::unknown_user() })
}

pub(crate) async fn own_member(State(shared): State<Arc<SimState>>, PathIds(id): PathIds<Id>) -> JsonResult {
    let world = shared.world();
    known(&world, id)?;
    Ok(Json(world.member_json(world.application.id)))
}

#[derive(Debug, Deserialize)]
pub(crate) struct MemberPage {
    limit: Option<usize>,
    after: Option<u64>,
}

/// As in Discord, needs the privileged intent.
pub(crate) async fn members(
    State(shared): State<Arc<SimState>>,
    PathIds(id): PathIds<Id>,
    Query(page): Query<MemberPage>,
) -> JsonResult {
    let world = shared.world();
    known(&world, id)?;
    if !world.gateway.settings.allowed.contains(Intents::GUILD_MEMBERS) {
        return Err(ApiError::missing_access());
    }
    let next = Id(page.after.unwrap_or(0).saturating_add(1));
    let limit = page.limit.unwrap_or(1).clamp(1, 1000);
    let list: Vec<Value> =
        world.members.range(next..).take(limit).map(|(id, _)| world.member_json(*id)).collect();
    Ok(Json(json!(list)))
}
