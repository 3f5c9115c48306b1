//! Logs and metrics: what they are called, and where they go.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::time::sleep;
use tracing::warn;
use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::json_lines::JsonLines;
use super::panics;
use crate::domain::event::Action;
use crate::domain::outcome::Outcome;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people at a terminal.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Bounds of the histograms' buckets, in seconds.
const BUCKETS: [f64; 13] = [
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// The values of the label `command`.
const COMMANDS: [&str; 4] = ["sessions", "cancel", "terminate", "requests"];

/// How often the times measured are put into their buckets.
const TIDY_EVERY: Duration = Duration::from_mins(1);

/// Sends log lines to standard error; `RUST_LOG` chooses which, `info` unless it says otherwise. A panic is one of them.
pub fn log_to_stderr(format: LogFormat) {
    let (chosen, problem) = chosen(std::env::var("RUST_LOG").ok().as_deref());
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        // Where standard error is gone there is nobody to tell, and to try would be a panic.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines)
            .boxed(),
    };
    tracing_subscriber::registry().with(lines).with(chosen).init();
    panics::log_them();
    if let Some(problem) = problem {
        warn!(error = %problem, "RUST_LOG is not understood, so it is taken for info; it is to be like killgate=debug,info");
    }
}

/// Which lines are written, and what is wrong with the choice, if anything.
fn chosen(written: Option<&str>) -> (Targets, Option<ParseError>) {
    let usual = Targets::new().with_default(LevelFilter::INFO);
    match written
        .filter(|written| !written.trim().is_empty())
        .map(str::parse)
    {
        None => (usual, None),
        Some(Ok(chosen)) => (chosen, None),
        Some(Err(problem)) => (usual, Some(problem)),
    }
}

/// Puts the measured times into their buckets now and then, for as long as it is awaited: until somebody asks for the
/// metrics the library keeps each of them, and perhaps nobody ever asks.
pub async fn keep_tidy(metrics: PrometheusHandle) {
    loop {
        sleep(TIDY_EVERY).await;
        metrics.run_upkeep();
    }
}

/// Begins to count; the handle renders what was counted as Prometheus text.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets(&BUCKETS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("metrics cannot be counted")?;
    describe_counter!(
        "killgate_requests_total",
        "Requests that ended, by action and outcome."
    );
    describe_gauge!("killgate_open_requests", "Requests that wait for a decision.");
    describe_histogram!(
        "killgate_approval_to_signal_seconds",
        "From the approval that made the quorum until PostgreSQL had sent the signal."
    );
    describe_histogram!(
        "killgate_command_seconds",
        "From a command's arrival until it was answered."
    );
    describe_gauge!(
        "killgate_gateway_connected",
        "1 while the session with Discord stands."
    );
    describe_gauge!(
        "killgate_target_up",
        "1 while the connection to the target stands."
    );
    describe_gauge!(
        "killgate_ledger_writable",
        "1 if this replica is active and its ledger takes records."
    );
    describe_gauge!("killgate_active", "1 on the replica that acts.");
    describe_gauge!("killgate_build_info", "Always 1; the version is in its label.");
    begin();
    Ok(handle)
}

/// What a replica says that stands by.
pub fn stand_by() {
    for name in [
        "killgate_active",
        "killgate_gateway_connected",
        "killgate_ledger_writable",
        "killgate_open_requests",
    ] {
        gauge!(name).set(0.0);
    }
}

/// Has every metric there from the start: one that appears only with its first value hides that one from a rate, and
/// an alert on it says nothing until then.
fn begin() {
    gauge!("killgate_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    stand_by();
    for action in [Action::Cancel, Action::Terminate] {
        for outcome in Outcome::ALL {
            counter!("killgate_requests_total", "action" => action.name(), "outcome" => outcome.name())
                .absolute(0);
        }
    }
    // A histogram is there as soon as it is named.
    let _ = histogram!("killgate_approval_to_signal_seconds");
    for command in COMMANDS {
        let _ = histogram!("killgate_command_seconds", "command" => command);
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn lines_are_chosen_by_module_and_level() {
        let (lines, problem) = chosen(Some("killgate=debug,info"));
        assert!(problem.is_none());
        assert!(lines.would_enable("killgate::workflow", &Level::DEBUG));
        assert!(lines.would_enable("hyper", &Level::INFO));
        assert!(!lines.would_enable("hyper", &Level::DEBUG));
    }

    #[test]
    fn what_is_not_understood_leaves_the_usual_lines_and_is_told() {
        for (written, is_wrong) in [(None, false), (Some(" "), false), (Some("killgate=loud"), true)] {
            let (lines, problem) = chosen(written);
            assert_eq!(problem.is_some(), is_wrong, "{written:?}");
            assert!(lines.would_enable("killgate", &Level::INFO));
            assert!(!lines.would_enable("killgate", &Level::DEBUG));
        }
    }
}
