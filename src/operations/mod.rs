//! The commands: `run`, `check`, `audit`, `health`; and logs, metrics and HTTP.

pub mod active_replica;
pub mod arguments;
pub mod audit;
pub mod bootstrap;
pub mod check;
pub mod clock;
pub mod degraded;
pub mod health;
pub mod http;
mod json_lines;
pub mod leadership;
pub mod ledger_tools;
pub mod logging;
mod panics;
pub mod process_limits;
pub mod report;
pub mod run;
