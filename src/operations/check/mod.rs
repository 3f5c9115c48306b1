//! `killgate check`: every precondition tried for real, and how to mend what is missing.

mod ledger;
mod privileges;
mod target;

use anyhow::Context;
use serde_json::json;

use super::bootstrap;
use crate::common::check_result::{CheckResult, CheckStatus};
use crate::config::Settings;
use crate::discord::inspection;

/// Tries everything, and prints a line each or, for machines, one JSON array; whether nothing failed.
pub fn check(settings: &Settings, json: bool) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let findings = runtime.block_on(find(settings));
    if json {
        let findings: Vec<_> = findings.iter().map(as_json).collect();
        println!("{:#}", json!(findings));
    } else {
        for finding in &findings {
            println!("{finding}");
        }
    }
    Ok(findings.iter().all(|finding| finding.status != CheckStatus::Fail))
}

async fn find(settings: &Settings) -> Vec<CheckResult> {
    let mut findings = vec![CheckResult::ok("config", "every value is usable")];
    // All at the same time: a server that does not answer delays none of the others.
    let looks = settings
        .targets
        .iter()
        .map(|configured| target::find(configured, bootstrap::connect_options(&configured.connection)));
    let (discord, targets, ledger) = tokio::join!(
        on_discord(settings),
        futures_util::future::join_all(looks),
        ledger::find(settings),
    );
    findings.extend(discord);
    findings.extend(targets.into_iter().flatten());
    findings.extend(ledger);
    findings
}

async fn on_discord(settings: &Settings) -> Vec<CheckResult> {
    let access: Vec<_> = settings
        .targets
        .iter()
        .map(|target| &target.policy.access)
        .collect();
    inspection::inspect(&settings.discord, &access).await
}

fn as_json(finding: &CheckResult) -> serde_json::Value {
    let CheckResult {
        what,
        status,
        detail,
        fix,
    } = finding;
    json!({ "what": what, "status": status.name(), "detail": detail, "fix": fix })
}
