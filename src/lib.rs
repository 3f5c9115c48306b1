//! killgate.

pub mod desk;
pub mod discord;
pub mod domain;
pub mod ledger;
pub mod operations;
pub mod postgres;
pub mod discord;
