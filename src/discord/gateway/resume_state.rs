//! The state of a session that survives a lost connection.

use serde::Deserialize;

/// What is needed to resume the session.
#[derive(Debug)]
pub(super) struct ResumeState {
    pub(super) id: String,
    /// The number of the last event received.
    pub(super) seq: u64,
    /// Where to resume, if Discord named a trusted host.
    pub(super) resume_url: Option<reqwest::Url>,
}

/// The part of READY that is used.
#[derive(Deserialize)]
pub(super) struct ReadyData {
    pub(super) session_id: String,
    /// Without it, the session is resumed at the general URL.
    #[serde(default)]
    pub(super) resume_gateway_url: Option<String>,
}
