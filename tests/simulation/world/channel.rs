//! What the bot does in the incident channel.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::anyhow;
use async_trait::async_trait;
use killgate::discord::messages::body::MessageBody;
use killgate::discord::messages::{self, RenderConfig};
use killgate::domain::event::RefusalReason;
use killgate::domain::ids::{ChannelId, MessageId, Person, RequestId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::request::Request;
use killgate::workflow::ports::{
    CardContent, CardMark, CardReading, ChannelAlert, DeliveryError, IncidentChannel, MessageRef,
    ReadPriority, RequestMessages, UserReaction, Vote,
};

use super::discord::{Kind, Message, Shown, normal_reaction};
use super::facts::{CallingTask, Fact};
use super::faults::{self, Lost, Part};
use super::postgres::Victim;
use super::reading::problem_with;
use super::{State, World};

pub(super) static LOOK: LazyLock<RenderConfig> = LazyLock::new(|| RenderConfig {
    guild: 1_100_000_000_000_000_001,
    approve: "✅".to_owned(),
    deny: "❌".to_owned(),
});

/// The channel, and Discord's rule that a message with a nonce that it knows is not posted twice.
#[async_trait]
impl IncidentChannel for World {
    async fn find_messages(&self, request: &Request) -> Result<RequestMessages, DeliveryError> {
        self.find_messages_that(request, |message| message.is_of(request)).await
    }

    async fn post_card(&self, card: &CardContent) -> Result<MessageId, DeliveryError> {
        self.call(Part::Channel, |state| {
            let there = state.discord.cards().find(|(_, message)| message.is_of(&card.request));
            // What a bot that was deposed has on its way may still arrive.
            let is_deposed = self.bot != state.epoch();
            match there.map(|(id, _)| id) {
                Some(id) => id,
                None => state.put_card(card, is_deposed),
            }
        })
        .await
        .map_err(unavailable)
    }

    async fn add_vote_reactions(&self, card: MessageRef) -> Result<(), DeliveryError> {
        self.call(Part::Channel, |state| state.card(card.message).map(drop)).await.map_err(unavailable)?
    }

    async fn edit_card(&self, place: MessageRef, card: &CardContent) -> Result<(), DeliveryError> {
        if self.with(|state| state.faults.refusal) == Some(faults::Refusal::Edits) {
            let source = anyhow!("this message was edited too often");
            return Err(DeliveryError::Postponed { wait: Duration::from_mins(5), source });
        }
        self.call(Part::Channel, |state| {
            if self.bot != state.epoch() {
                // The last edit of a bot that does not know yet that it was deposed: nobody can stop it, and
                // nobody is blamed for it.
                return Ok(());
            }
            *state.card(place.message)? = shown(card);
            state.bear_mark_of(place.message, &card.request);
            let outcome = card.request.resolution().map(|ending| ending.outcome);
            state.note(Fact::Edited { message: place.message, by: CallingTask::current(), outcome });
            if outcome.is_some() {
                state.read(messages::card::card_edit(card, &LOOK));
            }
            Ok(())
        })
        .await
        .map_err(unavailable)?
    }

    async fn post_approval_needed(&self, _: &CardContent) -> Result<Option<MessageId>, DeliveryError> {
        Ok(None)
    }

    async fn post_reminder(&self, card: &CardContent) -> Result<MessageId, DeliveryError> {
        self.call(Part::Channel, |state| {
            let request = &card.request;
            let there = state
                .discord
                .there()
                .find(|(_, message)| message.is_of(request) && message.kind == Kind::Reminder);
            if let Some((id, _)) = there {
                return id;
            }
            let id = state.discord.post(request, Kind::Reminder);
            state.note(Fact::Reminded { request: request.id });
            state.read(messages::card::reminder(card));
            id
        })
        .await
        .map_err(unavailable)
    }

    async fn post_result(&self, card: &CardContent) -> Result<(), DeliveryError> {
        let request = &card.request;
        let Some(ending) = request.resolution() else {
            return Ok(());
        };
        if self.with(|state| state.faults.refusal) == Some(faults::Refusal::Posts) {
            return Err(DeliveryError::Refused(anyhow!("Missing Permissions")));
        }
        self.call(Part::Channel, |state| {
            let outcome = ending.outcome;
            if state.has_told_the_end_of(request).is_some() {
                return;
            }
            let (id, replies_to) = (request.id, request.card);
            state.discord.post(request, Kind::Result { replies_to, outcome });
            state.note(Fact::Announced { request: id, replies_to, outcome });
            state.read(messages::result::reply(card).expect("it has ended"));
        })
        .await
        .map_err(unavailable)
    }

    async fn explain_refusals(
        &self,
        request: &Request,
        people: &[(UserId, RefusalReason)],
    ) -> Result<(), DeliveryError> {
        self.call(Part::Channel, |state| {
            for &(person, why) in people {
                if !state.has_posted(request, |kind| *kind == Kind::Note { person }) {
                    state.discord.post(request, Kind::Note { person });
                    state.note(Fact::Told { request: request.id, person, why });
                }
            }
            state.read(messages::notices::ignored_reactions(request, people));
        })
        .await
        .map_err(unavailable)
    }

    async fn card_mark(&self, message: MessageRef) -> Result<Option<CardMark>, DeliveryError> {
        self.call(Part::Channel, |state| {
            state.note(Fact::MarkRead { card: message.message, by: CallingTask::current() });
            let message = state.discord.messages.get(&message.message);
            message.filter(|message| matches!(message.kind, Kind::Card { .. })).map(Message::card_mark)
        })
        .await
        .map_err(unavailable)
    }

    async fn explain_unknown_card(&self, _: MessageRef, mark: &CardMark) -> Result<(), DeliveryError> {
        self.call(Part::Channel, |state| state.read(messages::notices::unknown_card(mark)))
            .await
            .map_err(unavailable)
    }

    async fn post_alert(&self, _: ChannelId, alert: ChannelAlert) -> Result<(), DeliveryError> {
        self.call(Part::Channel, |state| state.note(Fact::Alerted { alert })).await.map_err(unavailable)
    }

    async fn read_card(&self, card: MessageRef, _: ReadPriority) -> Result<CardReading, DeliveryError> {
        let mark = self.card_mark(card).await?;
        let denying = self.reactions(card, Vote::Deny).await?;
        let approving = self.reactions(card, Vote::Approve).await?;
        Ok(CardReading { mark, approving, denying })
    }

    async fn member(&self, user: UserId) -> Result<Option<Person>, DeliveryError> {
        self.call(Part::Discord, |state| {
            let entitled = state.entitled(user);
            state.note(Fact::Checked { person: user, entitled });
            state.discord.member(user).cloned()
        })
        .await
        .map_err(unavailable)
    }
}

impl World {
    async fn reactions(&self, card: MessageRef, vote: Vote) -> Result<Vec<UserReaction>, DeliveryError> {
        self.call(Part::Reactions, |state| {
            state.card(card.message)?;
            let voters = state.discord.voters(card.message, vote);
            state.note(Fact::Read { card, vote, voters: voters.clone() });
            Ok(voters.into_iter().map(normal_reaction).collect())
        })
        .await
        .map_err(unavailable)?
    }

    /// Finds the card and the end of a request among the messages that `are_its`.
    pub async fn find_messages_that(
        &self,
        request: &Request,
        are_its: impl Fn(&Message) -> bool + Send,
    ) -> Result<RequestMessages, DeliveryError> {
        self.call(Part::Channel, |state| {
            let card = state.discord.cards().find_map(|(id, message)| match &message.kind {
                Kind::Card { shown, .. } if are_its(message) => Some((id, shown.outcome)),
                _ => None,
            });
            let told = state.discord.there().find_map(|(_, message)| match message.kind {
                Kind::Result { outcome, .. } if are_its(message) => Some(outcome),
                _ => None,
            });
            let ending = told.or(card.and_then(|(_, outcome)| outcome));
            let is_unknown = card.is_none() && ending.is_none();
            let is_card_replaced = match request.card.filter(|_| is_unknown) {
                Some(card) if state.card(card).is_err() => return Err(DeliveryError::Gone),
                card => card.is_some(),
            };
            if let Some((id, _)) = card.filter(|_| self.bot == state.epoch()) {
                state.discord.adopt(id);
            }
            Ok(RequestMessages {
                card: card.map(|(id, _)| id),
                ending: ending.map(|outcome| outcome.headline().to_owned()),
                is_card_replaced,
            })
        })
        .await
        .map_err(unavailable)?
    }
}

impl State {
    pub(super) fn put_card(&mut self, card: &CardContent, stray: bool) -> MessageId {
        let message = self.discord.post(&card.request, Kind::Card { shown: shown(card), stray });
        self.note_posted(card, message);
        message
    }

    /// Fills the card into a message that another process may have filled in.
    pub(super) fn fill_in(&mut self, card: &CardContent, message: MessageId) -> Result<(), DeliveryError> {
        *self.card(message)? = shown(card);
        self.bear_mark_of(message, &card.request);
        self.note_posted(card, message);
        Ok(())
    }

    fn note_posted(&mut self, card: &CardContent, message: MessageId) {
        let request = &card.request;
        self.note(Fact::Posted {
            request: request.id,
            message,
            action: request.details.action,
            victims: request
                .details
                .backends
                .iter()
                .map(|backend| Victim::shown(request.details.server, backend))
                .collect(),
        });
        self.read(messages::card::new_card(card, &LOOK));
    }

    pub(super) fn card(&mut self, message: MessageId) -> Result<&mut Shown, DeliveryError> {
        match self.discord.messages.get_mut(&message) {
            Some(message) if !message.deleted => match &mut message.kind {
                Kind::Card { shown, .. } => Ok(shown),
                _ => Err(DeliveryError::Gone),
            },
            _ => Err(DeliveryError::Gone),
        }
    }

    /// Discord no longer knows that it has posted this: for bots with a mistake in them.
    pub fn forget_result(&mut self, request: RequestId) {
        let forgotten =
            |message: &Message| message.request == request && matches!(message.kind, Kind::Result { .. });
        self.discord.messages.retain(|_, message| !forgotten(message));
    }

    fn has_told_the_end_of(&self, request: &Request) -> Option<Outcome> {
        self.discord.there().find_map(|(_, message)| match message.kind {
            Kind::Result { outcome, .. } if message.is_of(request) => Some(outcome),
            _ => None,
        })
    }

    fn has_posted(&self, request: &Request, kind: impl Fn(&Kind) -> bool) -> bool {
        self.discord.there().any(|(_, message)| message.is_of(request) && kind(&message.kind))
    }

    /// Everybody reads what is posted, and so does this.
    pub fn read(&mut self, body: MessageBody) {
        let message = serde_json::to_value(body.into_message()).expect("a message is JSON");
        if let Some(problem) = problem_with(&message) {
            self.note(Fact::Unfit { problem });
        }
    }
}

fn shown(card: &CardContent) -> Shown {
    Shown {
        approvals: card.request.approvals.clone(),
        outcome: card.request.resolution().map(|ending| ending.outcome),
    }
}

pub(super) fn unavailable(_: Lost) -> DeliveryError {
    DeliveryError::Unavailable(anyhow!("Discord did not answer"))
}
