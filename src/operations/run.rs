//! `killgate run`: stands by and is the active replica in turn, until the process is asked to stop.

use std::sync::Arc;

use metrics::gauge;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::info;

use super::active_replica::{ActiveReplica, ReplicaExit};
use super::held_ledger::HeldLedger;
use super::logging::{self, Metrics};
use super::process_signals::{ProcessSignals, ReloadSignal};
use super::readiness::{ProbedLedger, Readiness};
use super::reload::ConfigFile;
use super::{degraded, http, target_pool};
use crate::config::{LedgerLocation, Settings};
use crate::discord::bot::DiscordStatus;
use crate::discord::command_registration::RegistrationBudget;
use crate::ledger::postgres::HighWaterMark;
use crate::workflow::EngineHealth;

/// What `/readyz` says of a standby.
const STANDBY: &str = "standby";

/// Runs the bot until SIGTERM or SIGINT.
pub fn run(
    settings: Settings,
    config: &ConfigFile,
    metrics: Metrics,
    reload_signal: ReloadSignal,
) -> anyhow::Result<()> {
    // A new runtime for each run: dropping it ends every task, so that nothing of a deposed replica continues, and connections
    // are reopened.
    let mut runtime = super::runtime()?;
    let mut signals = {
        let _context = runtime.enter();
        ProcessSignals::register(reload_signal)?
    };
    log_start(&settings);
    let http_address = settings.http;
    let process = Process {
        settings: watch::Sender::new(Arc::new(settings)),
        metrics,
        gateway: watch::Sender::new(DiscordStatus::Disconnected),
        health: watch::Sender::default(),
        ledger: watch::Sender::new(None),
        waiting: watch::Sender::new(STANDBY.to_owned()),
        high_water_mark: HighWaterMark::default(),
        registrations: RegistrationBudget::default(),
    };
    if let Some(address) = http_address {
        http::serve_in_background(http::listen(address)?, process.readiness(), process.metrics.clone())?;
    }
    let stop = watch::Sender::new(false);
    loop {
        let exit = runtime.block_on(async {
            tokio::select! {
                exit = process.run_once(stop.subscribe()) => exit,
                never = signals.handle(&stop, async || config.reload(&process.settings).await) => match never {},
            }
        });
        // Does not wait for a host name lookup that hangs.
        runtime.shutdown_background();
        match exit? {
            ReplicaExit::Deposed if !*stop.borrow() => info!("another replica has taken over; standing by"),
            ReplicaExit::Deposed | ReplicaExit::Interrupted | ReplicaExit::Stopped => return Ok(()),
        }
        runtime = super::runtime()?;
    }
}

/// The first line of the log: which killgate this is, and what it serves.
fn log_start(settings: &Settings) {
    let targets: Vec<_> = settings
        .targets
        .iter()
        .map(|target| format!("{} ({})", target.name, target.connection.address()))
        .collect();
    let ledger = match &settings.ledger {
        LedgerLocation::Sqlite { path } => path.display().to_string(),
        LedgerLocation::Postgres { connection } => connection.address(),
    };
    info!(
        version = env!("CARGO_PKG_VERSION"),
        guild = settings.discord.guild,
        targets = targets.join(", "),
        ledger,
        proxy = settings.discord.proxy.as_ref().map(ToString::to_string),
        "killgate starts"
    );
}

/// What outlives a run.
struct Process {
    /// A reload replaces them.
    settings: watch::Sender<Arc<Settings>>,
    metrics: Metrics,
    /// Whether the bot is connected to Discord and in its guild.
    gateway: watch::Sender<DiscordStatus>,
    /// What keeps requests from being decided.
    health: watch::Sender<EngineHealth>,
    /// The ledger, while this replica is the active one.
    ledger: watch::Sender<Option<ProbedLedger>>,
    /// Why this replica is not the active one.
    waiting: watch::Sender<String>,
    high_water_mark: HighWaterMark,
    registrations: RegistrationBudget,
}

impl Process {
    fn current_settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.borrow())
    }

    /// Stands by until this replica leads, and then runs the bot.
    async fn run_once(&self, mut stop: watch::Receiver<bool>) -> anyhow::Result<ReplicaExit> {
        logging::set_standby_metrics();
        // Also on a standby: a server may be out of connection slots when this replica takes over.
        let targets = target_pool::open_targets(self.settings.subscribe());
        let settings = self.current_settings();
        tokio::spawn(logging::run_upkeep(self.metrics.clone()));
        self.gateway.send_replace(DiscordStatus::Disconnected);
        self.health.send_replace(EngineHealth::default());
        self.ledger.send_replace(None);
        self.waiting.send_replace(STANDBY.to_owned());
        let acquired = tokio::select! {
            acquired = HeldLedger::acquire(&settings, &self.waiting, &self.high_water_mark) => acquired,
            _ = stop.wait_for(|stop| *stop) => return Ok(ReplicaExit::Stopped),
        };
        let held_ledger = match acquired {
            Err(error) if degraded::is_damage(&error) => {
                degraded::report_until_stopped(error, &self.current_settings(), &self.waiting, stop).await;
                return Ok(ReplicaExit::Stopped);
            }
            acquired => acquired?,
        };
        let probed_ledger = ProbedLedger { ledger: held_ledger.ledger(), runtime: Handle::current() };
        self.ledger.send_replace(Some(probed_ledger));
        gauge!("killgate_active").set(1.0);
        let replica = ActiveReplica {
            settings: self.settings.subscribe(),
            targets,
            held_ledger: held_ledger.clone(),
            registrations: self.registrations.clone(),
            gateway: self.gateway.clone(),
            health: self.health.clone(),
            stop: stop.clone(),
        };
        let exit = replica.run().await;
        self.gateway.send_replace(DiscordStatus::Disconnected);
        self.ledger.send_replace(None);
        match exit {
            Ok(ReplicaExit::Stopped) => held_ledger.resign().await,
            Err(error) if degraded::is_damage(&error) => {
                gauge!("killgate_active").set(0.0);
                degraded::report_until_stopped(error, &self.current_settings(), &self.waiting, stop).await;
                // It was held until now, so that no other replica could append to it.
                held_ledger.resign().await;
            }
            deposed_or_failed => return deposed_or_failed,
        }
        Ok(ReplicaExit::Stopped)
    }

    fn readiness(&self) -> Readiness {
        Readiness::new(
            self.gateway.subscribe(),
            self.health.subscribe(),
            self.ledger.subscribe(),
            self.waiting.subscribe(),
        )
    }
}
