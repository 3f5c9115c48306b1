//! A channel that is wrong in one way.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use killgate::discord::messages::body::MessageBody;
use killgate::domain::event::RefusalReason;
use killgate::domain::ids::{ChannelId, MessageId, Person, UserId};
use killgate::domain::request::Request;
use killgate::workflow::ports::{
    CardContent, CardMark, CardReading, ChannelAlert, DeliveryError, IncidentChannel, MessageRef,
    ReadPriority, RequestMessages,
};

use crate::world::World;
use crate::world::cast::DBA;
use crate::world::discord::Message;

#[allow(clippy::struct_excessive_bools, reason = "each is one way of being wrong, and they are independent")]
pub struct Spoiled {
    pub world: World,
    pub believes: bool,
    pub doubles: bool,
    pub remembers: bool,
    pub quotes: bool,
    pub numbers: bool,
    pub ignores_endings: bool,
    pub remembers_people: bool,
    pub looks_away: bool,
    pub memory: Mutex<BTreeMap<MessageId, CardReading>>,
    pub people: Mutex<BTreeMap<UserId, Option<Person>>>,
}

#[async_trait]
impl IncidentChannel for Spoiled {
    async fn find_messages(&self, request: &Request) -> Result<RequestMessages, DeliveryError> {
        if self.numbers {
            let is_its = |message: &Message| message.request == request.id;
            let found = self.world.find_messages_that(request, is_its).await?;
            return Ok(RequestMessages { ending: None, ..found });
        }
        let found = self.world.find_messages(request).await?;
        let ending = found.ending.filter(|_| !self.ignores_endings);
        Ok(RequestMessages { ending, ..found })
    }

    async fn post_card(&self, card: &CardContent) -> Result<MessageId, DeliveryError> {
        self.world.post_card(card).await
    }

    async fn add_vote_reactions(&self, card: MessageRef) -> Result<(), DeliveryError> {
        self.world.add_vote_reactions(card).await
    }

    async fn edit_card(&self, place: MessageRef, card: &CardContent) -> Result<(), DeliveryError> {
        if self.quotes {
            let raw = card.request.details.backends[0].session.query.clone().unwrap_or_default();
            self.world.with(|state| state.read(MessageBody::text(raw)));
        }
        self.world.edit_card(place, card).await
    }

    async fn post_approval_needed(&self, card: &CardContent) -> Result<Option<MessageId>, DeliveryError> {
        self.world.post_approval_needed(card).await
    }

    async fn post_reminder(&self, card: &CardContent) -> Result<MessageId, DeliveryError> {
        self.world.post_reminder(card).await
    }

    async fn post_result(&self, card: &CardContent) -> Result<(), DeliveryError> {
        let announced = self.world.post_result(card).await;
        if self.doubles && announced.is_err() {
            self.world.with(|state| state.forget_result(card.request.id));
        }
        announced
    }

    async fn explain_refusals(
        &self,
        request: &Request,
        people: &[(UserId, RefusalReason)],
    ) -> Result<(), DeliveryError> {
        self.world.explain_refusals(request, people).await
    }

    async fn card_mark(&self, message: MessageRef) -> Result<Option<CardMark>, DeliveryError> {
        if self.looks_away { Ok(None) } else { self.world.card_mark(message).await }
    }

    async fn explain_unknown_card(&self, card: MessageRef, mark: &CardMark) -> Result<(), DeliveryError> {
        self.world.explain_unknown_card(card, mark).await
    }

    async fn post_alert(&self, channel: ChannelId, alert: ChannelAlert) -> Result<(), DeliveryError> {
        self.world.post_alert(channel, alert).await
    }

    async fn read_card(
        &self,
        card: MessageRef,
        priority: ReadPriority,
    ) -> Result<CardReading, DeliveryError> {
        let mut found = self.world.read_card(card, priority).await?;
        if self.remembers {
            let mut memory = self.memory.lock().expect("never poisoned");
            let known = memory.entry(card.message).or_default();
            for (known, found) in
                [(&mut known.approving, &mut found.approving), (&mut known.denying, &mut found.denying)]
            {
                if known.is_empty() {
                    known.clone_from(found);
                } else {
                    found.clone_from(known);
                }
            }
        }
        Ok(found)
    }

    async fn member(&self, user: UserId) -> Result<Option<Person>, DeliveryError> {
        let known = self.people.lock().expect("never poisoned").get(&user).cloned();
        let person = match known.filter(|_| self.remembers_people) {
            Some(known) => known,
            None => self.world.member(user).await?,
        };
        self.people.lock().expect("never poisoned").insert(user, person.clone());
        let promoted = |person| Person { roles: vec![DBA], ..person };
        Ok(if self.believes { person.map(promoted) } else { person })
    }
}
