//! The commands `run`, `check`, `health` and `audit`; leadership among replicas; logs, metrics and HTTP.
//!
//! | file | what it does |
//! |---|---|
//! | `arguments` | the command line |
//! | `run` | stands by and is the active replica in turn |
//! | `active_replica`, `degraded` | runs the bot; reports a damaged ledger |
//! | `held_ledger` | holds the ledger, so that one process acts |
//! | `reload` | reads the configuration again on SIGHUP |
//! | `process_signals` | SIGTERM, SIGINT and SIGHUP |
//! | `target_pool` | keeps the targets open |
//! | `clock` | the workflow's clock, which never jumps |
//! | `process_limits` | no core dumps; enough file descriptors |
//! | `check`, `audit`, `report`, `health` | the other commands |
//! | `ledger_tools` | opens the ledger for the commands of `killgate audit` |
//! | `logging`, `json_lines`, `dropped_lines`, `panics` | logs and metrics |
//! | `standard_output` | prints what the commands say |
//! | `http`, `readiness` | `/healthz`, `/readyz`, `/metrics` |

pub mod active_replica;
pub mod arguments;
pub mod audit;
pub mod check;
pub mod clock;
pub mod degraded;
mod dropped_lines;
pub mod health;
pub mod held_ledger;
pub mod http;
mod json_lines;
pub mod ledger_tools;
pub mod logging;
mod panics;
pub mod process_limits;
pub mod process_signals;
mod readiness;
pub mod reload;
pub mod report;
pub mod run;
pub mod standard_output;
mod target_pool;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};

/// One thread is enough for a channel and keeps the process small. Between an approval and its signal, only the write to
/// the ledger changes threads.
fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("the runtime could not be started")
}
