//! Reads responses other than 2xx.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use super::{ApiCall, ApiError, route};

/// Discord's "Invalid Webhook Token": the token of the interaction is invalid, not that of the bot.
const INVALID_WEBHOOK_TOKEN: u32 = 50027;

/// The wait after a 429 that does not specify one. Such a response comes from a proxy, not from Discord.
const DEFAULT_WAIT: Duration = Duration::from_secs(1);

/// "Maximum number of edits to messages older than 1 hour reached": it concerns that message only.
const TOO_MANY_EDITS: u32 = 30_046;

/// How long all calls wait after the edge blocked one, unless it says how long.
const EDGE_COOL_DOWN: Duration = Duration::from_secs(10);
/// The longest wait that is believed. Discord's are minutes; after a longer one, which comes from something else, it is asked again.
pub(super) const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// "Internal network error", from the edge.
const INTERNAL_NETWORK_ERROR: u32 = 40_333;

/// Whether the response comes from the edge in front of Discord and not from Discord, whose errors are JSON objects. Returns how
/// long to wait.
pub(super) fn read_edge_block(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Duration> {
    if ![StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS].contains(&status) {
        return None;
    }
    let object: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(body).ok();
    let is_of_edge = match &object {
        // Cloudflare's own errors are objects too (its documentation, "Error 1015").
        Some(object) => {
            object.get("code").is_some_and(|code| *code == INTERNAL_NETWORK_ERROR)
                || object.contains_key("cloudflare_error")
                || object.contains_key("error_code")
        }
        None => !body.is_empty(),
    };
    let seconds = || headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok();
    is_of_edge.then(|| seconds().map_or(EDGE_COOL_DOWN, Duration::from_secs).min(LONGEST_WAIT))
}

/// Whether a 429 concerns a single message and not the route.
pub(super) fn concerns_one_message(body: &[u8]) -> bool {
    serde_json::from_slice::<ErrorBody>(body).is_ok_and(|error| error.code == TOO_MANY_EDITS)
}

/// The body of a 4xx (Discord: "Opcodes and Status Codes", "JSON").
#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorBody {
    code: u32,
    message: String,
    errors: serde_json::Value,
}

/// The body of a 429 (Discord: "Rate Limits", "Exceeding A Rate Limit"); `retry_after` is in seconds.
#[derive(Deserialize, Default)]
#[serde(default)]
struct RateLimitBody {
    retry_after: Option<f64>,
    global: bool,
}

/// How long a 429 tells the bot to wait.
pub(super) struct RetryAfter {
    pub(super) wait: Duration,
    /// Whether all routes must wait.
    pub(super) is_global: bool,
}

/// Reads the wait from the body, else from the headers.
pub(super) fn read_retry_after(headers: &HeaderMap, body: &[u8]) -> RetryAfter {
    let body: RateLimitBody = serde_json::from_slice(body).unwrap_or_default();
    let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let wait = body
        .retry_after
        .or(header)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(DEFAULT_WAIT)
        .min(LONGEST_WAIT);
    RetryAfter { wait, is_global: body.global || headers.contains_key("x-ratelimit-global") }
}

/// Reads the error from a 4xx.
pub(super) fn read_error(call: &ApiCall<'_>, status: StatusCode, body: &[u8]) -> ApiError {
    let route = call.name();
    let ErrorBody { code, mut message, errors } = serde_json::from_slice(body).unwrap_or_default();
    if message.is_empty() {
        status.canonical_reason().unwrap_or("no reason given").clone_into(&mut message);
    }
    match status {
        StatusCode::UNAUTHORIZED if code != INVALID_WEBHOOK_TOKEN && !route::is_interaction(call.route) => {
            ApiError::Unauthorized { route }
        }
        StatusCode::FORBIDDEN => ApiError::Forbidden { route, code, message },
        StatusCode::NOT_FOUND => ApiError::NotFound { route, code, message },
        _ => ApiError::Rejected { route, status, code, message, errors },
    }
}
