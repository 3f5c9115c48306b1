//! Messages in channels.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::answer::{Answer, At, Body, Done};
use crate::rules::read::as_id;
use crate::server::Shared;
use crate::world::bot_messages::Span;
use crate::world::ids::Id;
use crate::world::people::User;
use crate::world::permissions::Permissions;
use crate::world::refusal::{Form, Refusal};

#[derive(Debug, Deserialize)]
pub(crate) struct Window {
    limit: Option<i64>,
    before: Option<u64>,
    after: Option<u64>,
    around: Option<u64>,
}

pub(crate) async fn list(
    State(shared): State<Arc<Shared>>,
    At(channel): At<Id>,
    Query(window): Query<Window>,
) -> Answer {
    let limit = limit(window.limit, 50)?;
    let span = match (window.around, window.before, window.after) {
        (Some(id), _, _) => Span::Around(Id(id)),
        (_, Some(id), _) => Span::Before(Id(id)),
        (_, _, Some(id)) => Span::After(Id(id)),
        _ => Span::Newest,
    };
    Ok(Json(shared.world().bot_lists(channel, span, limit)?.into()))
}

/// A `limit` of 1 to 100.
pub(crate) fn limit(asked: Option<i64>, default: i64) -> Result<usize, Refusal> {
    let limit = asked.unwrap_or(default);
    if !(1..=100).contains(&limit) {
        let (code, message) = if limit < 1 {
            (
                "NUMBER_TYPE_MIN",
                "int value should be greater than or equal to 1.",
            )
        } else {
            (
                "NUMBER_TYPE_MAX",
                "int value should be less than or equal to 100.",
            )
        };
        return Err(Refusal::bad_form("limit", code, message));
    }
    Ok(usize::try_from(limit).unwrap_or(1))
}

pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    At(channel): At<Id>,
    Body(body): Body,
) -> Answer {
    shared.act(|world| world.bot_posts(channel, &body)).map(Json)
}

pub(crate) async fn read(State(shared): State<Arc<Shared>>, At((channel, message)): At<(Id, Id)>) -> Answer {
    shared.world().bot_reads(channel, message).map(Json)
}

pub(crate) async fn edit(
    State(shared): State<Arc<Shared>>,
    At((channel, message)): At<(Id, Id)>,
    Body(body): Body,
) -> Answer {
    shared
        .act(|world| world.bot_edits(channel, message, &body))
        .map(Json)
}

pub(crate) async fn remove(State(shared): State<Arc<Shared>>, At((channel, message)): At<(Id, Id)>) -> Done {
    shared.act(|world| world.bot_deletes(channel, message))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn remove_all(
    State(shared): State<Arc<Shared>>,
    At(channel): At<Id>,
    Body(body): Body,
) -> Done {
    let list = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids: Vec<Id> = list.iter().filter_map(as_id).collect();
    let mut form = Form::default();
    form.length("messages", ids.len(), 2, 100);
    form.finish()?;
    shared.act(|world| world.deletes_all(world.application.id, channel, &ids))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn typing(State(shared): State<Arc<Shared>>, At(channel): At<Id>) -> Done {
    let world = shared.world();
    world.require(world.application.id, channel, Permissions::SEND_MESSAGES)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A list of users as JSON.
pub(crate) fn users(shared: &Shared, ids: &[Id]) -> Value {
    let world = shared.world();
    ids.iter()
        .filter_map(|id| world.users.get(id))
        .map(User::json)
        .collect()
}
