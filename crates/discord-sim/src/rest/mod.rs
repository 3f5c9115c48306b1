//! REST v10.

pub(crate) mod bot_info;
pub(crate) mod call_log;
pub(crate) mod commands;
pub(crate) mod extract;
pub(crate) mod guild;
pub(crate) mod interactions;
pub(crate) mod messages;
pub(crate) mod middleware;
pub(crate) mod query;
pub(crate) mod rate_limits;
pub(crate) mod reactions;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, patch, post, put};

use crate::api_error::ApiError;
use crate::state::SimState;

/// The API under `/api/v10`, and like Discord also under `/api`.
pub(crate) fn router(shared: Arc<SimState>) -> Router {
    let without_token = Router::new()
        .route("/gateway", get(bot_info::gateway))
        .route("/interactions/{id}/{token}/callback", post(interactions::callback))
        .route("/webhooks/{application}/{token}", post(interactions::follow_up))
        .route(
            "/webhooks/{application}/{token}/messages/{message}",
            get(interactions::read).patch(interactions::edit).delete(interactions::remove),
        );
    let with_token = Router::new()
        .route("/gateway/bot", get(bot_info::gateway_bot))
        .route("/users/@me", get(bot_info::me))
        .route("/users/@me/guilds", get(bot_info::my_guilds))
        .route("/users/@me/guilds/{guild}/member", get(guild::own_member))
        .route("/users/{user}", get(bot_info::user))
        .route("/applications/@me", get(bot_info::application))
        .route("/oauth2/applications/@me", get(bot_info::application))
        .route("/guilds/{guild}", get(guild::guild))
        .route("/guilds/{guild}/roles", get(guild::roles))
        .route("/guilds/{guild}/roles/{role}", get(guild::role))
        .route("/guilds/{guild}/channels", get(guild::channels))
        .route("/guilds/{guild}/members", get(guild::members))
        .route("/guilds/{guild}/members/{user}", get(guild::member))
        .route("/channels/{channel}", get(guild::channel))
        .route("/channels/{channel}/typing", post(messages::typing))
        .route("/channels/{channel}/messages", get(messages::list).post(messages::create))
        .route("/channels/{channel}/messages/bulk-delete", post(messages::remove_all))
        .route(
            "/channels/{channel}/messages/{message}",
            get(messages::read).patch(messages::edit).delete(messages::remove),
        )
        .route("/channels/{channel}/messages/{message}/reactions", delete(reactions::clear))
        .route(
            "/channels/{channel}/messages/{message}/reactions/{emoji}",
            get(reactions::who).delete(reactions::clear_emoji),
        )
        .route(
            "/channels/{channel}/messages/{message}/reactions/{emoji}/{user}",
            put(reactions::add).delete(reactions::remove),
        )
        .route(
            "/applications/{application}/commands",
            get(commands::list_global).post(commands::create_global).put(commands::overwrite_global),
        )
        .route(
            "/applications/{application}/commands/{command}",
            get(commands::read_global).patch(commands::edit_global).delete(commands::remove_global),
        )
        .route(
            "/applications/{application}/guilds/{guild}/commands",
            get(commands::list).post(commands::create).put(commands::overwrite),
        )
        .route(
            "/applications/{application}/guilds/{guild}/commands/{command}",
            get(commands::read).merge(patch(commands::edit)).delete(commands::remove),
        )
        .layer(from_fn_with_state(Arc::clone(&shared), middleware::authorize));
    let api = without_token.merge(with_token).fallback(async || ApiError::no_such_route());
    Router::new()
        .nest("/api/v10", api.clone())
        .nest("/api", api)
        .fallback(async || ApiError::no_such_route())
        .layer(from_fn_with_state(Arc::clone(&shared), middleware::receive))
        .with_state(shared)
}
