//! `/healthz`, `/readyz` and `/metrics`, for those who watch over the bot.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::workflow::ports::{Ledger, LedgerError};

/// A ledger that has not taken a trial by then takes none. Less than `killgate health` waits for an answer, and much less
/// than Prometheus does (10 s by default).
const TRIAL_WITHIN: Duration = Duration::from_millis(2_500);

/// What readiness rests on.
#[derive(Clone)]
pub struct HealthSources {
    /// Whether the session with Discord stands.
    pub gateway: watch::Receiver<bool>,
    /// The ledger while this replica is the active one.
    pub ledger: watch::Receiver<Option<Arc<dyn Ledger>>>,
    /// Why this replica is not the active one, while it is not.
    pub waiting: watch::Receiver<String>,
    pub metrics: PrometheusHandle,
}

impl HealthSources {
    /// Whether the ledger would take a record now; `None` while this replica has none.
    async fn try_ledger(&self) -> Option<Result<(), LedgerError>> {
        let ledger = self.ledger.borrow().clone()?;
        let late = || LedgerError::NotRecorded(anyhow::anyhow!("it has not answered after {TRIAL_WITHIN:?}"));
        // A task of its own: who stops waiting does not break off a statement, and with it the ledger's only connection.
        let trial = tokio::spawn(async move { ledger.probe().await });
        Some(match timeout(TRIAL_WITHIN, trial).await {
            Ok(Ok(tried)) => tried,
            Ok(Err(problem)) => Err(LedgerError::NotRecorded(problem.into())),
            Err(_) => Err(late()),
        })
    }
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
pub async fn serve(listener: TcpListener, watched: HealthSources) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(watched);
    axum::serve(listener, routes).await
}

async fn readyz(State(watched): State<HealthSources>) -> impl IntoResponse {
    let mut problems = Vec::new();
    if let Some(trial) = watched.try_ledger().await {
        if !*watched.gateway.borrow() {
            problems.push("not connected to Discord's gateway".to_owned());
        }
        if let Err(problem) = trial {
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

/// Tries the ledger for each answer, so that what is told of it is true also when nobody has asked anything of the bot.
async fn metrics(State(watched): State<HealthSources>) -> impl IntoResponse {
    let writable = matches!(watched.try_ledger().await, Some(Ok(())));
    gauge!("killgate_ledger_writable").set(if writable { 1.0 } else { 0.0 });
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        watched.metrics.render(),
    )
}
