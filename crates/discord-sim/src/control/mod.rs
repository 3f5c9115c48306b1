//! The simulator's HTTP interface: the page, and JSON under `/sim` for the page and for tests in other languages.
//!
//! Every change is a POST with a JSON body, which a foreign web page cannot send without a CORS preflight.

mod actions;
mod faults;
mod host_check;
mod lookup;
mod page_files;
mod queries;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};

use crate::state::{ASIDE, SimState};

pub(crate) fn router(shared: Arc<SimState>, panel_routes: Router) -> Router {
    let is_loopback = shared.page.address.ip().is_loopback();
    let router = page_files::router()
        .route("/sim/world", get(queries::world))
        .route("/sim/channels/{channel}/messages", get(queries::messages))
        .route("/sim/channels/{channel}/commands", get(queries::commands))
        .route("/sim/interactions/{interaction}", get(queries::interaction))
        .route("/sim/transcript", get(queries::transcript))
        .route("/sim/calls", get(queries::calls))
        .route("/sim/changes", get(queries::changes))
        .route("/sim/as/{person}/says", post(actions::says))
        .route("/sim/as/{person}/types", post(actions::types))
        .route("/sim/as/{person}/completes", post(actions::completes))
        .route("/sim/as/{person}/reacts", post(actions::reacts))
        .route("/sim/as/{person}/takes-back", post(actions::takes_back))
        .route("/sim/as/{person}/uses", post(actions::uses))
        .route("/sim/as/{person}/submits", post(actions::submits))
        .route("/sim/as/{person}/deletes", post(actions::deletes))
        .route("/sim/as/{person}/clears", post(actions::clears))
        .route("/sim/people/{person}/roles", post(actions::roles))
        .route("/sim/people/{person}/timeout", post(actions::times_out))
        .route("/sim/people/{person}/membership", post(actions::membership))
        .route("/sim/channels/{channel}/hides", post(actions::hides))
        .route("/sim/guild", post(actions::guild))
        .route("/sim/faults", post(faults::faults))
        .route("/sim/gateway", post(faults::gateway))
        .route("/sim/outage", post(faults::outage))
        .route("/sim/restore", post(faults::restore))
        .with_state(shared)
        .nest(ASIDE, panel_routes);
    if is_loopback { router.layer(from_fn(host_check::require_address)) } else { router }
}
