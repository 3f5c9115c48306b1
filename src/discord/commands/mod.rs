//! The slash commands.

pub mod definitions;
