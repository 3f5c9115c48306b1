//! killgate.
pub mod discord;
