//! The incident channel on Discord: posts cards and results, reads reactions and members.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use async_trait::async_trait;
use futures_util::future::try_join;
use serenity::builder::CreateMessage;
use serenity::model::channel::{MessageReference, MessageReferenceKind, ReactionType};
use serenity::model::id::{self as discord, GuildId};
use tracing::error;

use super::api::messages::PAGE_SIZE;
use super::api::{ApiClient, ChannelMessage, OwnMessage, ReactionCount};
use super::delivery::{delivery_error, is_unknown_member};
use super::members;
use super::messages::body::MessageBody;
use super::messages::mark::{MarkedMessage, any_mark, read_mark};
use super::messages::{RenderConfig, card, notices, result};
use super::served_channels::ServedChannels;
use super::vote_emoji::VoteEmoji;
use crate::common::error_causes::with_causes;
use crate::domain::event::RefusalReason;
use crate::domain::ids::{ChannelId, MessageId, Person, UserId};
use crate::domain::request::Request;
use crate::domain::timestamp::Timestamp;
use crate::workflow::ports::{
    CardContent, CardMark, CardReading, ChannelAlert, Clock, DeliveryError, IncidentChannel, Ledger,
    MessageRef, ReactionKind, ReadPriority, RequestMessages, UserReaction, Vote,
};

/// The bot's clock may differ from Discord's. A search begins this much earlier.
const CLOCK_SKEW: Duration = Duration::from_mins(2);
/// The time limit for fetching one member. The first attempt gets half of it, because Discord may take 2 s to answer. Shorter
/// than the workflow's `LOOK_UP_AGAIN_WITHIN` (5 s), so that a failed fetch is reported before that limit cuts it off.
const MEMBER_TIMEOUT: Duration = Duration::from_millis(4_500);
/// The first millisecond of Discord's ids, since 1970 (documentation, "Snowflakes").
const DISCORD_EPOCH_MS: i64 = 1_420_070_400_000;

pub struct DiscordIncidentChannel {
    /// It asks twice before it says that something does not exist.
    pub api: ApiClient,
    pub channels: Arc<ServedChannels>,
    pub guild: GuildId,
    /// The bot's own reactions are not votes.
    pub bot_user: discord::UserId,
    pub vote_emoji: VoteEmoji,
    pub render_config: RenderConfig,
    pub clock: Arc<dyn Clock>,
    /// `None` if it cannot be used.
    pub ledger: Option<Arc<dyn Ledger>>,
}

#[async_trait]
impl IncidentChannel for DiscordIncidentChannel {
    async fn find_messages(&self, request: &Request) -> Result<RequestMessages, DeliveryError> {
        let channel = channel_id(request.details.channel);
        let mut found = RequestMessages::default();
        self.search(request, |message, marked| note_found(&mut found, message, marked)).await?;
        // Without the permission to read the history, a channel looks empty (Discord documentation, "Get Channel
        // Messages"). Asked for one message, Discord says that the permission is missing.
        if let Some(card) = request.card.filter(|_| found == RequestMessages::default()) {
            let message = self.api.message(channel, message_id(card)).await.map_err(delivery_error)?;
            match read_mark(&message.content, request) {
                Some(marked) => note_found(&mut found, &message, marked),
                None => found.is_card_replaced = true,
            }
        }
        Ok(found)
    }

    async fn post_card(&self, card: &CardContent) -> Result<MessageId, DeliveryError> {
        let request = &card.request;
        let nonce = format!("c{}-{}", request.id, request.mark);
        let body = card::new_card(card, &self.render_config).into_message();
        let message = self.create_message(request.details.channel, body, &nonce).await?;
        Ok(MessageId(message.id.get()))
    }

    async fn add_vote_reactions(&self, card: MessageRef) -> Result<(), DeliveryError> {
        self.require_lease().await?;
        for vote in [Vote::Approve, Vote::Deny] {
            let emoji = self.vote_emoji.emoji(vote);
            let (channel, message) = (channel_id(card.channel), message_id(card.message));
            self.api.add_reaction(channel, message, emoji).await.map_err(delivery_error)?;
        }
        Ok(())
    }

    async fn edit_card(&self, message: MessageRef, card: &CardContent) -> Result<(), DeliveryError> {
        self.require_lease().await?;
        let edit = card::card_edit(card, &self.render_config).into_edit();
        let (channel, message) = (channel_id(message.channel), message_id(message.message));
        self.api.edit_message(channel, message, &edit).await.map_err(delivery_error)
    }

    async fn post_approval_needed(&self, card: &CardContent) -> Result<Option<MessageId>, DeliveryError> {
        let Some(body) = card::approval_needed(card) else { return Ok(None) };
        self.post_once(&card.request, (MarkedMessage::Mention, 'm'), body).await.map(Some)
    }

    async fn post_reminder(&self, card: &CardContent) -> Result<MessageId, DeliveryError> {
        self.post_once(&card.request, (MarkedMessage::Reminder, 'n'), card::reminder(card)).await
    }

