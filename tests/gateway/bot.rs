//! The gateway client under test, and the events it yields.

use std::sync::Arc;
use std::time::Duration;

use killgate::discord::api::ApiClient;
use killgate::discord::gateway::{
    EventFilter, GatewayError, GatewayEvent, GatewayHandle, GatewayOptions, GatewayTimeouts,
};
use killgate::discord::https_proxy::HttpsProxy;
use secrecy::SecretString;
use serenity::all::{Event, GatewayIntents};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::discord::{Discord, LIMIT};

pub(crate) const TOKEN: &str = "a-token-that-must-not-be-seen";

pub(crate) struct Bot {
    pub(crate) connection: GatewayHandle,
    pub(crate) events: Receiver<GatewayEvent>,
}

/// Shorter than the defaults, so that most tests take less than a second.
pub(crate) fn short_timeouts() -> GatewayTimeouts {
    GatewayTimeouts {
        lookup: Duration::from_secs(2),
        connect: Duration::from_secs(1),
        upgrade: Duration::from_secs(1),
        hello: Duration::from_secs(1),
        ready: Duration::from_secs(2),
        heartbeat: Duration::from_millis(200),
        ack: Duration::from_secs(1),
        identify: Duration::from_millis(100),
        invalid_session: (Duration::from_millis(50), Duration::from_millis(100)),
        stable: Duration::ZERO,
    }
}

fn only_reactions() -> EventFilter {
    Arc::new(|kind, _| kind == "MESSAGE_REACTION_ADD")
}

impl Bot {
    pub(crate) fn start(discord: &Discord) -> Self {
        Self::with_filter(discord, only_reactions())
    }

    pub(crate) fn with_timeouts(discord: &Discord, timeouts: GatewayTimeouts) -> Self {
        Self::with_options(discord, None, only_reactions(), timeouts)
    }

    pub(crate) fn with_filter(discord: &Discord, filter: EventFilter) -> Self {
        Self::with_options(discord, None, filter, short_timeouts())
    }

    pub(crate) fn behind(proxy: &HttpsProxy, discord: &Discord) -> Self {
        Self::with_options(discord, Some(proxy), only_reactions(), short_timeouts())
    }

    fn with_options(
        discord: &Discord,
        proxy: Option<&HttpsProxy>,
        filter: EventFilter,
        timeouts: GatewayTimeouts,
    ) -> Self {
        let token = SecretString::from(TOKEN);
        let (connection, events) = GatewayHandle::start(GatewayOptions {
            api: ApiClient::new(&discord.api_url, &token, proxy).unwrap(),
            token,
            intents: GatewayIntents::GUILDS | GatewayIntents::GUILD_MESSAGE_REACTIONS,
            filter,
            capacity: 16,
            timeouts,
        });
        Self { connection, events }
    }

    /// The next event, as a short text.
    pub(crate) async fn next_event(&mut self) -> String {
        match timeout(LIMIT, self.events.recv()).await.expect("an event within the limit") {
            Some(GatewayEvent::Ready) => "ready".to_owned(),
            Some(GatewayEvent::Resumed) => "resumed".to_owned(),
            Some(GatewayEvent::Paused { .. }) => "paused".to_owned(),
            Some(GatewayEvent::Disconnected { .. }) => "disconnected".to_owned(),
            Some(GatewayEvent::Lost) => "lost".to_owned(),
            Some(GatewayEvent::Guild(event)) => format!("{event:?}"),
            Some(GatewayEvent::Channel(event)) => format!("{event:?}"),
            Some(GatewayEvent::UnreadableInteraction(interaction)) => format!("{interaction:?}"),
            Some(GatewayEvent::MessageEdited(message)) => format!("edit of {}", message.id),
            Some(GatewayEvent::Event { event, .. }) => match *event {
                Event::ReactionAdd(add) => format!("reaction on {}", add.reaction.message_id),
                other => format!("{other:?}"),
            },
            None => "the end".to_owned(),
        }
    }

    pub(crate) async fn fatal_error(mut self) -> GatewayError {
        let ended = timeout(LIMIT, self.connection.ended()).await.expect("the client gives up");
        assert_eq!(self.next_event().await, "the end");
        ended.expect_err("an error")
    }
}
