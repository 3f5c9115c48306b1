//! The options and time limits of a gateway client.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serenity::model::gateway::GatewayIntents;

use crate::discord::api::ApiClient;

/// Whether an event is decoded, given its kind (`MESSAGE_REACTION_ADD`) and the raw JSON of its data.
///
/// It is called for every event by the task that reads, so it must be fast and must not block.
pub type EventFilter = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

#[derive(Clone)]
pub struct GatewayOptions {
    /// Returns the URL of the gateway. Its own URL decides which hosts are trusted.
    pub api: ApiClient,
    pub token: SecretString,
    pub intents: GatewayIntents,
    pub filter: EventFilter,
    /// How many events may wait for the consumer before reading stops. At least one.
    pub capacity: usize,
    /// The default, except in tests.
    pub timeouts: GatewayTimeouts,
}

/// How long each step may take, and the waits between them.
///
/// In the worst case the defaults add up to about 15 s from Discord's return: a step times out (3 s, or 5 s for READY),
/// the longest backoff follows (5 s), the session is invalid, and the wait before a new one is the longest (5 s).
#[derive(Clone, Debug)]
pub struct GatewayTimeouts {
    /// `GET /gateway/bot`.
    pub lookup: Duration,
    /// The TCP connection.
    pub connect: Duration,
    /// TLS and the WebSocket upgrade.
    pub upgrade: Duration,
    /// The first frame.
    pub hello: Duration,
    /// READY or RESUMED, after the first frame or after the last replayed event.
    pub ready: Duration,
    /// Between heartbeats, unless Discord requires a shorter interval.
    pub heartbeat: Duration,
    /// The acknowledgement of a heartbeat, and sending a frame.
    pub ack: Duration,
    /// Between two new sessions. Discord allows one every 5 s.
    pub identify: Duration,
    /// The range of the random wait before a new session after op 9, "Invalid Session". Discord requires 1 to 5 s.
    pub invalid_session: (Duration, Duration),
    /// A connection that lasted this long counts as stable: after it breaks, the next attempt has no backoff.
    pub stable: Duration,
}

impl Default for GatewayTimeouts {
    fn default() -> Self {
        Self {
            lookup: Duration::from_secs(3),
            connect: Duration::from_secs(3),
            upgrade: Duration::from_secs(3),
            hello: Duration::from_secs(3),
            ready: Duration::from_secs(5),
            heartbeat: Duration::from_secs(4),
            ack: Duration::from_secs(5),
            identify: Duration::from_secs(5),
            invalid_session: (Duration::from_secs(1), Duration::from_secs(5)),
            stable: Duration::from_secs(5),
        }
    }
}
