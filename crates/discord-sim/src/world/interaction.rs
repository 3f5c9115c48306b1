//! An interaction: a command, a used component, an autocomplete request or a submitted modal.

use std::time::Instant;

use serde_json::Value;

use crate::ids::Id;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InteractionKind {
    Command = 2,
    Component = 3,
    Autocomplete = 4,
    Modal = 5,
}

#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    pub(crate) id: Id,
    pub(crate) token: String,
    pub(crate) kind: InteractionKind,
    pub(crate) user: Id,
    pub(crate) channel: Id,
    pub(crate) born: Instant,
    pub(crate) answered: bool,
    /// The command's name, with its subcommands.
    pub(crate) command: Option<String>,
    /// The message whose component was used.
    pub(crate) source: Option<Id>,
    /// For a modal, the interaction whose response opened it.
    pub(crate) opener: Option<Id>,
    /// The initial response, which `@original` refers to.
    pub(crate) original: Option<Id>,
    /// Every message in response, including `@original`.
    pub(crate) messages: Vec<Id>,
    /// Whether the initial response only said that the response follows, and it has not followed yet.
    pub(crate) is_deferred: bool,
    /// The follow-up that came instead of filling in a deferred response.
    pub(crate) instead: Option<Id>,
    pub(crate) choices: Option<Vec<Value>>,
    pub(crate) modal: Option<Value>,
}
