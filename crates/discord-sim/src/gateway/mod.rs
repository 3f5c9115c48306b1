//! The gateway: sessions that outlive connections, and the connections themselves.
//!
//! Source: Discord's page "Gateway".

pub(crate) mod codec;
pub(crate) mod connection;
pub(crate) mod event;
pub(crate) mod intents;
pub(crate) mod opcodes;
pub(crate) mod session;
pub(crate) mod sessions;
