//! Sending a call until it is answered, refused, or its limit is reached.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::error::chain;
use super::{ApiCall, ApiClient, ApiError, CallEffect, RetryPolicy, error_response, route};
use crate::common::backoff::Backoff;

/// No single try takes longer, whatever the call's limit.
const LONGEST_TRY: Duration = Duration::from_secs(10);

/// Less is not worth a try.
const SHORTEST_TRY: Duration = Duration::from_secs(1);

/// How long Discord surely recognises an enforced nonce. Its documentation says "the past few minutes".
const NONCE_LIFE: Duration = Duration::from_mins(2);

struct ApiResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// A try that brought no answer.
struct AttemptFailure {
    effect: CallEffect,
    why: String,
}

impl ApiClient {
    /// Sends a call, and reads the answer's JSON.
    pub async fn json<T: DeserializeOwned>(&self, call: ApiCall<'_>) -> Result<T, ApiError> {
        let route = call.name();
        let body = self.send(call).await?;
        serde_json::from_slice(&body).map_err(|error| ApiError::Unexpected {
            route,
            why: error.to_string(),
        })
    }

    /// Sends a call, and returns the body of the answer 2xx.
    pub async fn send(&self, call: ApiCall<'_>) -> Result<Vec<u8>, ApiError> {
        let deadline = Instant::now() + self.within;
        let key = route::limit_key(&call.method, call.route);
        let mut failures = 0;
        // When a try was first sent that may have been carried out.
        let mut in_doubt_since: Option<Instant> = None;

        loop {
            while let Err(free) = self.shared.limits.acquire(key.as_ref()) {
                self.wait_until(free, deadline, &call).await?;
            }
            let started = Instant::now();
            let failure = match self.try_once(&call, deadline).await {
                Ok(answer) => {
                    self.shared.limits.learn(key.as_ref(), &answer.headers);
                    match answer.status {
                        status if status.is_success() => return Ok(answer.body),
                        StatusCode::TOO_MANY_REQUESTS => {
                            let asked = error_response::wait(&answer.headers, &answer.body);
                            tracing::debug!(route = %call.name(), wait = ?asked.wait, global = asked.global, "rate limited");
                            self.shared.limits.wait(key.as_ref(), asked.wait, asked.global);
                            self.wait_until(Instant::now() + asked.wait, deadline, &call)
                                .await?;
                            continue;
                        }
                        status if status.is_server_error() => AttemptFailure {
                            effect: CallEffect::Unknown,
                            why: format!("it answered HTTP {status}"),
                        },
                        status => {
                            let error = error_response::error(&call, status, &answer.body);
                            return match (call.retry, error.code()) {
                                (RetryPolicy::UntilAccepted(taken), Some(code))
                                    if code == taken && in_doubt_since.is_some() =>
                                {
                                    Ok(Vec::new())
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
            let next = Instant::now() + Backoff::INTERNET.wait(failures, &self.shared.jitter);
            let may_repeat = match (in_doubt_since, call.retry) {
                (None, _) | (Some(_), RetryPolicy::Idempotent | RetryPolicy::UntilAccepted(_)) => true,
                (Some(since), RetryPolicy::WithNonce) => next < since + NONCE_LIFE,
                (Some(_), RetryPolicy::OnlyIfNotSent) => false,
            };
            if !may_repeat || next >= deadline {
                let effect = if in_doubt_since.is_some() {
                    CallEffect::Unknown
                } else {
                    CallEffect::None
                };
                return Err(ApiError::Unreachable {
                    route: call.name(),
                    effect,
                    why: failure.why,
                });
            }
            tracing::debug!(route = %call.name(), failures, why = %failure.why, "trying again");
            sleep_until(next).await;
        }
    }

    async fn wait_until(
        &self,
        moment: Instant,
        deadline: Instant,
        call: &ApiCall<'_>,
    ) -> Result<(), ApiError> {
        let now = Instant::now();
        let wait = moment.saturating_duration_since(now);
        if moment >= deadline {
            return Err(ApiError::RateLimited {
                route: call.name(),
                wait,
            });
        }
        sleep(wait).await;
        Ok(())
    }

    /// Half of the time left is this try's: a connection that went dead unnoticed leaves time for another.
    async fn try_once(&self, call: &ApiCall<'_>, deadline: Instant) -> Result<ApiResponse, AttemptFailure> {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = (left / 2).clamp(SHORTEST_TRY, LONGEST_TRY).min(left);
        timeout(limit, self.exchange(call)).await.unwrap_or_else(|_| {
            Err(AttemptFailure {
                effect: CallEffect::Unknown,
                why: format!("no answer within {:.1} s", limit.as_secs_f64()),
            })
        })
    }

    async fn exchange(&self, call: &ApiCall<'_>) -> Result<ApiResponse, AttemptFailure> {
        let url = format!("{}{}", self.shared.base, route::path(call.route));
        let mut request = self
            .shared
            .client
            .request(call.method.clone(), url)
            .query(&call.query);
        if let Some(body) = &call.body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone());
        }
        let failed = |error: reqwest::Error| AttemptFailure {
            effect: if error.is_connect() || error.is_builder() {
                CallEffect::None
            } else {
                CallEffect::Unknown
            },
            // The URL may hold an interaction's token.
            why: chain(&error.without_url()),
        };
        let response = request.send().await.map_err(failed)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| AttemptFailure {
            effect: CallEffect::Unknown,
            ..failed(error)
        })?;
        Ok(ApiResponse {
            status,
            headers,
            body: body.into(),
        })
    }
}
