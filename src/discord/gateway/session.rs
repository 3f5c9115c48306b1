//! A session with Discord, which outlives the connections it is held over.

use serde::Deserialize;
use serenity::model::id::{ApplicationId, UserId};

/// What resuming needs.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: String,
    /// The number of the last event received.
    pub(super) seq: u64,
    /// Where to resume, if Discord named a host that may be told the token.
    pub(super) resume_url: Option<reqwest::Url>,
}

/// The part of READY that matters here. Its list of guilds is left alone.
#[derive(Deserialize)]
pub(super) struct Ready {
    pub(super) session_id: String,
    pub(super) resume_gateway_url: String,
    pub(super) user: Identified<UserId>,
    pub(super) application: Identified<ApplicationId>,
}

#[derive(Deserialize)]
pub(super) struct Identified<Id> {
    pub(super) id: Id,
}
