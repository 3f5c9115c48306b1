//! Records every REST call by the bot.

use std::time::{Duration, Instant};

use serde_json::Value;

/// A REST call and its response.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    /// Without `/api/v10`, such as `/channels/12/messages`.
    pub path: String,
    pub query: String,
    pub user_agent: Option<String>,
    /// `Null` without a body.
    pub body: Value,
    /// The status of the response. `None` if none was sent.
    pub status: Option<u16>,
    pub at: Instant,
    pub took: Duration,
}

impl Call {
    /// Whether the call matches a pattern such as `POST /channels/*/messages`.
    pub fn is(&self, call: &str) -> bool {
        let (method, path) = call.split_once(' ').unwrap_or(("*", call));
        (method == "*" || method.eq_ignore_ascii_case(&self.method))
            && crate::faults::matches(path, &self.path)
    }
}
