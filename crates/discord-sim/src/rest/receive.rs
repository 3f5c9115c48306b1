//! What every call goes through: the record, the faults, the rate limits, the token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::limits::{self, too_many};
use super::log::Call;
use crate::door::{Cut, Wire};
use crate::faults::Fault;
use crate::server::Shared;
use crate::world::refusal::Refusal;

/// Bytes of a request, as for uploads to a guild without boosts.
const MOST_BYTES: usize = 10 * 1024 * 1024;

pub(crate) async fn receive(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, MOST_BYTES).await else {
        return Refusal::new(413, 40005, "Request entity too large").into_response();
    };
    let path = parts.uri.path();
    let path = path
        .strip_prefix("/api/v10")
        .or_else(|| path.strip_prefix("/api"))
        .unwrap_or(path)
        .to_owned();
    let method = parts.method.as_str().to_owned();
    let at = Instant::now();
    let call = Call {
        method: method.clone(),
        path: path.clone(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        status: None,
        at,
        took: Duration::ZERO,
    };
    let index = {
        let mut calls = shared.calls();
        calls.push(call);
        calls.len() - 1
    };
    shared.touch();
    let request = Request::from_parts(parts, Body::from(bytes));
    let fault = shared.faults().take(&method, &path);
    let response = match fault {
        None => limited(&shared, &method, &path, request, next).await,
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            next.run(request).await
        }
        Some(Fault::RateLimited { retry_after, global }) => too_many(retry_after, global),
        Some(Fault::Status(status)) => broken(status),
        Some(Fault::Hang) => return std::future::pending().await,
        Some(Fault::Reset) => return reset(&wire),
        Some(Fault::EffectThenReset) => {
            next.run(request).await;
            return reset(&wire);
        }
        Some(Fault::EffectThenHang) => {
            next.run(request).await;
            return std::future::pending().await;
        }
    };
    if let Some(call) = shared.calls().get_mut(index) {
        call.status = Some(response.status().as_u16());
        call.took = at.elapsed();
    }
    shared.touch();
    response
}

/// Turns away whoever does not carry the bot's token.
pub(crate) async fn authorize(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let token = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let right = token
        .and_then(|token| token.strip_prefix("Bot "))
        .is_some_and(|token| token == shared.world().application.token);
    if right {
        next.run(request).await
    } else {
        Refusal::unauthorized().into_response()
    }
}

async fn limited(shared: &Shared, method: &str, path: &str, request: Request, next: Next) -> Response {
    let Some(limits) = &shared.limits else {
        return next.run(request).await;
    };
    let verdict = limits
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .take(method, path, Instant::now());
    match verdict {
        Ok(left) => limits::with_headers(next.run(request).await, &left),
        Err(refused) => too_many(refused.retry_after, refused.global),
    }
}

/// What Discord's front sends when what is behind it is broken: no JSON of its own.
fn broken(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (
        status,
        [(header::CONTENT_TYPE, "text/html")],
        "<html><body>upstream error</body></html>",
    )
        .into_response()
}

/// Resets the connection; the response can't be written any more.
fn reset(wire: &Wire) -> Response {
    wire.cut(Cut::Reset);
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
