//! The real bot, as a process of its own.

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

/// Generous, because the machine may be busy with a build.
const WITHIN: Duration = Duration::from_mins(1);
const LEDGER: &str = "killgate.db";
/// How much of the log is shown when the bot ended by itself.
const LAST_LINES: usize = 15;

pub struct Bot {
    binary: PathBuf,
    process: Child,
    keeper: process::Child,
    /// The keeper acts when this is closed, which the end of this process does too.
    lifeline: Option<ChildStdin>,
    folder: PathBuf,
}

/// The binary that cargo built into the same profile's folder.
pub fn built_beside_this() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("where this program is")?;
    let profile = this.parent().and_then(Path::parent).context("no folder above")?;
    let binary = profile.join("killgate");
    ensure!(
        binary.is_file(),
        "{} is not there: build it with cargo build, or name another one with --killgate",
        binary.display()
    );
    Ok(binary)
}

impl Bot {
    /// Writes a configuration and starts the bot with it.
    pub fn start(binary: &Path, discord: &Sim, cluster: &Cluster) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("killgate-demo-")
            .tempdir()?
            .keep();
        let started = start_in(&folder, binary, discord, cluster);
        if started.is_err() {
            // What cannot be removed is in a folder for what is temporary, and the first error is the one to tell.
            let _ = fs::remove_dir_all(&folder);
        }
        started
    }

    /// Holds the configuration, the log and the ledger.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the bot writes down.
    pub fn ledger(&self) -> Ledger {
        let file = self.folder.join(LEDGER);
        Ledger::of(&self.binary, &config_of(&self.folder), &file)
    }

    /// Waits until the bot serves the channel.
    pub async fn ready(&mut self, discord: &Sim) -> anyhow::Result<()> {
        let is_ready = || discord.gateway().has_the_bot() && !discord.commands().is_empty();
        self.eventually(discord, "killgate serves the channel", is_ready)
            .await
    }

    /// Waits for something that the bot does.
    pub async fn eventually(
        &mut self,
        discord: &Sim,
        what: &str,
        condition: impl FnMut() -> bool,
    ) -> anyhow::Result<()> {
        tokio::select! {
            () = discord.eventually(WITHIN, what, condition) => Ok(()),
            ended = self.ended() => Err(ended),
        }
    }

    /// Waits until the bot ends by itself, and tells what it said last.
    pub async fn ended(&mut self) -> anyhow::Error {
        let status = match self.process.wait().await {
            Ok(status) => status.to_string(),
            Err(problem) => problem.to_string(),
        };
        if let Some(lifeline) = &mut self.lifeline {
            // Without the keeper there is nobody to be told.
            let _ = writeln!(lifeline);
        }
        let log = fs::read_to_string(log_of(&self.folder)).unwrap_or_default();
        let mut last = VecDeque::new();
        for line in log.lines() {
            last.push_back(line);
            if last.len() > LAST_LINES {
                last.pop_front();
            }
        }
        let last: Vec<_> = last.into();
        anyhow!(
            "killgate ended by itself ({status}). The end of its log:\n{}",
            last.join("\n")
        )
    }

    /// Has the bot stop, and its folder removed.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.lifeline.take());
        self.process.wait().await.context("waiting for killgate's end")?;
        spawn_blocking(move || self.keeper.wait())
            .await?
            .context("the keeper")?;
        Ok(())
    }
}

fn start_in(folder: &Path, binary: &Path, discord: &Sim, cluster: &Cluster) -> anyhow::Result<Bot> {
    fs::write(folder.join("token"), discord.token())?;
    let config = config_of(folder);
    fs::write(&config, configuration(discord, &cluster.url(BOT, DATABASE)))?;
    let process = Command::new(binary)
        .args(["run", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(log_of(folder))?)
        // Ctrl-C goes to a whole group; the bot is to be stopped by the keeper alone.
        .process_group(0)
        .spawn()
        .with_context(|| format!("{} does not run", binary.display()))?;
    let pid = process.id().context("it has not been waited for")?;
    let mut keeper = keeper(pid, folder)?;
    Ok(Bot {
        binary: binary.to_owned(),
        process,
        lifeline: keeper.stdin.take(),
        keeper,
        folder: folder.to_owned(),
    })
}

fn keeper(bot: u32, folder: &Path) -> anyhow::Result<process::Child> {
    use std::os::unix::process::CommandExt;

    process::Command::new("/bin/sh")
        .args(["-c", include_str!("keeper.sh"), "keeper", &bot.to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("/bin/sh does not run")
}

fn config_of(folder: &Path) -> PathBuf {
    folder.join("killgate.toml")
}

fn log_of(folder: &Path) -> PathBuf {
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
