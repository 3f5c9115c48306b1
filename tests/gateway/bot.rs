//! The bot's side of the stories: a connection under test, and what it yields.

use std::sync::Arc;
use std::time::Duration;

use killgate::discord::api::ApiClient;
use killgate::discord::gateway::{
    EventFilter, GatewayError, GatewayEvent, GatewayHandle, GatewayOptions, GatewayTimeouts,
};
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

/// The default timeouts, shortened, so that stories take less than a second.
pub(crate) fn brisk() -> GatewayTimeouts {
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

impl Bot {
    pub(crate) fn start(discord: &Discord) -> Self {
        Self::wanting(discord, Arc::new(|kind, _| kind == "MESSAGE_REACTION_ADD"))
    }

    pub(crate) fn with_timeouts(discord: &Discord, timeouts: GatewayTimeouts) -> Self {
        Self::with(
            discord,
            Arc::new(|kind, _| kind == "MESSAGE_REACTION_ADD"),
            timeouts,
        )
    }

    pub(crate) fn wanting(discord: &Discord, interest: EventFilter) -> Self {
        Self::with(discord, interest, brisk())
    }

    fn with(discord: &Discord, interest: EventFilter, timeouts: GatewayTimeouts) -> Self {
        let token = SecretString::from(TOKEN);
        let (connection, events) = GatewayHandle::start(GatewayOptions {
            api: ApiClient::new(&discord.api_url, &token).unwrap(),
            token,
            intents: GatewayIntents::GUILDS | GatewayIntents::GUILD_MESSAGE_REACTIONS,
            filter: interest,
            capacity: 16,
            timeouts,
        });
        Self { connection, events }
    }

    /// The next thing the consumer sees, in one word.
    pub(crate) async fn sees(&mut self) -> String {
        match timeout(LIMIT, self.events.recv())
            .await
            .expect("something is yielded")
        {
            Some(GatewayEvent::Ready) => "ready".to_owned(),
            Some(GatewayEvent::Resumed) => "resumed".to_owned(),
            Some(GatewayEvent::Disconnected { .. }) => "disconnected".to_owned(),
            Some(GatewayEvent::Event(event)) => match *event {
                Event::ReactionAdd(add) => format!("reaction on {}", add.reaction.message_id),
                other => format!("{other:?}"),
            },
            None => "the end".to_owned(),
        }
    }

    pub(crate) async fn fails(mut self) -> GatewayError {
        let ended = timeout(LIMIT, self.connection.ended())
            .await
            .expect("the connection is given up");
        assert_eq!(self.sees().await, "the end");
        ended.expect_err("an error")
    }
}
