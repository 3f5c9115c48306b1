//! Sets up logs and metrics.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::time::sleep;
use tracing::warn;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::{DefaultFields, FormatFields, JsonFields, Writer};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::dropped_lines::{CountingWriter, DroppedLines, FailedWrites};
use super::json_lines::JsonLines;
use super::panics;
use super::reload::CONFIG_RELOADS;
use super::standard_output;
use crate::discord::interactions::definitions::COMMANDS;
use crate::domain::event::Action;
use crate::domain::outcome::Outcome;

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people at a terminal.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Bounds of the histograms' buckets, in seconds.
const BUCKETS: [f64; 13] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

const LOG_LINES_DROPPED: &str = "killgate_log_lines_dropped_total";

/// How many log lines wait for the reader of standard error, at most. Further ones are dropped and counted.
const MAX_WAITING_LINES: usize = 1_024;

/// How often measured durations are put into their buckets.
const UPKEEP_INTERVAL: Duration = Duration::from_mins(1);

/// The log. When it is dropped, the waiting lines are written, unless the reader has stalled for a second.
pub struct LogOutput {
    dropped_lines: DroppedLines,
    writer: Option<WorkerGuard>,
}

impl Drop for LogOutput {
    fn drop(&mut self) {
        // The guard has time limits of its own, after which it writes to standard output, which may have the same stalled reader.
        let writer = self.writer.take();
        standard_output::unless_stalled(move || drop(writer));
    }
}

/// Sends log lines to standard error, also for a panic. `RUST_LOG` selects them; the default is `info`. A thread of its
/// own writes them, so that a reader that stalls delays nothing.
#[must_use = "lines are written until it is dropped"]
pub fn log_to_stderr(format: LogFormat) -> LogOutput {
    let failed = FailedWrites::default();
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(MAX_WAITING_LINES)
        .thread_name("log")
        .finish(CountingWriter { inner: std::io::stderr(), failed: failed.clone() });
    let dropped_lines = DroppedLines { without_place: writer.error_counter(), failed };
    let output = LogOutput { dropped_lines, writer: Some(guard) };
    let (filter, error) = read_filter(std::env::var("RUST_LOG").ok().as_deref());
    let lines = fmt::layer()
        .with_writer(writer)
        // When standard error is closed, reporting the error would panic.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Text => lines.fmt_fields(OneLineFields).boxed(),
        LogFormat::Json => lines.fmt_fields(JsonFields::new()).event_format(JsonLines).boxed(),
    };
    tracing_subscriber::registry().with(lines).with(filter).init();
    panics::install_hook();
    if let Some(error) = error {
        warn!(%error, "RUST_LOG is invalid, so info is used; an example is killgate=debug,info");
    }
    output
}

/// The default format of fields, on one line: a backtrace has several, and so have an error and its causes.
struct OneLineFields;

impl<'writer> FormatFields<'writer> for OneLineFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> std::fmt::Result {
        let mut text = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut text), fields)?;
        writer.write_str(&text.replace('\r', "\\r").replace('\n', "\\n"))
    }
}

/// The filter in `text`, or the default and the error in `text`.
fn read_filter(text: Option<&str>) -> (Targets, Option<ParseError>) {
    let default = Targets::new().with_default(LevelFilter::INFO);
    match text.filter(|text| !text.trim().is_empty()).map(str::parse) {
        None => (default, None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (default, Some(error)),
    }
}

/// Periodically puts measured durations into their buckets until it is cancelled. The exporter
/// (metrics-exporter-prometheus) keeps each of them until somebody reads the metrics, which may never happen.
pub async fn run_upkeep(metrics: Metrics) {
    loop {
        sleep(UPKEEP_INTERVAL).await;
        metrics.prometheus.run_upkeep();
    }
}

/// The metrics of the process.
#[derive(Clone)]
pub struct Metrics {
    prometheus: PrometheusHandle,
    dropped_lines: DroppedLines,
}

impl Metrics {
    /// All metrics as Prometheus text.
    pub fn render(&self) -> String {
        counter!(LOG_LINES_DROPPED).absolute(self.dropped_lines.count());
        self.prometheus.render()
    }
}

/// Installs the metrics.
pub fn start_metrics(log: &LogOutput) -> anyhow::Result<Metrics> {
    let prometheus = PrometheusBuilder::new()
        .set_buckets(&BUCKETS)
        .and_then(PrometheusBuilder::install_recorder)
        .context("the metrics could not be installed")?;
    describe_counter!("killgate_requests_total", "Requests that ended, by action and outcome.");
    describe_gauge!("killgate_open_requests", "Requests that wait for a decision.");
    describe_histogram!(
        "killgate_approval_to_signal_seconds",
        "From the handling of the input that decided a request until PostgreSQL had answered the signalling statements."
    );
    describe_histogram!(
        "killgate_command_seconds",
        "From a command's arrival until its answer was accepted."
    );
    describe_gauge!("killgate_gateway_connected", "1 while connected to Discord's gateway.");
    describe_gauge!("killgate_target_up", "1 while connected to the target.");
    describe_gauge!("killgate_ledger_writable", "1 if this replica is active and its ledger is writable.");
    describe_gauge!("killgate_active", "1 on the active replica.");
    describe_counter!(CONFIG_RELOADS, "Reloads of the configuration, by result: ok or failed.");
    describe_counter!(
        LOG_LINES_DROPPED,
        "Log lines that were dropped because standard error was not read or could not be written."
    );
    describe_gauge!("killgate_build_info", "Always 1; the version is in its label.");
    register_all();
    Ok(Metrics { prometheus, dropped_lines: log.dropped_lines.clone() })
}

pub fn set_standby_metrics() {
    for name in [
        "killgate_active",
        "killgate_gateway_connected",
        "killgate_ledger_writable",
        "killgate_open_requests",
    ] {
        gauge!(name).set(0.0);
    }
}

/// Registers every metric at the start. If a metric appeared only with its first value, `rate` would not see that value, and an
/// alert on it would stay silent.
fn register_all() {
    gauge!("killgate_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    set_standby_metrics();
    for action in [Action::Cancel, Action::Terminate] {
        for outcome in Outcome::ALL {
            counter!("killgate_requests_total", "action" => action.name(), "outcome" => outcome.name())
                .absolute(0);
        }
    }
    for result in ["ok", "failed"] {
        counter!(CONFIG_RELOADS, "result" => result).absolute(0);
    }
    // Creating a histogram registers it.
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
    fn lines_are_selected_by_module_and_level() {
        let (lines, error) = read_filter(Some("killgate=debug,info"));
        assert!(error.is_none());
        assert!(lines.would_enable("killgate::workflow", &Level::DEBUG));
        assert!(lines.would_enable("hyper", &Level::INFO));
        assert!(!lines.would_enable("hyper", &Level::DEBUG));
    }

    #[test]
    fn an_invalid_filter_is_reported_and_the_default_is_used() {
        for (text, is_invalid) in [(None, false), (Some(" "), false), (Some("killgate=loud"), true)] {
            let (lines, error) = read_filter(text);
            assert_eq!(error.is_some(), is_invalid, "{text:?}");
            assert!(lines.would_enable("killgate", &Level::INFO));
            assert!(!lines.would_enable("killgate", &Level::DEBUG));
        }
    }
}
