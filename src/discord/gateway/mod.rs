//! The client of Discord's gateway, API version 10.
//!
//! | file | what is in it |
//! |---|---|
//! | `mod` | [`GatewayHandle`], the running client |
//! | `options` | [`GatewayOptions`] and [`GatewayTimeouts`] |
//! | `session` | keeps the session: connects and reconnects; what resuming needs |
//! | `connection` | one connection, from Hello until it is lost |
//! | `connect` | TCP, TLS and the WebSocket upgrade |
//! | `endpoint` | which gateway URLs are trusted |
//! | `frame`, `decode`, `guild_event`, `channel_event` | frames; events; events about a guild; events about its channels |
//! | `heartbeat`, `pause` | the next heartbeat; whether a connection can be believed after a pause of this process |
//! | `close`, `error` | the meaning of close codes; fatal errors |
//!
//! [`GatewayHandle::start`] starts a task that keeps one session with Discord alive while the process runs. It yields
//! events in Discord's order, through one bounded channel to one consumer.
//!
//! - **Order.** One task reads, and one consumer receives. While the channel is full, nothing is read, but heartbeats
//!   continue.
//! - **No silent loss.** After a broken connection the session is resumed if Discord allows it, and Discord replays the
//!   missed events: they come before [`GatewayEvent::Resumed`]. Otherwise [`GatewayEvent::Ready`] means that events may
//!   be lost, and the consumer must fetch the current state. A frame that cannot be read, and an event that passes the
//!   filter and does not decode, is reported as [`GatewayEvent::Lost`], an interaction as
//!   [`GatewayEvent::UnreadableInteraction`] if its token can be read.
//! - **Filtering before decoding.** Only the op, number and kind of a frame are read. The consumer's [`EventFilter`]
//!   gets the kind and the raw data, and only events that pass are decoded.
//! - **Back within 15 s of Discord's return.** Every step has a time limit ([`GatewayTimeouts`]), heartbeats are sent
//!   every 4 s although Discord requires only one in 41 s, and no wait between attempts is longer than 5 s. Discord
//!   allows 120 sends per minute; this takes 15. Only when the daily limit of session starts is nearly used up, the wait
//!   is longer, because Discord resets the token of a bot that exceeds it.
//! - **The token is sent nowhere else.** If `api_url` is not discord.com, a gateway on another host is refused, unless
//!   it is on this machine. Unencrypted connections are used only if `api_url` is unencrypted, or to this machine.
//!
//! Compression is not used. It would inflate every event and keep a window in memory, and it saves almost nothing for a
//! bot in one guild with three intents: the events that compress well, presences and members, are not sent to it.

mod channel_event;
mod close;
mod connect;
mod connection;
mod decode;
pub(super) mod endpoint;
mod error;
mod frame;
mod guild_event;
mod heartbeat;
mod options;
mod pause;
mod session;

use std::time::Duration;

use crate::discord::api::{ApiClient, WithId};
pub use channel_event::{ChannelEvent, ChannelInfo};
pub use error::GatewayError;
use futures_util::StreamExt;
pub use guild_event::{GuildEvent, MemberRoles};
pub use options::{EventFilter, GatewayOptions, GatewayTimeouts};
use reqwest::Url;
use serde::Deserialize;
use serenity::model::event::Event;
use serenity::model::id::{ChannelId, GuildId, InteractionId, MessageId, UserId};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

/// What the gateway yields to its consumer, in order.
#[derive(Debug)]
pub enum GatewayEvent {
    /// A new session started. The events since the previous one are lost.
    Ready,
    /// The session was resumed, or is alive after a pause. All missed events have been yielded before.
    Resumed,
    /// This process was paused. Until [`Resumed`](Self::Resumed) or [`Disconnected`](Self::Disconnected), events may be old.
    Paused { lasted: Duration },
    /// An event that passed the filter, and the system's [`uptime`](crate::common::uptime::uptime) before which it cannot have arrived.
    Event { event: Box<Event>, arrived_after: Duration },
    /// An interaction that does not decode. Somebody waits for its answer.
    UnreadableInteraction(UnreadableInteraction),
    /// A message was edited.
    MessageEdited(EditedMessage),
    /// An event about a channel or a thread.
    Channel(ChannelEvent),
    /// A frame could not be read, or an event that passed the filter could not be decoded: somebody may have acted unseen.
    Lost,
    /// An event about a guild that passed the filter.
    Guild(GuildEvent),
    /// The connection was lost. The client is reconnecting.
    Disconnected { why: String },
}

