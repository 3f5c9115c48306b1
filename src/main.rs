//! The command line: arguments, signals, exit statuses.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jiff::Timestamp;
use killgate::config::{self, Settings};
use killgate::operations::telemetry::{LogFormat, log_to_stderr};
use killgate::operations::{check, ledger_tools, run};
use killgate::postgres::guard::guard_sql;

/// An unusable configuration.
const UNUSABLE: u8 = 2;

/// Cancels or terminates PostgreSQL sessions from a Discord channel, once a second authorized person approved.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the bot until SIGTERM or SIGINT.
    Run {
        #[command(flatten)]
        config: Config,
        /// How log lines look.
        #[arg(long, value_enum, default_value = "text")]
        log_format: LogFormat,
    },
    /// Tries every precondition, and says how to mend what is missing.
    Check {
        #[command(flatten)]
        config: Config,
        /// One JSON array instead of lines.
        #[arg(long)]
        json: bool,
    },
    /// Looks into the ledger; also while the bot runs.
    #[command(subcommand)]
    Audit(Audit),
    /// Prints the SQL that installs the guard and the roles, for `psql -v ON_ERROR_STOP=1 -f -` as a superuser.
    GuardSql {
        /// The login role that the bot uses; created without a password when it is missing.
        #[arg(long, default_value = "killgate")]
        role: String,
    },
}

#[derive(Subcommand)]
enum Audit {
    /// Prints the ledger, one JSON object a line, oldest first.
    Export {
        #[command(flatten)]
        config: Config,
        /// Only what happened at this time or later (RFC 3339).
        #[arg(long)]
        since: Option<Timestamp>,
        /// Only what happened to the request of this number.
        #[arg(long)]
        request: Option<u64>,
    },
    /// Walks the chain of hashes and names the first broken record.
    Verify {
        #[command(flatten)]
        config: Config,
        /// A hash that was printed earlier and kept elsewhere: it must still be in the chain.
        #[arg(long)]
        expect: Option<String>,
    },
}

#[derive(clap::Args)]
struct Config {
    /// The configuration file.
    #[arg(
        long = "config",
        value_name = "FILE",
        env = "KILLGATE_CONFIG",
        default_value = "config/killgate.toml"
    )]
    file: PathBuf,
}

impl Config {
    /// The settings, or every fault of the file on standard error.
    fn load(&self) -> Result<Settings, ExitCode> {
        config::load(&self.file, |name| std::env::var(name).ok()).map_err(|faults| {
            eprintln!("{faults}");
            ExitCode::from(UNUSABLE)
        })
    }
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { config, log_format } => {
            let settings = match config.load() {
                Ok(settings) => settings,
                Err(exit) => return exit,
            };
            log_to_stderr(log_format);
            told(run::run(settings).map(|()| ExitCode::SUCCESS))
        }
        Command::Check { config, json } => match config.load() {
            Ok(settings) => told(check::check(&settings, json).map(status)),
            Err(exit) => exit,
        },
        Command::Audit(Audit::Export {
            config,
            since,
            request,
        }) => match config.load() {
            Ok(settings) => told(ledger_tools::export(&settings, since, request).map(|()| ExitCode::SUCCESS)),
            Err(exit) => exit,
        },
        Command::Audit(Audit::Verify { config, expect }) => match config.load() {
            Ok(settings) => told(ledger_tools::verify(&settings, expect.as_deref()).map(status)),
            Err(exit) => exit,
        },
        Command::GuardSql { role } => {
            print!("{}", guard_sql(&role));
            ExitCode::SUCCESS
        }
    }
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
