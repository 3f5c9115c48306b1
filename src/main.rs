//! The program: what is asked of it, and its exit statuses.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use killgate::config::{self, ConfigFaults};
use killgate::operations::arguments::{Arguments, AuditCommand, CliCommand, ConfigArgument};
use killgate::operations::logging::log_to_stderr;
use killgate::operations::{check, core_dumps, health, ledger_tools, run};
use killgate::postgres::guard::guard_sql;

/// An unusable configuration.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    core_dumps::write_none();
    match Arguments::parse().command {
        CliCommand::Run { config, log_format } => {
            let settings = match read(&config, config::load) {
                Ok(settings) => settings,
                Err(exit) => return exit,
            };
            log_to_stderr(log_format);
            told(run::run(settings).map(|()| ExitCode::SUCCESS))
        }
        CliCommand::Check { config, json } => match read(&config, config::load) {
            Ok(settings) => told(check::check(&settings, json).map(status)),
            Err(exit) => exit,
        },
        CliCommand::Health { config, ready } => match read(&config, config::load_http) {
            Ok(http) => told(health::health(http, ready).map(status)),
            Err(exit) => exit,
        },
        CliCommand::Audit(AuditCommand::Export {
            config,
            since,
            request,
        }) => match read(&config, config::load_ledger) {
            Ok(ledger) => told(ledger_tools::export(&ledger, since, request).map(|()| ExitCode::SUCCESS)),
            Err(exit) => exit,
        },
        CliCommand::Audit(AuditCommand::Verify { config, expect }) => {
            match read(&config, config::load_ledger) {
                Ok(ledger) => told(ledger_tools::verify(&ledger, expect.as_deref()).map(status)),
                Err(exit) => exit,
            }
        }
        CliCommand::GuardSql { role } => {
            print!("{}", guard_sql(&role));
            ExitCode::SUCCESS
        }
    }
}

/// What the command needs of the configuration, or every fault in that on standard error.
fn read<T>(
    config: &ConfigArgument,
    load: impl FnOnce(&Path, fn(&str) -> Option<String>) -> Result<T, ConfigFaults>,
) -> Result<T, ExitCode> {
    load(&config.file, |name| std::env::var(name).ok()).map_err(|faults| {
        eprintln!("{faults}");
        ExitCode::from(UNUSABLE)
    })
}

/// 0 when all is well, 1 when not.
fn status(well: bool) -> ExitCode {
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The exit status; an error with its causes goes to standard error.
fn told(done: anyhow::Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|error| {
        eprintln!("killgate: {error:#}");
        ExitCode::FAILURE
    })
}
