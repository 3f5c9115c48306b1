//! The command line: what can be asked of the program. The man page and the completions are made from it.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use jiff::Timestamp;

use super::logging::LogFormat;

/// Cancels or terminates PostgreSQL sessions from a Discord channel, once a second authorized person approved.
#[derive(Debug, Parser)]
#[command(name = "killgate", version)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: CliCommand,
}

#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Runs the bot until SIGTERM or SIGINT.
    ///
    /// Log lines go to standard error; the environment variable `RUST_LOG` chooses which, `info` unless it says otherwise.
    Run {
        #[command(flatten)]
        config: ConfigArgument,
        /// How log lines look.
        #[arg(long, value_enum, default_value = "text")]
        log_format: LogFormat,
    },
    /// Tries every precondition, and says how to mend what is missing.
    ///
    /// Exits with 0 when nothing failed, 1 when something did, 2 when the configuration is unusable.
    Check {
        #[command(flatten)]
        config: ConfigArgument,
        /// One JSON array instead of lines.
        #[arg(long)]
        json: bool,
    },
    /// Asks the killgate that runs here, over its `[http]` address, whether it lives: for a container's health check.
    ///
    /// Exits with 0 when it does, 1 when not, 2 when the configuration is unusable. Of that it takes `[http]` alone.
    Health {
        #[command(flatten)]
        config: ConfigArgument,
        /// Asks whether it is the active one, connected, and able to write its ledger; a standby is not.
        #[arg(long)]
        ready: bool,
    },
    /// Looks into the ledger; also while the bot runs.
    ///
    /// Of the configuration it takes `[ledger]` alone: the other secrets need not be there.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Prints the SQL that installs the guard and the roles, for `psql -v ON_ERROR_STOP=1 -f -` as a superuser.
    GuardSql {
        /// The login role that the bot uses; created without a password when it is missing.
        #[arg(long, default_value = "killgate")]
        role: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Prints the ledger, one JSON object a line, oldest first.
    Export {
        #[command(flatten)]
        config: ConfigArgument,
        /// Only what happened at this time or later (RFC 3339).
        #[arg(long)]
        since: Option<Timestamp>,
        /// Only what happened to the request of this number.
        #[arg(long)]
        request: Option<u64>,
    },
    /// Walks the chain of hashes and names the first broken record.
    ///
    /// Exits with 0 when it is intact, 1 when it is broken, 2 when the configuration is unusable.
    Verify {
        #[command(flatten)]
        config: ConfigArgument,
        /// A hash that was printed earlier and kept elsewhere: it must still be in the chain.
        #[arg(long)]
        expect: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub struct ConfigArgument {
    /// The configuration file.
    #[arg(
        long = "config",
        value_name = "FILE",
        env = "KILLGATE_CONFIG",
        default_value = "config/killgate.toml"
    )]
    pub file: PathBuf,
}
