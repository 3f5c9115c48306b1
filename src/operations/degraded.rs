//! A ledger that is damaged: nothing may be built on it, so nothing is done but to say so, to those who watch over the
//! bot and in its channels, until people have restored it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{error, warn};

use super::clock::SystemClock;
use crate::config::Settings;
use crate::discord::bot::Bot;
use crate::ledger::{postgres, sqlite};
use crate::workflow::ports::{ChannelAlert, DeliveryError, IncidentChannel, LedgerError};

/// Between tries to tell a channel.
const RETRY: Duration = Duration::from_secs(5);

/// Whether the bot cannot work because of what is in the ledger.
pub fn is_damage(problem: &anyhow::Error) -> bool {
    problem.chain().any(|cause| {
        let found = cause.downcast_ref::<LedgerError>();
        let in_file = cause.downcast_ref::<sqlite::SqliteOpenError>();
        let in_database = cause.downcast_ref::<postgres::PostgresOpenError>();
        matches!(found, Some(LedgerError::Corrupt { .. }))
            || in_file.is_some_and(sqlite::SqliteOpenError::is_damage)
            || matches!(in_database, Some(postgres::PostgresOpenError::Damaged { .. }))
    })
}

/// Tells of the damage through `told` and in every channel, and does nothing else until asked to stop.
pub async fn sit_out(
    problem: anyhow::Error,
    settings: &Settings,
    told: &watch::Sender<String>,
    mut stop: watch::Receiver<bool>,
) {
    let problem = format!("{problem:#}");
    error!(%problem, "nothing is done until the ledger is restored and killgate started again");
    told.send_replace(problem);
    let telling = async {
        tell(settings).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = telling => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn tell(settings: &Settings) {
    let channel = match Bot::log_in(settings.discord.clone()).await {
        Ok(bot) => bot.incident_channel(Arc::new(SystemClock)),
        Err(problem) => {
            warn!(error = ?problem, "the channels cannot be told of the damage");
            return;
        }
    };
    for &id in &settings.discord.channels {
        while let Err(problem) = channel.post_alert(id, ChannelAlert::LedgerDamaged).await {
            warn!(channel = id.0, error = ?problem, "a channel was not told of the damage");
            if !matches!(problem, DeliveryError::Unavailable(_)) {
                break;
            }
            sleep(RETRY).await;
        }
    }
}
