//! Sends a call until it is answered or refused, or its time limit is reached.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::error::error_chain;
use super::error_response::RetryAfter;
use super::rate_limits::RateLimitWait;
use super::{ApiCall, ApiClient, ApiError, CallEffect, RetryPolicy, error_response, route};
use crate::common::backoff::Backoff;

/// The longest time for one attempt, whatever the time limit of the call.
const MAX_ATTEMPT_TIME: Duration = Duration::from_secs(10);

/// The shortest useful time for one attempt.
const MIN_ATTEMPT_TIME: Duration = Duration::from_secs(1);

/// How long Discord certainly recognizes an enforced nonce. Its documentation says "the past few minutes".
const NONCE_LIFETIME: Duration = Duration::from_mins(2);

/// How long after the answer that something does not exist the call is made again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(3);

/// "Unknown Channel", "Unknown Guild", "Unknown Member", "Unknown Message" and "Unknown User" (Discord documentation,
/// "Opcodes and Status Codes").
const UNKNOWN_CODES: [u32; 5] = [10_003, UNKNOWN_GUILD, 10_007, 10_008, 10_013];
pub(in crate::discord) const UNKNOWN_GUILD: u32 = 10_004;

struct ApiResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// An attempt without a usable response.
struct AttemptFailure {
    effect: CallEffect,
    why: String,
}

impl ApiClient {
    /// Sends a call and parses the JSON of the response.
    pub async fn json<T: DeserializeOwned>(&self, call: ApiCall<'_>) -> Result<T, ApiError> {
        let route = call.name();
        let body = self.send(call).await?;
        serde_json::from_slice(&body).map_err(|error| ApiError::Unexpected { route, why: error.to_string() })
    }

    /// Sends a call and returns the body of the 2xx response.
    pub async fn send(&self, call: ApiCall<'_>) -> Result<Vec<u8>, ApiError> {
        let deadline = Instant::now() + self.timeout;
        let key = route::rate_limit_key(&call.method, call.route);
        let mut failures = 0;
        // When the first attempt started that may have been carried out.
        let mut in_doubt_since: Option<Instant> = None;
        let mut is_asked_again = !self.asks_twice;

        loop {
            while let Err(RateLimitWait { until, edge }) =
                self.shared.rate_limits.acquire(key.as_ref(), self.leaves_room)
            {
                if let Some(status) = edge.filter(|_| until >= deadline) {
                    let wait = until.saturating_duration_since(Instant::now());
                    return Err(ApiError::Blocked { route: call.name(), status, wait });
                }
                self.wait_until(until, deadline, &call).await?;
            }
            let started = Instant::now();
            let failure = match self.attempt(&call, deadline).await {
                Ok(response) => {
                    self.shared.rate_limits.update(key.as_ref(), &response.headers);
                    let edge_block =
                        error_response::read_edge_block(response.status, &response.headers, &response.body);
                    if let Some(wait) = edge_block {
                        tracing::warn!(route = %call.name(), ?wait, "blocked by the edge in front of Discord; all calls wait");
                        self.shared.rate_limits.block_at_edge(response.status, wait);
                        continue;
                    }
                    match response.status {
                        status if status.is_success() => return Ok(response.body),
                        StatusCode::TOO_MANY_REQUESTS => {
                            let RetryAfter { wait, is_global } =
                                error_response::read_retry_after(&response.headers, &response.body);
                            tracing::debug!(route = %call.name(), ?wait, is_global, "rate limited");
                            if error_response::concerns_one_message(&response.body) {
                                return Err(ApiError::RateLimited { route: call.name(), wait });
                            }
                            self.shared.rate_limits.block(key.as_ref(), wait, is_global);
                            self.wait_until(Instant::now() + wait, deadline, &call).await?;
                            continue;
                        }
                        status if status.is_server_error() => AttemptFailure {
                            effect: CallEffect::Unknown,
                            why: format!("it answered HTTP {status}"),
                        },
                        status => {
                            let error = error_response::read_error(&call, status, &response.body);
                            let says_unknown = error.code().is_some_and(|code| UNKNOWN_CODES.contains(&code));
                            if says_unknown && !std::mem::replace(&mut is_asked_again, true) {
                                sleep(ASK_AGAIN_AFTER).await;
                                continue;
                            }
                            return match (call.retry, error.code()) {
                                (RetryPolicy::UntilAccepted(accepted), Some(code))
                                    if code == accepted && in_doubt_since.is_some() =>
                                {
                                    Err(ApiError::AlreadyAccepted { route: call.name() })
                                }
                                _ => Err(error),
                            };
                        }
                    }
                }
                Err(failure) => failure,
            };

            if failure.effect == CallEffect::Unknown {
                in_doubt_since.get_or_insert(started);
            }
            failures += 1;
            let next_attempt = Instant::now() + Backoff::INTERNET.wait(failures, &self.shared.jitter);
            let may_repeat = match (in_doubt_since, call.retry) {
                (None, _) | (Some(_), RetryPolicy::Idempotent | RetryPolicy::UntilAccepted(_)) => true,
                (Some(since), RetryPolicy::WithNonce) => next_attempt < since + NONCE_LIFETIME,
                (Some(_), RetryPolicy::OnlyIfNotSent) => false,
            };
            if !may_repeat || next_attempt >= deadline {
                let effect = if in_doubt_since.is_some() { CallEffect::Unknown } else { CallEffect::None };
                return Err(ApiError::Unreachable { route: call.name(), effect, why: failure.why });
            }
            tracing::debug!(route = %call.name(), failures, why = %failure.why, "trying again");
            sleep_until(next_attempt).await;
        }
    }

