//! A channel in a test.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::message::Message;
use super::waiting::{LIMIT, until};
use crate::ids::Id;
use crate::state::SimState;

/// A channel. Clones share the position up to which [`Channel::next_message`] has read.
#[derive(Clone, Debug)]
pub struct Channel {
    shared: Arc<SimState>,
    id: Id,
    read: Arc<AtomicU64>,
}

impl Channel {
    pub(crate) fn new(shared: Arc<SimState>, id: Id) -> Self {
        Self { shared, id, read: Arc::default() }
    }

    pub fn id(&self) -> u64 {
        self.id.0
    }

    /// The messages that everybody sees, oldest first. Empty if the channel was deleted.
    pub fn messages(&self) -> Vec<Message> {
        self.after(0)
    }

    pub fn last_message(&self) -> Option<Message> {
        self.messages().pop()
    }

    /// Waits for a matching message after the last one returned. Deferred responses count once
    /// they are filled in.
    #[track_caller]
    pub fn next_message<'a>(
        &'a self,
        mut matches: impl FnMut(&Message) -> bool + 'a,
    ) -> impl Future<Output = Message> + 'a {
        let caller = Location::caller();
        async move {
            let found = until(&self.shared, LIMIT, "the next message arrives", caller, || {
                let new = self.after(self.read.load(Ordering::SeqCst));
                new.into_iter().find(|message| !message.is_loading() && matches(message))
            })
            .await;
            self.read.store(found.id(), Ordering::SeqCst);
            found
        }
    }

    /// Waits for a matching message of any age.
    #[track_caller]
    pub fn message<'a>(
        &'a self,
        mut matches: impl FnMut(&Message) -> bool + 'a,
    ) -> impl Future<Output = Message> + 'a {
        until(&self.shared, LIMIT, "there is a matching message", Location::caller(), move || {
            self.messages().into_iter().find(|message| !message.is_loading() && matches(message))
        })
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
