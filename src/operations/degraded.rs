//! The mode of a bot whose ledger is damaged. It reports the damage in the channels and at `/readyz`, and answers nobody,
//! until people have restored the ledger and started killgate again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{error, warn};

use super::clock::SteadyClock;
use crate::common::error_causes::with_causes;
use crate::config::Settings;
use crate::discord::bot::Bot;
use crate::discord::command_registration::RegistrationBudget;
use crate::ledger::{postgres, sqlite};
use crate::workflow::ports::{ChannelAlert, DeliveryError, IncidentChannel, LedgerError};

/// The pause between attempts to alert a channel.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Whether the error is caused by the content of the ledger.
pub fn is_damage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let in_record = cause.downcast_ref::<LedgerError>();
        let in_file = cause.downcast_ref::<sqlite::SqliteOpenError>();
        let in_database = cause.downcast_ref::<postgres::PostgresOpenError>();
        matches!(in_record, Some(LedgerError::Corrupt { .. }))
            || in_file.is_some_and(sqlite::SqliteOpenError::is_damage)
            || in_database.is_some_and(postgres::PostgresOpenError::is_damage)
    })
}

/// Reports the damage to `reason` and in every channel, and then waits for the stop.
pub async fn report_until_stopped(
    error: anyhow::Error,
    settings: &Settings,
    reason: &watch::Sender<String>,
    mut stop: watch::Receiver<bool>,
) {
    let error = with_causes(error.as_ref());
    error!(%error, "the ledger is damaged: killgate does nothing until it is restored and killgate is restarted");
    reason.send_replace(error);
    let alerting = async {
        alert_channels(settings).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = alerting => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn alert_channels(settings: &Settings) {
    let bot = match Bot::log_in(settings.discord.clone(), RegistrationBudget::default()).await {
        Ok(bot) => bot,
        Err(error) => {
            warn!(%error, "the channels could not be alerted");
            return;
        }
    };
    let channels = loop {
        match bot.channels_with_messages().await {
            Ok(channels) => break channels,
            Err(error) => warn!(%error, "the channels of the categories are not known; trying again"),
        }
        sleep(RETRY_PAUSE).await;
    };
    let channel = bot.incident_channel(Arc::new(SteadyClock::start(bot.server_time())), None);
    for id in channels {
        while let Err(error) = channel.post_alert(id, ChannelAlert::LedgerDamaged).await {
            warn!(channel = id.0, ?error, "a channel could not be alerted");
            if !matches!(error, DeliveryError::Unavailable(_)) {
                break;
            }
            sleep(RETRY_PAUSE).await;
        }
    }
}
