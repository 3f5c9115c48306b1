//! The bot: everything put together, and kept going until it is told to stop.

use std::sync::Arc;

use anyhow::{Context, bail};
use metrics::gauge;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::assembly;
use super::clock::SystemClock;
use super::http::{self, Watched};
use super::telemetry::start_metrics;
use crate::config::Settings;
use crate::desk::inbox::Happening;
use crate::desk::{Clerk, Desk, Stopped};
use crate::discord::account::Account;

/// Runs the bot until SIGTERM or SIGINT.
pub fn run(settings: Settings) -> anyhow::Result<()> {
    // One thread is plenty for a channel, and keeps the bot small; the ledger writes on a thread of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(keep_running(settings))
}

async fn keep_running(settings: Settings) -> anyhow::Result<()> {
    let mut stop = stop_signal()?;
    let metrics = start_metrics()?;
    let listener = match settings.http {
        Some(address) => Some(http::listen(address).await?),
        None => None,
    };
    let ledger = assembly::ledger(&settings)?;
    let targets = assembly::targets(&settings);
    tokio::spawn(assembly::watch_targets(targets.clone()));
    let (gateway, gateway_state) = watch::channel(false);
    if let Some(listener) = listener {
        let watched = Watched {
            gateway: gateway_state,
            ledger: Arc::clone(&ledger),
            metrics,
        };
        tokio::spawn(async move {
            if let Err(problem) = http::serve(listener, watched).await {
                error!(error = %problem, "health and metrics are no longer served");
            }
        });
    }

    let account = tokio::select! {
        account = Account::introduce(assembly::profile(&settings)?) => account?,
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    };
    let rules = assembly::rules(&settings, &targets);
    let clock = Arc::new(SystemClock);
    let channel = Arc::new(account.channel(clock.clone()));
    let (clerk, inbox) = Clerk::start(Arc::clone(&ledger), channel, clock, rules.clone()).await?;
    let desk = Desk::new(rules, inbox);
    let mut clerk = tokio::spawn(clerk.run());
    let mut connection = account.connect(desk.clone(), ledger);
    tokio::spawn(follow(connection.connected(), gateway));
    gauge!("killgate_active").set(1.0);

    let stopped = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => None,
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
        desk.report(Happening::Stop).await;
        clerk.await.context("the desk broke down")?
    };
    if let Err(problem) = connection.stop().await {
        warn!(error = %problem, "the connection to Discord did not close in order");
    }
    match stopped {
        Stopped::Cleanly => Ok(()),
        Stopped::Ledger(problem) => Err(anyhow::Error::new(problem).context("the ledger cannot be built on")),
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
