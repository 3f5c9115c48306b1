//! The incident channel on Discord: posts cards and results, reads reactions and members.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serenity::builder::CreateMessage;
use serenity::model::channel::{MessageReference, MessageReferenceKind};
use serenity::model::id::{self as discord, GuildId};

use super::api::messages::PAGE_SIZE;
use super::api::{ApiClient, ApiError, ChannelMessage, OwnMessage};
use super::delivery::delivery_error;
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

/// Discord recognises a repeated nonce for "the past few minutes" (documentation, "Create Message"). After this time
/// the channel is searched before anything is posted.
const NONCE_LIFETIME: Duration = Duration::from_mins(1);
/// The bot's clock may differ from Discord's. A search begins this much earlier.
const CLOCK_SKEW: Duration = Duration::from_mins(2);
/// The first millisecond of Discord's ids, since 1970 (documentation, "Snowflakes").
const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;

pub struct DiscordIncidentChannel {
    pub api: ApiClient,
    pub guild: GuildId,
    /// The bot's own reactions are not votes.
    pub bot_user: discord::UserId,
    pub vote_emoji: VoteEmoji,
    pub render_config: RenderConfig,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl IncidentChannel for DiscordIncidentChannel {
    async fn post_card(&self, card: &CardContent) -> Result<Option<MessageId>, DeliveryError> {
        let details = &card.request.details;
        let footer = card::footer_text(&card.request);
        let search_start = first_id_at(details.asked_at.minus(CLOCK_SKEW));
        let posted_card = self
            .find_own_message(details.channel, search_start, |message| {
                message.has_footer(&footer)
            })
            .await?;
        if let Some(message) = posted_card {
            return Ok(Some(MessageId(message.id.get())));
        }
        // The card was posted, and somebody has deleted it.
        if self.has_posted_result(&card.request).await? {
            return Ok(None);
        }
        let nonce = format!("c{}-{}", card.request.id, details.asked_at.as_seconds());
        let body = card::new_card(card, &self.render_config).into_message();
        let message = self.create_message(details.channel, body, &nonce).await?;
        Ok(Some(MessageId(message.id.get())))
    }

    async fn add_vote_reactions(&self, card: MessageRef) -> Result<(), DeliveryError> {
        for vote in [Vote::Approve, Vote::Deny] {
            let emoji = self.vote_emoji.emoji(vote);
            self.api
                .add_reaction(channel_id(card.channel), message_id(card.message), emoji)
                .await
                .map_err(delivery_error)?;
        }
        Ok(())
    }

    async fn edit_card(&self, message: MessageRef, card: &CardContent) -> Result<(), DeliveryError> {
        let edit = card::card_edit(card, &self.render_config).into_edit();
        self.api
            .edit_message(channel_id(message.channel), message_id(message.message), &edit)
            .await
            .map(drop)
            .map_err(delivery_error)
    }

    async fn post_result(&self, request: &Request) -> Result<(), DeliveryError> {
        let (Some(body), RequestState::Ended { at, .. }) = (result::reply(request), &request.state) else {
            return Ok(());
        };
        let is_nonce_forgotten = self.clock.now().duration_since(*at) > NONCE_LIFETIME;
        if is_nonce_forgotten && self.has_posted_result(request).await? {
            return Ok(());
        }
        let channel = request.details.channel;
        let nonce = format!("r{}-{}", request.id, request.details.asked_at.as_seconds());
        let message = as_reply_to(request.card.map(message_id), channel, body.into_message());
        self.create_message(channel, message, &nonce).await.map(drop)
    }

    async fn explain_refusal(
        &self,
        request: &Request,
        person: UserId,
        reason: RefusalReason,
    ) -> Result<(), DeliveryError> {
        let channel = request.details.channel;
        let nonce = format!("t{}-{}", request.id, person);
        let body = notices::ignored_reaction(request, person, reason).into_message();
        let message = as_reply_to(request.card.map(message_id), channel, body);
        self.create_message(channel, message, &nonce[..nonce.len().min(25)])
            .await
            .map(drop)
    }

    async fn post_alert(&self, channel: ChannelId, alert: ChannelAlert) -> Result<(), DeliveryError> {
        let nonce = format!("a{}", self.clock.now().as_micros());
        self.create_message(channel, notices::alert(alert).into_message(), &nonce)
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
                .map_err(delivery_error)?;
            // The bot's own reactions offer the two choices and are not votes.
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
            // "Unknown Member" or "Unknown User": not in the guild.
            Err(ApiError::NotFound { .. }) => Ok(None),
            Err(error) => Err(delivery_error(error)),
        }
    }
}

impl DiscordIncidentChannel {
    async fn create_message(
        &self,
        channel: ChannelId,
        message: CreateMessage,
        nonce: &str,
    ) -> Result<OwnMessage, DeliveryError> {
        self.api
            .create_message(channel_id(channel), message, nonce)
            .await
            .map_err(delivery_error)
    }

    /// Whether the request has ended and its result is in the channel. The card that the result replied to may be gone.
    async fn has_posted_result(&self, request: &Request) -> Result<bool, DeliveryError> {
        let RequestState::Ended { at, resolution, .. } = &request.state else {
            return Ok(false);
        };
        let headline = resolution.outcome.headline();
        let mark = result::request_mark(request.id);
        // `at` is the bot's time. By Discord's time, the result is newer than the card.
        let ended_at = first_id_at(at.minus(CLOCK_SKEW));
        let search_start = request
            .card
            .map_or(ended_at, |card| ended_at.min(message_id(card)));
        let result = self
            .find_own_message(request.details.channel, search_start, |message| {
                message.begins_with(headline) && message.has_line_ending_with(&mark)
            })
            .await?;
        Ok(result.is_some())
    }

    /// Searches all messages in the channel after `after` for one that the bot wrote.
    async fn find_own_message(
        &self,
        channel: ChannelId,
        mut after: discord::MessageId,
        is_match: impl Fn(&ChannelMessage) -> bool + Send,
    ) -> Result<Option<ChannelMessage>, DeliveryError> {
        loop {
            let page = self
                .api
                .messages_after(channel_id(channel), after)
                .await
                .map_err(delivery_error)?;
            let newest = page.iter().map(|message| message.id).max();
            let is_last = page.len() < usize::from(PAGE_SIZE);
            let found = page
                .into_iter()
                .find(|message| message.is_by(self.bot_user) && is_match(message));
            match newest {
                Some(newest) if found.is_none() && !is_last => after = newest,
                _ => return Ok(found),
            }
        }
    }
}

/// Makes the message a reply to the card, or a plain message if the card is gone.
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

/// The smallest id that Discord can give at that time.
fn first_id_at(time: Timestamp) -> discord::MessageId {
    let milliseconds = (time.as_micros() / 1_000).saturating_sub(DISCORD_EPOCH_MS);
    let id = u64::try_from(milliseconds).unwrap_or(0).saturating_mul(1 << 22);
    discord::MessageId::new(id.max(1))
}

fn channel_id(channel: ChannelId) -> discord::ChannelId {
    discord::ChannelId::new(channel.0)
}

fn message_id(message: MessageId) -> discord::MessageId {
    discord::MessageId::new(message.0)
}
