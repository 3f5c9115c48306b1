//! Turns domain values into the content of messages. Pure: nothing here sends anything.
//!
//! | file | what is in it |
//! |---|---|
//! | [`body`] | the content of a message, independent of the call that sends it |
//! | [`card`] | the card of a request |
//! | `notification` | the first line of the card's text, which is all that a notification shows |
//! | `consequences` | what ending a session or its query brings about, and what it cannot |
//! | [`mark`] | the last line of a message's text, by which killgate recognizes its own messages |
//! | [`result`] | the reply that says how a request ended |
//! | [`notices`] | refusals, and alerts to a channel |
//! | [`request_list`] | the list of `/requests` |
//! | [`timeline`] | what happened to one request |
//! | [`details`] | the details of one session, with its buttons |
//! | [`session_menu`] | the menu of sessions, and what can be asked for several of them |
//! | [`reason_form`] | the form that asks for a reason |
//! | [`choices`] | autocomplete choices |
//! | [`component_id`] | the `custom_id` of buttons, menus and forms |
//! | `session_facts` | sentences about a session, shared by card and details |
//! | `lock_text`, `waiters_text` | which lock is waited for; who waits for a session |
//! | [`format`] | numbers, times, names and mentions |
//!
//! Text from a database or a person passes through [`crate::discord::sanitize`], and every message says explicitly
//! whom it notifies ([`body::MessageBody`]). Each piece of text has a length limit, and the limits of all pieces of a
//! message add up to less than Discord's.

pub mod body;
pub mod card;
pub mod choices;
pub mod component_id;
mod consequences;
pub mod details;
pub(super) mod format;
pub(in crate::discord) mod lock_text;
pub mod mark;
pub mod notices;
mod notification;
pub mod reason_form;
pub mod request_list;
pub mod result;
mod session_facts;
pub mod session_menu;
pub mod timeline;
pub(in crate::discord) mod waiters_text;

/// The part of the configuration that messages show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderConfig {
    /// The id of the guild, for links to messages.
    pub guild: u64,
    /// The approve reaction, as it is written in a message.
    pub approve: String,
    /// The deny reaction, as it is written in a message.
    pub deny: String,
}
