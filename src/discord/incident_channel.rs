//! The incident channel on Discord: cards, reactions, results.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serenity::builder::CreateMessage;
use serenity::model::channel::{MessageReference, MessageReferenceKind};
use serenity::model::id::{self as discord, GuildId};

use super::api::messages::PAGE;
use super::api::{Rest, RestError, Said, Seen};
use super::delivery::undelivered;
use super::members;
use super::messages::{Look, card, notices, result};
use super::vote_emoji::Ballot;
use crate::domain::event::Why;
use crate::domain::ids::{ChannelId, MessageId, Person, UserId};
use crate::domain::request::{Phase, Request};
use crate::domain::timestamp::Moment;
use crate::workflow::ports::{Alert, Card, Channel, Clock, Place, Undelivered, Vote};

/// Discord recognises the nonce of a message that is posted twice for "the past few minutes"
/// (documentation, "Create Message"). Beyond this the channel is looked through before anything is posted.
const NONCE_HOLDS: Duration = Duration::from_mins(1);
/// Clocks differ: how far before its time a message is looked for.
const SKEW: Duration = Duration::from_mins(2);
/// The first millisecond of Discord's ids, since 1970 (documentation, "Snowflakes").
const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;

pub struct IncidentChannel {
    pub rest: Rest,
    pub guild: GuildId,
    /// The bot itself, whose own reactions are offers and no votes.
    pub me: discord::UserId,
    pub ballot: Ballot,
    pub look: Look,
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl Channel for IncidentChannel {
    async fn post(&self, card: &Card) -> Result<Option<MessageId>, Undelivered> {
        let asked = &card.request.asked;
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
        if self.has_told_the_end_of(&card.request).await? {
            return Ok(None);
        }
        let nonce = format!("c{}-{}", card.request.id, asked.asked_at.as_seconds());
        let body = card::posted(card, &self.look).message();
        let message = self.create(asked.channel, body, &nonce).await?;
        Ok(Some(MessageId(message.id.get())))
    }

    async fn offer_votes(&self, card: Place) -> Result<(), Undelivered> {
        for vote in [Vote::Approve, Vote::Deny] {
            let emoji = self.ballot.emoji(vote);
            self.rest
                .add_reaction(channel_id(card.channel), message_id(card.message), emoji)
                .await
                .map_err(undelivered)?;
        }
        Ok(())
    }

    async fn update(&self, place: Place, card: &Card) -> Result<(), Undelivered> {
        let edit = card::current(card, &self.look).edit();
        self.rest
            .edit_message(channel_id(place.channel), message_id(place.message), &edit)
            .await
            .map(drop)
            .map_err(undelivered)
    }

    async fn announce(&self, request: &Request) -> Result<(), Undelivered> {
        let (Some(body), Phase::Ended { at, .. }) = (result::reply(request), &request.phase) else {
            return Ok(());
        };
        if self.clock.now().since(*at) > NONCE_HOLDS && self.has_told_the_end_of(request).await? {
            return Ok(());
        }
        let channel = request.asked.channel;
        let nonce = format!("r{}-{}", request.id, request.asked.asked_at.as_seconds());
        let message = replying_to(request.message.map(message_id), channel, body.message());
        self.create(channel, message, &nonce).await.map(drop)
    }

    async fn tell(&self, request: &Request, person: UserId, why: Why) -> Result<(), Undelivered> {
        let channel = request.asked.channel;
        let nonce = format!("t{}-{}", request.id, person);
        let body = notices::tell(request, person, why).message();
        let message = replying_to(request.message.map(message_id), channel, body);
        self.create(channel, message, &nonce[..nonce.len().min(25)])
            .await
            .map(drop)
    }

    async fn alert(&self, channel: ChannelId, alert: Alert) -> Result<(), Undelivered> {
        let nonce = format!("a{}", self.clock.now().as_micros());
        self.create(channel, notices::alert(alert).message(), &nonce)
            .await
            .map(drop)
    }

    async fn voters(&self, card: Place, vote: Vote) -> Result<Vec<UserId>, Undelivered> {
        let emoji = self.ballot.emoji(vote);
        let users = self
            .rest
            .reactors(channel_id(card.channel), message_id(card.message), emoji)
            .await
            .map_err(undelivered)?;
        Ok(users
            .iter()
            .filter(|id| **id != self.me)
            .map(|id| UserId(id.get()))
            .collect())
    }

    async fn person(&self, user: UserId) -> Result<Option<Person>, Undelivered> {
        match self.rest.member(self.guild, discord::UserId::new(user.0)).await {
            Ok(member) => Ok(Some(members::person(&member))),
            // "Unknown Member" or "Unknown User": they are not in the guild.
            Err(RestError::NotFound { .. }) => Ok(None),
            Err(error) => Err(undelivered(error)),
        }
    }
}

impl IncidentChannel {
    async fn create(
        &self,
        channel: ChannelId,
        message: CreateMessage,
        nonce: &str,
    ) -> Result<Said, Undelivered> {
        self.rest
            .create_message(channel_id(channel), message, nonce)
            .await
            .map_err(undelivered)
    }

    /// Whether the request has ended and its result is in the channel, as a reply to whichever message or to none: the
    /// card that it replied to may be gone.
    async fn has_told_the_end_of(&self, request: &Request) -> Result<bool, Undelivered> {
        let Phase::Ended { at, ending, .. } = &request.phase else {
            return Ok(false);
        };
        let (headline, mark) = (ending.outcome.headline(), result::mark(request.id));
        // By the bot's clock it ended then; by Discord's its result came after its card.
        let ended = id_at(at.minus(SKEW));
        let after = request.message.map_or(ended, |card| ended.min(message_id(card)));
        let told = self.find(request.asked.channel, after, |message| {
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
        wanted: impl Fn(&Seen) -> bool + Send,
    ) -> Result<Option<Seen>, Undelivered> {
        loop {
            let page = self
                .rest
                .messages_after(channel_id(channel), after)
                .await
                .map_err(undelivered)?;
            let newest = page.iter().map(|message| message.id).max();
            let is_last = page.len() < usize::from(PAGE);
            let found = page
                .into_iter()
                .find(|message| message.is_by(self.me) && wanted(message));
            match newest {
                Some(newest) if found.is_none() && !is_last => after = newest,
                _ => return Ok(found),
            }
        }
    }
}

/// A reply to the card; still a message of its own where the card is gone.
fn replying_to(
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
fn id_at(moment: Moment) -> discord::MessageId {
    let since = (moment.as_micros() / 1_000).saturating_sub(DISCORD_EPOCH_MS);
    discord::MessageId::new(u64::try_from(since).unwrap_or(0).saturating_mul(1 << 22).max(1))
}

fn channel_id(channel: ChannelId) -> discord::ChannelId {
    discord::ChannelId::new(channel.0)
}

fn message_id(message: MessageId) -> discord::MessageId {
    discord::MessageId::new(message.0)
}
