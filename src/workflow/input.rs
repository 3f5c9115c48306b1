//! Everything that can happen, in one queue: what came first is decided first.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ports::{MessageRef, Responder, TargetUnreachable, Vote};
use crate::domain::creation::NewRequest;
use crate::domain::event::Resolution;
use crate::domain::identity::Pid;
use crate::domain::ids::{ChannelId, MessageId, Person, RequestId, UserId};
use crate::domain::session::Snapshot;

/// Something that happened, to be handled by the [`Engine`](super::Clerk) alone.
#[derive(Clone)]
pub enum EngineInput {
    /// A person asked for a cancel or a terminate, and the target was looked at.
    CreateRequest {
        request: NewRequest,
        by: Person,
        target: String,
        snapshot: Arc<Snapshot>,
        responder: Arc<dyn Responder>,
    },
    /// A person asked for what their roles do not allow, before anything was looked at.
    UnauthorizedCommand { by: UserId },
    /// A person put a reaction on a message; `by` is `None` where Discord did not say who they are in the guild.
    ReactionAdded {
        card: MessageRef,
        vote: Vote,
        by: Option<Person>,
    },
    /// A person, or a moderator in their place, took a reaction off a message.
    ReactionRemoved {
        card: MessageRef,
        vote: Vote,
        by: UserId,
    },
    /// All reactions of this kind (of any kind for `None`) were taken off a message.
    ReactionsCleared { card: MessageRef, vote: Option<Vote> },
    /// A message was deleted.
    MessageDeleted { card: MessageRef },
    /// A channel was deleted.
    ChannelDeleted { channel: ChannelId },
    /// What people did before may not have been told: the session with Discord began anew, or the bot could not
    /// see a channel. It is to be looked up.
    EventsMissed,
    /// Finish what is being executed, begin nothing new, and leave.
    Stop,

    /// The card is in the channel; `at_once` as the answer to its question, so that nothing that people did to
    /// it was missed.
    CardPosted {
        request: RequestId,
        message: MessageId,
        at_once: bool,
    },
    /// The card was found to be gone.
    CardMissing { request: RequestId },
    /// The result is in the channel.
    ResultDelivered { request: RequestId },
    /// A target with open requests was looked at.
    TargetObserved {
        target: String,
        seen: Result<Arc<Snapshot>, TargetUnreachable>,
    },
    /// The reactions on a card were fetched, and their authors.
    ReactionsFetched {
        request: RequestId,
        generation: u64,
        votes: CardReactions,
    },
    /// The reactions on a card could not be fetched now.
    ReactionFetchFailed { request: RequestId, generation: u64 },
    /// An execution came to its end.
    ExecutionFinished { request: RequestId, ending: Resolution },
}

/// Who has reacted to a card, as they are now.
#[derive(Clone, Debug, Default)]
pub struct CardReactions {
    pub approve: Vec<Person>,
    pub deny: Vec<Person>,
}

/// Those that waited for a session when it was last seen.
pub type WaiterPids = BTreeSet<Pid>;
