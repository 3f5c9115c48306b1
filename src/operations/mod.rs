//! What is run: the bot, and the audit of its ledger; what is watched: health and metrics.

pub mod active_replica;
pub mod arguments;
pub mod audit;
pub mod bootstrap;
pub mod check;
pub mod clock;
pub mod core_dumps;
pub mod degraded;
pub mod health;
pub mod http;
mod json_lines;
pub mod leadership;
pub mod ledger_tools;
pub mod logging;
mod panics;
pub mod run;
