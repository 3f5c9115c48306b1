//! `killgate check`: checks every precondition, and says how to fix what is missing.
//!
//! | file | what it checks |
//! |---|---|
//! | `mod` | calls the others, and prints the results |
//! | `ledger` | whether the ledger is writable and intact |
//! | `target` | whether a target is reachable, and what the role may read there |
//! | `privileges` | how the role may signal there |

mod ledger;
mod privileges;
mod target;

use serde_json::json;

use super::clock::system_time;
use super::{standard_output, target_pool};
use crate::common::check_result::{CheckResult, CheckStatus};
use crate::config::Settings;
use crate::discord::inspection;

/// Prints one line per check, or one JSON array, and returns whether none failed.
pub fn check(settings: &Settings, json: bool) -> anyhow::Result<bool> {
    let runtime = super::runtime()?;
    let results = runtime.block_on(run_checks(settings));
    let text = if json {
        let results: Vec<_> = results.iter().map(as_json).collect();
        format!("{:#}\n", json!(results))
    } else {
        let lines: Vec<_> = results.iter().map(ToString::to_string).collect();
        lines.join("\n") + "\n"
    };
    standard_output::print(&text)?;
    Ok(results.iter().all(|result| result.status != CheckStatus::Fail))
}

async fn run_checks(settings: &Settings) -> Vec<CheckResult> {
    let mut results = vec![CheckResult::ok("config", "every value is usable")];
    // Concurrently, so that a server that does not answer delays no other check.
    let target_checks = settings
        .targets
        .iter()
        .map(|target| target::check(target, target_pool::connect_options(&target.connection)));
    let (discord, targets, ledger) = tokio::join!(
        check_discord(settings),
        futures_util::future::join_all(target_checks),
        ledger::check(settings),
    );
    results.extend(discord);
    results.extend(targets.into_iter().flatten());
    results.extend(ledger);
    results
}

async fn check_discord(settings: &Settings) -> Vec<CheckResult> {
    let access: Vec<_> = settings.targets.iter().map(|target| &target.policy.access).collect();
    let owners = settings.owners.iter().filter_map(|rule| rule.owner.role).collect();
    inspection::inspect(&settings.discord, &access, &owners, system_time).await
}

fn as_json(result: &CheckResult) -> serde_json::Value {
    let CheckResult { what, status, detail, fix } = result;
    json!({ "what": what, "status": status.name(), "detail": detail, "fix": fix })
}
