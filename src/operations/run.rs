//! `killgate run`: stands by and is the active replica in turn, until the process is asked to stop.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;

use anyhow::Context;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::active_replica::{ActiveReplica, ReplicaExit};
use super::http::{self, HealthSources};
use super::leadership::Leadership;
use super::logging::{self, start_metrics};
use super::{bootstrap, degraded};
use crate::config::Settings;
use crate::ledger::postgres::HighWaterMark;

/// Runs the bot until SIGTERM or SIGINT.
pub fn run(settings: Settings) -> anyhow::Result<()> {
    let mut runtime = runtime()?;
    let mut signals = {
        let _context = runtime.enter();
        StopSignals::register()?
    };
    let process = Process {
        metrics: start_metrics()?,
        listener: settings.http.map(http::listen).transpose()?,
        settings: Arc::new(settings),
        high_water_mark: HighWaterMark::default(),
    };
    let stop = watch::Sender::new(false);
    loop {
        let exit = runtime.block_on(async {
            tokio::select! {
                exit = process.run_once(stop.subscribe()) => exit,
                never = signals.forward_to(&stop) => match never {},
            }
        });
        // Does not wait for a host name lookup that hangs.
        runtime.shutdown_background();
        match exit? {
            ReplicaExit::Deposed if !*stop.borrow() => info!("another replica has taken over; standing by"),
            ReplicaExit::Deposed | ReplicaExit::Interrupted | ReplicaExit::Stopped => return Ok(()),
        }
        runtime = self::runtime()?;
    }
}

/// A new runtime for each run: dropping it ends every task, so that nothing of a deposed replica continues, and
/// connections are reopened. One thread is enough for a channel and keeps the process small. Between an approval and its
/// signal, only the write to the ledger changes threads.
fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime could not be started")
}

/// What outlives a run.
struct Process {
    settings: Arc<Settings>,
    metrics: PrometheusHandle,
    /// Serves health and metrics.
    listener: Option<TcpListener>,
    high_water_mark: HighWaterMark,
}

impl Process {
    /// Stands by until this replica leads, and then runs the bot.
    async fn run_once(&self, mut stop: watch::Receiver<bool>) -> anyhow::Result<ReplicaExit> {
        logging::set_standby_metrics();
        // Also on a standby: a server may be out of connection slots when this replica takes over.
        let targets = bootstrap::open_targets(&self.settings);
        tokio::spawn(bootstrap::update_target_gauges(targets.clone()));
        tokio::spawn(logging::run_upkeep(self.metrics.clone()));
        let gateway = watch::Sender::new(false);
        let ledger = watch::Sender::new(None);
        let waiting = watch::Sender::new("standby".to_owned());
        self.serve(HealthSources {
            gateway: gateway.subscribe(),
            ledger: ledger.subscribe(),
            waiting: waiting.subscribe(),
            metrics: self.metrics.clone(),
        })?;
        let acquired = tokio::select! {
            acquired = Leadership::acquire(&self.settings, &waiting, &self.high_water_mark) => acquired,
            _ = stop.wait_for(|stop| *stop) => return Ok(ReplicaExit::Stopped),
        };
        let leadership = match acquired {
            Err(error) if degraded::is_damage(&error) => {
                degraded::report_until_stopped(error, &self.settings, &waiting, stop).await;
                return Ok(ReplicaExit::Stopped);
            }
            acquired => acquired?,
        };
        ledger.send_replace(Some(leadership.ledger()));
        gauge!("killgate_active").set(1.0);
        let replica = ActiveReplica {
            settings: Arc::clone(&self.settings),
            targets,
            leadership: leadership.clone(),
            gateway: gateway.clone(),
            stop: stop.clone(),
        };
        let exit = replica.run().await;
        gateway.send_replace(false);
        ledger.send_replace(None);
        match exit {
            Ok(ReplicaExit::Stopped) => leadership.resign().await,
            Err(error) if degraded::is_damage(&error) => {
                gauge!("killgate_active").set(0.0);
                degraded::report_until_stopped(error, &self.settings, &waiting, stop).await;
                // It was held until now, so that no other replica could append to it.
                leadership.resign().await;
            }
            deposed_or_failed => return deposed_or_failed,
        }
        Ok(ReplicaExit::Stopped)
    }

    /// Serves health and metrics until the runtime ends.
    fn serve(&self, sources: HealthSources) -> anyhow::Result<()> {
        let Some(listener) = &self.listener else {
            return Ok(());
        };
        let listener = listener
            .try_clone()
            .context("health and metrics cannot be served")?;
        tokio::spawn(async move {
            if let Err(error) = http::serve(listener, sources).await {
                error!(%error, "health and metrics are no longer served");
            }
        });
        Ok(())
    }
}

/// The signals that stop the process. They outlive a run, so that none is lost between two runs.
struct StopSignals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl StopSignals {
    /// Needs the context of a runtime.
    fn register() -> anyhow::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate()).context("the handler of SIGTERM could not be installed")?,
            int: signal(SignalKind::interrupt()).context("the handler of SIGINT could not be installed")?,
            hup: signal(SignalKind::hangup()).context("the handler of SIGHUP could not be installed")?,
        })
    }

    /// Sets `stop` to `true` when a signal arrives.
    async fn forward_to(&mut self, stop: &watch::Sender<bool>) -> Infallible {
        loop {
            tokio::select! {
                _ = self.term.recv() => {}
                _ = self.int.recv() => {}
                // By default it ends the process, also in the middle of an execution.
                _ = self.hup.recv() => {
                    warn!("SIGHUP is ignored: restart killgate to apply a changed configuration");
                    continue;
                }
            }
            stop.send_replace(true);
        }
    }
}
