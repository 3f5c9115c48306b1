//! What the bot does in the incident channel.

use std::sync::LazyLock;

use anyhow::anyhow;
use async_trait::async_trait;
use killgate::discord::messages::body::Body;
use killgate::discord::messages::{self, Look};
use killgate::domain::event::Why;
use killgate::domain::ids::{ChannelId, MessageId, Person, RequestId, UserId};
use killgate::domain::request::Request;
use killgate::workflow::ports::{Alert, Card, Channel, Place, Question, Undelivered, Vote};
use killgate::workflow::refusal::Refusal;

use super::discord::{Kind, Shown};
use super::facts::Fact;
use super::faults::{Lost, Part};
use super::reading::problem_with;
use super::{State, World};

static LOOK: LazyLock<Look> = LazyLock::new(|| Look {
    guild: 1_100_000_000_000_000_001,
    approve: "✅".to_owned(),
    deny: "❌".to_owned(),
});

/// The channel, and Discord's rule that a message with a nonce that it knows is not posted twice.
#[async_trait]
impl Channel for World {
    async fn post(&self, card: &Card) -> Result<Option<MessageId>, Undelivered> {
        self.call(Part::Discord, |state| {
            let request = &card.request;
            let there = state
                .discord
                .cards()
                .find(|(_, message)| message.request == request.id);
            // What a bot that was deposed has on its way may still arrive.
            let is_deposed = self.bot < state.epoch;
            match there.map(|(id, _)| id) {
                Some(id) => {
                    if !is_deposed {
                        state.discord.adopt(id);
                    }
                    Some(id)
                }
                None if request.ending().is_some() && state.has_told_the_end_of(request.id) => None,
                None => Some(state.put_card(card, is_deposed)),
            }
        })
        .await
        .map_err(unavailable)
    }

    async fn offer_votes(&self, card: Place) -> Result<(), Undelivered> {
        self.call(Part::Discord, |state| state.card(card.message).map(drop))
            .await
            .map_err(unavailable)?
    }

    async fn update(&self, place: Place, card: &Card) -> Result<(), Undelivered> {
        self.call(Part::Discord, |state| {
            if self.bot < state.epoch {
                // The last edit of a bot that does not know yet that it was deposed: nobody can stop it, and
                // nobody is blamed for it.
                return Ok(());
            }
            *state.card(place.message)? = shown(card);
            let outcome = card.request.ending().map(|ending| ending.outcome);
            state.note(Fact::Edited {
                message: place.message,
                outcome,
            });
            if outcome.is_some() {
                state.read(messages::card::current(card, &LOOK));
            }
            Ok(())
        })
        .await
        .map_err(unavailable)?
    }

    async fn announce(&self, request: &Request) -> Result<(), Undelivered> {
        let Some(ending) = request.ending() else {
            return Ok(());
        };
        self.call(Part::Discord, |state| {
            let outcome = ending.outcome;
            if state.has_told_the_end_of(request.id) {
                return;
            }
            let (id, replies_to) = (request.id, request.message);
            state.discord.post(id, Kind::Result { replies_to, outcome });
            state.note(Fact::Announced {
                request: id,
                replies_to,
                outcome,
            });
            state.read(messages::result::reply(request).expect("it has ended"));
        })
        .await
        .map_err(unavailable)
    }

    async fn tell(&self, request: &Request, person: UserId, why: Why) -> Result<(), Undelivered> {
        self.call(Part::Discord, |state| {
            if state.has_posted(request.id, |kind| *kind == Kind::Note { person }) {
                return;
            }
            state.discord.post(request.id, Kind::Note { person });
            state.note(Fact::Told {
                request: request.id,
                person,
                why,
            });
            state.read(messages::notices::tell(request, person, why));
        })
        .await
        .map_err(unavailable)
    }

    async fn alert(&self, _: ChannelId, alert: Alert) -> Result<(), Undelivered> {
        self.call(Part::Discord, |state| state.note(Fact::Alerted { alert }))
            .await
            .map_err(unavailable)
    }

    async fn voters(&self, card: Place, vote: Vote) -> Result<Vec<UserId>, Undelivered> {
        self.call(Part::Discord, |state| {
            state.card(card.message)?;
            let voters = state.discord.voters(card.message, vote);
            state.note(Fact::Read {
                card,
                vote,
                voters: voters.clone(),
            });
            Ok(voters.into_iter().collect())
        })
        .await
        .map_err(unavailable)?
    }

    async fn person(&self, user: UserId) -> Result<Option<Person>, Undelivered> {
        self.call(Part::Discord, |state| {
            let entitled = state.entitled(user);
            state.note(Fact::Checked {
                person: user,
                entitled,
            });
            state.discord.member(user).cloned()
        })
        .await
        .map_err(unavailable)
    }
}

/// A person's command, which waits for its answer.
pub struct Command {
    pub world: World,
    pub epoch: u64,
}

#[async_trait]
impl Question for Command {
    async fn answer(&self, card: &Card) -> Result<MessageId, Undelivered> {
        self.world
            .call(Part::Discord, |state| {
                state.put_card(card, self.epoch != state.epoch)
            })
            .await
            .map_err(unavailable)
    }

    async fn refuse(&self, refusal: &Refusal) -> Result<(), Undelivered> {
        self.world
            .call(Part::Discord, |state| {
                state.note(Fact::Refused {
                    words: refusal.to_string(),
                });
                state.read(messages::notices::refusal(refusal, &LOOK));
            })
            .await
            .map_err(unavailable)
    }
}

impl State {
    fn put_card(&mut self, card: &Card, stray: bool) -> MessageId {
        let request = &card.request;
        let message = self.discord.post(
            request.id,
            Kind::Card {
                shown: shown(card),
                stray,
            },
        );
        self.note(Fact::Posted {
            request: request.id,
            message,
            action: request.asked.action,
            identity: request.asked.identity,
        });
        self.read(messages::card::posted(card, &LOOK));
        message
    }

    fn card(&mut self, message: MessageId) -> Result<&mut Shown, Undelivered> {
        match self.discord.messages.get_mut(&message) {
            Some(message) if !message.deleted => match &mut message.kind {
                Kind::Card { shown, .. } => Ok(shown),
                _ => Err(Undelivered::Gone),
            },
            _ => Err(Undelivered::Gone),
        }
    }

    /// Discord no longer knows that it has posted this: for bots with a mistake in them.
    pub fn forget_result(&mut self, request: RequestId) {
        let forgotten = |message: &super::discord::Message| {
            message.request == request && matches!(message.kind, Kind::Result { .. })
        };
        self.discord.messages.retain(|_, message| !forgotten(message));
    }

    fn has_told_the_end_of(&self, request: RequestId) -> bool {
        self.has_posted(request, |kind| matches!(kind, Kind::Result { .. }))
    }

    fn has_posted(&self, request: RequestId, kind: impl Fn(&Kind) -> bool) -> bool {
        self.discord
            .there()
            .any(|(_, message)| message.request == request && kind(&message.kind))
    }

    /// Everybody reads what is posted, and so does this.
    pub fn read(&mut self, body: Body) {
        let message = serde_json::to_value(body.message()).expect("a message is JSON");
        if let Some(problem) = problem_with(&message) {
            self.note(Fact::Unfit { problem });
        }
    }
}

fn shown(card: &Card) -> Shown {
    Shown {
        approvals: card.request.approvals.clone(),
        outcome: card.request.ending().map(|ending| ending.outcome),
    }
}

fn unavailable(_: Lost) -> Undelivered {
    Undelivered::Unavailable(anyhow!("Discord did not answer"))
}
