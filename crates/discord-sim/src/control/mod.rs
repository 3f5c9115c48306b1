//! The simulator by HTTP: the page, and JSON under `/sim` for it and for tests in other languages.
//!
//! Every change is a POST with a JSON body, which a foreign web page cannot send without being asked first.

mod act;
mod files;
mod host;
mod look;
mod mend;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

use crate::server::Shared;
use crate::world::World;
use crate::world::ids::Id;
use crate::world::refusal::Refusal;

/// Where the routes of an embedding program are.
pub(crate) const ASIDE: &str = "/aside";

pub(crate) fn router(shared: Arc<Shared>, beside: Router) -> Router {
    let is_loopback = shared.page.address.ip().is_loopback();
    let router = files::router()
        .route("/sim/world", get(look::world))
        .route("/sim/channels/{channel}/messages", get(look::messages))
        .route("/sim/channels/{channel}/commands", get(look::commands))
        .route("/sim/interactions/{interaction}", get(look::interaction))
        .route("/sim/transcript", get(look::transcript))
        .route("/sim/calls", get(look::calls))
        .route("/sim/changes", get(look::changes))
        .route("/sim/as/{person}/says", post(act::says))
        .route("/sim/as/{person}/types", post(act::types))
        .route("/sim/as/{person}/completes", post(act::completes))
        .route("/sim/as/{person}/reacts", post(act::reacts))
        .route("/sim/as/{person}/takes-back", post(act::takes_back))
        .route("/sim/as/{person}/uses", post(act::uses))
        .route("/sim/as/{person}/submits", post(act::submits))
        .route("/sim/as/{person}/deletes", post(act::deletes))
        .route("/sim/as/{person}/clears", post(act::clears))
        .route("/sim/people/{person}/roles", post(act::roles))
        .route("/sim/faults", post(mend::faults))
        .route("/sim/gateway", post(mend::gateway))
        .route("/sim/outage", post(mend::outage))
        .route("/sim/restore", post(mend::restore))
        .with_state(shared)
        .nest(ASIDE, beside);
    if is_loopback {
        router.layer(from_fn(host::by_address_only))
    } else {
        router
    }
}

/// Why an act was not carried out: Discord's refusal, or what its client would say.
#[derive(Debug)]
pub(crate) enum Declined {
    Refused(Refusal),
    Client(String),
}

impl From<Refusal> for Declined {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<String> for Declined {
    fn from(why: String) -> Self {
        Self::Client(why)
    }
}

impl IntoResponse for Declined {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => refusal.into_response(),
            Self::Client(why) => {
                (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "message": why }))).into_response()
            }
        }
    }
}

/// A person by name or id.
fn person(world: &World, text: &str) -> Result<Id, Refusal> {
    let named = world.user_named(text).map(|user| user.id);
    let known = || text.parse().ok().filter(|id| world.users.contains_key(id));
    named.or_else(known).ok_or_else(Refusal::unknown_user)
}

/// A channel by name or id.
fn channel(world: &World, text: &str) -> Result<Id, Refusal> {
    let named = world.channel_named(text).map(|channel| channel.id);
    let known = || text.parse().ok().filter(|id| world.channels.contains_key(id));
    named.or_else(known).ok_or_else(Refusal::unknown_channel)
}
