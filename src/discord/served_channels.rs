//! The channels in which commands and approvals count: those that the configuration names, those in the categories that it
//! names, and their public threads and posts. Channels and threads come and go while the bot runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::gateway::{ChannelEvent, ChannelInfo};
use crate::domain::ids::ChannelId;

/// The kinds of channels (Discord documentation, "Channel Types").
pub(super) mod kind {
    pub(in crate::discord) const CATEGORY: u8 = 4;
    pub(in crate::discord) const PUBLIC_THREADS: [u8; 2] = [10, 11];
    pub(in crate::discord) const PRIVATE_THREAD: u8 = 12;
    /// Text and announcement channels.
    pub(in crate::discord) const WITH_MESSAGES: [u8; 2] = [0, 5];
    /// Text, announcement, forum and media channels.
    pub(in crate::discord) const WITH_CARDS: [u8; 4] = [0, 5, 15, 16];
}

/// How many served channels are named to somebody in another one.
const NAMED: usize = 3;

/// What the configuration names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelScope {
    pub channels: BTreeSet<ChannelId>,
    /// Every channel in these counts, also one that is created later.
    pub categories: BTreeSet<ChannelId>,
}

/// Whether commands and approvals count in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelService {
    Served,
    /// A private thread of this channel, which is served.
    PrivateThreadOf(ChannelId),
    NotServed,
}

/// Shared by everything that handles events, interactions and messages.
pub struct ServedChannels(Mutex<KnownChannels>);

struct KnownChannels {
    scope: ChannelScope,
    places: BTreeMap<ChannelId, ChannelPlace>,
}

/// Where a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ChannelPlace {
    kind: u8,
    /// The category of a channel, or the channel of a thread.
    parent: Option<ChannelId>,
}

/// What follows from an event about channels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelChange {
    /// Served channels in which people may have acted unseen.
    pub missed: BTreeSet<ChannelId>,
    /// Served channels that no longer exist.
    pub deleted: BTreeSet<ChannelId>,
}

impl ServedChannels {
    pub fn new(scope: ChannelScope) -> Self {
        Self(Mutex::new(KnownChannels { scope, places: BTreeMap::new() }))
    }

    /// Replaces what the configuration names.
    pub fn set_scope(&self, scope: ChannelScope) -> ChannelChange {
        self.change(|known| known.scope = scope)
    }

    pub fn is_served(&self, channel: ChannelId) -> bool {
        self.service(channel) == ChannelService::Served
    }

    pub fn service(&self, channel: ChannelId) -> ChannelService {
        self.lock().service(channel)
    }

    /// Some channels that are served, without their threads.
    pub fn some_served(&self) -> Vec<ChannelId> {
        let known = self.lock();
        let in_categories = known.places.iter().filter(|(_, place)| kind::WITH_CARDS.contains(&place.kind));
        let served =
            in_categories.map(|(id, _)| *id).filter(|id| known.service(*id) == ChannelService::Served);
        let all: BTreeSet<_> = known.scope.channels.iter().copied().chain(served).collect();
        all.into_iter().take(NAMED).collect()
    }

    /// Whether it is known where the channel is, and, if it is a thread, where its channel is.
    pub fn is_known(&self, channel: ChannelId) -> bool {
        let known = self.lock();
        known.scope.channels.contains(&channel) || known.places.contains_key(&channel)
    }

    /// Notes a channel that Discord described in another way than by an event.
    pub fn note(&self, channel: &ChannelInfo) {
        self.lock().places.entry(channel.id()).or_insert_with(|| ChannelPlace::of(channel));
    }

    /// Replaces everything that is known: these are the channels and the active threads of the guild.
    pub fn replace(&self, channels: &[ChannelInfo]) -> ChannelChange {
        self.change(|known| {
            known.places = channels.iter().map(|channel| (channel.id(), ChannelPlace::of(channel))).collect();
        })
    }

