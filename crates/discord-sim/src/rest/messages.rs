//! Messages in channels.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::extract::{JsonBody, JsonResult, PathIds, StatusResult};
use crate::api_error::ApiError;
use crate::form_errors::FormErrors;
use crate::ids::Id;
use crate::rules::form_part::as_id;
use crate::state::SimState;
use crate::world::bot_messages::HistoryRange;
use crate::world::people::User;
use crate::world::permissions::Permissions;

#[derive(Debug, Deserialize)]
pub(crate) struct HistoryQuery {
    limit: Option<i64>,
    before: Option<u64>,
    after: Option<u64>,
    around: Option<u64>,
}

pub(crate) async fn list(
    State(shared): State<Arc<SimState>>,
    PathIds(channel): PathIds<Id>,
    Query(query): Query<HistoryQuery>,
) -> JsonResult {
    let limit = limit(query.limit, 50)?;
    let span = match (query.around, query.before, query.after) {
        (Some(id), _, _) => HistoryRange::Around(Id(id)),
        (_, Some(id), _) => HistoryRange::Before(Id(id)),
        (_, _, Some(id)) => HistoryRange::After(Id(id)),
        _ => HistoryRange::Newest,
    };
    Ok(Json(shared.world().bot_lists(channel, span, limit)?.into()))
}

/// A `limit` of 1 to 100.
pub(crate) fn limit(requested: Option<i64>, default: i64) -> Result<usize, ApiError> {
    let limit = requested.unwrap_or(default);
    if !(1..=100).contains(&limit) {
        let (code, message) = if limit < 1 {
            ("NUMBER_TYPE_MIN", "int value should be greater than or equal to 1.")
        } else {
            ("NUMBER_TYPE_MAX", "int value should be less than or equal to 100.")
        };
        return Err(FormErrors::single("limit", code, message));
    }
    Ok(usize::try_from(limit).unwrap_or(1))
}

pub(crate) async fn create(
    State(shared): State<Arc<SimState>>,
    PathIds(channel): PathIds<Id>,
    JsonBody(body): JsonBody,
) -> JsonResult {
    shared.update(|world| world.bot_posts(channel, &body)).map(Json)
}

pub(crate) async fn read(
    State(shared): State<Arc<SimState>>,
    PathIds((channel, message)): PathIds<(Id, Id)>,
) -> JsonResult {
    shared.world().bot_reads(channel, message).map(Json)
}

pub(crate) async fn edit(
    State(shared): State<Arc<SimState>>,
    PathIds((channel, message)): PathIds<(Id, Id)>,
    JsonBody(body): JsonBody,
) -> JsonResult {
    shared.update(|world| world.bot_edits(channel, message, &body)).map(Json)
}

pub(crate) async fn remove(
    State(shared): State<Arc<SimState>>,
    PathIds((channel, message)): PathIds<(Id, Id)>,
) -> StatusResult {
    shared.update(|world| world.bot_deletes(channel, message))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn remove_all(
    State(shared): State<Arc<SimState>>,
    PathIds(channel): PathIds<Id>,
    JsonBody(body): JsonBody,
) -> StatusResult {
    let list = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids: Vec<Id> = list.iter().filter_map(as_id).collect();
    let mut form = FormErrors::default();
    form.length("messages", ids.len(), 2, 100);
    form.finish()?;
    shared.update(|world| world.deletes_all(world.application.id, channel, &ids))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn typing(
    State(shared): State<Arc<SimState>>,
    PathIds(channel): PathIds<Id>,
) -> StatusResult {
    let world = shared.world();
    world.require(world.application.id, channel, Permissions::SEND_MESSAGES)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Users as JSON.
pub(crate) fn users(shared: &SimState, ids: &[Id]) -> Value {
    let world = shared.world();
    ids.iter().filter_map(|id| world.users.get(id)).map(User::json).collect()
}
