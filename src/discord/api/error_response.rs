//! Answers other than 2xx, read into errors.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use super::{ApiCall, ApiError, route};

/// Discord's "Invalid Webhook Token": the interaction's token, not the bot's, is at fault.
const INVALID_WEBHOOK_TOKEN: u32 = 50027;

/// How long to wait after a 429 that does not say: only something between the bot and Discord answers so.
const UNSAID_WAIT: Duration = Duration::from_secs(1);

/// The body of a refusal (Discord: "Opcodes and Status Codes", "JSON").
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

/// What a 429 asks for.
pub(super) struct RetryAfter {
    pub(super) wait: Duration,
    /// All routes are meant, not only this one.
    pub(super) global: bool,
}

/// Reads the wait from the body, else from the headers.
pub(super) fn wait(headers: &HeaderMap, body: &[u8]) -> RetryAfter {
    let exceeded: RateLimitBody = serde_json::from_slice(body).unwrap_or_default();
    let header = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let wait = exceeded
        .retry_after
        .or(header)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(UNSAID_WAIT);
    RetryAfter {
        wait,
        global: exceeded.global || headers.contains_key("x-ratelimit-global"),
    }
}

/// The error that a 4xx means.
pub(super) fn error(call: &ApiCall<'_>, status: StatusCode, body: &[u8]) -> ApiError {
    let route = call.name();
    let ErrorBody {
        code,
        mut message,
        errors,
    } = serde_json::from_slice(body).unwrap_or_default();
    if message.is_empty() {
        status
            .canonical_reason()
            .unwrap_or("no reason given")
            .clone_into(&mut message);
    }
    match status {
        StatusCode::UNAUTHORIZED if code != INVALID_WEBHOOK_TOKEN && !route::is_interaction(call.route) => {
            ApiError::Unauthorized { route }
        }
        StatusCode::FORBIDDEN => ApiError::Forbidden { route, code, message },
        StatusCode::NOT_FOUND => ApiError::NotFound { route, code, message },
        _ => ApiError::Rejected {
            route,
            status,
            code,
            message,
            errors,
        },
    }
}
