//! Runs the real bot as a separate process.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{self, ChildStdin, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use discord_sim::Sim;
use throwaway_postgres::{BOT, Cluster};
use tokio::process::{Child, Command};
use tokio::task::spawn_blocking;

use crate::channel::{APPROVERS, CHANNEL, REQUESTERS};
use crate::ledger::Ledger;
use crate::shop::DATABASE;

/// The time limit of waits. Long, because the machine may be busy with a build.
const WAIT_LIMIT: Duration = Duration::from_mins(1);
const LEDGER: &str = "killgate.db";
/// The number of log lines shown when the bot exits by itself.
const LAST_LINES: usize = 15;

pub struct Bot {
    binary: PathBuf,
    process: Child,
    cleanup: process::Child,
    /// The cleanup script starts when this is closed, also by the end of this process.
    cleanup_input: Option<ChildStdin>,
    folder: PathBuf,
}

/// The killgate binary in the same cargo profile folder.
pub fn default_binary() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("finding this program's path")?;
    let profile = this.parent().and_then(Path::parent).context("the program's folder has no parent")?;
    let binary = profile.join("killgate");
    ensure!(
        binary.is_file(),
        "{} does not exist: build it with cargo build, or pass another one with --killgate",
        binary.display()
    );
    Ok(binary)
}

impl Bot {
    /// Writes a configuration and starts the bot with it.
    pub fn start(binary: &Path, discord: &Sim, cluster: &Cluster) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("killgate-demo-").tempdir()?.keep();
        let result = start_in(&folder, binary, discord, cluster);
        if result.is_err() {
            // The folder is temporary anyway, and the first error is the one to report.
            let _ = fs::remove_dir_all(&folder);
        }
        result
    }

    /// The folder with the configuration, the log and the ledger.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The bot's ledger.
    pub fn ledger(&self) -> Ledger {
        let file = self.folder.join(LEDGER);
        Ledger::of(&self.binary, &config_path(&self.folder), &file)
    }

    /// Waits until the bot serves the channel.
    pub async fn ready(&mut self, discord: &Sim) -> anyhow::Result<()> {
        let is_ready = || discord.gateway().has_the_bot() && !discord.commands().is_empty();
        self.eventually(discord, "killgate serves the channel", is_ready).await
    }

    /// Waits for a condition. Fails if the bot exits first.
    pub async fn eventually(
        &mut self,
        discord: &Sim,
        what: &str,
        condition: impl FnMut() -> bool,
    ) -> anyhow::Result<()> {
        tokio::select! {
            () = discord.eventually(WAIT_LIMIT, what, condition) => Ok(()),
            ended = self.ended() => Err(ended),
        }
    }

    /// Waits until the bot exits by itself, and returns an error with the end of its log.
    pub async fn ended(&mut self) -> anyhow::Error {
        let status = match self.process.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        // Before the cleanup script removes it.
        let log = fs::read_to_string(log_path(&self.folder)).unwrap_or_default();
        if let Some(cleanup_input) = &mut self.cleanup_input {
            // If the cleanup script has ended, this fails, which does not matter.
            let _ = writeln!(cleanup_input);
        }
        let mut last = VecDeque::new();
        for line in log.lines() {
            last.push_back(line);
            if last.len() > LAST_LINES {
                last.pop_front();
            }
        }
        let last: Vec<_> = last.into();
        anyhow!("killgate exited by itself ({status}). The end of its log:\n{}", last.join("\n"))
    }

    /// Stops the bot and removes its folder.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.cleanup_input.take());
        self.process.wait().await.context("waiting for killgate to exit")?;
        spawn_blocking(move || self.cleanup.wait()).await?.context("the cleanup script")?;
        Ok(())
    }
}

fn start_in(folder: &Path, binary: &Path, discord: &Sim, cluster: &Cluster) -> anyhow::Result<Bot> {
    fs::write(folder.join("token"), discord.token())?;
    let config = config_path(folder);
    fs::write(&config, configuration(discord, &cluster.url(BOT, DATABASE)))?;
    let process = Command::new(binary)
        .args(["run", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(log_path(folder))?)
        // Ctrl-C goes to the whole process group, but only the cleanup script may stop the bot.
        .process_group(0)
        .spawn()
        .with_context(|| format!("{} cannot be run", binary.display()))?;
    let pid = process.id().context("the process has a pid")?;
    let mut cleanup = start_cleanup(pid, folder)?;
    Ok(Bot {
        binary: binary.to_owned(),
        process,
        cleanup_input: cleanup.stdin.take(),
        cleanup,
        folder: folder.to_owned(),
    })
}

fn start_cleanup(bot: u32, folder: &Path) -> anyhow::Result<process::Child> {
    use std::os::unix::process::CommandExt;

    process::Command::new("/bin/sh")
        .args(["-c", include_str!("cleanup.sh"), "cleanup", &bot.to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("/bin/sh cannot be run")
}

fn config_path(folder: &Path) -> PathBuf {
    folder.join("killgate.toml")
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("killgate.log")
}

fn configuration(discord: &Sim, target: &str) -> String {
    format!(
        r#"[discord]
guild = {guild}
channels = [{channel}]
token_file = "token"
api_url = "{api}"

[access]
requesters = {{ roles = [{oncall}, {dba}] }}
approvers = {{ roles = [{dba}] }}

[[target]]
name = "shop"
url = "{target}"

[protect]
users = ["^payments$"]

[ledger]
url = "sqlite:{LEDGER}"
"#,
        guild = discord.guild_id(),
        channel = discord.channel(CHANNEL).id(),
        api = discord.api_url(),
        oncall = discord.role_id(REQUESTERS),
        dba = discord.role_id(APPROVERS),
    )
}
