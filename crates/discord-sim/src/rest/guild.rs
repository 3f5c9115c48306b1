//! The guild: its roles, channels and members.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, At};
use crate::gateway::intents::Intents;
use crate::server::Shared;
use crate::world::World;
use crate::world::ids::Id;
use crate::world::people::Role;
use crate::world::permissions::Permissions;
use crate::world::refusal::Refusal;

fn known(world: &World, guild: Id) -> Result<(), Refusal> {
    if guild == world.guild.id {
        Ok(())
    } else {
        Err(Refusal::unknown_guild())
    }
}

pub(crate) async fn guild(State(shared): State<Arc<Shared>>, At(id): At<Id>) -> Answer {
    let world = shared.world();
    known(&world, id)?;
    Ok(Json(world.guild.json()))
}

pub(crate) async fn roles(State(shared): State<Arc<Shared>>, At(id): At<Id>) -> Answer {
    let world = shared.world();
    known(&world, id)?;
    Ok(Json(world.guild.roles.values().map(Role::json).collect()))
}

pub(crate) async fn role(State(shared): State<Arc<Shared>>, At((id, role)): At<(Id, Id)>) -> Answer {
    let world = shared.world();
    known(&world, id)?;
    Ok(Json(
        world
            .guild
            .roles
            .get(&role)
            .ok_or_else(Refusal::unknown_role)?
            .json(),
    ))
}

pub(crate) async fn channels(State(shared): State<Arc<Shared>>, At(id): At<Id>) -> Answer {
    let world = shared.world();
    known(&world, id)?;
    Ok(Json(
        world.channels.values().map(|channel| channel.json(id)).collect(),
    ))
}

pub(crate) async fn channel(State(shared): State<Arc<Shared>>, At(id): At<Id>) -> Answer {
    let world = shared.world();
    world.require(world.application.id, id, Permissions::NONE)?;
    Ok(Json(world.channel(id)?.json(world.guild.id)))
}

pub(crate) async fn member(State(shared): State<Arc<Shared>>, At((id, user)): At<(Id, Id)>) -> Answer {
    let world = shared.world();
    known(&world, id)?;
    if world.members.contains_key(&user) {
        return Ok(Json(world.member_json(user)));
    }
    Err(if world.users.contains_key(&user) {
        Refusal::unknown_member()
    } else {
        Refusal::unknown_user()
    })
}

pub(crate) async fn own_member(State(shared): State<Arc<Shared>>, At(id): At<Id>) -> Answer {
    let world = shared.world();
    known(&world, id)?;
    Ok(Json(world.member_json(world.application.id)))
}

#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    limit: Option<usize>,
    after: Option<u64>,
}

/// Needs the privileged intent, as in Discord.
pub(crate) async fn members(
    State(shared): State<Arc<Shared>>,
    At(id): At<Id>,
    Query(page): Query<Page>,
) -> Answer {
    let world = shared.world();
    known(&world, id)?;
    if !world.hub.settings.allowed.contains(Intents::GUILD_MEMBERS) {
        return Err(Refusal::missing_access());
    }
    let next = Id(page.after.unwrap_or(0).saturating_add(1));
    let limit = page.limit.unwrap_or(1).clamp(1, 1000);
    let list: Vec<Value> = world
        .members
        .range(next..)
        .take(limit)
        .map(|(id, _)| world.member_json(*id))
        .collect();
    Ok(Json(json!(list)))
}
