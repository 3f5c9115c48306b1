//! Passes events to the workflow, in Discord's order, if they concern an incident channel.

use std::sync::Arc;
use std::time::Duration;

use serenity::model::channel::Reaction;
use serenity::model::event::Event;
use serenity::model::id::{self as discord, GuildId};
use tokio::sync::{Notify, mpsc};
use tracing::{info, warn};

use super::gateway::{EditedMessage, GatewayEvent, GuildEvent};
use super::guild_presence::{GuildPresence, Reception};
use super::interactions::InteractionHandler;
use super::members;
use super::messages::mark::any_mark;
use super::served_channels::{ChannelChange, ServedChannels};
use super::vote_emoji::VoteEmoji;
use crate::common::uptime::uptime;
use crate::domain::ids::{ChannelId, MessageId, Person, UserId};
use crate::workflow::handle::EngineHandle;
use crate::workflow::input::EngineInput;
use crate::workflow::ports::{MessageRef, ReactionKind, UserReaction, Vote};

/// How long an approval may take from its arrival at the socket to the engine's queue. It takes milliseconds unless this process is held up.
const APPROVAL_LASTS: Duration = Duration::from_secs(5);

pub struct EventHandler {
    pub guild: GuildId,
    pub channels: Arc<ServedChannels>,
    pub bot_user: discord::UserId,
    pub vote_emoji: VoteEmoji,
    pub engine: EngineHandle,
    pub interactions: InteractionHandler,
    pub(super) presence: GuildPresence,
    pub compare_commands: Arc<Notify>,
}

impl EventHandler {
    /// Runs until the gateway closes the channel.
    pub async fn run(mut self, mut events: mpsc::Receiver<GatewayEvent>) {
        while let Some(event) = events.recv().await {
            match event {
                GatewayEvent::Ready => {
                    info!("connected to Discord in a new session");
                    let reception = self.presence.note_new_session();
                    self.report(reception).await;
                }
                GatewayEvent::Resumed => {
                    info!("the Discord session continues; all missed events have arrived");
                    let reception = self.presence.note_resumed();
                    self.report(reception).await;
                }
                GatewayEvent::Paused { lasted } => {
                    let seconds = lasted.as_secs();
                    warn!(
                        seconds,
                        "killgate was paused; it executes nothing until it knows what people did meanwhile"
                    );
                    let reception = self.presence.note_disconnected();
                    self.report(reception).await;
                }
                GatewayEvent::Disconnected { why } => {
                    warn!(%why, "the connection to Discord is lost");
                    let reception = self.presence.note_disconnected();
                    self.report(reception).await;
                }
                GatewayEvent::Lost => self.engine.send(EngineInput::EventsMissed).await,
                GatewayEvent::Event { event, arrived_after } => {
                    self.handle_event(*event, arrived_after).await;
                }
                GatewayEvent::UnreadableInteraction(interaction) => {
                    self.interactions.refuse_unreadable(interaction);
                }
                GatewayEvent::MessageEdited(message) => self.handle_edited_message(message).await,
                GatewayEvent::Channel(event) => {
                    self.handle_channel_change(self.channels.handle(&event)).await;
                }
                GatewayEvent::Guild(event) => self.handle_guild_event(event).await,
            }
        }
    }

    async fn handle_guild_event(&mut self, event: GuildEvent) {
        if let GuildEvent::Available { guild, channels, .. } = &event
            && *guild == self.guild
        {
            // The list is complete.
            self.handle_channel_change(self.channels.replace(channels)).await;
            // A guild that the bot was invited to again has none of its commands.
            self.compare_commands.notify_one();
        }
        let reception = self.presence.note(event);
        self.report(reception).await;
    }

    async fn report(&self, reception: Reception) {
        let input = match reception {
            Reception::Unchanged => return,
            Reception::Missed => EngineInput::EventsMissed,
            Reception::Interrupted => EngineInput::EventsInterrupted,
            Reception::Restored { is_complete } => EngineInput::EventsRestored { is_complete },
        };
        self.engine.send(input).await;
    }

