//! killgate itself, as it is released.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::process::Command;

use super::Bot;
use crate::guild::{APPROVERS, Guild, REQUESTERS};

/// The file of a ledger in the folder of its bot.
pub const LEDGER: &str = "killgate.db";

/// A target's name and its URL.
pub type Target = (String, String);

/// Starts the binary in front of `targets`, with a new ledger or a copy of the one in `history`.
pub async fn start(binary: &Path, targets: &[Target], history: Option<&Path>) -> Result<Bot> {
    start_in(Guild::open().await, Command::new(binary), targets, history).await
}

/// With a log line for each step, as JSON.
pub async fn start_traced(binary: &Path, target: Target) -> Result<Bot> {
    let guild = Guild::open().await;
    let folder = tempfile::tempdir()?;
    let mut command = run(Command::new(binary), folder.path(), &[target], &guild)?;
    command.args(["--log-format", "json"]).env("RUST_LOG", "killgate=debug,info");
    Bot::start(command, guild, folder).await
}

/// The same in this guild, with a command that runs the binary.
pub async fn start_in(
    guild: Guild,
    command: Command,
    targets: &[Target],
    history: Option<&Path>,
) -> Result<Bot> {
    let folder = tempfile::tempdir()?;
    if let Some(history) = history {
        fs::copy(history, folder.path().join(LEDGER)).context("the ledger is not copied")?;
    }
    Bot::start(run(command, folder.path(), targets, &guild)?, guild, folder).await
}

fn run(mut command: Command, folder: &Path, targets: &[Target], guild: &Guild) -> Result<Command> {
    let config = configure(folder, targets, guild)?;
    command.args(["run", "--config"]).arg(config).env_remove("DISCORD_TOKEN").env_remove("RUST_LOG");
    Ok(command)
}

/// Writes a configuration for `guild` into `folder`.
pub fn configure(folder: &Path, targets: &[Target], guild: &Guild) -> Result<std::path::PathBuf> {
    let sim = &guild.sim;
    fs::write(folder.join("token"), sim.token())?;
    let mut toml = format!(
        r#"[discord]
guild = {guild}
channels = [{channel}]
token_file = "token"
api_url = "{api}"
[access]
requesters = {{ roles = [{requesters}] }}
approvers = {{ roles = [{approvers}] }}
[limits]
open_requests_per_user = 1000000
open_requests = 1000000
signals_per_hour = 1000000
[ledger]
url = "sqlite:{LEDGER}"
"#,
        guild = sim.guild_id(),
        channel = guild.incident.id(),
        api = sim.api_url(),
        requesters = sim.role_id(REQUESTERS),
        approvers = sim.role_id(APPROVERS),
    );
    if let Some(address) = guild.http {
        write!(toml, "[http]\nlisten = \"{address}\"\n")?;
    }
    for (name, url) in targets {
        write!(toml, "[[target]]\nname = \"{name}\"\nurl = \"{url}\"\n")?;
    }
    let config = folder.join("killgate.toml");
    fs::write(&config, toml)?;
    Ok(config)
}

/// The folder of a ledger that no bot holds, with a configuration for what reads it.
pub async fn at_rest(history: &Path) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    fs::copy(history, folder.path().join(LEDGER)).context("the ledger is not copied")?;
    let nowhere = ("orders".to_owned(), "postgresql://killgate@127.0.0.1:1/postgres".to_owned());
    configure(folder.path(), &[nowhere], &Guild::open().await)?;
    Ok(folder)
}
