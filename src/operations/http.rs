//! Serves `/healthz`, `/readyz` and `/metrics`.

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

use crate::discord::bot::DiscordStatus;
use crate::workflow::ports::{Ledger, LedgerError};

/// The limit of a probe of the ledger. Shorter than the timeout of `killgate health`, and much shorter than that of
/// Prometheus (10 s by default).
const PROBE_TIMEOUT: Duration = Duration::from_millis(2_500);

/// The sources of readiness and metrics.
#[derive(Clone)]
pub struct HealthSources {
    /// Whether the bot can hear its guild.
    pub gateway: watch::Receiver<DiscordStatus>,
    /// The ledger, while this replica is the active one.
    pub ledger: watch::Receiver<Option<Arc<dyn Ledger>>>,
    /// Why this replica is not the active one.
    pub waiting: watch::Receiver<String>,
    pub metrics: PrometheusHandle,
}

impl HealthSources {
    /// Whether the ledger is writable; `None` while this replica is not the active one.
    async fn probe_ledger(&self) -> Option<Result<(), LedgerError>> {
        let ledger = self.ledger.borrow().clone()?;
        let timed_out =
            || LedgerError::NotRecorded(anyhow::anyhow!("it has not answered after {PROBE_TIMEOUT:?}"));
        // A separate task, so that the end of the wait does not cancel a statement, and with it close the ledger's only
        // connection.
        let probe = tokio::spawn(async move { ledger.probe().await });
        Some(match timeout(PROBE_TIMEOUT, probe).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => Err(LedgerError::NotRecorded(error.into())),
            Err(_) => Err(timed_out()),
        })
    }
}

/// Listens at `address`. Called first, so that a port in use is reported before anything else starts.
pub fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| {
        format!("[http] listen: cannot listen on {address}; choose another address, or stop the program that uses it")
    })?;
    listener
        .set_nonblocking(true)
        .with_context(|| format!("[http] listen: cannot listen on {address}"))?;
    Ok(listener)
}

/// Serves until it is cancelled.
pub async fn serve(listener: TcpListener, sources: HealthSources) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(sources);
    axum::serve(listener, routes).await
}

async fn readyz(State(sources): State<HealthSources>) -> impl IntoResponse {
    let mut problems = Vec::new();
    if let Some(probe) = sources.probe_ledger().await {
        match *sources.gateway.borrow() {
            DiscordStatus::InGuild => {}
            DiscordStatus::Disconnected => problems.push("not connected to Discord's gateway".to_owned()),
            DiscordStatus::OutsideGuild => problems.push(
                "the bot is not in its guild, or Discord has an outage; if it was removed, invite it again"
                    .to_owned(),
            ),
        }
        if let Err(error) = probe {
            problems.push(format!(
                "the ledger is not writable: {:#}",
                anyhow::Error::new(error)
            ));
        }
    } else {
        problems.push(sources.waiting.borrow().clone());
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

/// Probes the ledger for each answer, so that the metric is current even when the bot is idle.
async fn metrics(State(sources): State<HealthSources>) -> impl IntoResponse {
    let is_writable = matches!(sources.probe_ledger().await, Some(Ok(())));
    gauge!("killgate_ledger_writable").set(if is_writable { 1.0 } else { 0.0 });
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        sources.metrics.render(),
    )
}
