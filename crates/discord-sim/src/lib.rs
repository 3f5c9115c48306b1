//! A simulated Discord on loopback, for testing bots: REST v10 and the gateway as strict as Discord's, simulated people, and
//! faults on request.
//!
//! ```no_run
//! # async fn test() {
//! use discord_sim::Sim;
//!
//! let sim = Sim::builder().person("ana", ["oncall"]).person("ben", ["dba"]).channel("incident").start().await;
//! // Start the bot with sim.api_url() in place of https://discord.com and sim.token() as its token, then:
//! sim.bot_is_ready().await;
//! let (ana, ben, incident) = (sim.person("ana"), sim.person("ben"), sim.channel("incident"));
//! let answer = ana.in_channel(&incident).types("/terminate").option("pid", 4711).send().await;
//! ben.reacts(&answer.message(), "✅");
//! let result = incident.next_message(|message| message.replies_to(&answer.message())).await;
//! assert!(result.content().starts_with("Terminated"));
//! # }
//! ```
//!
//! `world` contains Discord's state and behaviour, `rules` the limits on forms. Bots connect through `rest` and `gateway`, Rust
//! tests use `testing`, and people and tests in other languages use `page` and `control`. No file imports another in a circle.

// The JSON of a guild has more fields than `json!` supports with the default limit.
#![recursion_limit = "256"]

mod api_error;
mod control;
mod faults;
mod form_errors;
mod gateway;
mod ids;
mod listener;
mod rest;
mod rules;
mod server;
mod state;
mod testing;
mod world;
mod world_file;

pub use api_error::ApiError;
pub use faults::Fault;
pub use gateway::intents::Intents;
pub use gateway::sessions::GatewayCommand;
pub use ids::Id;
pub use listener::Cut;
pub use rest::call_log::Call;
pub use server::Ports;
pub use testing::{
    Card, Channel, GatewayControl, InteractionResponse, MemberSpec, Message, Person, PersonInChannel,
    SendError, Sim, SimBuilder, TypedCommand,
};
pub use world::permissions::Permissions;
pub use world_file::WorldFile;
