//! A channel, as a test holds it.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::message::Message;
use super::waiting::{LIMIT, until};
use crate::server::Shared;
use crate::world::ids::Id;

/// A channel. Clones share the place up to which [`Channel::next_message`] has read.
#[derive(Clone, Debug)]
pub struct Channel {
    shared: Arc<Shared>,
    id: Id,
    read: Arc<AtomicU64>,
}

impl Channel {
    pub(crate) fn new(shared: Arc<Shared>, id: Id) -> Self {
        Self {
            shared,
            id,
            read: Arc::default(),
        }
    }

    pub fn id(&self) -> u64 {
        self.id.0
    }

    /// The messages everybody sees, oldest first. Empty if the channel was deleted.
    pub fn messages(&self) -> Vec<Message> {
        self.after(0)
    }

    pub fn last_message(&self) -> Option<Message> {
        self.messages().pop()
    }

    /// Waits for a message that fits and comes after the last one this gave. Deferred answers count once
    /// they are filled in.
    #[track_caller]
    pub fn next_message<'a>(
        &'a self,
        mut fits: impl FnMut(&Message) -> bool + 'a,
    ) -> impl Future<Output = Message> + 'a {
        let caller = Location::caller();
        async move {
            let found = until(&self.shared, LIMIT, "the next message comes", caller, || {
                let new = self.after(self.read.load(Ordering::SeqCst));
                new.into_iter()
                    .find(|message| !message.is_loading() && fits(message))
            })
            .await;
            self.read.store(found.id(), Ordering::SeqCst);
            found
        }
    }

    /// Waits for a message that fits, however old.
    #[track_caller]
    pub fn message<'a>(
        &'a self,
        mut fits: impl FnMut(&Message) -> bool + 'a,
    ) -> impl Future<Output = Message> + 'a {
        until(
            &self.shared,
            LIMIT,
            "there is such a message",
            Location::caller(),
            move || {
                self.messages()
                    .into_iter()
                    .find(|message| !message.is_loading() && fits(message))
            },
        )
    }

    fn after(&self, id: u64) -> Vec<Message> {
        let world = self.shared.world();
        let Ok(channel) = world.channel(self.id) else {
            return Vec::new();
        };
        channel
            .messages
            .range(Id(id.saturating_add(1))..)
            .filter(|(_, message)| message.only_for.is_none())
            .map(|(id, _)| Message::new(Arc::clone(&self.shared), self.id, *id))
            .collect()
    }
}
