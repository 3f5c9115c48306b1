//! What Discord tells, turned into what happened: in Discord's order, and only what concerns the incident channels.

use std::collections::BTreeSet;

use serenity::model::event::Event;
use serenity::model::id::{self as discord, GuildId};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::gateway::FromGateway;
use super::interactions::Commands;
use super::members;
use super::vote_emoji::Ballot;
use crate::domain::ids::{ChannelId, MessageId, UserId};
use crate::workflow::Desk;
use crate::workflow::input::Happening;
use crate::workflow::ports::{Place, Vote};

pub struct Listener {
    pub guild: GuildId,
    pub channels: BTreeSet<ChannelId>,
    /// The bot itself.
    pub me: discord::UserId,
    pub ballot: Ballot,
    pub desk: Desk,
    pub commands: Commands,
}

impl Listener {
    /// Listens until the connection is closed for good.
    pub async fn run(self, mut events: mpsc::Receiver<FromGateway>) {
        while let Some(told) = events.recv().await {
            match told {
                FromGateway::Ready => {
                    info!("connected to Discord in a new session");
                    self.desk.report(Happening::Missed).await;
                }
                FromGateway::Resumed => info!("connected to Discord again; nothing was missed"),
                FromGateway::Disconnected { why } => warn!(%why, "the connection to Discord is lost"),
                FromGateway::Event(event) => self.hear(*event).await,
            }
        }
    }

    async fn hear(&self, event: Event) {
        match event {
            Event::InteractionCreate(event) => self.commands.hear(event.interaction),
            Event::ReactionAdd(event) => {
                let reaction = event.reaction;
                let Some((card, vote)) = self.vote_on(
                    reaction.guild_id,
                    reaction.channel_id,
                    reaction.message_id,
                    &reaction.emoji,
                ) else {
                    return;
                };
                if reaction.user_id == Some(self.me) {
                    return;
                }
                let by = reaction.member.as_ref().map(members::person);
                self.desk.report(Happening::Voted { card, vote, by }).await;
            }
            Event::ReactionRemove(event) => {
                let reaction = event.reaction;
                let vote = self.vote_on(
                    reaction.guild_id,
                    reaction.channel_id,
                    reaction.message_id,
                    &reaction.emoji,
                );
                if let (Some((card, vote)), Some(user)) = (vote, reaction.user_id) {
                    self.desk
                        .report(Happening::Unvoted {
                            card,
                            vote,
                            by: UserId(user.get()),
                        })
                        .await;
                }
            }
            Event::ReactionRemoveAll(event) => {
                if let Some(card) = self.place(event.guild_id, event.channel_id, event.message_id) {
                    self.desk.report(Happening::Cleared { card, vote: None }).await;
                }
            }
            Event::ReactionRemoveEmoji(event) => {
                let reaction = event.reaction;
                if let Some((card, vote)) = self.vote_on(
                    reaction.guild_id,
                    reaction.channel_id,
                    reaction.message_id,
                    &reaction.emoji,
                ) {
                    self.desk
                        .report(Happening::Cleared {
                            card,
                            vote: Some(vote),
                        })
                        .await;
                }
            }
            Event::MessageDelete(event) => {
                self.deleted(event.guild_id, event.channel_id, &[event.message_id])
                    .await;
            }
            Event::MessageDeleteBulk(event) => {
                self.deleted(event.guild_id, event.channel_id, &event.ids).await;
            }
            // The bot may see the channel again, and was told nothing of it while it did not.
            Event::ChannelUpdate(event) if self.channels.contains(&ChannelId(event.channel.id.get())) => {
                self.desk.report(Happening::Missed).await;
            }
            Event::ChannelDelete(event) => {
                let channel = ChannelId(event.channel.id.get());
                if self.channels.contains(&channel) {
                    self.desk.report(Happening::ChannelDeleted { channel }).await;
                }
            }
            _ => {}
        }
    }

    async fn deleted(
        &self,
        guild: Option<GuildId>,
        channel: discord::ChannelId,
        messages: &[discord::MessageId],
    ) {
        for message in messages {
            if let Some(card) = self.place(guild, channel, *message) {
                self.desk.report(Happening::Deleted { card }).await;
            }
        }
    }

    /// A message in one of the channels of the one guild that is served.
    fn place(
        &self,
        guild: Option<GuildId>,
        channel: discord::ChannelId,
        message: discord::MessageId,
    ) -> Option<Place> {
        let channel = ChannelId(channel.get());
        (guild == Some(self.guild) && self.channels.contains(&channel)).then_some(Place {
            channel,
            message: MessageId(message.get()),
        })
    }

    fn vote_on(
        &self,
        guild: Option<GuildId>,
        channel: discord::ChannelId,
        message: discord::MessageId,
        emoji: &serenity::model::channel::ReactionType,
    ) -> Option<(Place, Vote)> {
        Some((self.place(guild, channel, message)?, self.ballot.vote(emoji)?))
    }
}
