//! One call, before it is sent.

use reqwest::Method;
use serde::Serialize;
use serenity::http::Route;

use super::{ApiError, RouteName};

/// What may be done when nobody can know whether Discord carried the call out: the connection broke after it was
/// sent, no answer came in time, or the answer was 5xx.
///
/// A call that surely was not carried out (no connection, 429) is repeated whatever is chosen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryPolicy {
    /// Repeat: twice is the same as once.
    Idempotent,
    /// Repeat, for as long as Discord recognises the body's enforced nonce, "the past few minutes". The body must
    /// carry `nonce` and `enforce_nonce`.
    WithNonce,
    /// Repeat, and take a refusal of a repeat with this code of Discord's for success: it says that an
    /// earlier try was carried out.
    UntilAccepted(u32),
    /// Don't repeat.
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
        Self {
            method,
            route,
            query: Vec::new(),
            body: None,
            retry,
        }
    }

    /// A call that only reads, and so may be repeated.
    pub fn get(route: Route<'a>) -> Self {
        Self::new(Method::GET, route, RetryPolicy::Idempotent)
    }

    /// Adds a parameter to the URL.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Sets the body. Fails with [`RestError::Setup`] if `body` has no JSON form.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self, ApiError> {
        let json = serde_json::to_vec(body).map_err(|error| {
            ApiError::Setup(format!("the body of {} has no JSON form: {error}", self.name()))
        })?;
        self.body = Some(json);
        Ok(self)
    }

    /// What the call is called in errors and logs.
    pub fn name(&self) -> RouteName {
        RouteName::new(&self.method, self.route)
    }
}