    async fn post_result(&self, card: &CardContent) -> Result<(), DeliveryError> {
        let Some(body) = result::reply(card) else { return Ok(()) };
        match self.post_result_as(body, &card.request).await {
            // The outcome must be told, whatever is wrong with the rest.
            Err(DeliveryError::Invalid(why)) => match result::brief_reply(&card.request) {
                Some(brief) => {
                    error!(error = %with_causes(&*why), "Discord rejected a result; it is posted in its shortest form");
                    self.post_result_as(brief, &card.request).await
                }
                None => Err(DeliveryError::Invalid(why)),
            },
            posted => posted,
        }
    }

    async fn explain_refusals(
        &self,
        request: &Request,
        people: &[(UserId, RefusalReason)],
    ) -> Result<(), DeliveryError> {
        let Some((first, _)) = people.first() else { return Ok(()) };
        let channel = request.details.channel;
        // At most 25 characters. The last digits of a person's id differ from person to person, and each is told once.
        let nonce = format!("t{}-{}", request.mark, first.0 % 1_000_000_000_000_000);
        let body = notices::ignored_reactions(request, people).into_message();
        let message = as_reply_to(request.card.map(message_id), channel, body);
        self.create_message(channel, message, &nonce).await.map(drop)
    }

    async fn card_mark(&self, message: MessageRef) -> Result<Option<CardMark>, DeliveryError> {
        self.require_lease().await?;
        let (channel, id) = (channel_id(message.channel), message_id(message.message));
        // What an approval waits for comes first.
        let message = self.api.clone().leaving_room().message(channel, id).await.map_err(delivery_error)?;
        Ok(self.read_card_mark(&message))
    }

    async fn explain_unknown_card(&self, card: MessageRef, mark: &CardMark) -> Result<(), DeliveryError> {
        let nonce = format!("u{}", card.message);
        let body = notices::unknown_card(mark).into_message();
        let message = as_reply_to(Some(message_id(card.message)), card.channel, body);
        self.create_message(card.channel, message, &nonce).await.map(drop)
    }

    async fn post_alert(&self, channel: ChannelId, alert: ChannelAlert) -> Result<(), DeliveryError> {
        let nonce = format!("a{}", self.clock.now().as_micros());
        self.create_message(channel, notices::alert(alert).into_message(), &nonce).await.map(drop)
    }

    async fn read_card(
        &self,
        card: MessageRef,
        priority: ReadPriority,
    ) -> Result<CardReading, DeliveryError> {
        self.require_served(card.channel).await?;
        let api = match priority {
            ReadPriority::Background => self.api.clone().leaving_room(),
            ReadPriority::Urgent => self.api.clone(),
        };
        let message = api.message(channel_id(card.channel), message_id(card.message)).await;
        let message = message.map_err(delivery_error)?;
        let (approving, denying) = try_join(
            self.reactions(&api, card, Vote::Approve, &message.reactions),
            self.reactions(&api, card, Vote::Deny, &message.reactions),
        )
        .await?;
        Ok(CardReading { mark: self.read_card_mark(&message), approving, denying })
    }

    async fn member(&self, user: UserId) -> Result<Option<Person>, DeliveryError> {
        let user = discord::UserId::new(user.0);
        match self.api.with_timeout(MEMBER_TIMEOUT).asking_once().member(self.guild, user).await {
            Ok(member) => Ok(Some(members::person_from_member(&member))),
            Err(error) if is_unknown_member(&error) => Ok(None),
            Err(error) => Err(delivery_error(error)),
        }
    }
}

impl DiscordIncidentChannel {
    fn read_card_mark(&self, message: &ChannelMessage) -> Option<CardMark> {
        let mark = Some(message).filter(|message| message.is_by(self.bot_user));
        match mark.and_then(|message| any_mark(&message.content)) {
            Some((mark, MarkedMessage::OpenCard | MarkedMessage::ClosedCard)) => Some(mark),
            _ => None,
        }
    }

    /// The reactions of one kind that people have on the card now. `counts` is how often each emoji is on it.
    async fn reactions(
        &self,
        api: &ApiClient,
        card: MessageRef,
        vote: Vote,
        counts: &[ReactionCount],
    ) -> Result<Vec<UserReaction>, DeliveryError> {
        let (channel, message) = (channel_id(card.channel), message_id(card.message));
        let ours = self.vote_emoji.emoji(vote);
        // The configured emoji is asked for in any case: the answer says whether it still exists.
        let mut lists = vec![(ours, ReactionKind::Normal)];
        for count in counts.iter().filter(|count| self.vote_emoji.vote(&count.emoji) == Some(vote)) {
            // Discord keeps the spelling with which somebody reacted, and lists each by itself.
            let is_spelled = matches!(count.emoji, ReactionType::Unicode(_));
            let emoji = if is_spelled { &count.emoji } else { ours };
            if emoji != ours {
                lists.push((emoji, ReactionKind::Normal));
            }
            // Not asked for without need: a compatible server was seen to answer with the normal ones.
            if count.has_super() {
                lists.push((emoji, ReactionKind::Super));
            }
        }
        let mut reactions = Vec::new();
        for (emoji, kind) in lists {
            let is_super = kind == ReactionKind::Super;
            let users =
                api.reacting_users(channel, message, emoji, is_super).await.map_err(delivery_error)?;
            // The bot's own reactions offer the two choices and are not votes.
            let people = users.into_iter().filter(|id| *id != self.bot_user);
            reactions.extend(people.map(|id| UserReaction { user: UserId(id.get()), kind }));
        }
        Ok(reactions)
    }

