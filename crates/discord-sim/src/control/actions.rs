//! Actions as a person.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::lookup::{ActionError, channel, person};
use crate::api_error::ApiError;
use crate::ids::Id;
use crate::state::SimState;

type Simulator = State<Arc<SimState>>;
type ActionResult = Result<Json<Value>, ActionError>;

#[derive(Debug, Deserialize)]
pub(crate) struct MessageInput {
    channel: String,
    text: String,
    reply_to: Option<Id>,
}

pub(crate) async fn says(
    State(shared): Simulator,
    Path(who): Path<String>,
    Json(input): Json<MessageInput>,
) -> ActionResult {
    let id = shared.update(|world| {
        let (who, place) = (person(world, &who)?, channel(world, &input.channel)?);
        world.says(who, place, &input.text, input.reply_to)
    })?;
    Ok(Json(json!({ "message": id })))
}

/// A command, as text with or without separate options. `raw` skips the checks of Discord's client.
#[derive(Debug, Deserialize)]
pub(crate) struct CommandInput {
    channel: String,
    text: String,
    #[serde(default)]
    options: BTreeMap<String, Value>,
    #[serde(default)]
    raw: bool,
    /// The option to complete, and the text typed so far.
    focus: Option<(String, String)>,
}

pub(crate) async fn types(
    State(shared): Simulator,
    Path(who): Path<String>,
    Json(input): Json<CommandInput>,
) -> ActionResult {
    Ok(Json(json!({ "interaction": send(&shared, &who, input)? })))
}

/// Waits for the bot's choices, as long as Discord does.
pub(crate) async fn completes(
    State(shared): Simulator,
    Path(who): Path<String>,
    Json(input): Json<CommandInput>,
) -> ActionResult {
    let id = send(&shared, &who, input)?;
    let limit = shared.world().application.answer_within;
    let mut changes = shared.changes();
    let choices = async {
        loop {
            changes.mark_unchanged();
            let found = shared.world().interactions.get(&id).and_then(|i| i.choices.clone());
            if let Some(choices) = found {
                return choices;
            }
            if changes.changed().await.is_err() {
                return Vec::new();
            }
        }
    };
    let timed_out = |_| ActionError::Client("Loading options failed".into());
    let choices = tokio::time::timeout(limit, choices).await.map_err(timed_out)?;
    Ok(Json(json!({ "choices": choices })))
}

fn send(shared: &SimState, who: &str, input: CommandInput) -> Result<Id, ActionError> {
    shared.update(|world| {
        let (who, place) = (person(world, who)?, channel(world, &input.channel)?);
        let mut typed = world.parse_command_line(&input.text);
        typed.options.extend(input.options);
        typed.raw = input.raw;
        if let Some((option, so_far)) = input.focus {
            typed.options.retain(|(name, _)| *name != option);
            typed.options.push((option.clone(), so_far.into()));
            typed.focused = Some(option);
        }
        Ok(world.invoke(who, place, &typed)?)
    })
}

/// A message, and the reaction or component on it.
#[derive(Debug, Deserialize)]
pub(crate) struct MessageTarget {
    channel: String,
    message: Id,
    emoji: Option<String>,
    custom_id: Option<String>,
    values: Option<Vec<String>>,
    /// Whether the reaction is a super reaction.
    #[serde(default, rename = "super")]
    is_super: bool,
}

fn emoji(target: &MessageTarget) -> Result<&str, ApiError> {
    target.emoji.as_deref().ok_or_else(ApiError::unknown_emoji)
}

pub(crate) async fn reacts(
    State(shared): Simulator,
    Path(who): Path<String>,
    Json(target): Json<MessageTarget>,
) -> ActionResult {
    shared.update(|world| {
        let (who, place) = (person(world, &who)?, channel(world, &target.channel)?);
        world.react(who, place, target.message, emoji(&target)?, target.is_super)
    })?;
    Ok(Json(json!({})))
}

pub(crate) async fn takes_back(
    State(shared): Simulator,
    Path(who): Path<String>,
    Json(target): Json<MessageTarget>,
) -> ActionResult {
    shared.update(|world| {
        let (who, place) = (person(world, &who)?, channel(world, &target.channel)?);
        world.unreact(who, who, place, target.message, emoji(&target)?, target.is_super)
    })?;
    Ok(Json(json!({})))
}

/// Presses a button, or with `values` selects from a menu.
pub(crate) async fn uses(
    State(shared): Simulator,
    Path(who): Path<String>,
    Json(target): Json<MessageTarget>,
) -> ActionResult {
    let id = shared.update(|world| {
        let (who, place) = (person(world, &who)?, channel(world, &target.channel)?);
        let custom_id = target.custom_id.as_deref().unwrap_or_default();
        let used = world.uses_component(who, place, target.message, custom_id, target.values.as_deref());
        used.map_err(ActionError::from)
    })?;
    Ok(Json(json!({ "interaction": id })))
}

