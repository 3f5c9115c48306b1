//! The incident channel on Discord: cards, reactions, results.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serenity::builder::CreateMessage;
use serenity::model::channel::{MessageReference, MessageReferenceKind};
use serenity::model::id::{self as discord, GuildId};

use super::api::messages::PAGE;
use super::api::{ApiClient, ApiError, ChannelMessage, OwnMessage};
use super::delivery::undelivered;
use super::members;
use super::messages::{RenderConfig, card, notices, result};
use super::vote_emoji::VoteEmoji;
use crate::domain::event::RefusalReason;
use crate::domain::ids::{ChannelId, MessageId, Person, UserId};
use crate::domain::request::{Request, RequestState};
use crate::domain::timestamp::Timestamp;
use crate::workflow::ports::{
    CardContent, ChannelAlert, Clock, DeliveryError, IncidentChannel, MessageRef, ReactionKind, UserReaction,
    Vote,
};

/// Discord recognises the nonce of a message that is posted twice for "the past few minutes"
/// (documentation, "Create Message"). Beyond this the channel is looked through before anything is posted.
const NONCE_HOLDS: Duration = Duration::from_mins(1);
/// Clocks differ: how far before its time a message is looked for.
const SKEW: Duration = Duration::from_mins(2);
/// The first millisecond of Discord's ids, since 1970 (documentation, "Snowflakes").
const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;

pub struct DiscordIncidentChannel {
    pub api: ApiClient,
    pub guild: GuildId,
    /// The bot itself, whose own reactions are offers and no votes.
    pub bot_user: discord::UserId,
    pub vote_emoji: VoteEmoji,
    pub render_config: RenderConfig,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl IncidentChannel for DiscordIncidentChannel {
    async fn post_card(&self, card: &CardContent) -> Result<Option<MessageId>, DeliveryError> {
        let asked = &card.request.details;
        let footer = card::footer(&card.request);
        let there = self
            .find(asked.channel, id_at(asked.asked_at.minus(SKEW)), |message| {
                message.has_footer(&footer)
            })
            .await?;
        if let Some(message) = there {
            return Ok(Some(MessageId(message.id.get())));
        }
        // Its card was there, and somebody has deleted it.
        if self.has_posted_result(&card.request).await? {
            return Ok(None);
        }
        let nonce = format!("c{}-{}", card.request.id, asked.asked_at.as_seconds());
        let body = card::new_card(card, &self.render_config).message();
        let message = self.create(asked.channel, body, &nonce).await?;
        Ok(Some(MessageId(message.id.get())))
    }

    async fn add_vote_reactions(&self, card: MessageRef) -> Result<(), DeliveryError> {
        for vote in [Vote::Approve, Vote::Deny] {
            let emoji = self.vote_emoji.emoji(vote);
            self.api
                .add_reaction(channel_id(card.channel), message_id(card.message), emoji)
                .await
                .map_err(undelivered)?;
        }
        Ok(())
    }

    async fn edit_card(&self, place: MessageRef, card: &CardContent) -> Result<(), DeliveryError> {
        let edit = card::card_edit(card, &self.render_config).edit();
        self.api
            .edit_message(channel_id(place.channel), message_id(place.message), &edit)
            .await
            .map(drop)
            .map_err(undelivered)
    }

    async fn post_result(&self, request: &Request) -> Result<(), DeliveryError> {
        let (Some(body), RequestState::Ended { at, .. }) = (result::reply(request), &request.state) else {
            return Ok(());
        };
        if self.clock.now().duration_since(*at) > NONCE_HOLDS && self.has_posted_result(request).await? {
            return Ok(());
        }
        let channel = request.details.channel;
        let nonce = format!("r{}-{}", request.id, request.details.asked_at.as_seconds());
        let message = as_reply_to(request.card.map(message_id), channel, body.message());
        self.create(channel, message, &nonce).await.map(drop)
    }

    async fn explain_refusal(
        &self,
        request: &Request,
        person: UserId,
        why: RefusalReason,
    ) -> Result<(), DeliveryError> {
        let channel = request.details.channel;
        let nonce = format!("t{}-{}", request.id, person);
        let body = notices::refused_reaction(request, person, why).message();
        let message = as_reply_to(request.card.map(message_id), channel, body);
        self.create(channel, message, &nonce[..nonce.len().min(25)])
            .await
            .map(drop)
    }

    async fn post_alert(&self, channel: ChannelId, alert: ChannelAlert) -> Result<(), DeliveryError> {
        let nonce = format!("a{}", self.clock.now().as_micros());
        self.create(channel, notices::alert(alert).message(), &nonce)
            .await
            .map(drop)
    }

    async fn reactions(&self, card: MessageRef, vote: Vote) -> Result<Vec<UserReaction>, DeliveryError> {
        let emoji = self.vote_emoji.emoji(vote);
        let (channel, message) = (channel_id(card.channel), message_id(card.message));
        let mut reactions = Vec::new();
        for kind in [ReactionKind::Normal, ReactionKind::Super] {
            let users = self
                .api
                .reacting_users(channel, message, emoji, kind == ReactionKind::Super)
                .await
                .map_err(undelivered)?;
            // The bot's own reactions offer the two choices, and are no votes.
            let people = users.into_iter().filter(|id| *id != self.bot_user);
            reactions.extend(people.map(|id| UserReaction {
                user: UserId(id.get()),
                kind,
            }));
        }
        Ok(reactions)
    }

    async fn member(&self, user: UserId) -> Result<Option<Person>, DeliveryError> {
        match self.api.member(self.guild, discord::UserId::new(user.0)).await {
            Ok(member) => Ok(Some(members::person_from_member(&member))),
            // "Unknown Member" or "Unknown User": they are not in the guild.
            Err(ApiError::NotFound { .. }) => Ok(None),
            Err(error) => Err(undelivered(error)),
        }
    }
}

impl DiscordIncidentChannel {
    async fn create(
        &self,
        channel: ChannelId,
        message: CreateMessage,
        nonce: &str,
    ) -> Result<OwnMessage, DeliveryError> {
        self.api
            .create_message(channel_id(channel), message, nonce)
            .await
            .map_err(undelivered)
    }