    pub fn handle(&self, event: &ChannelEvent) -> ChannelChange {
        match event {
            ChannelEvent::Listed { channels } => self.change(|known| {
                known.places.extend(channels.iter().map(|channel| (channel.id(), ChannelPlace::of(channel))));
            }),
            ChannelEvent::Changed { channel } => {
                let (id, place) = (channel.id(), ChannelPlace::of(channel));
                let is_thread = kind::PUBLIC_THREADS.contains(&place.kind);
                let is_same_thread = is_thread && self.lock().places.get(&id) == Some(&place);
                let mut change = self.change(|known| {
                    known.places.insert(id, place);
                });
                // The bot may have regained access to the channel, and received no events while it had none. A change to a thread
                // does not mean that: threads have no permissions of their own. And its creator could change a thread so often that
                // the reactions in it would never be read to the end.
                if !is_same_thread {
                    change.missed.extend(self.served_with_threads(id));
                }
                change
            }
            ChannelEvent::Deleted { channel } => {
                let deleted = self.served_with_threads(ChannelId(channel.get()));
                let mut known = self.lock();
                for channel in &deleted {
                    known.places.remove(channel);
                }
                ChannelChange { deleted, ..ChannelChange::default() }
            }
        }
    }

    /// Applies `change`, and returns the channels that are served only since then.
    fn change(&self, change: impl FnOnce(&mut KnownChannels)) -> ChannelChange {
        let mut known = self.lock();
        let before = known.served();
        change(&mut known);
        let missed = known.served().difference(&before).copied().collect();
        ChannelChange { missed, ..ChannelChange::default() }
    }

    /// The channel and its threads, as far as they are served.
    fn served_with_threads(&self, channel: ChannelId) -> BTreeSet<ChannelId> {
        let known = self.lock();
        // The channels of a category are not deleted with it (Discord documentation, "Delete/Close Channel").
        let is_thread = |place: &ChannelPlace| kind::PUBLIC_THREADS.contains(&place.kind);
        let threads =
            known.places.iter().filter(|(_, place)| place.parent == Some(channel) && is_thread(place));
        let threads = threads.map(|(id, _)| *id);
        let all = [channel].into_iter().chain(threads);
        all.filter(|id| known.service(*id) == ChannelService::Served).collect()
    }

    fn lock(&self) -> MutexGuard<'_, KnownChannels> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KnownChannels {
    fn service(&self, channel: ChannelId) -> ChannelService {
        if self.scope.channels.contains(&channel) {
            return ChannelService::Served;
        }
        let Some(place) = self.places.get(&channel) else { return ChannelService::NotServed };
        match place.parent {
            Some(parent) if self.is_served_channel(parent) => {
                if kind::PUBLIC_THREADS.contains(&place.kind) {
                    ChannelService::Served
                } else if place.kind == kind::PRIVATE_THREAD {
                    ChannelService::PrivateThreadOf(parent)
                } else {
                    ChannelService::NotServed
                }
            }
            _ if self.is_served_channel(channel) => ChannelService::Served,
            _ => ChannelService::NotServed,
        }
    }

    /// Whether it is a channel, not a thread, that the configuration names or whose category it names.
    fn is_served_channel(&self, channel: ChannelId) -> bool {
        self.scope.channels.contains(&channel)
            || self.places.get(&channel).is_some_and(|place| {
                kind::WITH_CARDS.contains(&place.kind)
                    && place.parent.is_some_and(|parent| self.scope.categories.contains(&parent))
            })
    }

    fn served(&self) -> BTreeSet<ChannelId> {
        let is_served = |channel: &ChannelId| self.service(*channel) == ChannelService::Served;
        self.places.keys().copied().filter(is_served).chain(self.scope.channels.iter().copied()).collect()
    }
}

