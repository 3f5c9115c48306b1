//! Listening to Discord: the gateway, API version 10.
//!
//! [`Connection::start`] begins a task that keeps one session with Discord alive for as long as the process
//! runs, and yields what Discord tells in exactly Discord's order, through one bounded channel to one consumer.
//!
//! - **Order.** One task reads, one channel carries, one consumer takes. While the consumer is slow nothing is read,
//!   and heartbeats go on.
//! - **Nothing lost silently.** After any break the session is resumed where Discord allows it, and Discord replays what
//!   was missed: those events come before [`FromGateway::Resumed`]. Where it doesn't, [`FromGateway::ReadyData`] says so, and the
//!   consumer must look for itself. A wanted event that does not decode is logged as a warning.
//! - **Nothing decoded in vain.** A frame is read for its op, number and kind only; then the consumer's
//!   [`EventFilter`] sees kind and raw data, and only what it wants becomes an [`RequestEvent`].
//! - **Back within 15 s of Discord's return.** Every step has a limit ([`Pace`]), heartbeats are sent every 4 s though Discord
//!   asks for one in 41 s, and no wait between tries is longer than 5 s. Discord allows 120 sends a minute; this takes 15.
//!   The wait is longer only when Discord's allowance of session starts is nearly used up, because Discord
//!   resets the token of a bot that exceeds it.
//! - **The token goes nowhere else.** Where `api_url` is not discord.com, a gateway on another host is refused, unless it is
//!   this machine; and plain text is used only where `api_url` is plain, or to this machine.
//!
//! Compression is not asked for. It would cost an inflate for every event and its window in memory, and saves next to nothing for
//! a bot of one guild that asks for three intents: most of what is compressed well, presences and members, is not sent to it.

mod close;
mod connect;
mod connection;
mod decode;
pub(super) mod endpoint;
mod error;
mod frame;
mod heartbeat;
mod options;
mod resume_state;
mod session;

pub use error::GatewayError;
pub use options::{EventFilter, GatewayOptions, GatewayTimeouts};
use serenity::model::event::Event;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// What the gateway tells its consumer, in order.
#[derive(Debug)]
pub enum GatewayEvent {
    /// A new session began. Whatever happened since the last one was not told, and never will be.
    Ready,
    /// The session goes on. Everything missed meanwhile has been yielded before this.
    Resumed,
    /// An event of interest.
    Event(Box<Event>),
    /// The connection is lost, and being made again.
    Disconnected { why: String },
}

/// A running connection to the gateway. Dropping it ends the connection as [`Connection::stop`] does, in the background.
#[derive(Debug)]
pub struct GatewayHandle {
    stop: watch::Sender<bool>,
    connected: watch::Receiver<bool>,
    task: JoinHandle<Result<(), GatewayError>>,
}

impl GatewayHandle {
    /// Starts to connect, and never ceases until stopped or [`GatewayError`] says that it is in vain; then the channel ends.
    ///
    /// Must be called within a Tokio runtime.
    pub fn start(options: GatewayOptions) -> (Self, mpsc::Receiver<GatewayEvent>) {
        let (events, receiver) = mpsc::channel(options.capacity);
        let (stop, stopped) = watch::channel(false);
        let (is_connected, connected) = watch::channel(false);
        let task = tokio::spawn(session::GatewaySession::new(options, events, is_connected).run(stopped));
        (
            Self {
                stop,
                connected,
                task,
            },
            receiver,
        )
    }

    /// Whether there is a session at this moment, also while the consumer is behind.
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.connected.clone()
    }

    /// Waits for the task's end, which comes by itself only with an error that trying again cannot heal, or when the receiver
    /// is gone. May be cancelled, but not called again once it has returned.
    pub async fn ended(&mut self) -> Result<(), GatewayError> {
        (&mut self.task)
            .await
            .unwrap_or_else(|broken| Err(GatewayError::Broken(broken.to_string())))
    }

    /// Closes the session with 1000 and waits for the task's end: within a second, also while Discord is silent.
    pub async fn stop(mut self) -> Result<(), GatewayError> {
        self.stop.send_replace(true);
        self.ended().await
    }
}
