//! The process: what it serves all the while, and its turns at being the active one, until it is told to stop.

use std::net::TcpListener;
use std::sync::Arc;

use anyhow::Context;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info};

use super::active::{Ended, Turn};
use super::assembly;
use super::http::{self, Watched};
use super::seat::Seat;
use super::telemetry::{keep_tidy, start_metrics};
use crate::config::Settings;

/// Runs the bot until SIGTERM or SIGINT.
pub fn run(settings: Settings) -> anyhow::Result<()> {
    let process = Process {
        metrics: start_metrics()?,
        listener: settings.http.map(http::listen).transpose()?,
        settings: Arc::new(settings),
    };
    loop {
        // A turn has a runtime of its own, and with it ends every task that was begun: nothing of a deposed replica goes
        // on. One thread is plenty for a channel, and nothing between an approval and its signal changes threads but
        // the record on its way to the disk.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the runtime cannot be started")?;
        let ended = runtime.block_on(process.take_turn());
        // A look-up of a host's name that hangs is not waited for.
        runtime.shutdown_background();
        match ended? {
            Ended::Stopped => return Ok(()),
            Ended::Deposed => info!("another replica has taken over; standing by"),
        }
    }
}

/// What lasts from turn to turn.
struct Process {
    settings: Arc<Settings>,
    metrics: PrometheusHandle,
    /// Where health and metrics are asked for.
    listener: Option<TcpListener>,
}

impl Process {
    /// Stands by until the ledger is this process's, and then is the bot.
    async fn take_turn(&self) -> anyhow::Result<Ended> {
        let mut stop = stop_signal()?;
        gauge!("killgate_active").set(0.0);
        // Also while another replica is active: a server may be out of connection slots when this one's turn comes.
        let targets = assembly::targets(&self.settings);
        tokio::spawn(assembly::watch_targets(targets.clone()));
        tokio::spawn(keep_tidy(self.metrics.clone()));
        let gateway = watch::Sender::new(false);
        let ledger = watch::Sender::new(None);
        let waiting = watch::Sender::new("standby".to_owned());
        if let Some(listener) = &self.listener {
            let listener = listener
                .try_clone()
                .context("health and metrics cannot be served")?;
            let watched = Watched {
                gateway: gateway.subscribe(),
                ledger: ledger.subscribe(),
                waiting: waiting.subscribe(),
                metrics: self.metrics.clone(),
            };
            tokio::spawn(async move {
                if let Err(problem) = http::serve(listener, watched).await {
                    error!(error = %problem, "health and metrics are no longer served");
                }
            });
        }
        let seat = tokio::select! {
            seat = Seat::take(&self.settings, &waiting) => seat?,
            _ = stop.wait_for(|stop| *stop) => return Ok(Ended::Stopped),
        };
        ledger.send_replace(Some(seat.ledger()));
        gauge!("killgate_active").set(1.0);
        let turn = Turn {
            settings: Arc::clone(&self.settings),
            targets,
            seat: seat.clone(),
            gateway,
            stop: stop.clone(),
        };
        match turn.act().await? {
            Ended::Deposed if !*stop.borrow() => Ok(Ended::Deposed),
            Ended::Deposed | Ended::Stopped => {
                ledger.send_replace(None);
                seat.leave().await;
                Ok(Ended::Stopped)
            }
        }
    }
}

/// Becomes `true` when the process is asked to stop.
fn stop_signal() -> anyhow::Result<watch::Receiver<bool>> {
    let mut term = signal(SignalKind::terminate()).context("SIGTERM cannot be waited for")?;
    let mut int = signal(SignalKind::interrupt()).context("SIGINT cannot be waited for")?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        stop.send_replace(true);
        stop.closed().await;
    });
    Ok(stopped)
}