    /// Posts a reply to the card, unless a message of the request with this mark is in the channel. The nonce begins with the
    /// letter.
    async fn post_once(
        &self,
        request: &Request,
        (marked, letter): (MarkedMessage, char),
        body: MessageBody,
    ) -> Result<MessageId, DeliveryError> {
        let mut posted = None;
        self.search(request, |message, found| {
            if found == marked {
                posted = Some(MessageId(message.id.get()));
            }
        })
        .await?;
        if let Some(posted) = posted {
            return Ok(posted);
        }
        let channel = request.details.channel;
        let nonce = format!("{letter}{}-{}", request.id, request.mark);
        let message = as_reply_to(request.card.map(message_id), channel, body.into_message());
        let message = self.create_message(channel, message, &nonce).await?;
        Ok(MessageId(message.id.get()))
    }

    pub(super) async fn create_message(
        &self,
        channel: ChannelId,
        message: CreateMessage,
        nonce: &str,
    ) -> Result<OwnMessage, DeliveryError> {
        self.require_lease().await?;
        self.api.create_message(channel_id(channel), message, nonce).await.map_err(delivery_error)
    }

    pub(super) async fn require_lease(&self) -> Result<(), DeliveryError> {
        match &self.ledger {
            Some(ledger) => ledger.require_lease().await,
            None => Ok(()),
        }
    }

    /// Fails with [`DeliveryError::Refused`] if the channel is not served. Asks Discord for its category if that is not known.
    async fn require_served(&self, channel: ChannelId) -> Result<(), DeliveryError> {
        let mut unknown = Some(channel).filter(|channel| !self.channels.is_known(*channel));
        while let Some(channel) = unknown {
            let info = self.api.channel_info(channel_id(channel)).await.map_err(delivery_error)?;
            self.channels.note(&info);
            let parent = info.parent_id.map(|id| ChannelId(id.get()));
            unknown = parent.filter(|parent| !self.channels.is_known(*parent));
        }
        if self.channels.is_served(channel) {
            return Ok(());
        }
        let why = "killgate no longer serves this channel: neither it nor its category is in [discord] channels and categories";
        Err(DeliveryError::Refused(anyhow!(why)))
    }

    /// Passes each message of the request to `note`. They are recognized by its mark, among the bot's own messages newer
    /// than its command.
    pub(super) async fn search(
        &self,
        request: &Request,
        mut note: impl FnMut(&ChannelMessage, MarkedMessage) + Send,
    ) -> Result<(), DeliveryError> {
        let channel = channel_id(request.details.channel);
        let mut after = first_id_at(request.details.asked_at.minus(CLOCK_SKEW));
        if let Some(card) = request.card {
            // A result is newer than the card, by Discord's clock.
            after = message_id(MessageId(card.0.saturating_sub(1).max(1)));
        }
        loop {
            let page = self.api.messages_after(channel, after).await.map_err(delivery_error)?;
            for message in page.iter().filter(|message| message.is_by(self.bot_user)) {
                if let Some(marked) = read_mark(&message.content, request) {
                    note(message, marked);
                }
            }
            match page.iter().map(|message| message.id).max() {
                Some(newest) if page.len() >= usize::from(PAGE_SIZE) => after = newest,
                _ => return Ok(()),
            }
        }
    }
}

fn note_found(found: &mut RequestMessages, message: &ChannelMessage, marked: MarkedMessage) {
    match marked {
        MarkedMessage::OpenCard => found.card = Some(MessageId(message.id.get())),
        MarkedMessage::ClosedCard => {
            found.card = Some(MessageId(message.id.get()));
            found.ending = Some(first_line(message));
        }
        MarkedMessage::Result => found.ending = Some(first_line(message)),
        MarkedMessage::Mention | MarkedMessage::Reminder | MarkedMessage::Note => {}
    }
}

fn first_line(message: &ChannelMessage) -> String {
    message.content.lines().next().unwrap_or_default().to_owned()
}

/// Makes the message a reply to the card, or a plain message if the card is gone.
pub(super) fn as_reply_to(
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

pub(super) fn channel_id(channel: ChannelId) -> discord::ChannelId {
    discord::ChannelId::new(channel.0)
}

pub(super) fn message_id(message: MessageId) -> discord::MessageId {
    discord::MessageId::new(message.0)
}
