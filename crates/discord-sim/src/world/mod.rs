//! The simulated Discord and its behaviour. Synchronous: no sockets, no tasks.
//!
//! `state` holds everything; the other files add methods to its `World`. Events for the bot go out through `gateway::sessions`.

pub(crate) mod bot_messages;
pub(crate) mod channel;
pub(crate) mod command_invocation;
pub(crate) mod command_line;
pub(crate) mod commands;
pub(crate) mod effective_permissions;
pub(crate) mod emoji;
pub(crate) mod events;
pub(crate) mod followups;
pub(crate) mod interaction;
pub(crate) mod interactions;
pub(crate) mod message;
pub(crate) mod message_json;
pub(crate) mod minimal_events;
pub(crate) mod moderation;
pub(crate) mod people;
pub(crate) mod permissions;
pub(crate) mod posting;
pub(crate) mod reactions;
pub(crate) mod registered_command;
pub(crate) mod responses;
pub(crate) mod setup;
pub(crate) mod state;
pub(crate) mod transcript;
pub(crate) mod user_actions;
