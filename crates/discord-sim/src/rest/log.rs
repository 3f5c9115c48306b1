//! The record of every call the bot made.

use std::time::{Duration, Instant};

use serde_json::Value;

/// A REST call as it came in, and what became of it.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    /// Without `/api/v10`, such as `/channels/12/messages`.
    pub path: String,
    pub query: String,
    /// Null where there was none.
    pub body: Value,
    /// The status answered; `None` where no answer was sent.
    pub status: Option<u16>,
    pub at: Instant,
    pub took: Duration,
}

impl Call {
    /// Whether the call is like `POST /channels/*/messages`.
    pub fn is(&self, call: &str) -> bool {
        let (method, path) = call.split_once(' ').unwrap_or(("*", call));
        (method == "*" || method.eq_ignore_ascii_case(&self.method))
            && crate::faults::matches(path, &self.path)
    }
}
