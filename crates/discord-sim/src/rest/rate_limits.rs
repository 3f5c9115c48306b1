//! Discord's rate limits, as far as they are known: a bucket for each kind of call and channel, and a
//! global one. Off by default.
//!
//! Source: Discord's page "Rate Limits". The sizes of the buckets are those in Discord's response headers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

const GLOBAL: (u32, Duration) = (50, Duration::from_secs(1));

#[derive(Debug, Default)]
pub(crate) struct RateLimits {
    windows: HashMap<String, BucketWindow>,
}

#[derive(Debug)]
struct BucketWindow {
    until: Instant,
    used: u32,
}

/// The state of a bucket after a call.
#[derive(Debug)]
pub(crate) struct BucketStatus {
    bucket: String,
    limit: u32,
    remaining: u32,
    reset_after: Duration,
}

#[derive(Debug)]
pub(crate) struct RateLimited {
    pub(crate) retry_after: Duration,
    pub(crate) global: bool,
}

impl RateLimits {
    pub(crate) fn count_call(
        &mut self,
        method: &str,
        path: &str,
        now: Instant,
    ) -> Result<BucketStatus, RateLimited> {
        // Responses to interactions do not count against the global limit.
        if !path.starts_with("/interactions/") && !path.starts_with("/webhooks/") {
            self.count("global", GLOBAL, now)
                .map_err(|retry_after| RateLimited { retry_after, global: true })?;
        }
        let (bucket, limit, per) = bucket(method, path);
        let (used, reset_after) = self
            .count(&bucket, (limit, per), now)
            .map_err(|retry_after| RateLimited { retry_after, global: false })?;
        Ok(BucketStatus { bucket, limit, remaining: limit - used, reset_after })
    }

    fn count(
        &mut self,
        bucket: &str,
        (limit, per): (u32, Duration),
        now: Instant,
    ) -> Result<(u32, Duration), Duration> {
        let fresh = || BucketWindow { until: now + per, used: 0 };
        let window = self.windows.entry(bucket.to_owned()).or_insert_with(fresh);
        if window.until <= now {
            *window = fresh();
        }
        let left = window.until - now;
        if window.used >= limit {
            return Err(left);
        }
        window.used += 1;
        Ok((window.used, left))
    }
}

/// The bucket of a call, its limit, and the time in which it applies.
fn bucket(method: &str, path: &str) -> (String, u32, Duration) {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let second = Duration::from_secs(1);
    match (method, parts.as_slice()) {
        ("PUT" | "DELETE", ["channels", channel, "messages", _, "reactions", ..]) => {
            (format!("reactions:{channel}"), 1, second / 4)
        }
        (_, ["channels", channel, "messages"]) => (format!("{method}:messages:{channel}"), 5, second * 5),
        (_, ["channels", channel, "messages", _]) => (format!("{method}:message:{channel}"), 5, second * 5),
        (_, ["webhooks", _, token, ..]) => (format!("{method}:webhook:{token}"), 5, second * 2),
        (_, [kind, id, rest @ ..]) => (format!("{method}:{kind}:{id}:{}", rest.len()), 10, second * 2),
        _ => (format!("{method}:{path}"), 10, second * 2),
    }
}

/// 429 as Discord sends it.
pub(crate) fn too_many(retry_after: Duration, global: bool) -> Response {
    let seconds = retry_after.as_secs_f64();
    let body = json!({ "message": "You are being rate limited.", "retry_after": seconds, "global": global });
    let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
    let scope = if global { "global" } else { "user" };
    put(&mut response, "retry-after", &format!("{}", seconds.ceil()));
    put(&mut response, "x-ratelimit-scope", scope);
    if global {
        put(&mut response, "x-ratelimit-global", "true");
    } else {
        put(&mut response, "x-ratelimit-limit", "5");
        put(&mut response, "x-ratelimit-remaining", "0");
        put(&mut response, "x-ratelimit-reset-after", &format!("{seconds:.3}"));
        put(&mut response, "x-ratelimit-reset", &format!("{:.3}", since_epoch(retry_after)));
        put(&mut response, "x-ratelimit-bucket", "shared");
    }
    response
}

pub(crate) fn with_headers(mut response: Response, left: &BucketStatus) -> Response {
    put(&mut response, "x-ratelimit-limit", &left.limit.to_string());
    put(&mut response, "x-ratelimit-remaining", &left.remaining.to_string());
    put(&mut response, "x-ratelimit-reset-after", &format!("{:.3}", left.reset_after.as_secs_f64()));
    put(&mut response, "x-ratelimit-reset", &format!("{:.3}", since_epoch(left.reset_after)));
    put(&mut response, "x-ratelimit-bucket", &left.bucket.replace([':', '/'], "-"));
    response
}

fn since_epoch(ahead: Duration) -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (now + ahead).as_secs_f64()
}

fn put(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}
