//! The gateway: sessions that outlive connections, and the connections themselves.
//!
//! Source: Discord's page "Gateway".

pub(crate) mod codec;
pub(crate) mod commands;
pub(crate) mod connection;
pub(crate) mod hub;
pub(crate) mod intents;
pub(crate) mod session;
