//! The process: what it serves all the while, and its turns at being the active one, until it is told to stop.

use std::sync::Arc;

use anyhow::Context;
use metrics::gauge;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info};

use super::active::{Ended, Turn};
use super::http::{self, Watched};
use super::seat::Seat;
use super::telemetry::{self, start_metrics};
use super::{assembly, damaged};
use crate::config::Settings;
use crate::ledger::postgres::Memory;

/// Runs the bot until SIGTERM or SIGINT.
pub fn run(settings: Settings) -> anyhow::Result<()> {
    // One thread is plenty for what goes on beside the bot, which has its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let ended = runtime.block_on(keep_running(settings));
    // A look-up of a host's name that hangs is not waited for.
    runtime.shutdown_background();
    ended
}

async fn keep_running(settings: Settings) -> anyhow::Result<()> {
    let mut stop = stop_signal()?;
    let metrics = start_metrics()?;
    let listener = match settings.http {
        Some(address) => Some(http::listen(address).await?),
        None => None,
    };
    let settings = Arc::new(settings);
    // Also while another replica is active: a server may be out of connection slots when this one's turn comes.
    let targets = assembly::targets(&settings);
    tokio::spawn(assembly::watch_targets(targets.clone()));
    tokio::spawn(telemetry::keep_tidy(metrics.clone()));
    let gateway = watch::Sender::new(false);
    let ledger = watch::Sender::new(None);
    let waiting = watch::Sender::new("standby".to_owned());
    if let Some(listener) = listener {
        let watched = Watched {
            gateway: gateway.subscribe(),
            ledger: ledger.subscribe(),
            waiting: waiting.subscribe(),
            metrics: metrics.clone(),
        };
        tokio::spawn(async move {
            if let Err(problem) = http::serve(listener, watched).await {
                error!(error = %problem, "health and metrics are no longer served");
            }
        });
    }
    let memory = Memory::default();
    loop {
        telemetry::stand_by();
        let taken = tokio::select! {
            taken = Seat::take(&settings, &waiting, &memory) => taken,
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        };
        let seat = match taken {
            Err(problem) if damaged::is_damage(&problem) => {
                damaged::sit_out(problem, &settings, &waiting, stop).await;
                return Ok(());
            }
            taken => taken?,
        };
        ledger.send_replace(Some(seat.ledger()));
        gauge!("killgate_active").set(1.0);
        let turn = Turn {
            settings: Arc::clone(&settings),
            targets: targets.clone(),
            seat: seat.clone(),
            gateway: gateway.clone(),
            stop: stop.clone(),
        };
        let ended = turn.on_a_runtime_of_its_own().await;
        gateway.send_replace(false);
        ledger.send_replace(None);
        match ended {
            Ok(Ended::Stopped) => {
                seat.leave().await;
                return Ok(());
            }
            Ok(Ended::Deposed) => info!("another replica has taken over; standing by"),
            Err(problem) if damaged::is_damage(&problem) => {
                gauge!("killgate_active").set(0.0);
                damaged::sit_out(problem, &settings, &waiting, stop).await;
                // Until then it was held, so that nobody else could have built on it.
                seat.leave().await;
                return Ok(());
            }
            Err(problem) => return Err(problem),
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
