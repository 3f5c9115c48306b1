//! The simulator by HTTP: the page, and JSON under `/sim`.

use std::sync::Arc;

use axum::Router;

use crate::server::Shared;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().with_state(shared)
}