    async fn wait_until(
        &self,
        until: Instant,
        deadline: Instant,
        call: &ApiCall<'_>,
    ) -> Result<(), ApiError> {
        let wait = until.saturating_duration_since(Instant::now());
        if until >= deadline {
            return Err(ApiError::RateLimited { route: call.name(), wait });
        }
        sleep(wait).await;
        Ok(())
    }

    /// Uses at most half of the remaining time, so that a connection that silently died leaves time for another attempt.
    async fn attempt(&self, call: &ApiCall<'_>, deadline: Instant) -> Result<ApiResponse, AttemptFailure> {
        let Ok(Ok(_place)) = timeout_at(deadline, self.shared.places.acquire()).await else {
            let why = "too many other calls wait for their answers".to_owned();
            return Err(AttemptFailure { effect: CallEffect::None, why });
        };
        let remaining = deadline.saturating_duration_since(Instant::now());
        let limit = (remaining / 2).clamp(MIN_ATTEMPT_TIME, MAX_ATTEMPT_TIME).min(remaining);
        // Boxed, so that calls that wait for a place do not hold its memory.
        timeout(limit, Box::pin(self.exchange(call))).await.unwrap_or_else(|_| {
            let why = self.through_proxy(format!("no answer within {:.1} s", limit.as_secs_f64()));
            Err(AttemptFailure { effect: CallEffect::Unknown, why })
        })
    }

    /// A failure, and what the proxy has to do with it, if calls go through one.
    fn through_proxy(&self, why: String) -> String {
        match &self.shared.rest_proxy {
            Some(proxy) => proxy.explain(&why),
            None => why,
        }
    }

    async fn exchange(&self, call: &ApiCall<'_>) -> Result<ApiResponse, AttemptFailure> {
        let url = format!("{}{}", self.shared.base_url, route::path(call.route));
        let mut request = self.shared.client.request(call.method.clone(), url).query(&call.query);
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let failure = |error: reqwest::Error| {
            let is_connect = error.is_connect();
            let effect =
                if is_connect || error.is_builder() { CallEffect::None } else { CallEffect::Unknown };
            // The URL may contain the token of an interaction.
            let causes = error_chain(&error.without_url());
            AttemptFailure { effect, why: if is_connect { self.through_proxy(causes) } else { causes } }
        };
        let response = request.send().await.map_err(failure)?;
        let (status, headers) = (response.status(), response.headers().clone());
        self.shared.server_clock.observe(&headers);
        let body = response
            .bytes()
            .await
            .map_err(|error| AttemptFailure { effect: CallEffect::Unknown, ..failure(error) })?;
        Ok(ApiResponse { status, headers, body: body.into() })
    }
}
