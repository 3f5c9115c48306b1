//! The guild: who is in it, what is in the incident channel, and what people do there.

use std::collections::{BTreeMap, BTreeSet};

use killgate::domain::ids::{MessageId, Person, RequestId, RoleId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::request::Request;
use killgate::workflow::input::EngineInput;
use killgate::workflow::ports::{CardMark, MessageRef, ReactionKind, UserReaction, Vote};

use super::cast::INCIDENT;
use super::facts::Fact;
use super::gateway::{About, Gateway, Told};
use super::{Process, State};

pub struct Discord {
    members: BTreeMap<UserId, Person>,
    pub messages: BTreeMap<MessageId, Message>,
    pub gateway: Gateway,
    reactions: u64,
    posted: u64,
}

/// The mark of the cards of another process, which has a ledger of its own.
const FOREIGN_MARK: &str = "f0re1911";

/// A message that the bot posted.
#[derive(Clone, Debug)]
pub struct Message {
    pub request: RequestId,
    mark: String,
    pub kind: Kind,
    pub deleted: bool,
    votes: BTreeMap<(UserId, Ballot), u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a reader sees of a card.
    /// A stray one came from a bot that had been deposed while it was on its way; nobody can stop that, and it is nobody's
    /// card unless the active bot finds it.
    Card {
        shown: Shown,
        stray: bool,
    },
    Result {
        replies_to: Option<MessageId>,
        outcome: Outcome,
    },
    Reminder,
    Note {
        person: UserId,
    },
}

/// What a card says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    pub approvals: BTreeSet<UserId>,
    pub outcome: Option<Outcome>,
}

/// A vote that can be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ballot {
    Approve,
    Deny,
}

impl Message {
    /// Whether it bears the mark of this request.
    pub fn is_of(&self, request: &Request) -> bool {
        self.bears(request.id, &request.mark)
    }

    /// Whether it is a card that shows no end.
    pub fn is_open(&self) -> bool {
        matches!(&self.kind, Kind::Card { shown, .. } if shown.outcome.is_none())
    }

    pub fn card_mark(&self) -> CardMark {
        CardMark { request: self.request, digits: self.mark.clone() }
    }

    pub fn bears(&self, request: RequestId, mark: &str) -> bool {
        self.request == request && self.mark == mark
    }
}

impl Discord {
    pub fn new(members: Vec<Person>) -> Self {
        Self {
            members: members.into_iter().map(|person| (person.id, person)).collect(),
            messages: BTreeMap::new(),
            gateway: Gateway::default(),
            reactions: 0,
            posted: 0,
        }
    }

    /// A member as they are now; nobody when they have left.
    pub fn member(&self, user: UserId) -> Option<&Person> {
        self.members.get(&user)
    }

    pub fn has_been_heard(&self, epoch: u64) -> bool {
        self.gateway.has_been_heard(epoch)
    }

    /// The messages that are there, oldest first.
    pub fn there(&self) -> impl Iterator<Item = (MessageId, &Message)> {
        self.messages.iter().filter(|(_, message)| !message.deleted).map(|(id, message)| (*id, message))
    }

    pub fn cards(&self) -> impl Iterator<Item = (MessageId, &Message)> {
        self.there().filter(|(_, message)| matches!(message.kind, Kind::Card { .. }))
    }

    pub fn voters(&self, card: MessageId, vote: Vote) -> BTreeSet<UserId> {
        let votes = self.messages.get(&card).map(|message| &message.votes);
        votes
            .into_iter()
            .flatten()
            .filter(|((_, ballot), _)| *ballot == ballot_of(vote))
            .map(|((user, _), _)| *user)
            .collect()
    }

    /// The reactions on a message and their serial numbers, unless it was deleted.
    fn votes_on(&mut self, card: MessageId) -> Option<&mut BTreeMap<(UserId, Ballot), u64>> {
        let message = self.messages.get_mut(&card).filter(|message| !message.deleted);
        message.map(|message| &mut message.votes)
    }

    /// Puts a message into the channel.
    pub fn post(&mut self, request: &Request, kind: Kind) -> MessageId {
        self.post_with_mark(request.id, &request.mark, kind)
    }

    /// Another process with the same token posts the card of a request of its own, which has the same number.
    pub fn post_foreign_card(&mut self, request: RequestId) {
        self.post_with_mark(request, FOREIGN_MARK, Kind::Card { shown: Shown::default(), stray: false });
    }

    fn post_with_mark(&mut self, request: RequestId, mark: &str, kind: Kind) -> MessageId {
        let id = MessageId(1_400_000_000_000_000_000 + self.posted);
        self.posted += 1;
        let message =
            Message { request, mark: mark.to_owned(), kind, deleted: false, votes: BTreeMap::new() };
        self.messages.insert(id, message);
        id
    }

    /// The active bot has found this card, whoever posted it, and sees to it from now on.
    pub fn adopt(&mut self, card: MessageId) {
        if let Some(Message { kind: Kind::Card { stray, .. }, .. }) = self.messages.get_mut(&card) {
            *stray = false;
        }
    }
}

/// What people do.
impl State {
    /// Whether somebody is an approver at this moment.
    pub fn entitled(&self, user: UserId) -> bool {
        let member = self.discord.member(user);
        member.is_some_and(|person| self.policy.access.may_approve(person))
    }

