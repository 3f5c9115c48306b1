//! What a bot requests at start: the gateway's URL and its own identity.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::extract::{JsonResult, PathIds};
use crate::gateway::intents::Intents;
use crate::ids::Id;
use crate::state::SimState;
use crate::world::effective_permissions::in_guild;

pub(crate) async fn gateway(State(shared): State<Arc<SimState>>) -> Json<Value> {
    Json(json!({ "url": shared.announced_gateway_url() }))
}

pub(crate) async fn gateway_bot(State(shared): State<Arc<SimState>>) -> Json<Value> {
    let url = shared.announced_gateway_url();
    let world = shared.world();
    let total = world.gateway.settings.identify_limit;
    Json(json!({ "url": url, "shards": 1, "session_start_limit": {
        "total": total, "remaining": total.saturating_sub(world.gateway.identifies),
        "reset_after": 86_400_000, "max_concurrency": 1,
    }}))
}

pub(crate) async fn me(State(shared): State<Arc<SimState>>) -> JsonResult {
    let world = shared.world();
    let mut json = world.user(world.application.id)?.json();
    json["verified"] = true.into();
    json["mfa_enabled"] = true.into();
    json["locale"] = "en-US".into();
    json["email"] = Value::Null;
    json["flags"] = 0.into();
    Ok(Json(json))
}

pub(crate) async fn my_guilds(State(shared): State<Arc<SimState>>) -> JsonResult {
    let world = shared.world();
    let bot = world.member(world.application.id)?;
    Ok(Json(json!([{
        "id": world.guild.id, "name": world.guild.name, "icon": null, "banner": null,
        "owner": world.guild.owner == bot.user, "permissions": in_guild(&world.guild, bot), "features": [],
    }])))
}

pub(crate) async fn user(State(shared): State<Arc<SimState>>, PathIds(id): PathIds<Id>) -> JsonResult {
    Ok(Json(shared.world().user(id)?.json()))
}

pub(crate) async fn application(State(shared): State<Arc<SimState>>) -> JsonResult {
    let world = shared.world();
    let owner = world.user(world.guild.owner)?.json();
    Ok(Json(json!({
        "id": world.application.id, "name": world.application.name, "icon": null, "description": "",
        "summary": "", "type": null, "bot": world.user(world.application.id)?.json(), "owner": owner,
        "bot_public": true, "bot_require_code_grant": false, "verify_key": "0".repeat(64), "team": null,
        "flags": flags(world.gateway.settings.allowed), "hook": true, "redirect_uris": [], "rpc_origins": [],
        "interactions_endpoint_url": null, "role_connections_verification_url": null, "tags": [],
        "install_params": { "scopes": ["bot", "applications.commands"], "permissions": "0" },
        "approximate_guild_count": 1, "approximate_user_install_count": 0,
    })))
}

/// The application's flags contain the privileged intents that are enabled (the "limited" flags, as for bots
/// in fewer than 100 guilds).
fn flags(allowed: Intents) -> u64 {
    [
        (Intents::GUILD_PRESENCES, 1 << 13),
        (Intents::GUILD_MEMBERS, 1 << 15),
        (Intents::MESSAGE_CONTENT, 1 << 19),
    ]
    .into_iter()
    .filter(|(intent, _)| allowed.contains(*intent))
    .map(|(_, flag)| flag)
    .sum()
}
