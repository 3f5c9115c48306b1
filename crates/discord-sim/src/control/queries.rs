//! Reads the state of the simulated Discord.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::{Value, json};

use super::lookup::{ActionError, channel, person};
use crate::api_error::ApiError;
use crate::ids::Id;
use crate::state::SimState;
use crate::world::effective_permissions::in_guild;
use crate::world::permissions::Permissions;

type Simulator = State<Arc<SimState>>;

/// Addresses, ids, people, channels and commands.
pub(crate) async fn world(State(shared): Simulator) -> Json<Value> {
    let embedding = &shared.embedding;
    let urls = (shared.api_url(), shared.gateway_url());
    let world = shared.world();
    let people: Vec<Value> = world
        .members
        .values()
        .map(|member| {
            let roles: Vec<&str> = member
                .roles
                .iter()
                .filter_map(|id| world.guild.roles.get(id))
                .map(|r| r.name.as_str())
                .collect();
            let user = world.users.get(&member.user);
            let bot = user.is_some_and(|user| user.bot);
            let about = user.and_then(|user| user.about.as_ref());
            json!({ "id": member.user, "name": world.name(member.user), "bot": bot, "about": about, "roles": roles,
                "owner": world.guild.owner == member.user,
                "permissions": in_guild(&world.guild, member) })
        })
        .collect();
    let channels: Vec<Value> =
        world.channels.values().map(|channel| json!({ "id": channel.id, "name": channel.name })).collect();
    let roles: Vec<Value> =
        world.guild.roles.values().map(|role| json!({ "id": role.id, "name": role.name })).collect();
    let commands: Vec<Value> = world.commands.iter().map(|command| command.json(false)).collect();
    Json(json!({
        "api": urls.0, "gateway": urls.1, "token": world.application.token,
        "application": { "id": world.application.id, "name": world.application.name },
        "guild": { "id": world.guild.id, "name": world.guild.name },
        "people": people, "roles": roles, "channels": channels, "commands": commands,
        "bot_connected": world.gateway.is_connected(), "aside": embedding.aside,
        "title": embedding.title, "ended": embedding.ended,
    }))
}

#[derive(Debug, Deserialize)]
pub(crate) struct ViewerQuery {
    #[serde(rename = "as")]
    viewer: Option<String>,
}

/// A channel's messages, oldest first, as one person sees them. Without a person, all of them, including ephemeral ones.
pub(crate) async fn messages(
    State(shared): Simulator,
    Path(place): Path<String>,
    Query(viewer): Query<ViewerQuery>,
) -> Result<Json<Value>, ActionError> {
    let world = shared.world();
    let id = channel(&world, &place)?;
    let viewer = viewer.viewer.map(|name| person(&world, &name)).transpose()?;
    if let Some(viewer) = viewer {
        world.require(viewer, id, Permissions::READ_MESSAGE_HISTORY)?;
    }
    let seen = world.channel(id)?.messages.values().filter(|m| viewer.is_none_or(|v| m.visible_to(v)));
    let list: Vec<Value> = seen
        .map(|message| {
            let mut json = world.message_json(message, viewer.unwrap_or_default());
            json["only_for"] = json!(message.only_for);
            let reactors: Vec<Value> = message
                .reactions
                .iter()
                .map(|r| json!({ "emoji": r.emoji, "users": r.everybody().iter().map(|u| world.name(*u)).collect::<Vec<_>>() }))
                .collect();
            json["reactors"] = reactors.into();
            json["notified"] = world.notified(message).into_iter().map(|u| world.name(u)).collect();
            json
        })
        .collect();
    Ok(Json(list.into()))
}

/// The commands that one person may use in a channel. Without a person, all of them.
pub(crate) async fn commands(
    State(shared): Simulator,
    Path(place): Path<String>,
    Query(viewer): Query<ViewerQuery>,
) -> Result<Json<Value>, ActionError> {
    let world = shared.world();
    let id = channel(&world, &place)?;
    let viewer = viewer.viewer.map(|name| person(&world, &name)).transpose()?;
    let usable =
        world.commands.iter().filter(|command| viewer.is_none_or(|user| world.may_use(user, id, command)));
    Ok(Json(usable.map(|command| command.json(false)).collect()))
}

/// The state of an interaction.
pub(crate) async fn interaction(
    State(shared): Simulator,
    Path(id): Path<Id>,
) -> Result<Json<Value>, ActionError> {
    let world = shared.world();
    let found = world.interactions.get(&id).ok_or_else(ApiError::unknown_interaction)?;
    Ok(Json(json!({
        "answered": found.answered,
        "too_late": !found.answered && found.born.elapsed() > world.application.answer_within,
        "message": found.original, "choices": found.choices, "modal": found.modal,
    })))
}

pub(crate) async fn transcript(State(shared): Simulator) -> String {
    shared.world().transcript()
}

/// Every REST call by the bot.
pub(crate) async fn calls(State(shared): Simulator) -> Json<Value> {
    let calls = shared.calls();
    let list = calls.iter().map(|call| {
        json!({ "method": call.method, "path": call.path, "query": call.query, "body": call.body,
            "status": call.status, "ago_ms": call.at.elapsed().as_secs_f64() * 1000.0,
            "took_ms": call.took.as_secs_f64() * 1000.0 })
    });
    Json(list.collect())
}

/// Server-sent events: a growing number after each change.
pub(crate) async fn changes(State(shared): Simulator) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let stream = unfold(shared.changes(), |mut changes| async move {
        changes.changed().await.ok()?;
        let count = *changes.borrow_and_update();
        Some((Ok(Event::default().data(count.to_string())), changes))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}
