//! The bot: everything put together, and kept going until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use metrics::gauge;
use serenity::model::gateway::GatewayIntents;
use serenity::model::id::{self as discord, ApplicationId, GuildId};
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
use crate::discord::channel::IncidentChannel;
use crate::discord::commands::{Commands, definitions};
use crate::discord::gateway::{Connection, Options, Pace};
use crate::discord::listener::Listener;
use crate::discord::rest::{Rest, RestError};
use crate::discord::wanted::wanted;

/// No privileged intent among them: guilds for deleted channels, messages for deleted cards, reactions for votes.
const INTENTS: GatewayIntents = GatewayIntents::GUILDS
    .union(GatewayIntents::GUILD_MESSAGES)
    .union(GatewayIntents::GUILD_MESSAGE_REACTIONS);
/// Events that may wait before no more are read.
const EVENTS: usize = 256;
/// Waits between tries to reach Discord at the start.
const RETRY: Duration = Duration::from_secs(2);
/// How long a card or a result may take to be posted before it is tried anew.
const POSTING_WITHIN: Duration = Duration::from_secs(20);

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

    let rest = Rest::new(&settings.discord.api_url, &settings.discord.token)?;
    let guild = GuildId::new(settings.discord.guild);
    let introduced = tokio::select! {
        introduced = introduce(&rest, guild) => introduced?,
        _ = stop.wait_for(|stop| *stop) => return Ok(()),
    };
    let (application, me) = introduced;

    let (look, ballot) = (assembly::look(&settings), assembly::ballot(&settings));
    let rules = assembly::rules(&settings, &targets);
    let clock = Arc::new(SystemClock);
    let channel = Arc::new(IncidentChannel {
        rest: rest.within(POSTING_WITHIN),
        guild,
        me,
        ballot: ballot.clone(),
        look: look.clone(),
        clock: clock.clone(),
    });
    let (clerk, inbox) = Clerk::start(Arc::clone(&ledger), channel, clock, rules.clone()).await?;
    let desk = Desk::new(rules, inbox);
    let mut clerk = tokio::spawn(clerk.run());
    gauge!("killgate_active").set(1.0);

    let channels = settings.discord.channels.clone();
    let (mut connection, events) = Connection::start(Options {
        rest: rest.clone(),
        token: settings.discord.token.clone(),
        intents: INTENTS,
        interest: Arc::new(wanted(channels.iter().copied())),
        capacity: EVENTS,
        pace: Pace::default(),
    });
    tokio::spawn(follow(connection.connected(), gateway));
    let commands = Commands {
        rest: rest.clone(),
        application,
        guild,
        channels: channels.clone(),
        look,
        desk: desk.clone(),
        ledger,
        drawn: Arc::default(),
    };
    tokio::spawn(
        Listener {
            guild,
            channels,
            me,
            ballot,
            desk: desk.clone(),
            commands,
        }
        .run(events),
    );

    let stopped = tokio::select! {
        _ = stop.wait_for(|stop| *stop) => None,
        ended = connection.ended() => {
            ended.context("Discord's gateway will not have this bot")?;
            bail!("the connection to Discord ended by itself");
        }
        stopped = &mut clerk => Some(stopped.context("the desk broke down")?),
    };
    let stopped = match stopped {
        Some(stopped) => stopped,
        None => {
            info!("stopping: finishing what is being executed, beginning nothing new");
            desk.report(Happening::Stop).await;
            clerk.await.context("the desk broke down")?
        }
    };
    if let Err(problem) = connection.stop().await {
        warn!(error = %problem, "the connection to Discord did not close in order");
    }
    match stopped {
        Stopped::Cleanly => Ok(()),
        Stopped::Ledger(problem) => Err(anyhow::Error::new(problem).context("the ledger cannot be built on")),
    }
}

/// Finds out who the bot is and registers its commands; waits for a Discord that cannot be reached.
async fn introduce(rest: &Rest, guild: GuildId) -> anyhow::Result<(ApplicationId, discord::UserId)> {
    loop {
        match try_to_introduce(rest, guild).await {
            Err(problem @ (RestError::Unreachable { .. } | RestError::RateLimited { .. })) => {
                warn!(error = %problem, "Discord cannot be reached; trying again");
                tokio::time::sleep(RETRY).await;
            }
            done => return Ok(done?),
        }
    }
}

async fn try_to_introduce(
    rest: &Rest,
    guild: GuildId,
) -> Result<(ApplicationId, discord::UserId), RestError> {
    let (application, me) = tokio::try_join!(rest.current_application(), rest.current_user())?;
    let wanted = definitions::all();
    let present = rest.guild_commands(application.id, guild).await?;
    if definitions::differs(&present, &wanted) {
        rest.overwrite_guild_commands(application.id, guild, &wanted)
            .await?;
        info!("slash commands registered");
    }
    Ok((application.id, me.id))
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
