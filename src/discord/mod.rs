//! Discord: the only part of killgate that knows it.
//!
//! The types of [serenity] 0.12.5 are used throughout: its models, its builders (each serializes into the body
//! Discord wants), its routes, its intents and its events. Its *client* is not, for what it does to a
//! bot that must not miss an approval:
//!
//! - every event is handled in a task of its own, so that the order in which Discord told things is lost, and the
//!   method that yields the events one by one is private;
//! - an event that does not decode is dropped with a line at debug level;
//! - the WebSocket upgrade has no time limit: one that hangs is waited for until the process ends;
//! - a gateway that refuses connections is noticed at the next heartbeat, up to 41 s later, and a core spins meanwhile;
//! - a connection that went dead without a word is noticed only when the heartbeat after next is due, and its session is
//!   given up, so that the events in between are lost;
//! - with its rate limiter on, the configured API base is ignored and discord.com is called; with it off, the body of
//!   an answer 429 is dropped, and with it the `retry_after` to be obeyed;
//! - its sockets keep Nagle's algorithm, which adds milliseconds to small answers;
//! - every event is inflated and parsed twice, also those nobody wants;
//! - its gateway is bound to rustls 0.22, a second TLS stack beside the one everything else uses.
//!
//! Instead there are two layers of killgate's own: [`rest`] asks Discord, [`gateway`] listens to it. Both use rustls 0.23
//! with ring, the only provider compiled in, so no process-wide provider needs installing.

pub mod api;
pub mod bot;
mod compat;
mod delivery;
pub mod event_filter;
pub mod event_handler;
pub mod gateway;
pub mod incident_channel;
pub mod inspection;
pub mod interactions;
mod members;
pub mod messages;
mod permissions;
mod reply;
mod responder;
pub mod sanitize;
pub mod session_list;
pub mod vote_emoji;