/// The part of an interaction that its answer needs.
#[derive(Clone, Deserialize)]
pub struct UnreadableInteraction {
    pub id: InteractionId,
    pub token: String,
    #[serde(rename = "type")]
    kind: u8,
}

impl UnreadableInteraction {
    /// Whether somebody is typing (Discord documentation, "Interaction Type").
    pub fn is_autocomplete(&self) -> bool {
        self.kind == 4
    }
}

/// Without the token, with which anybody could answer as the bot.
impl std::fmt::Debug for UnreadableInteraction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnreadableInteraction").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A message after an edit. Only the few fields that are used are decoded.
#[derive(Clone, Debug, Deserialize)]
pub struct EditedMessage {
    pub id: MessageId,
    pub channel_id: ChannelId,
    #[serde(default)]
    pub guild_id: Option<GuildId>,
    pub author: WithId<UserId>,
    #[serde(default)]
    pub content: String,
}

/// Connects to the gateway and waits for its first frame, as `killgate check` does: no session starts, and Discord's daily
/// limit of them does not count it. The error is a sentence.
pub(super) async fn try_connecting(url: &Url, api: &ApiClient) -> Result<(), String> {
    let timeouts = GatewayTimeouts::default();
    let mut socket = connect::connect(url, api.proxy(), &timeouts).await?;
    match timeout(timeouts.hello, socket.next()).await {
        Ok(Some(Ok(Message::Text(text)))) if frame::is_hello(&text) => Ok(()),
        Ok(Some(Err(error))) => Err(format!("the connection broke: {error}")),
        Ok(_) => Err("what answers there is not Discord's gateway".to_owned()),
        Err(_) => Err(format!("the gateway sent nothing within {:?}", timeouts.hello)),
    }
}

/// A running gateway client. Dropping it closes the connection in the background, like [`GatewayHandle::stop`].
#[derive(Debug)]
pub struct GatewayHandle {
    stop: watch::Sender<bool>,
    connected: watch::Receiver<bool>,
    next_start: watch::Receiver<Option<Instant>>,
    task: JoinHandle<Result<(), GatewayError>>,
}

impl GatewayHandle {
    /// Connects, and reconnects until it is stopped or a fatal error occurs. Then the channel ends.
    ///
    /// Must be called within a Tokio runtime.
    pub fn start(options: GatewayOptions) -> (Self, mpsc::Receiver<GatewayEvent>) {
        let (events, receiver) = mpsc::channel(options.capacity);
        let (stop, stop_requests) = watch::channel(false);
        let (is_connected, connected) = watch::channel(false);
        let (allowed_again, next_start) = watch::channel(None);
        let session = session::GatewaySession::new(options, events, is_connected, allowed_again);
        let task = tokio::spawn(session.run(stop_requests));
        let handle = Self { stop, connected, next_start, task };
        (handle, receiver)
    }

    /// Whether there is a session now, even if the consumer has not received its events yet.
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.connected.clone()
    }

    /// When Discord allows the next session, while the starts of the day are used up.
    pub fn next_start(&self) -> watch::Receiver<Option<Instant>> {
        self.next_start.clone()
    }

    /// Waits until the task ends, which happens after a fatal error or when the receiver is dropped. May be cancelled,
    /// but not called again after it has returned.
    pub async fn ended(&mut self) -> Result<(), GatewayError> {
        (&mut self.task).await.unwrap_or_else(|error| Err(GatewayError::Broken(error.to_string())))
    }

    /// Closes the session with code 1000 and waits until the task ends: within a second, even if Discord is silent.
    pub async fn stop(mut self) -> Result<(), GatewayError> {
        self.stop.send_replace(true);
        self.ended().await
    }
}
