//! Discord's limits on messages, embeds, components, modals and commands. Pure.

pub(crate) mod commands;
pub(crate) mod components;
pub(crate) mod draft;
pub(crate) mod embeds;
pub(crate) mod form_part;
pub(crate) mod mentions;
pub(crate) mod modals;
pub(crate) mod names;
pub(crate) mod options;
