//! The only place that knows serenity.

pub mod commands;
pub mod render;