    /// Whether the request has ended and its result is in the channel, as a reply to whichever message or to none: the
    /// card that it replied to may be gone.
    async fn has_posted_result(&self, request: &Request) -> Result<bool, DeliveryError> {
        let RequestState::Ended {
            at,
            resolution: ending,
            ..
        } = &request.state
        else {
            return Ok(false);
        };
        let (headline, mark) = (ending.outcome.headline(), result::mark(request.id));
        // By the bot's clock it ended then; by Discord's its result came after its card.
        let ended = id_at(at.minus(SKEW));
        let after = request.card.map_or(ended, |card| ended.min(message_id(card)));
        let told = self.find(request.details.channel, after, |message| {
            message.begins_with(headline) && message.has_line_ending_with(&mark)
        });
        Ok(told.await?.is_some())
    }

    /// A message of the bot's own that is in the channel already, among those that came after `after`, however
    /// many they are.
    async fn find(
        &self,
        channel: ChannelId,
        mut after: discord::MessageId,
        wanted: impl Fn(&ChannelMessage) -> bool + Send,
    ) -> Result<Option<ChannelMessage>, DeliveryError> {
        loop {
            let page = self
                .api
                .messages_after(channel_id(channel), after)
                .await
                .map_err(undelivered)?;
            let newest = page.iter().map(|message| message.id).max();
            let is_last = page.len() < usize::from(PAGE);
            let found = page
                .into_iter()
                .find(|message| message.is_by(self.bot_user) && wanted(message));
            match newest {
                Some(newest) if found.is_none() && !is_last => after = newest,
                _ => return Ok(found),
            }
        }
    }
}

/// A reply to the card; still a message of its own where the card is gone.
fn as_reply_to(
    card: Option<discord::MessageId>,
    channel: ChannelId,
    message: CreateMessage,
) -> CreateMessage {
    let Some(card) = card else { return message };
    let reference = MessageReference::new(MessageReferenceKind::Default, channel_id(channel))
        .message_id(card)
        .fail_if_not_exists(false);
    message.reference_message(reference)
}

/// The smallest id that Discord could have given at that moment.
fn id_at(moment: Timestamp) -> discord::MessageId {
    let since = (moment.as_micros() / 1_000).saturating_sub(DISCORD_EPOCH_MS);
    discord::MessageId::new(u64::try_from(since).unwrap_or(0).saturating_mul(1 << 22).max(1))
}

fn channel_id(channel: ChannelId) -> discord::ChannelId {
    discord::ChannelId::new(channel.0)
}

fn message_id(message: MessageId) -> discord::MessageId {
    discord::MessageId::new(message.0)
}
