//! Runs the bot while this process is the active replica.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use metrics::gauge;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::clock::SteadyClock;
use super::held_ledger::HeldLedger;
use crate::config::Settings;
use crate::discord::bot::{Bot, DiscordStatus};
use crate::discord::command_registration::RegistrationBudget;
use crate::discord::served_channels::ServedChannels;
use crate::workflow::input::EngineInput;
use crate::workflow::ports::LedgerError;
use crate::workflow::targets::CurrentTargets;
use crate::workflow::{Engine, EngineExit, EngineHandle, EngineHealth};

/// How long a stop may wait for the engine, which is faster unless it waits for the ledger. Closing the connection to
/// Discord and resigning take two more seconds at most.
const ENGINE_STOP_TIMEOUT: Duration = Duration::from_millis(7_500);

/// The pause between attempts to read the ledger at the start.
const READ_RETRY_PAUSE: Duration = Duration::from_secs(2);

pub struct ActiveReplica {
    /// A reload replaces them.
    pub settings: watch::Receiver<Arc<Settings>>,
    pub targets: CurrentTargets,
    pub held_ledger: HeldLedger,
    /// How often commands may still be registered.
    pub registrations: RegistrationBudget,
    /// Where it is reported whether the bot receives the events of its guild.
    pub gateway: watch::Sender<DiscordStatus>,
    /// Receives what keeps requests from being decided.
    pub health: watch::Sender<EngineHealth>,
    /// Becomes `true` when the process must stop.
    pub stop: watch::Receiver<bool>,
}

/// Why the replica stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaExit {
    /// The process was asked to stop, and everything that must finish has finished.
    Stopped,
    /// It stopped, and a statement that signals may still be on its way: nobody may take over before the lease ends.
    Interrupted,
    /// Another replica has taken over.
    Deposed,
}

impl ActiveReplica {
    /// Runs the bot until the process must stop or another replica takes over. Its tasks end with the runtime.
    pub async fn run(mut self) -> anyhow::Result<ReplicaExit> {
        let options = self.settings.borrow_and_update().discord.clone();
        let bot = tokio::select! {
            bot = Bot::log_in(options, self.registrations) => bot?,
            _ = self.stop.wait_for(|stop| *stop) => return Ok(ReplicaExit::Stopped),
            () = self.held_ledger.lost() => return Ok(ReplicaExit::Deposed),
        };
        let targets = self.targets;
        let clock = Arc::new(SteadyClock::start(bot.server_time()));
        let ledger = self.held_ledger.ledger();
        let channel = Arc::new(bot.incident_channel(clock.clone(), Some(Arc::clone(&ledger))));
        let starting = async {
            loop {
                let start =
                    Engine::start(Arc::clone(&ledger), channel.clone(), clock.clone(), targets.clone());
                match start.await {
                    Err(error @ (LedgerError::NotRecorded(_) | LedgerError::Uncertain(_))) => {
                        warn!(?error, "the ledger cannot be read; trying again");
                    }
                    started => break started,
                }
                sleep(READ_RETRY_PAUSE).await;
            }
        };
        let started = tokio::select! {
            started = starting => started,
            _ = self.stop.wait_for(|stop| *stop) => return Ok(ReplicaExit::Stopped),
            () = self.held_ledger.lost() => return Ok(ReplicaExit::Deposed),
        };
        let (engine, inbox) = match started {
            Err(LedgerError::Deposed) => return Ok(ReplicaExit::Deposed),
            started => started?,
        };
        let engine_handle = EngineHandle::new(targets, inbox);
        let mut engine = tokio::spawn(engine.reporting_to(self.health).run());
        let (mut connection, is_in_guild) = bot.connect(engine_handle.clone(), ledger);
        tokio::spawn(follow_scope(self.settings, bot.channels(), engine_handle.clone()));
        let (connected, next_start) = (connection.connected(), connection.next_start());
        tokio::spawn(forward_gateway_state(connected, next_start, is_in_guild, self.gateway.clone()));

        let stopped = tokio::select! {
            () = self.held_ledger.lost() => return Ok(ReplicaExit::Deposed),
            _ = self.stop.wait_for(|stop| *stop) => None,
            ended = connection.ended() => {
                ended.context("Discord's gateway refused this bot")?;
                bail!("the connection to Discord ended unexpectedly");
            }
            stopped = &mut engine => Some(stopped.context("the engine panicked")?),
        };
        let stopped = if let Some(stopped) = stopped {
            stopped
        } else {
            info!("stopping: finishing running executions, starting no new ones");
            let finishing = async {
                engine_handle.send(EngineInput::Stop).await;
                (&mut engine).await
            };
            if let Ok(stopped) = timeout(ENGINE_STOP_TIMEOUT, finishing).await {
                stopped.context("the engine panicked")?
            } else {
                warn!("the engine still waits for the ledger, which is read again at the next start");
                engine.abort();
                EngineExit::Interrupted
            }
        };
        if let Err(error) = connection.stop().await {
            warn!(%error, "the connection to Discord did not close cleanly");
        }
        match stopped {
            EngineExit::Stopped => Ok(ReplicaExit::Stopped),
            EngineExit::Interrupted => Ok(ReplicaExit::Interrupted),
            EngineExit::Ledger(LedgerError::Deposed) => Ok(ReplicaExit::Deposed),
            EngineExit::Ledger(error) => Err(anyhow::Error::new(error).context("the ledger cannot be used")),
        }
    }
}

/// Serves the channels and categories that a reload names. In a channel that was not served before, people may have acted
/// unseen.
async fn follow_scope(
    mut settings: watch::Receiver<Arc<Settings>>,
    channels: Arc<ServedChannels>,
    engine: EngineHandle,
) {
    while settings.changed().await.is_ok() {
        let scope = settings.borrow_and_update().discord.scope.clone();
        let missed = channels.set_scope(scope).missed;
        if !missed.is_empty() {
            engine.send(EngineInput::EventsMissedIn { channels: missed }).await;
        }
    }
}

/// Forwards whether the bot receives the events of its guild, and updates the metric of the connection.
async fn forward_gateway_state(
    mut connected: watch::Receiver<bool>,
    mut next_start: watch::Receiver<Option<Instant>>,
    mut is_in_guild: watch::Receiver<bool>,
    gateway: watch::Sender<DiscordStatus>,
) {
    loop {
        let is_connected = *connected.borrow_and_update();
        gauge!("killgate_gateway_connected").set(if is_connected { 1.0 } else { 0.0 });
        gateway.send_replace(match (is_connected, *is_in_guild.borrow_and_update()) {
            (false, _) => match *next_start.borrow_and_update() {
                Some(until) => DiscordStatus::StartsUsedUp { until },
                None => DiscordStatus::Disconnected,
            },
            (true, false) => DiscordStatus::OutsideGuild,
            (true, true) => DiscordStatus::InGuild,
        });
        let changed = tokio::select! {
            changed = connected.changed() => changed,
            changed = next_start.changed() => changed,
            changed = is_in_guild.changed() => changed,
        };
        if changed.is_err() {
            gateway.send_replace(DiscordStatus::Disconnected);
            return;
        }
    }
}
