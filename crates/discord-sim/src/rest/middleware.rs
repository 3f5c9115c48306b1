//! Applied to every call: the call log, faults, rate limits, and the token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::call_log::Call;
use super::rate_limits::{self, too_many};
use crate::api_error::ApiError;
use crate::faults::Fault;
use crate::listener::{ConnectionHandle, Cut};
use crate::state::SimState;

/// The size limit of a request, as for uploads in a guild without boosts.
const MAX_BYTES: usize = 10 * 1024 * 1024;

pub(crate) async fn receive(
    State(shared): State<Arc<SimState>>,
    ConnectInfo(wire): ConnectInfo<ConnectionHandle>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_BYTES).await else {
        return ApiError::new(413, 40005, "Request entity too large").into_response();
    };
    let path = parts.uri.path();
    let path = path.strip_prefix("/api/v10").or_else(|| path.strip_prefix("/api")).unwrap_or(path).to_owned();
    let method = parts.method.as_str().to_owned();
    let at = Instant::now();
    let call = Call {
        method: method.clone(),
        path: path.clone(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        user_agent: parts
            .headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
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
    shared.notify_changed();
    let request = Request::from_parts(parts, Body::from(bytes));
    let fault = shared.faults().next_fault(&method, &path);
    let response = match fault {
        None => with_rate_limits(&shared, &method, &path, request, next).await,
        Some(Fault::Delay(delay)) => {
            tokio::time::sleep(delay).await;
            next.run(request).await
        }
        Some(Fault::RateLimited { retry_after, global }) => too_many(retry_after, global),
        Some(Fault::Status(status)) => edge_error(status),
        Some(Fault::Error { status, code }) => ApiError::new(status, code, "Injected").into_response(),
        Some(Fault::EditedTooOften { retry_after }) => {
            let body = json!({
                "message": "Maximum number of edits to messages older than 1 hour reached. Try again later",
                "code": 30046, "retry_after": retry_after.as_secs_f64(),
            });
            (StatusCode::TOO_MANY_REQUESTS, axum::Json(body)).into_response()
        }
        Some(Fault::EffectThenError { status, code }) => {
            next.run(request).await;
            ApiError::new(status, code, "Injected").into_response()
        }
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
    shared.notify_changed();
    response
}

/// Refuses calls without the bot's token.
pub(crate) async fn authorize(State(shared): State<Arc<SimState>>, request: Request, next: Next) -> Response {
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let is_authorized = token
        .and_then(|token| token.strip_prefix("Bot "))
        .is_some_and(|token| token == shared.world().application.token);
    if is_authorized { next.run(request).await } else { ApiError::unauthorized().into_response() }
}

async fn with_rate_limits(
    shared: &SimState,
    method: &str,
    path: &str,
    request: Request,
    next: Next,
) -> Response {
    let Some(limits) = &shared.limits else {
        return next.run(request).await;
    };
    let result = limits.lock().unwrap_or_else(std::sync::PoisonError::into_inner).count_call(
        method,
        path,
        Instant::now(),
    );
    match result {
        Ok(left) => rate_limits::with_headers(next.run(request).await, &left),
        Err(refused) => too_many(refused.retry_after, refused.global),
    }
}

/// The response of Discord's edge when its backend fails: HTML instead of JSON.
fn edge_error(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "text/html")], "<html><body>upstream error</body></html>")
        .into_response()
}

/// Resets the connection, so that the response is not sent.
fn reset(wire: &ConnectionHandle) -> Response {
    wire.cut(Cut::Reset);
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
