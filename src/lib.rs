//! killgate.

pub mod config;
pub mod desk;
pub mod domain;