    async fn handle_event(&mut self, event: Event, arrived_after: Duration) {
        if is_sent_to_members_only(&event, self.guild) {
            let reception = self.presence.note_member_event();
            self.report(reception).await;
        }
        match event {
            Event::InteractionCreate(event) => self.interactions.handle(event.interaction),
            Event::ReactionAdd(event) => {
                let reaction = event.reaction;
                let Some((card, vote)) = self.card_and_vote(&reaction) else { return };
                // Discord always says whose reaction it is (documentation, "Message Reaction Add").
                let Some(user) = reaction.user_id.filter(|user| *user != self.bot_user) else { return };
                let member = reaction.member.as_ref().map(members::person_from_member);
                let reaction = user_reaction(user, reaction.burst);
                let age = || uptime().saturating_sub(arrived_after);
                self.engine.send_with(|| reaction_added(card, vote, reaction, member, age())).await;
            }
            Event::ReactionRemove(event) => {
                let reaction = event.reaction;
                if let (Some((card, vote)), Some(user)) = (self.card_and_vote(&reaction), reaction.user_id) {
                    let reaction = user_reaction(user, reaction.burst);
                    self.engine.send(EngineInput::ReactionRemoved { card, vote, reaction }).await;
                }
            }
            Event::ReactionRemoveAll(event) => {
                if let Some(card) = self.message_ref(event.guild_id, event.channel_id, event.message_id) {
                    self.engine.send(EngineInput::ReactionsCleared { card, vote: None }).await;
                }
            }
            Event::ReactionRemoveEmoji(event) => {
                if let Some((card, vote)) = self.card_and_vote(&event.reaction) {
                    self.engine.send(EngineInput::ReactionsCleared { card, vote: Some(vote) }).await;
                }
            }
            Event::MessageDelete(event) => {
                self.handle_deleted_messages(event.guild_id, event.channel_id, &[event.message_id]).await;
            }
            Event::MessageDeleteBulk(event) => {
                self.handle_deleted_messages(event.guild_id, event.channel_id, &event.ids).await;
            }
            _ => {}
        }
    }

    /// Another process with the same token may have put its card into the message.
    async fn handle_edited_message(&self, message: EditedMessage) {
        if message.author.id == self.bot_user
            && let Some(card) = self.message_ref(message.guild_id, message.channel_id, message.id)
            && let Some((mark, _)) = any_mark(&message.content)
        {
            self.engine.send(EngineInput::MarkSeen { card, mark }).await;
        }
    }

    async fn handle_channel_change(&self, change: ChannelChange) {
        for channel in change.deleted {
            self.engine.send(EngineInput::ChannelDeleted { channel }).await;
        }
        if !change.missed.is_empty() {
            self.engine.send(EngineInput::EventsMissedIn { channels: change.missed }).await;
        }
    }

    async fn handle_deleted_messages(
        &self,
        guild: Option<GuildId>,
        channel: discord::ChannelId,
        messages: &[discord::MessageId],
    ) {
        for message in messages {
            if let Some(card) = self.message_ref(guild, channel, *message) {
                self.engine.send(EngineInput::MessageDeleted { card }).await;
            }
        }
    }

    /// `None` for a message outside the incident channels.
    fn message_ref(
        &self,
        guild: Option<GuildId>,
        channel: discord::ChannelId,
        message: discord::MessageId,
    ) -> Option<MessageRef> {
        let channel = ChannelId(channel.get());
        (guild == Some(self.guild) && self.channels.is_served(channel))
            .then_some(MessageRef { channel, message: MessageId(message.get()) })
    }

    /// `None` for a reaction that is no vote, or outside the incident channels.
    fn card_and_vote(&self, reaction: &Reaction) -> Option<(MessageRef, Vote)> {
        let card = self.message_ref(reaction.guild_id, reaction.channel_id, reaction.message_id)?;
        Some((card, self.vote_emoji.vote(&reaction.emoji)?))
    }
}

/// Whether the event proves that the bot is in the guild. Interactions do not: they also reach an application whose bot left.
fn is_sent_to_members_only(event: &Event, guild: GuildId) -> bool {
    let of = match event {
        Event::ReactionAdd(event) => event.reaction.guild_id,
        Event::ReactionRemove(event) => event.reaction.guild_id,
        Event::MessageDelete(event) => event.guild_id,
        _ => None,
    };
    of == Some(guild)
}

/// An approval that was held up in this process (it was paused, the ledger is slow) may have been taken back since, and would override a
/// read of the card that has already begun. So the card is read instead. A denial counts in any case.
fn reaction_added(
    card: MessageRef,
    vote: Vote,
    reaction: UserReaction,
    member: Option<Person>,
    age: Duration,
) -> EngineInput {
    if vote == Vote::Approve && age > APPROVAL_LASTS {
        EngineInput::ApprovalHeldUp { card }
    } else {
        EngineInput::ReactionAdded { card, vote, reaction, member }
    }
}

fn user_reaction(user: discord::UserId, is_super: bool) -> UserReaction {
    UserReaction {
        user: UserId(user.get()),
        kind: if is_super { ReactionKind::Super } else { ReactionKind::Normal },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_that_was_held_up_is_read_from_its_card_and_a_denial_counts() {
        let card = MessageRef { channel: ChannelId(1), message: MessageId(2) };
        let held_up_for = |vote, age| {
            reaction_added(
                card,
                vote,
                UserReaction { user: UserId(3), kind: ReactionKind::Normal },
                None,
                age,
            )
        };
        let late = APPROVAL_LASTS + Duration::from_millis(1);
        let counts = |input| matches!(input, EngineInput::ReactionAdded { .. });
        assert!(counts(held_up_for(Vote::Approve, APPROVAL_LASTS)));
        assert!(counts(held_up_for(Vote::Deny, late)));
        assert!(
            matches!(held_up_for(Vote::Approve, late), EngineInput::ApprovalHeldUp { card: of } if of == card)
        );
    }
}
