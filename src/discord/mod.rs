//! Discord. The only module that uses serenity; only [`config`](crate::config) and [`operations`](crate::operations)
//! import it.
//!
//! | file | what is in it |
//! |---|---|
//! | [`api`] | the REST client |
//! | [`gateway`] | the connection that receives events |
//! | [`https_proxy`] | the proxy through which Discord is reached |
//! | [`bot`] | logs in, registers the commands, and connects everything below |
//! | `event_filter` | selects events on their raw JSON, before they are decoded |
//! | [`served_channels`] | the channels, threads and posts in which commands and approvals count |
//! | `guild_presence` | whether the bot is in its guild, and when people may have acted unseen |
//! | `event_handler` | passes events to the workflow and to `interactions` |
//! | [`interactions`] | slash commands, buttons, menus and forms |
//! | `reply`, `responder` | the answer to one interaction; the answer to `/cancel` and `/terminate` |
//! | `incident_channel`, `delivery` | posts cards and results, reads reactions; maps API errors for the workflow |
//! | [`messages`] | the content of messages |
//! | [`session_list`] | the list that `/sessions` shows |
//! | [`sanitize`] | makes text from elsewhere safe to show |
//! | [`vote_emoji`] | the approve and deny emoji |
//! | [`inspection`], `channel_inspection`, `permissions` | the Discord part of `killgate check`; what the bot may do in a channel |
//! | `members`, `compat` | converts members to the domain's type; fills in fields that serenity requires |
//!
//! The types of [serenity] 0.12.5 are used throughout: its models, its builders (each serializes into the body that
//! Discord expects), its routes, its intents and its events. Its *client* is not used, because a bot must not miss an
//! approval:
//!
//! - It handles every event in a separate task, so the order of events is lost. The method that yields events one by
//!   one is private.
//! - It drops an event that does not decode, with a line at debug level.
//! - Its WebSocket upgrade has no time limit. If the upgrade hangs, it hangs until the process ends.
//! - It notices a gateway that refuses connections only at the next heartbeat, up to 41 s later, and keeps a core busy
//!   meanwhile.
//! - It notices a connection that silently died only when the heartbeat after the next is due, and then gives up the
//!   session, so the events in between are lost.
//! - With its rate limiter on, it ignores the configured API base and calls discord.com. With it off, it drops the body
//!   of a 429 response, and with it the `retry_after`.
//! - Its sockets use Nagle's algorithm, which delays small messages by milliseconds.
//! - It inflates and parses every event twice, including those that are not used.
//! - Its gateway depends on rustls 0.22, a second TLS stack.
//!
//! [`api`] and [`gateway`] replace it. Both use rustls 0.23 with ring, the only provider that is compiled in, so no
//! process-wide provider needs to be installed.

pub mod api;
pub mod bot;
mod channel_inspection;
pub mod command_registration;
mod compat;
mod delivery;
mod event_filter;
mod event_handler;
pub mod gateway;
mod guild_presence;
pub mod https_proxy;
mod incident_channel;
pub mod inspection;
pub mod interactions;
mod members;
pub mod messages;
mod permissions;
mod reply;
mod responder;
pub mod sanitize;
pub mod served_channels;
pub mod session_list;
pub mod vote_emoji;