impl ChannelPlace {
    fn of(channel: &ChannelInfo) -> Self {
        Self { kind: channel.kind, parent: channel.parent_id.map(|id| ChannelId(id.get())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: u64 = 1;
    const CATEGORY: u64 = 2;

    fn info(id: u64, kind: u8, parent: u64) -> ChannelInfo {
        let json = serde_json::json!({"id": id.to_string(), "type": kind, "parent_id": parent.to_string()});
        serde_json::from_value(json).expect("a channel")
    }

    fn channels() -> ServedChannels {
        let served = ServedChannels::new(ChannelScope {
            channels: BTreeSet::from([ChannelId(CHANNEL)]),
            categories: BTreeSet::from([ChannelId(CATEGORY)]),
        });
        served.replace(&[
            info(CHANNEL, 0, 90),
            info(10, 0, CATEGORY),
            info(11, 2, CATEGORY),
            info(12, 0, 90),
        ]);
        served
    }

    fn ids(ids: &[u64]) -> BTreeSet<ChannelId> {
        ids.iter().copied().map(ChannelId).collect()
    }

    #[test]
    fn named_channels_and_those_in_named_categories_are_served() {
        let served = channels();
        for (channel, expected) in
            [(CHANNEL, true), (10, true), (11, false), (12, false), (CATEGORY, false), (99, false)]
        {
            assert_eq!(served.is_served(ChannelId(channel)), expected, "{channel}");
        }
    }

    #[test]
    fn public_threads_of_served_channels_are_served_and_private_ones_are_not() {
        let served = channels();
        let listed = vec![info(20, 11, CHANNEL), info(21, 11, 10), info(22, 11, 12), info(23, 12, 10)];
        let change = served.handle(&ChannelEvent::Listed { channels: listed });
        assert_eq!(change.missed, ids(&[20, 21]));
        assert!(!served.is_served(ChannelId(22)));
        assert_eq!(served.service(ChannelId(23)), ChannelService::PrivateThreadOf(ChannelId(10)));
    }

    #[test]
    fn a_thread_that_changes_where_it_was_is_not_missed() {
        let served = channels();
        let changed = |thread| ChannelEvent::Changed { channel: thread };
        assert_eq!(served.handle(&changed(info(21, 11, 10))).missed, ids(&[21]), "it is new");
        assert_eq!(served.handle(&changed(info(21, 11, 10))).missed, ids(&[]));
        assert_eq!(served.handle(&changed(info(21, 11, CHANNEL))).missed, ids(&[21]), "it is elsewhere");
    }

    #[test]
    fn a_channel_that_changes_is_missed_with_its_threads_and_a_deleted_one_takes_them_along() {
        let served = channels();
        served.note(&info(21, 11, 10));
        let changed = ChannelEvent::Changed { channel: info(10, 0, CATEGORY) };
        assert_eq!(served.handle(&changed).missed, ids(&[10, 21]));
        let deleted = ChannelEvent::Deleted { channel: serenity::model::id::ChannelId::new(10) };
        assert_eq!(served.handle(&deleted).deleted, ids(&[10, 21]));
        assert!(!served.is_served(ChannelId(21)));
    }

    #[test]
    fn a_deleted_category_deletes_no_channel() {
        let served = channels();
        let deleted = ChannelEvent::Deleted { channel: serenity::model::id::ChannelId::new(CATEGORY) };
        assert_eq!(served.handle(&deleted), ChannelChange::default());
        assert!(served.is_served(ChannelId(10)), "an update says when its category is gone");
    }

    #[test]
    fn a_channel_that_the_configuration_names_anew_is_missed() {
        let served = channels();
        let scope = ChannelScope { channels: ids(&[10, 12]), categories: BTreeSet::new() };
        assert_eq!(served.set_scope(scope).missed, ids(&[12]));
        assert!(!served.is_served(ChannelId(CHANNEL)) && served.is_served(ChannelId(10)));
    }

    #[test]
    fn a_channel_that_leaves_its_category_is_no_longer_served() {
        let served = channels();
        served.note(&info(21, 11, 10));
        let moved = ChannelEvent::Changed { channel: info(10, 0, 90) };
        assert_eq!(served.handle(&moved), ChannelChange::default());
        assert!(!served.is_served(ChannelId(10)) && !served.is_served(ChannelId(21)));
    }
}
