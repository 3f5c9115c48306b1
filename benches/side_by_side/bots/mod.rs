//! Bots as processes of their own, each with a simulated Discord of its own.

pub mod killgate;
pub mod peers;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use discord_sim::Message;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::guild::{Guild, LIMIT};

const LOG: &str = "log";

/// A running bot that has registered its commands; killed when dropped.
pub struct Bot {
    pub guild: Guild,
    pub start: Start,
    process: Child,
    /// Its configuration, its log and, for killgate, its ledger.
    folder: TempDir,
}

/// How a start went, from before the process was spawned until its commands were there.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    pub took: Duration,
    /// What of it Discord took to answer.
    pub discord: Duration,
}

impl Bot {
    /// Runs a command that starts a bot in `guild`; its errors go to a file in `folder`.
    async fn start(mut command: Command, guild: Guild, folder: TempDir) -> Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join(LOG))?)
            .kill_on_drop(true);
        let began = Instant::now();
        let mut process = command.spawn().with_context(|| format!("{command:?} does not run"))?;
        tokio::select! {
            ready = timeout(LIMIT, guild.sim.bot_is_ready()) => {
                ready.with_context(|| format!("{command:?} is not ready\n{}", said(&folder)))?;
            }
            status = process.wait() => bail!("{command:?} ended: {}\n{}", status?, said(&folder)),
        }
        let (end, discord) = guild.registered(began)?;
        let start = Start { took: end.saturating_duration_since(began), discord };
        Ok(Self { guild, start, process, folder })
    }

    pub fn pid(&self) -> Result<u32> {
        self.process.id().context("the bot has ended")
    }

    /// A command's answer, and how long it took.
    pub async fn asks(&self, command: &str) -> Result<(Message, Duration)> {
        let answer = self.guild.asks(command).await;
        answer.with_context(|| said(&self.folder))
    }

    /// Asks to terminate these sessions together, and waits until the card can be voted on.
    pub async fn card(&self, pids: &[i32]) -> Result<(Message, Duration)> {
        let (first, others) = pids.split_first().context("no session")?;
        let mut command = format!("/terminate pid:{first}");
        if !others.is_empty() {
            let others: Vec<_> = others.iter().map(ToString::to_string).collect();
            command = format!("{command} also:{}", others.join(","));
        }
        let (card, took) = self.asks(&command).await?;
        self.guild.offers_votes(&card).await;
        Ok((card, took))
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        said(&self.folder)
    }

    pub async fn stop(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }
}

/// The log of the bot in this folder.
fn said(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join(LOG)).unwrap_or_default()
}
