//! The bot, for as long as this process is the active one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use metrics::gauge;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::bootstrap;
use super::clock::SystemClock;
use super::leadership::Leadership;
use crate::config::Settings;
use crate::discord::bot::Bot;
use crate::postgres::PostgresTarget;
use crate::workflow::input::EngineInput;
use crate::workflow::ports::LedgerError;
use crate::workflow::{Engine, EngineExit, EngineHandle};

/// How long a stop may take up to saying goodbye to Discord and letting go of the ledger, which takes two seconds at
/// most. The desk stops by itself earlier, unless it waits for the ledger.
const FINISH_WITHIN: Duration = Duration::from_millis(7_500);

/// Between tries to read a ledger that does not answer at the start.
const READ_AGAIN: Duration = Duration::from_secs(2);

/// What one turn at being the active one takes.
pub struct ActiveReplica {
    pub settings: Arc<Settings>,
    pub targets: BTreeMap<String, Arc<PostgresTarget>>,
    pub seat: Leadership,
    /// Is told whether the session with Discord stands.
    pub gateway: watch::Sender<bool>,
    /// Becomes `true` when the process is to stop.
    pub stop: watch::Receiver<bool>,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaExit {
    /// As told: everything that had to be finished is.
    Stopped,
    /// Another replica has taken over.
    Deposed,
}

impl ActiveReplica {
    /// Is the bot until it is told to stop, or another replica takes over. What it began ends with the runtime.
    pub async fn run(mut self) -> anyhow::Result<ReplicaExit> {
        let account = tokio::select! {
            account = Bot::log_in(self.settings.discord.clone()) => account?,
            _ = self.stop.wait_for(|stop| *stop) => return Ok(ReplicaExit::Stopped),
            () = self.seat.lost() => return Ok(ReplicaExit::Deposed),
        };
        let rules = bootstrap::rules(&self.settings, &self.targets);
        let clock = Arc::new(SystemClock);
        let channel = Arc::new(account.incident_channel(clock.clone()));
        let ledger = self.seat.ledger();
        let starting = async {
            loop {
                let start = Engine::start(Arc::clone(&ledger), channel.clone(), clock.clone(), rules.clone());
                match start.await {
                    Err(problem @ (LedgerError::NotRecorded(_) | LedgerError::Uncertain(_))) => {
                        warn!(error = ?problem, "the ledger cannot be read; trying again");
                    }
                    started => break started,
                }
                sleep(READ_AGAIN).await;
            }
        };
        let started = tokio::select! {
            started = starting => started,
            _ = self.stop.wait_for(|stop| *stop) => return Ok(ReplicaExit::Stopped),
            () = self.seat.lost() => return Ok(ReplicaExit::Deposed),
        };
        let (clerk, inbox) = match started {
            Err(LedgerError::Deposed) => return Ok(ReplicaExit::Deposed),
            started => started?,
        };
        let desk = EngineHandle::new(rules, inbox);
        let mut clerk = tokio::spawn(clerk.run());
        let mut connection = account.connect(desk.clone(), ledger);
        tokio::spawn(follow(connection.connected(), self.gateway.clone()));

        let stopped = tokio::select! {
            () = self.seat.lost() => return Ok(ReplicaExit::Deposed),
            _ = self.stop.wait_for(|stop| *stop) => None,
            ended = connection.ended() => {
                ended.context("Discord's gateway will not have this bot")?;
                bail!("the connection to Discord ended by itself");
            }
            stopped = &mut clerk => Some(stopped.context("the desk broke down")?),
        };
        let stopped = if let Some(stopped) = stopped {
            stopped
        } else {
            info!("stopping: finishing what is being executed, beginning nothing new");
            let finishing = async {
                desk.send(EngineInput::Stop).await;
                (&mut clerk).await
            };
            if let Ok(stopped) = timeout(FINISH_WITHIN, finishing).await {
                stopped.context("the desk broke down")?
            } else {
                warn!("the ledger keeps the stop waiting; it is read again at the next start");
                clerk.abort();
                EngineExit::Cleanly
            }
        };
        if let Err(problem) = connection.stop().await {
            warn!(error = %problem, "the connection to Discord did not close in order");
        }
        match stopped {
            EngineExit::Cleanly => Ok(ReplicaExit::Stopped),
            EngineExit::Ledger(LedgerError::Deposed) => Ok(ReplicaExit::Deposed),
            EngineExit::Ledger(problem) => {
                Err(anyhow::Error::new(problem).context("the ledger cannot be built on"))
            }
        }
    }
}

/// Passes on whether the session with Discord stands, also as a metric.
async fn follow(mut connected: watch::Receiver<bool>, gateway: watch::Sender<bool>) {
    loop {
        let now = *connected.borrow_and_update();
        gauge!("killgate_gateway_connected").set(if now { 1.0 } else { 0.0 });
        gateway.send_replace(now);
        if connected.changed().await.is_err() {
            gateway.send_replace(false);
            return;
        }
    }
}