pub(crate) async fn deletes(
    State(shared): Simulator,
    Path(who): Path<String>,
    Json(target): Json<MessageTarget>,
) -> ActionResult {
    shared.update(|world| {
        let (who, place) = (person(world, &who)?, channel(world, &target.channel)?);
        world.deletes(who, place, target.message)
    })?;
    Ok(Json(json!({})))
}

/// Clears all reactions, or those with one emoji.
pub(crate) async fn clears(
    State(shared): Simulator,
    Path(who): Path<String>,
    Json(target): Json<MessageTarget>,
) -> ActionResult {
    shared.update(|world| {
        let (who, place) = (person(world, &who)?, channel(world, &target.channel)?);
        match &target.emoji {
            Some(emoji) => world.clear_emoji(who, place, target.message, emoji),
            None => world.clear_reactions(who, place, target.message),
        }
    })?;
    Ok(Json(json!({})))
}

#[derive(Debug, Deserialize)]
pub(crate) struct ModalInput {
    interaction: Id,
    fields: BTreeMap<String, String>,
}

pub(crate) async fn submits(
    State(shared): Simulator,
    Path(who): Path<String>,
    Json(input): Json<ModalInput>,
) -> ActionResult {
    let fields: Vec<(String, String)> = input.fields.into_iter().collect();
    let id = shared.update(|world| {
        let who = person(world, &who)?;
        world.submits(who, input.interaction, &fields).map_err(ActionError::from)
    })?;
    Ok(Json(json!({ "interaction": id })))
}

/// Roles, by name.
#[derive(Debug, Deserialize)]
pub(crate) struct RoleNames {
    roles: Vec<String>,
}

/// Replaces all roles of a person.
pub(crate) async fn roles(
    State(shared): Simulator,
    Path(who): Path<String>,
    Json(wanted): Json<RoleNames>,
) -> ActionResult {
    shared.update(|world| {
        let who = person(world, &who)?;
        let known = wanted.roles.iter().map(|name| Some(world.guild.role_named(name)?.id));
        let ids = known.collect::<Option<Vec<Id>>>().ok_or_else(ApiError::unknown_role)?;
        world.set_roles(who, ids)
    })?;
    Ok(Json(json!({})))
}

#[derive(Debug, Deserialize)]
pub(crate) struct TimeoutInput {
    ms: u64,
}

/// Times a person out for so long; 0 ends it.
pub(crate) async fn times_out(
    State(shared): Simulator,
    Path(who): Path<String>,
    Json(input): Json<TimeoutInput>,
) -> ActionResult {
    shared.update(|world| {
        let who = person(world, &who)?;
        world.time_out(who, Duration::from_millis(input.ms))
    })?;
    Ok(Json(json!({})))
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum MembershipChange {
    Leave,
    Join,
}

pub(crate) async fn membership(
    State(shared): Simulator,
    Path(who): Path<String>,
    Json(change): Json<MembershipChange>,
) -> ActionResult {
    shared.update(|world| {
        let who = person(world, &who)?;
        match change {
            MembershipChange::Leave => world.leave(who),
            MembershipChange::Join => world.join(who),
        }
    })?;
    Ok(Json(json!({})))
}

/// Who sees a channel: nobody but those with this role.
#[derive(Debug, Deserialize)]
pub(crate) struct RoleName {
    role: String,
}

pub(crate) async fn hides(
    State(shared): Simulator,
    Path(place): Path<String>,
    Json(input): Json<RoleName>,
) -> ActionResult {
    shared.update(|world| {
        let place = channel(world, &place)?;
        let role = world.guild.role_named(&input.role);
        let role = role.ok_or_else(ApiError::unknown_role)?.id;
        world.hide_except_from(place, role)
    })?;
    Ok(Json(json!({})))
}

/// What happens between the bot and the guild.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum GuildAction {
    Kick,
    Invite,
    BecomeUnavailable,
    BecomeAvailable,
}

pub(crate) async fn guild(State(shared): Simulator, Json(action): Json<GuildAction>) -> ActionResult {
    shared.update(|world| match action {
        GuildAction::Kick => world.kick_bot(),
        GuildAction::Invite => world.invite_bot(),
        GuildAction::BecomeUnavailable => world.set_guild_available(false),
        GuildAction::BecomeAvailable => world.set_guild_available(true),
    });
    Ok(Json(json!({})))
}