    pub fn react(&mut self, by: UserId, card: MessageId, vote: Vote) {
        let Some(person) = self.discord.member(by).cloned() else {
            return;
        };
        self.discord.reactions += 1;
        let serial = self.discord.reactions;
        let Some(votes) = self.discord.votes_on(card) else {
            return;
        };
        if votes.contains_key(&(by, ballot_of(vote))) {
            return;
        }
        votes.insert((by, ballot_of(vote)), serial);
        let entitled = self.entitled(by);
        self.note(Fact::Reacted { serial, card, vote, by, entitled });
        // Now and then Discord leaves out who this is in the guild.
        let person = (!self.faults.happens(50)).then_some(person);
        let happening = move || EngineInput::ReactionAdded {
            card: place(card),
            vote,
            reaction: normal_reaction(by),
            member: person.clone(),
        };
        self.deliver(Told::Vote(serial), About { card, by: Some(by) }, happening);
    }

    pub fn take_back(&mut self, by: UserId, card: MessageId, vote: Vote) {
        let mine = |who: UserId, cast: Ballot| who == by && cast == ballot_of(vote);
        if let Some(gone) = self.take_off(card, mine).filter(|gone| !gone.is_empty()) {
            let about = About { card, by: Some(by) };
            let card = place(card);
            self.deliver(Told::Removals(gone), about, move || EngineInput::ReactionRemoved {
                card,
                vote,
                reaction: normal_reaction(by),
            });
        }
    }

    /// A moderator takes all reactions of one kind, or all, off a message.
    pub fn clear(&mut self, card: MessageId, vote: Option<Vote>) {
        let meant = |_, cast: Ballot| vote.is_none_or(|vote| cast == ballot_of(vote));
        if let Some(gone) = self.take_off(card, meant) {
            let about = About { card, by: None };
            let card = place(card);
            self.deliver(Told::Removals(gone), about, move || EngineInput::ReactionsCleared { card, vote });
        }
    }

    /// A process outside of the simulation puts its own card into the message.
    pub fn take_over(&mut self, card: MessageId) {
        let there = self.discord.messages.get_mut(&card).filter(|message| !message.deleted);
        if let Some(message) = there {
            FOREIGN_MARK.clone_into(&mut message.mark);
            self.tell_of_mark(card, None);
        }
    }

    /// An edit by the acting process gives the message the mark of its own request.
    pub fn bear_mark_of(&mut self, card: MessageId, request: &Request) {
        let Some(message) = self.discord.messages.get_mut(&card).filter(|message| !message.is_of(request))
        else {
            return;
        };
        (message.request, message.mark) = (request.id, request.mark.clone());
        self.tell_of_mark(card, Some(self.acting));
    }

    /// Discord tells everybody of an edit by which a message bears another mark.
    pub fn tell_of_mark(&mut self, card: MessageId, by: Option<Process>) {
        let mark = self.discord.messages[&card].card_mark();
        self.facts.note(self.time.now(), by, Fact::TakenOver { card });
        let about = About { card, by: None };
        let seen = move || EngineInput::MarkSeen { card: place(card), mark: mark.clone() };
        self.deliver(Told::TakenOver { card, by }, about, seen);
    }

    /// A moderator deletes a message.
    pub fn delete(&mut self, card: MessageId) {
        let Some(gone) = self.take_off(card, |_, _| true) else {
            return;
        };
        if let Some(message) = self.discord.messages.get_mut(&card) {
            message.deleted = true;
        }
        self.note(Fact::Deleted { card });
        let about = About { card, by: None };
        self.deliver(Told::Removals(gone), about, move || EngineInput::MessageDeleted { card: place(card) });
    }

    /// Takes reactions off a message; `None` when it is not there.
    fn take_off(&mut self, card: MessageId, which: impl Fn(UserId, Ballot) -> bool) -> Option<Vec<u64>> {
        let votes = self.discord.votes_on(card)?;
        let gone = votes.extract_if(.., |(by, ballot), _| which(*by, *ballot));
        let gone: Vec<_> = gone.map(|(_, serial)| serial).collect();
        for &serial in &gone {
            self.note(Fact::TakenBack { serial });
        }
        Some(gone)
    }

    /// Somebody leaves the guild. Their reactions stay where they are.
    pub fn leave(&mut self, user: UserId) {
        self.note(Fact::MemberChanged { person: user });
        self.discord.members.remove(&user);
    }

    /// Somebody's roles are changed, which a bot without privileged intents is not told.
    pub fn set_roles(&mut self, user: UserId, roles: &[RoleId]) {
        self.note(Fact::MemberChanged { person: user });
        if let Some(person) = self.discord.members.get_mut(&user) {
            person.roles = roles.to_vec();
        }
    }

    pub fn join(&mut self, person: Person) {
        self.note(Fact::MemberChanged { person: person.id });
        self.discord.members.insert(person.id, person);
    }

    fn deliver(
        &mut self,
        told: Told,
        about: About,
        happening: impl Fn() -> EngineInput + Send + Sync + 'static,
    ) {
        self.discord.gateway.deliver(told, about, happening);
    }
}

pub fn normal_reaction(user: UserId) -> UserReaction {
    UserReaction { user, kind: ReactionKind::Normal }
}

pub fn place(message: MessageId) -> MessageRef {
    MessageRef { channel: INCIDENT, message }
}

fn ballot_of(vote: Vote) -> Ballot {
    match vote {
        Vote::Approve => Ballot::Approve,
        Vote::Deny => Ballot::Deny,
    }
}
