//! `/healthz`, `/readyz` and `/metrics`, for those who watch over the bot.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use crate::desk::ports::Ledger;

/// What readiness rests on.
#[derive(Clone)]
pub struct Watched {
    /// Whether the session with Discord stands.
    pub gateway: watch::Receiver<bool>,
    /// The ledger while this replica is the active one.
    pub ledger: watch::Receiver<Option<Arc<dyn Ledger>>>,
    /// Why this replica is not the active one, while it is not.
    pub waiting: watch::Receiver<String>,
    pub metrics: PrometheusHandle,
}

/// Listens at `address`, so that a port in use is known before anything else is begun.
pub fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| {
        format!("[http] listen: {address} cannot be listened on; choose another address or stop what uses it")
    })?;
    listener
        .set_nonblocking(true)
        .with_context(|| format!("[http] listen: {address} cannot be listened on"))?;
    Ok(listener)
}

/// Answers for as long as it is awaited.
pub async fn serve(listener: TcpListener, watched: Watched) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(watched);
    axum::serve(listener, routes).await
}

async fn readyz(State(watched): State<Watched>) -> impl IntoResponse {
    let mut problems = Vec::new();
    let ledger = watched.ledger.borrow().clone();
    if let Some(ledger) = ledger {
        if !*watched.gateway.borrow() {
            problems.push("not connected to Discord's gateway".to_owned());
        }
        if let Err(problem) = ledger.probe().await {
            problems.push(format!(
                "the ledger is not writable: {:#}",
                anyhow::Error::new(problem)
            ));
        }
    } else {
        problems.push(watched.waiting.borrow().clone());
    }
    if problems.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{}\n", problems.join("\n")),
        )
    }
}

async fn metrics(State(watched): State<Watched>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        watched.metrics.render(),
    )
}
