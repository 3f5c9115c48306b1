//! killgate.

pub mod desk;
pub mod discord;
pub mod domain;
