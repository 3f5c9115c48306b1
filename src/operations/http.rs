//! Serves `/healthz`, `/readyz` and `/metrics`, on a thread of its own, so that no HTTP client delays an approval.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics::gauge;
use tokio::net::TcpStream;
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::clock::system_time;
use super::logging::Metrics;
use crate::discord::bot::DiscordStatus;
use crate::ledger::record::time;
use crate::workflow::EngineHealth;
use crate::workflow::ports::{Ledger, LedgerError};

/// The limit of a probe of the ledger. Shorter than the timeout of `killgate health`, and much shorter than that of
/// Prometheus (10 s by default).
const PROBE_TIMEOUT: Duration = Duration::from_millis(2_500);
/// How long the result of a probe is used again. It bounds what any number of clients can ask of the ledger.
const PROBE_MAX_AGE: Duration = Duration::from_secs(1);
/// The number of open connections. The oldest one is closed for a new one, so that idle clients cannot lock out a probe,
/// which sends its request at once.
const MAX_CONNECTIONS: usize = 64;
/// How long a connection may last. Each one serves a single request.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// The smallest buffer that hyper allows. More than any client needs for a request to these paths.
const MAX_BUFFER_BYTES: usize = 8 * 1024;
/// The pause after an error of `accept`, which is most likely a lack of descriptors.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The sources of readiness and metrics.
pub struct HealthSources {
    /// Whether the bot is connected to Discord and in its guild.
    pub gateway: watch::Receiver<DiscordStatus>,
    /// What keeps requests from being decided.
    pub health: watch::Receiver<EngineHealth>,
    /// The ledger, while this replica is the active one.
    pub ledger: watch::Receiver<Option<Arc<dyn Ledger>>>,
    /// Why this replica is not the active one.
    pub waiting: watch::Receiver<String>,
    pub metrics: Metrics,
}

/// Why the ledger is not writable, or nothing.
type ProbeResult = Result<(), String>;

struct HealthServer {
    sources: HealthSources,
    /// The last probe, and when it ended. Locked while a probe runs, so that there is one at a time.
    last_probe: Arc<Mutex<Option<(Instant, ProbeResult)>>>,
}

/// Listens at `address`. Called first, so that a port in use is reported before anything else starts.
pub fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| {
        format!("[http] listen: cannot listen on {address}; choose another address, or stop the program that uses it")
    })?;
    listener.set_nonblocking(true).with_context(|| format!("[http] listen: cannot listen on {address}"))?;
    Ok(listener)
}

/// Serves until the process ends.
pub fn serve_in_background(listener: TcpListener, sources: HealthSources) -> anyhow::Result<()> {
    let runtime = super::runtime()?;
    let listener = {
        let _context = runtime.enter();
        tokio::net::TcpListener::from_std(listener).context("[http] listen")?
    };
    let server = Arc::new(HealthServer { sources, last_probe: Arc::default() });
    std::thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || runtime.block_on(serve(listener, server)))
        .context("the thread of [http] could not be started")?;
    Ok(())
}

async fn serve(listener: tokio::net::TcpListener, server: Arc<HealthServer>) -> Infallible {
    let mut connections: VecDeque<AbortHandle> = VecDeque::with_capacity(MAX_CONNECTIONS);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "[http] accepted no connection; trying again");
                sleep(ACCEPT_RETRY_PAUSE).await;
                continue;
            }
        };
        if connections.len() >= MAX_CONNECTIONS {
            connections.retain(|connection| !connection.is_finished());
        }
        if connections.len() >= MAX_CONNECTIONS
            && let Some(oldest) = connections.pop_front()
        {
            oldest.abort();
        }
        let connection = tokio::spawn(serve_connection(stream, Arc::clone(&server)));
        connections.push_back(connection.abort_handle());
    }
}

async fn serve_connection(stream: TcpStream, server: Arc<HealthServer>) {
    let respond = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(server.respond(&request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), respond);
    // What goes wrong on a connection concerns only its client.
    let _ = timeout(CONNECTION_TIMEOUT, connection).await;
}

impl HealthServer {
    async fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if !["/healthz", "/readyz", "/metrics"].contains(&path) {
            return text(StatusCode::NOT_FOUND, "there are /healthz, /readyz and /metrics\n");
        }
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/healthz" => text(StatusCode::OK, "ok\n"),
            "/readyz" => self.readyz().await,
            _ => self.metrics().await,
        }
    }

    async fn readyz(&self) -> Response<Full<Bytes>> {
        let mut problems = Vec::new();
        if let Some(probe) = self.probe_ledger().await {
            match *self.sources.gateway.borrow() {
                DiscordStatus::InGuild => {}
                DiscordStatus::Disconnected => problems.push("not connected to Discord's gateway".to_owned()),
                DiscordStatus::StartsUsedUp { until } => {
                    let until = system_time().plus(until.saturating_duration_since(Instant::now()));
                    problems.push(format!(
                        "Discord allows this bot no more sessions until {}; it connects then by itself. Something restarted \
                         it, or ended its sessions, about 1,000 times within a day",
                        time::write(until)
                    ));
                }
                DiscordStatus::OutsideGuild => problems.push(
                    "the bot is not in its guild, or Discord has an outage; if it was removed, invite it again"
                        .to_owned(),
                ),
            }
            problems.extend(self.sources.health.borrow().problems(Instant::now()));
            if let Err(error) = probe {
                problems.push(format!("the ledger is not writable: {error}"));
            }
        } else {
            problems.push(self.sources.waiting.borrow().clone());
        }
        if problems.is_empty() {
            text(StatusCode::OK, "ready\n")
        } else {
            let problems = format!("{}\n", problems.join("\n"));
            text(StatusCode::SERVICE_UNAVAILABLE, problems)
        }
    }

    /// Probes the ledger, so that the metric is current even when the bot is idle.
    async fn metrics(&self) -> Response<Full<Bytes>> {
        let is_writable = matches!(self.probe_ledger().await, Some(Ok(())));
        gauge!("killgate_ledger_writable").set(if is_writable { 1.0 } else { 0.0 });
        let mut response = text(StatusCode::OK, self.sources.metrics.render());
        let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }

    /// Whether the ledger is writable; `None` while this replica is not the active one.
    async fn probe_ledger(&self) -> Option<ProbeResult> {
        let ledger = self.sources.ledger.borrow().clone()?;
        let mut last_probe = Arc::clone(&self.last_probe).lock_owned().await;
        if let Some((at, result)) = &*last_probe
            && at.elapsed() < PROBE_MAX_AGE
        {
            return Some(result.clone());
        }
        // A task of its own keeps the lock until the probe has ended: a client whose connection is closed meanwhile does not
        // make room for another probe.
        let probing = tokio::spawn(async move {
            let result = probe(ledger).await;
            *last_probe = Some((Instant::now(), result.clone()));
            result
        });
        Some(probing.await.unwrap_or_else(|error| Err(error.to_string())))
    }
}

async fn probe(ledger: Arc<dyn Ledger>) -> ProbeResult {
    // A separate task, so that the end of the wait does not cancel a statement, and with it close the ledger's only
    // connection.
    let probe = tokio::spawn(async move { ledger.probe().await });
    let result = match timeout(PROBE_TIMEOUT, probe).await {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => Err(LedgerError::NotRecorded(error.into())),
        Err(_) => {
            Err(LedgerError::NotRecorded(anyhow::anyhow!("it has not answered after {PROBE_TIMEOUT:?}")))
        }
    };
    result.map_err(|error| format!("{:#}", anyhow::Error::new(error)))
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
