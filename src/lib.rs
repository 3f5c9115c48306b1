//! killgate.

pub mod desk;
pub mod domain;
pub mod postgres;
