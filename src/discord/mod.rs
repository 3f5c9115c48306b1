//! Discord. The only module that uses serenity; only [`config`](crate::config) and [`operations`](crate::operations)
//! import it.
//!
//! | file | what is in it |
//! |---|---|
//! | [`api`] | the REST client |
//! | [`gateway`] | the connection that receives events |
//! | [`https_proxy`] | the proxy through which Discord is reached |
//! | [`bot`] | logs in, and connects everything below |
//! | [`command_registration`] | registers the commands, and again when they are gone or changed |
//! | `event_filter` | selects events on their raw JSON, before they are decoded |
//! | [`served_channels`] | the channels, threads and posts in which commands and approvals count |
//! | `guild_presence` | whether the bot is in its guild, and when people may have acted unseen |
//! | `event_handler` | passes events to the workflow and to `interactions` |
//! | [`interactions`] | slash commands, buttons, menus and forms |
//! | `reply`, `responder` | the answer to one interaction; the answer to `/cancel` and `/terminate` |
//! | `incident_channel`, `result_posting`, `delivery` | posts cards, reads reactions; posts results, once; maps API errors for the workflow |
//! | [`messages`] | the content of messages |
//! | [`session_list`] | the list that `/sessions` shows |
//! | [`sanitize`] | makes text from elsewhere safe to show |
//! | [`vote_emoji`] | the approve and deny emoji |
//! | [`inspection`], `channel_inspection`, `permissions` | the Discord part of `killgate check`; what the bot may do in a channel |
//! | `members`, `compat` | converts members to the domain's type; fills in fields that serenity requires |
//!
//! The types of [serenity] 0.12.5 are used throughout: its models, its builders (each serializes into the body that
//! Discord expects), its routes, its intents and its events. Its *client* is not used, because a bot must not miss an
//! approval: it loses the order of events, drops those that it cannot decode, and has hardly any time limit. [`api`] and
//! [`gateway`] replace it; `docs/gateway-libraries.md` compares them with it, point by point. Both use rustls 0.23 with
//! ring, the only provider that is compiled in, so no process-wide provider needs to be installed.

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
mod result_posting;
pub mod sanitize;
pub mod served_channels;
pub mod session_list;
pub mod vote_emoji;
