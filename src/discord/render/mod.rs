//! What people see, pure: values of the domain become bodies of messages. Nothing here sends anything.
//!
//! Two rules hold for all of it. Text from a database or a person passes through [`crate::domain::inert`], and
//! every message says explicitly whom it notifies ([`body::Body`]). Lengths hold by construction: each piece has
//! a limit, and the limits of the pieces add up to less than Discord's.

pub mod body;
pub mod card;
pub mod choices;
pub mod details;
mod facts;
pub mod form;
pub mod note;
pub mod press;
pub mod requests;
pub mod result;
pub mod sessions;
pub mod words;

/// What the configuration says of how messages look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The guild, a snowflake: links to messages name it.
    pub guild: u64,
    /// The approving reaction, as it is written in a message.
    pub approve: String,
    /// The denying reaction, as it is written in a message.
    pub deny: String,
}
