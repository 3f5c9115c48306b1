//! A session with Discord, which outlives the connections it is held over.

use serde::Deserialize;

/// What resuming needs.
#[derive(Debug)]
pub(super) struct ResumeState {
    pub(super) id: String,
    /// The number of the last event received.
    pub(super) seq: u64,
    /// Where to resume, if Discord named a host that may be told the token.
    pub(super) resume_url: Option<reqwest::Url>,
}

/// The part of READY that matters here. Its list of guilds is left alone.
#[derive(Deserialize)]
pub(super) struct ReadyData {
    pub(super) session_id: String,
    /// Where Discord wants the session resumed; an API that names no place is asked where it was found.
    #[serde(default)]
    pub(super) resume_gateway_url: Option<String>,
}
