//! The API for Rust tests: people who type, react and click, and waits for the bot's reaction.
//!
//! Actions take effect immediately. Waits always have a limit; a wait that fails panics with the transcript of all channels.

mod builder;
mod card;
mod channel;
mod command;
pub(crate) mod gateway;
mod member_spec;
mod message;
mod person;
mod person_in_channel;
mod response;
mod sim;
mod waiting;

pub use builder::SimBuilder;
pub use card::Card;
pub use channel::Channel;
pub use command::{SendError, TypedCommand};
pub use gateway::GatewayControl;
pub use member_spec::MemberSpec;
pub use message::Message;
pub use person::Person;
pub use person_in_channel::PersonInChannel;
pub use response::InteractionResponse;
pub use sim::Sim;
