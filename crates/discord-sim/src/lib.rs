//! A Discord on loopback, for testing bots: REST v10 and the gateway as strict as Discord's, people who
//! act, and faults on request.
//!
//! ```no_run
//! # async fn story() {
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
//! Rooms: `world` is the state and its rules, `rules` the limits on forms, `rest` and `gateway` the two
//! ways in for a bot, `script` the way in for tests, `control` and `page` the way in for people and for
//! tests in other languages.

// The JSON of a guild has more fields than `json!` takes by default.
#![recursion_limit = "256"]

mod control;
mod door;
mod faults;
mod gateway;
mod rest;
mod rules;
mod script;
mod server;
mod world;
mod world_file;

pub use door::Cut;
pub use faults::Fault;
pub use gateway::hub::GatewayCommand;
pub use gateway::intents::Intents;
pub use rest::log::Call;
pub use script::{
    Answer, Builder, Card, Channel, Command, Gateway, Message, Newcomer, Person, Place, Sim, Unsent,
};
pub use server::Ports;
pub use world::ids::Id;
pub use world::permissions::Permissions;
pub use world::refusal::Refusal;
pub use world_file::WorldFile;
