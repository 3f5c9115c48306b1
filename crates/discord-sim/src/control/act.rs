//! Acting as a person.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Declined, channel, person};
use crate::server::Shared;
use crate::world::ids::Id;
use crate::world::refusal::Refusal;

type Sim = State<Arc<Shared>>;
type Done = Result<Json<Value>, Declined>;

#[derive(Debug, Deserialize)]
pub(crate) struct Words {
    channel: String,
    text: String,
    reply_to: Option<Id>,
}

pub(crate) async fn says(State(shared): Sim, Path(who): Path<String>, Json(words): Json<Words>) -> Done {
    let id = shared.act(|world| {
        let (who, place) = (person(world, &who)?, channel(world, &words.channel)?);
        world.says(who, place, &words.text, words.reply_to)
    })?;
    Ok(Json(json!({ "message": id })))
}

/// A command: all of it as text, or options apart; `raw` leaves out the checks of Discord's client.
#[derive(Debug, Deserialize)]
pub(crate) struct Typing {
    channel: String,
    text: String,
    #[serde(default)]
    options: BTreeMap<String, Value>,
    #[serde(default)]
    raw: bool,
    /// The option to be completed, and what of it is typed so far.
    focus: Option<(String, String)>,
}

pub(crate) async fn types(State(shared): Sim, Path(who): Path<String>, Json(typing): Json<Typing>) -> Done {
    Ok(Json(json!({ "interaction": send(&shared, &who, typing)? })))
}

/// Waits for the bot's choices as long as Discord does.
pub(crate) async fn completes(
    State(shared): Sim,
    Path(who): Path<String>,
    Json(typing): Json<Typing>,
) -> Done {
    let id = send(&shared, &who, typing)?;
    let limit = shared.world().application.answer_within;
    let mut changes = shared.changes();
    let choices = async {
        loop {
            changes.mark_unchanged();
            let found = shared
                .world()
                .interactions
                .get(&id)
                .and_then(|i| i.choices.clone());
            if let Some(choices) = found {
                return choices;
            }
            if changes.changed().await.is_err() {
                return Vec::new();
            }
        }
    };
    let late = |_| Declined::Client("Loading options failed".into());
    let choices = tokio::time::timeout(limit, choices).await.map_err(late)?;
    Ok(Json(json!({ "choices": choices })))
}

fn send(shared: &Shared, who: &str, typing: Typing) -> Result<Id, Declined> {
    shared.act(|world| {
        let (who, place) = (person(world, who)?, channel(world, &typing.channel)?);
        let mut typed = world.read_typed(&typing.text);
        typed.options.extend(typing.options);
        typed.raw = typing.raw;
        if let Some((option, so_far)) = typing.focus {
            typed.options.retain(|(name, _)| *name != option);
            typed.options.push((option.clone(), so_far.into()));
            typed.focused = Some(option);
        }
        Ok(world.invoke(who, place, &typed)?)
    })
}

/// A message, and what on it is meant.
#[derive(Debug, Deserialize)]
pub(crate) struct Spot {
    channel: String,
    message: Id,
    emoji: Option<String>,
    custom_id: Option<String>,
    values: Option<Vec<String>>,
}

fn emoji(spot: &Spot) -> Result<&str, Refusal> {
    spot.emoji.as_deref().ok_or_else(Refusal::unknown_emoji)
}

pub(crate) async fn reacts(State(shared): Sim, Path(who): Path<String>, Json(spot): Json<Spot>) -> Done {
    shared.act(|world| {
        let (who, place) = (person(world, &who)?, channel(world, &spot.channel)?);
        world.react(who, place, spot.message, emoji(&spot)?)
    })?;
    Ok(Json(json!({})))
}

pub(crate) async fn takes_back(State(shared): Sim, Path(who): Path<String>, Json(spot): Json<Spot>) -> Done {
    shared.act(|world| {
        let (who, place) = (person(world, &who)?, channel(world, &spot.channel)?);
        world.unreact(who, who, place, spot.message, emoji(&spot)?)
    })?;
    Ok(Json(json!({})))
}

/// Presses a button, or with `values` chooses from a menu.
pub(crate) async fn uses(State(shared): Sim, Path(who): Path<String>, Json(spot): Json<Spot>) -> Done {
    let id = shared.act(|world| {
        let (who, place) = (person(world, &who)?, channel(world, &spot.channel)?);
        let custom_id = spot.custom_id.as_deref().unwrap_or_default();
        let used = world.uses_component(who, place, spot.message, custom_id, spot.values.as_deref());
        used.map_err(Declined::from)
    })?;
    Ok(Json(json!({ "interaction": id })))
}

pub(crate) async fn deletes(State(shared): Sim, Path(who): Path<String>, Json(spot): Json<Spot>) -> Done {
    shared.act(|world| {
        let (who, place) = (person(world, &who)?, channel(world, &spot.channel)?);
        world.deletes(who, place, spot.message)
    })?;
    Ok(Json(json!({})))
}

/// Clears the reactions, all or those with one emoji.
pub(crate) async fn clears(State(shared): Sim, Path(who): Path<String>, Json(spot): Json<Spot>) -> Done {
    shared.act(|world| {
        let (who, place) = (person(world, &who)?, channel(world, &spot.channel)?);
        match &spot.emoji {
            Some(emoji) => world.clear_emoji(who, place, spot.message, emoji),
            None => world.clear_reactions(who, place, spot.message),
        }
    })?;
    Ok(Json(json!({})))
}

#[derive(Debug, Deserialize)]
pub(crate) struct Filled {
    interaction: Id,
    fields: BTreeMap<String, String>,
}

pub(crate) async fn submits(State(shared): Sim, Path(who): Path<String>, Json(filled): Json<Filled>) -> Done {
    let fields: Vec<(String, String)> = filled.fields.into_iter().collect();
    let id = shared.act(|world| {
        let who = person(world, &who)?;
        world
            .submits(who, filled.interaction, &fields)
            .map_err(Declined::from)
    })?;
    Ok(Json(json!({ "interaction": id })))
}

/// Roles by name.
#[derive(Debug, Deserialize)]
pub(crate) struct Roles {
    roles: Vec<String>,
}

/// Sets all roles of a person.
pub(crate) async fn roles(State(shared): Sim, Path(who): Path<String>, Json(wanted): Json<Roles>) -> Done {
    shared.act(|world| {
        let who = person(world, &who)?;
        let known = wanted
            .roles
            .iter()
            .map(|name| Some(world.guild.role_named(name)?.id));
        let ids = known
            .collect::<Option<Vec<Id>>>()
            .ok_or_else(Refusal::unknown_role)?;
        world.set_roles(who, ids)
    })?;
    Ok(Json(json!({})))
}
