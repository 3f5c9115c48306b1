//! A message in a test.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use serde_json::Value;

use super::card::Card;
use super::waiting::{LIMIT, until};
use crate::ids::Id;
use crate::state::SimState;
use crate::world::message::StoredMessage;
use crate::world::state::World;

/// A message. Methods return its current state; all but [`Message::exists`] panic after it is deleted.
#[derive(Clone, Debug)]
pub struct Message {
    pub(crate) shared: Arc<SimState>,
    pub(crate) channel: Id,
    pub(crate) id: Id,
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Message {
    pub(crate) fn new(shared: Arc<SimState>, channel: Id, id: Id) -> Self {
        Self { shared, channel, id }
    }

    pub fn id(&self) -> u64 {
        self.id.0
    }

    pub fn channel_id(&self) -> u64 {
        self.channel.0
    }

    pub fn exists(&self) -> bool {
        self.shared.world().channel(self.channel).and_then(|channel| channel.message(self.id)).is_ok()
    }

    #[track_caller]
    pub fn content(&self) -> String {
        self.read(|_, message| message.content.clone())
    }

    /// The author's name.
    #[track_caller]
    pub fn author(&self) -> String {
        self.read(|world, message| world.name(message.author).to_owned())
    }

    /// The first embed; panics if there is none.
    #[track_caller]
    pub fn card(&self) -> Card {
        self.cards()
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("the message has no embed: {}", self.content()))
    }

    #[track_caller]
    pub fn cards(&self) -> Vec<Card> {
        self.read(|_, message| message.embeds.iter().cloned().map(Card::new).collect())
    }

    /// All text: content and embeds.
    #[track_caller]
    pub fn text(&self) -> String {
        let cards: Vec<String> = self.cards().iter().map(Card::text).collect();
        [vec![self.content()], cards].concat().join("\n").trim().to_owned()
    }

    /// The names of those who reacted with an emoji, including the bot.
    #[track_caller]
    pub fn reactions(&self, emoji: &str) -> Vec<String> {
        self.read(|world, message| {
            let users = message.reaction(emoji).map(crate::world::message::Reaction::everybody);
            users.into_iter().flatten().map(|user| world.name(user).to_owned()).collect()
        })
    }

    /// The emoji on the message, in the order in which they were added.
    #[track_caller]
    pub fn emoji(&self) -> Vec<String> {
        self.read(|_, message| message.reactions.iter().map(|reaction| reaction.emoji.clone()).collect())
    }

    /// The names of all who were notified, also through roles.
    #[track_caller]
    pub fn pings(&self) -> Vec<String> {
        self.read(|world, message| {
            world.notified(message).into_iter().map(|user| world.name(user).to_owned()).collect()
        })
    }

    /// Whether a moderator suppressed its embeds.
    #[track_caller]
    pub fn hides_embeds(&self) -> bool {
        self.read(|_, message| message.flags & crate::rules::draft::SUPPRESS_EMBEDS != 0)
    }

    #[track_caller]
    pub fn is_ephemeral(&self) -> bool {
        self.read(|_, message| message.only_for.is_some())
    }

    /// Whether it is a deferred response that is not filled in yet.
    #[track_caller]
    pub fn is_loading(&self) -> bool {
        self.read(|_, message| message.is_loading())
    }

    #[track_caller]
    pub fn is_edited(&self) -> bool {
        self.read(|_, message| message.edited.is_some())
    }

    #[track_caller]
    pub fn replies_to(&self, other: &Self) -> bool {
        self.read(|_, message| message.reply_to == Some(other.id))
    }

    /// The custom ids of enabled buttons and menus.
    #[track_caller]
    pub fn components(&self) -> Vec<String> {
        self.read(|_, message| {
            let rows = message.components.iter().filter_map(|row| row["components"].as_array()).flatten();
            let usable = rows.filter(|component| component["disabled"] != true);
            usable.filter_map(|component| component["custom_id"].as_str()).map(ToOwned::to_owned).collect()
        })
    }

    /// The message as the bot gets it over REST.
    #[track_caller]
    pub fn json(&self) -> Value {
        self.read(|world, message| world.message_json(message, world.application.id))
    }

    /// Waits until the condition holds for the message.
    #[track_caller]
    pub fn becomes<'a>(
        &'a self,
        what: &'a str,
        mut condition: impl FnMut(&Self) -> bool + 'a,
    ) -> impl Future<Output = ()> + 'a {
        until(&self.shared, LIMIT, what, Location::caller(), move || condition(self).then_some(()))
    }

    #[track_caller]
    fn read<T>(&self, read: impl FnOnce(&World, &StoredMessage) -> T) -> T {
        let world = self.shared.world();
        let found = world.channels.get(&self.channel).and_then(|channel| channel.messages.get(&self.id));
        let result = found.map(|message| read(&world, message));
        drop(world);
        result.unwrap_or_else(|| panic!("message {} was deleted", self.id))
    }
}
