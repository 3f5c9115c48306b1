//! killgate.

pub mod desk;
pub mod domain;
