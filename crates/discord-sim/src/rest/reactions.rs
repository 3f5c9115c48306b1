//! Reactions on messages.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::answer::{Answer, At, Done};
use super::messages::{limit, users};
use crate::server::Shared;
use crate::world::ids::Id;
use crate::world::refusal::Refusal;

/// `@me`, or an id.
fn whose(user: &str, own: Id) -> Result<Id, Refusal> {
    if user == "@me" {
        return Ok(own);
    }
    let message = format!("Value \"{user}\" is not snowflake.");
    user.parse()
        .map_err(|_| Refusal::bad_form("user_id", "NUMBER_TYPE_COERCE", message))
}

pub(crate) async fn add(
    State(shared): State<Arc<Shared>>,
    At((channel, message, emoji, user)): At<(Id, Id, String, String)>,
) -> Done {
    if user != "@me" {
        return Err(Refusal::no_such_route());
    }
    shared.act(|world| world.react(world.application.id, channel, message, &emoji))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn remove(
    State(shared): State<Arc<Shared>>,
    At((channel, message, emoji, user)): At<(Id, Id, String, String)>,
) -> Done {
    shared.act(|world| {
        let bot = world.application.id;
        world.unreact(bot, whose(&user, bot)?, channel, message, &emoji)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn clear(State(shared): State<Arc<Shared>>, At((channel, message)): At<(Id, Id)>) -> Done {
    shared.act(|world| world.clear_reactions(world.application.id, channel, message))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn clear_emoji(
    State(shared): State<Arc<Shared>>,
    At((channel, message, emoji)): At<(Id, Id, String)>,
) -> Done {
    shared.act(|world| world.clear_emoji(world.application.id, channel, message, &emoji))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    limit: Option<i64>,
    after: Option<u64>,
    #[serde(rename = "type")]
    kind: Option<u8>,
}

pub(crate) async fn who(
    State(shared): State<Arc<Shared>>,
    At((channel, message, emoji)): At<(Id, Id, String)>,
    Query(page): Query<Page>,
) -> Answer {
    let limit = limit(page.limit, 25)?;
    let after = Id(page.after.unwrap_or(0));
    let found = {
        let world = shared.world();
        world.reactors(world.application.id, channel, message, &emoji, after, limit)?
    };
    // Type 1 asks for burst reactions, which nobody here makes.
    let found = if page.kind == Some(1) { Vec::new() } else { found };
    Ok(Json(users(&shared, &found)))
}
