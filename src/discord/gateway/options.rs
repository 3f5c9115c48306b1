//! What a connection is to do, and how patient it is.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serenity::model::gateway::GatewayIntents;

use crate::discord::api::ApiClient;

/// Tells from an event's kind (`MESSAGE_REACTION_ADD`) and its data, the raw JSON of `d`, whether it is wanted.
///
/// It runs on the task that reads, for every event: it must be quick and must not block.
pub type EventFilter = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// What a connection needs.
#[derive(Clone)]
pub struct GatewayOptions {
    /// Asks where the gateway is; its `api_url` decides which hosts are trusted.
    pub api: ApiClient,
    /// The bot's token.
    pub token: SecretString,
    /// The kinds of events that Discord is to send.
    pub intents: GatewayIntents,
    /// Which of those sent are wanted.
    pub filter: EventFilter,
    /// How many events may wait for the consumer before no more are read. At least one.
    pub capacity: usize,
    /// The limits of time; the default but for tests.
    pub timeouts: GatewayTimeouts,
}

impl std::fmt::Debug for GatewayOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("rest", &self.api)
            .field("intents", &self.intents)
            .field("capacity", &self.capacity)
            .field("pace", &self.timeouts)
            .finish_non_exhaustive()
    }
}

/// How long each step may take, and how long it is waited between them.
///
/// The defaults add up to less than 15 s from Discord's return, the worst way: a hung step runs out (3 s), the
/// longest backoff passes (5 s), the session turns out to be invalid and the wait before a new one is the longest (5 s).
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
    /// READY or RESUMED after we asked, or after the last replayed event.
    pub ready: Duration,
    /// Between heartbeats, unless Discord asks for more of them.
    pub heartbeat: Duration,
    /// For the answer to a heartbeat, and for sending anything.
    pub ack: Duration,
    /// Between two new sessions: Discord allows one every 5 s.
    pub identify: Duration,
    /// The least and most to wait before a new session after op 9, "Invalid Session": Discord asks for 1 to 5 s.
    pub invalid_session: (Duration, Duration),
    /// A connection that lasted this long is made again at once when it breaks; a shorter one with backoff.
    pub proven: Duration,
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
            proven: Duration::from_secs(5),
        }
    }
}
