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
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::logging::Metrics;
use super::readiness::Readiness;

/// The number of open connections. The oldest one is closed for a new one, so that idle clients cannot lock out a probe,
/// which sends its request at once.
const MAX_CONNECTIONS: usize = 64;
/// How long a connection may last. Each one serves a single request.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// The smallest buffer that hyper allows. More than any client needs for a request to these paths.
const MAX_BUFFER_BYTES: usize = 8 * 1024;
/// How many connections are accepted before a short pause: some 2,000 a second, far more than monitoring needs. Others wait in the
/// listening socket's queue, so that a flood leaves the processor to the bot and to PostgreSQL.
const ACCEPTED_AT_ONCE: u32 = 4;
const ACCEPT_PAUSE: Duration = Duration::from_millis(1);
/// The lowest `nice` priority. `SCHED_IDLE` would give way sooner, but on a machine whose processors are all busy, a probe would wait
/// for seconds.
const NICENESS: i32 = 19;
/// The pause after an error of `accept`, which is most likely a lack of descriptors.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_secs(1);

struct HttpServer {
    readiness: Readiness,
    metrics: Metrics,
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
pub fn serve_in_background(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Metrics,
) -> anyhow::Result<()> {
    let runtime = super::runtime()?;
    let listener = {
        let _context = runtime.enter();
        tokio::net::TcpListener::from_std(listener).context("[http] listen")?
    };
    let server = Arc::new(HttpServer { readiness, metrics });
    std::thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || {
            // Linux changes the calling thread only (`nice(2)`, "C library/kernel differences").
            if let Err(error) = rustix::process::nice(NICENESS) {
                warn!(
                    %error,
                    "[http] could not lower its priority, so a flood of requests may delay an approval: allow setpriority in the \
                     seccomp filter"
                );
            }
            runtime.block_on(serve(listener, server))
        })
        .context("the thread of [http] could not be started")?;
    Ok(())
}

async fn serve(listener: tokio::net::TcpListener, server: Arc<HttpServer>) -> Infallible {
    let mut connections: VecDeque<AbortHandle> = VecDeque::with_capacity(MAX_CONNECTIONS);
    let mut accepted = 0;
    loop {
        accepted = (accepted + 1) % ACCEPTED_AT_ONCE;
        if accepted == 0 {
            sleep(ACCEPT_PAUSE).await;
        }
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

async fn serve_connection(stream: TcpStream, server: Arc<HttpServer>) {
    let respond = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(server.respond(&request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        // A client that has nothing more to send may say so (`nc -N`), and still reads its answer.
        .half_close(true)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), respond);
    // What goes wrong on a connection concerns only its client.
    let _ = timeout(CONNECTION_TIMEOUT, connection).await;
}

impl HttpServer {
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
        let problems = self.readiness.problems().await;
        if problems.is_empty() {
            text(StatusCode::OK, "ready\n")
        } else {
            let problems = format!("{}\n", problems.join("\n"));
            text(StatusCode::SERVICE_UNAVAILABLE, problems)
        }
    }

    /// Probes the ledger, so that the metric is current even when the bot is idle.
    async fn metrics(&self) -> Response<Full<Bytes>> {
        let is_writable = self.readiness.is_ledger_writable().await;
        gauge!("killgate_ledger_writable").set(if is_writable { 1.0 } else { 0.0 });
        let mut response = text(StatusCode::OK, self.metrics.render());
        let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
