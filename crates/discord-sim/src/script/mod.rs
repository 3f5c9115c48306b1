//! Tests that read as a conversation: people who type, react and press, and waits for what follows.
//!
//! Acts take effect at once. What the bot does about them is waited for, always with a limit; a wait that
//! fails panics with the transcript of all channels.

mod answer;
mod builder;
mod card;
mod channel;
mod command;
mod gateway;
mod message;
mod people;
mod person;
mod sim;
mod waiting;

pub use answer::Answer;
pub use builder::Builder;
pub use card::Card;
pub use channel::Channel;
pub use command::{Command, Unsent};
pub use gateway::Gateway;
pub use message::Message;
pub use people::Newcomer;
pub use person::{Person, Place};
pub use sim::Sim;
