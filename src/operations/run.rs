//! The process: what lasts from turn to turn, and its turns at being the active one, until it is told to stop.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;

use anyhow::Context;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info};

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
        StopSignals::watch_for()?
    };
    let process = Process {
        metrics: start_metrics()?,
        listener: settings.http.map(http::listen).transpose()?,
        settings: Arc::new(settings),
        high_water_mark: HighWaterMark::default(),
    };
    let stop = watch::Sender::new(false);
    loop {
        let ended = runtime.block_on(async {
            tokio::select! {
                ended = process.run_once(stop.subscribe()) => ended,
                never = signals.pass_on(&stop) => match never {},
            }
        });
        // A look-up of a host's name that hangs is not waited for.
        runtime.shutdown_background();
        match ended? {
            ReplicaExit::Deposed if !*stop.borrow() => info!("another replica has taken over; standing by"),
            ReplicaExit::Deposed | ReplicaExit::Stopped => return Ok(()),
        }
        runtime = self::runtime()?;
    }
}

/// One for each turn: with it ends every task that was begun, so that nothing of a deposed replica goes on; its
/// connections are opened anew. One thread is plenty for a channel and keeps the bot small; and nothing between an
/// approval and its signal changes threads but the record on its way to the disk.
fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")
}

/// What lasts from turn to turn.
struct Process {
    settings: Arc<Settings>,
    metrics: PrometheusHandle,
    /// Where health and metrics are asked for.
    listener: Option<TcpListener>,
    high_water_mark: HighWaterMark,
}

impl Process {
    /// Stands by until the ledger is this process's, and then is the bot.
    async fn run_once(&self, mut stop: watch::Receiver<bool>) -> anyhow::Result<ReplicaExit> {
        logging::stand_by();
        // Also while another replica is active: a server may be out of connection slots when this one's turn comes.
        let targets = bootstrap::targets(&self.settings);
        tokio::spawn(bootstrap::watch_targets(targets.clone()));
        tokio::spawn(logging::keep_tidy(self.metrics.clone()));
        let gateway = watch::Sender::new(false);
        let ledger = watch::Sender::new(None);
        let waiting = watch::Sender::new("standby".to_owned());
        self.serve(HealthSources {
            gateway: gateway.subscribe(),
            ledger: ledger.subscribe(),
            waiting: waiting.subscribe(),
            metrics: self.metrics.clone(),
        })?;
        let taken = tokio::select! {
            taken = Leadership::take(&self.settings, &waiting, &self.high_water_mark) => taken,
            _ = stop.wait_for(|stop| *stop) => return Ok(ReplicaExit::Stopped),
        };
        let seat = match taken {
            Err(problem) if degraded::is_damage(&problem) => {
                degraded::sit_out(problem, &self.settings, &waiting, stop).await;
                return Ok(ReplicaExit::Stopped);
            }
            taken => taken?,
        };
        ledger.send_replace(Some(seat.ledger()));
        gauge!("killgate_active").set(1.0);
        let turn = ActiveReplica {
            settings: Arc::clone(&self.settings),
            targets,
            seat: seat.clone(),
            gateway: gateway.clone(),
            stop: stop.clone(),
        };
        let ended = turn.run().await;
        gateway.send_replace(false);
        ledger.send_replace(None);
        match ended {
            Ok(ReplicaExit::Stopped) => seat.leave().await,
            Err(problem) if degraded::is_damage(&problem) => {
                gauge!("killgate_active").set(0.0);
                degraded::sit_out(problem, &self.settings, &waiting, stop).await;
                // Until then it was held, so that nobody else could have built on it.
                seat.leave().await;
            }
            deposed_or_failed => return deposed_or_failed,
        }
        Ok(ReplicaExit::Stopped)
    }

    /// Answers about health and metrics for as long as the turn lasts.
    fn serve(&self, watched: HealthSources) -> anyhow::Result<()> {
        let Some(listener) = &self.listener else {
            return Ok(());
        };
        let listener = listener
            .try_clone()
            .context("health and metrics cannot be served")?;
        tokio::spawn(async move {
            if let Err(problem) = http::serve(listener, watched).await {
                error!(error = %problem, "health and metrics are no longer served");
            }
        });
        Ok(())
    }
}

/// What asks the process to stop. They outlast the turns, so that none is lost between two.
struct StopSignals {
    term: Signal,
    int: Signal,
}

impl StopSignals {
    /// Needs the context of a runtime.
    fn watch_for() -> anyhow::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate()).context("SIGTERM cannot be waited for")?,
            int: signal(SignalKind::interrupt()).context("SIGINT cannot be waited for")?,
        })
    }

    /// Makes `stop` `true` when the process is asked to stop.
    async fn pass_on(&mut self, stop: &watch::Sender<bool>) -> Infallible {
        loop {
            tokio::select! {
                _ = self.term.recv() => {}
                _ = self.int.recv() => {}
            }
            stop.send_replace(true);
        }
    }
}
