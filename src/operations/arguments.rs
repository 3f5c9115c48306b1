//! The command line. The man page and the completions are generated from it.

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
    /// Runs the bot until SIGTERM or SIGINT. SIGHUP reads the configuration again.
    ///
    /// Log lines go to standard error. The environment variable `RUST_LOG` selects them; the default is `info`.
    Run {
        #[command(flatten)]
        config: ConfigArgument,
        /// The format of log lines.
        #[arg(long, value_enum, default_value = "text")]
        log_format: LogFormat,
    },
    /// Checks every precondition, and says how to fix what is missing.
    ///
    /// Exits with 0 when no check failed, 1 when one did, 2 when the configuration is unusable.
    Check {
        #[command(flatten)]
        config: ConfigArgument,
        /// Prints one JSON array instead of lines.
        #[arg(long)]
        json: bool,
    },
    /// Asks the killgate that runs here, at its `[http]` address, whether it is alive: for a container's health check.
    ///
    /// Exits with 0 when it is, 1 when not, 2 when the configuration is unusable. The secrets need not exist.
    Health {
        #[command(flatten)]
        config: ConfigArgument,
        /// Asks whether it is the active replica, connected, and able to write its ledger. A standby is not.
        #[arg(long)]
        ready: bool,
    },
    /// Reads the ledger, also while the bot runs.
    ///
    /// Of the secrets, only those of the ledger need to exist.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Prints the SQL that installs the guard and the roles, for `psql -v ON_ERROR_STOP=1 -f -` as a superuser.
    GuardSql {
        /// The login role that the bot uses. It is created without a password when it does not exist.
        #[arg(long, value_name = "NAME", default_value = "killgate", value_parser = role)]
        role: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Prints the ledger, one JSON object a line, oldest first.
    Export {
        #[command(flatten)]
        config: ConfigArgument,
        /// Only records of this time or later (RFC 3339).
        #[arg(long, value_parser = time)]
        since: Option<Timestamp>,
        /// Only records of the request with this number.
        #[arg(long)]
        request: Option<u64>,
    },
    /// Verifies the hash chain and names the first broken record.
    ///
    /// Exits with 0 when it is intact, 1 when it is broken, 2 when the configuration is unusable.
    Verify {
        #[command(flatten)]
        config: ConfigArgument,
        /// A hash from an earlier verification, which must still be in the chain: 64 hexadecimal digits.
        #[arg(long, value_name = "HASH", value_parser = hash)]
        expect: Option<String>,
    },
    /// Prints what happened to one request, as Markdown for a post-mortem.
    ///
    /// Exits with 0, 1 when there is no such request or the ledger is broken, 2 when the configuration is unusable.
    Report {
        #[command(flatten)]
        config: ConfigArgument,
        /// The number of the request.
        #[arg(long)]
        request: u64,
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

/// SHA-256 in hexadecimal digits.
fn hash(text: &str) -> Result<String, String> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_owned());
    }
    Err("it is not a hash, which has 64 hexadecimal digits, as audit verify prints it".to_owned())
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error| format!("{error}; write it like 2026-11-27T08:00:00Z"))
}

/// PostgreSQL cuts a longer name (its documentation, "Identifiers and Key Words").
fn role(name: &str) -> Result<String, String> {
    const MAX_BYTES: usize = 63;
    match name {
        "" => Err("it is empty".to_owned()),
        "killgate_guard" => Err("that is the role that owns the guard, which cannot log in".to_owned()),
        _ if name.len() > MAX_BYTES => Err(format!("it is longer than {MAX_BYTES} bytes")),
        _ => Ok(name.to_owned()),
    }
}
