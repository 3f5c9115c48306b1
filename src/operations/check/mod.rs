//! `killgate check`: every precondition tried for real, and how to mend what is missing.

mod discord;
mod ledger;
mod privileges;
mod target;

use std::fmt;

use anyhow::Context;
use serde::Serialize;

use super::assembly;
use crate::config::Settings;

/// One precondition, and what became of trying it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was tried: `target orders: version`.
    pub what: String,
    pub status: Status,
    /// What was seen.
    pub detail: String,
    /// What to do about it; empty when all is well.
    pub mend: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Status {
    #[serde(rename = "ok")]
    Ok,
    /// The bot works; somebody should look at this all the same.
    #[serde(rename = "warn")]
    Warn,
    /// The bot will not work as it should.
    #[serde(rename = "FAIL")]
    Fail,
}

impl Finding {
    fn ok(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            status: Status::Ok,
            detail: detail.into(),
            mend: String::new(),
        }
    }

    fn warn(what: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            status: Status::Warn,
            detail: detail.into(),
            mend: mend.into(),
        }
    }

    fn fail(what: impl Into<String>, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            status: Status::Fail,
            detail: detail.into(),
            mend: mend.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = match self.status {
            Status::Ok => "ok  ",
            Status::Warn => "warn",
            Status::Fail => "FAIL",
        };
        write!(f, "{status}  {}: {}", self.what, self.detail)?;
        if self.mend.is_empty() {
            Ok(())
        } else {
            write!(f, ". {}", self.mend)
        }
    }
}

/// Tries everything, and prints a line each or, for machines, one JSON array; whether nothing failed.
pub fn check(settings: &Settings, json: bool) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let findings = runtime.block_on(find(settings));
    if json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        for finding in &findings {
            println!("{finding}");
        }
    }
    Ok(findings.iter().all(|finding| finding.status != Status::Fail))
}

async fn find(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("config", "every value is usable")];
    // All at the same time: a server that does not answer delays none of the others.
    let targets = settings
        .targets
        .iter()
        .map(|configured| target::find(configured, assembly::dial(&configured.connection)));
    let (on_discord, on_targets, in_ledger) = tokio::join!(
        discord::find(settings),
        futures_util::future::join_all(targets),
        ledger::find(settings),
    );
    findings.extend(on_discord);
    findings.extend(on_targets.into_iter().flatten());
    findings.extend(in_ledger);
    findings
}
