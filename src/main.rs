//! The program: what is asked of it, and its exit statuses.

use std::process::ExitCode;

use clap::Parser;
use killgate::config::{self, Settings};
use killgate::operations::arguments::{Arguments, Audit, Command, Config};
use killgate::operations::telemetry::log_to_stderr;
use killgate::operations::{check, cores, health, ledger_tools, run};
use killgate::postgres::guard::guard_sql;

/// An unusable configuration.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    cores::write_none();
    match Arguments::parse().command {
        Command::Run { config, log_format } => {
            let settings = match load(&config) {
                Ok(settings) => settings,
                Err(exit) => return exit,
            };
            log_to_stderr(log_format);
            told(run::run(settings).map(|()| ExitCode::SUCCESS))
        }
        Command::Check { config, json } => match load(&config) {
            Ok(settings) => told(check::check(&settings, json).map(status)),
            Err(exit) => exit,
        },
        Command::Health { config, ready } => match load(&config) {
            Ok(settings) => told(health::health(&settings, ready).map(status)),
            Err(exit) => exit,
        },
        Command::Audit(Audit::Export {
            config,
            since,
            request,
        }) => match load(&config) {
            Ok(settings) => told(ledger_tools::export(&settings, since, request).map(|()| ExitCode::SUCCESS)),
            Err(exit) => exit,
        },
        Command::Audit(Audit::Verify { config, expect }) => match load(&config) {
            Ok(settings) => told(ledger_tools::verify(&settings, expect.as_deref()).map(status)),
            Err(exit) => exit,
        },
        Command::GuardSql { role } => {
            print!("{}", guard_sql(&role));
            ExitCode::SUCCESS
        }
    }
}

/// The settings, or every fault of the file on standard error.
fn load(config: &Config) -> Result<Settings, ExitCode> {
    config::load(&config.file, |name| std::env::var(name).ok()).map_err(|faults| {
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
