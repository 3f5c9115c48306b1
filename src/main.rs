//! Runs the command, and sets the exit status.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use killgate::common::error_causes::with_causes;
use killgate::config::{self, ConfigFaults};
use killgate::operations::arguments::{Arguments, AuditCommand, CliCommand, ConfigArgument};
use killgate::operations::logging::{log_to_stderr, start_metrics};
use killgate::operations::process_signals::ReloadSignal;
use killgate::operations::reload::ConfigFile;
use killgate::operations::{check, health, ledger_tools, process_limits, run, standard_output};
use killgate::postgres::guard::guard_sql;
use tikv_jemallocator::Jemalloc;

/// With the options in `.cargo/config.toml`, jemalloc gives memory back as soon as it is free. The C library's allocator keeps most of what a
/// burst of commands needed.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// The exit status for an unusable configuration.
const UNUSABLE_CONFIG: u8 = 2;

fn main() -> ExitCode {
    process_limits::disable_core_dumps();
    match Arguments::parse().command {
        CliCommand::Run { config, log_format } => {
            let reload_signal = match ReloadSignal::register() {
                Ok(signal) => signal,
                Err(error) => return exit_code(Err(error)),
            };
            let settings = match read_config(&config, config::load) {
                Ok(settings) => settings,
                Err(exit) => return exit,
            };
            let config = ConfigFile::new(config.file);
            let log = log_to_stderr(log_format);
            process_limits::raise_descriptor_limit();
            let result =
                start_metrics(&log).and_then(|metrics| run::run(settings, &config, metrics, reload_signal));
            exit_code(result.map(|()| ExitCode::SUCCESS))
        }
        CliCommand::Check { config, json } => match read_config(&config, config::load) {
            Ok(settings) => exit_code(check::check(&settings, json).map(status)),
            Err(exit) => exit,
        },
        CliCommand::Health { config, ready } => match read_config(&config, config::load_http) {
            Ok(http) => exit_code(health::health(http, ready).map(status)),
            Err(exit) => exit,
        },
        CliCommand::Audit(AuditCommand::Export { config, since, request }) => {
            match read_config(&config, config::load_ledger) {
                Ok(ledger) => {
                    exit_code(ledger_tools::export(&ledger, since, request).map(|()| ExitCode::SUCCESS))
                }
                Err(exit) => exit,
            }
        }
        CliCommand::Audit(AuditCommand::Verify { config, expect }) => {
            match read_config(&config, config::load_ledger) {
                Ok(ledger) => exit_code(ledger_tools::verify(&ledger, expect.as_deref()).map(status)),
                Err(exit) => exit,
            }
        }
        CliCommand::Audit(AuditCommand::Report { config, request }) => {
            match read_config(&config, config::load_ledger) {
                Ok(ledger) => exit_code(ledger_tools::report(&ledger, request).map(status)),
                Err(exit) => exit,
            }
        }
        CliCommand::GuardSql { role } => {
            exit_code(standard_output::print(&guard_sql(&role)).map(|()| ExitCode::SUCCESS))
        }
    }
}

/// Reads what the command needs, or prints all faults to standard error.
fn read_config<T>(
    config: &ConfigArgument,
    load: impl FnOnce(&Path, fn(&str) -> Option<String>) -> Result<T, ConfigFaults>,
) -> Result<T, ExitCode> {
    load(&config.file, |name| std::env::var(name).ok()).map_err(|faults| {
        standard_output::print_error(faults);
        ExitCode::from(UNUSABLE_CONFIG)
    })
}

/// 0 for success, 1 for failure.
fn status(is_ok: bool) -> ExitCode {
    if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The exit status. An error is printed with its causes to standard error.
fn exit_code(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        standard_output::print_error(format_args!("killgate: {}", with_causes(error.as_ref())));
        ExitCode::FAILURE
    })
}
