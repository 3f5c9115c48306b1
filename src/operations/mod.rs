//! What is run: the bot, and the audit of its ledger; what is watched: health and metrics.

pub mod active;
pub mod arguments;
pub mod assembly;
pub mod audit;
pub mod check;
pub mod clock;
pub mod cores;
pub mod damaged;
pub mod health;
pub mod http;
mod json_lines;
pub mod ledger_tools;
mod panics;
pub mod run;
pub mod seat;
pub mod telemetry;
