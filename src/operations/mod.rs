//! What is run: the bot, and the audit of its ledger; what is watched: health and metrics.

pub mod active;
pub mod assembly;
pub mod audit;
pub mod check;
pub mod clock;
pub mod damaged;
pub mod http;
pub mod ledger_tools;
pub mod run;
pub mod seat;
pub mod telemetry;
