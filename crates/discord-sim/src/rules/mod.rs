//! What a form must look like: Discord's limits on messages, embeds, components and commands. Pure.

pub(crate) mod commands;
pub(crate) mod components;
pub(crate) mod draft;
pub(crate) mod embeds;
pub(crate) mod mentions;
pub(crate) mod modals;
pub(crate) mod options;
pub(crate) mod read;
