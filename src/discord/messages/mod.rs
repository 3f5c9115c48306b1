//! What people see, pure: values of the domain become bodies of messages. Nothing here sends anything.
//!
//! Two rules hold for all of it. Text from a database or a person passes through [`crate::discord::sanitize`], and
//! every message says explicitly whom it notifies ([`body::Body`]). Lengths hold by construction: each piece has
//! a limit, and the limits of the pieces add up to less than Discord's.

pub mod body;
pub mod card;
pub mod choices;
pub mod component_id;
pub mod details;
pub mod format;
pub mod notices;
pub mod reason_form;
pub mod request_list;
pub mod result;
mod session_facts;

/// What the configuration says of how messages look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderConfig {
    /// The guild, a snowflake: links to messages name it.
    pub guild: u64,
    /// The approving reaction, as it is written in a message.
    pub approve: String,
    /// The denying reaction, as it is written in a message.
    pub deny: String,
}
