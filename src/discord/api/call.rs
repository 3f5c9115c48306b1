//! A call of the API, before it is sent.

use reqwest::Method;
use serde::Serialize;
use serenity::http::Route;

use super::{ApiError, RouteName};

/// What to do when it is unknown whether Discord carried out the call: the connection broke after it was sent, no answer
/// came in time, or the answer was 5xx.
///
/// A call that was certainly not carried out (no connection, 429) is always repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryPolicy {
    /// Repeat: carrying it out twice has the same effect as once.
    Idempotent,
    /// Repeat while Discord recognizes the nonce, "the past few minutes". The body must set `nonce` and
    /// `enforce_nonce`.
    WithNonce,
    /// Repeat. When Discord refuses a repeat with this code, an earlier attempt may have been carried out:
    /// [`ApiError::AlreadyAccepted`].
    UntilAccepted(u32),
    /// Do not repeat.
    OnlyIfNotSent,
}

/// A call of Discord's API.
#[derive(Clone)]
pub struct ApiCall<'a> {
    pub(super) method: Method,
    pub(super) route: Route<'a>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) retry: RetryPolicy,
}

impl<'a> ApiCall<'a> {
    /// A call without a body.
    pub fn new(method: Method, route: Route<'a>, retry: RetryPolicy) -> Self {
        Self { method, route, query: Vec::new(), body: None, retry }
    }

    /// A call that only reads.
    pub fn get(route: Route<'a>) -> Self {
        Self::new(Method::GET, route, RetryPolicy::Idempotent)
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Sets the body. Fails with [`ApiError::Setup`] if `body` cannot be serialized.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self, ApiError> {
        let json = serde_json::to_vec(body).map_err(|error| {
            ApiError::Setup(format!("the body of {} cannot be serialized: {error}", self.name()))
        })?;
        self.body = Some(json);
        Ok(self)
    }

    /// The name of the call in errors and logs.
    pub fn name(&self) -> RouteName {
        RouteName::new(&self.method, self.route)
    }
}
